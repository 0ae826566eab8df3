# SPDX-License-Identifier: MIT
"""Takes out of a text what differs between any two runs or by the program's name alone.

What hides a deliberate difference besides is named in HIDING with the words of docs/differences.md
that document it; the runner checks that they stand there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HIDING = {
    "without_origin": "behind it the setting, where its value came from and what it takes",
    "without_value_line": "no line before that names setting and value",
    "without_blank_lines": "no empty line before",
    "without_own_keys": "`winghorn.deadline`",
    "without_page_sizes": "the bytes of the page",
    "without_modules": "in `winghorn.exceptions`",
    "without_own_lines": "`Reload complete: N new workers are ready`",
    "without_hints": "with a hint at what was meant",
}
# Lines of the error log that gunicorn has nothing like.
_OWN_LINES = re.compile(
    r"^((?:\[INFO\]|.*: \[<pid>\]) (?:Settings are read from .*"
    r"|Reload complete: \d+ new workers are ready"
    r"|Worker \(pid:<pid>\) asks for its successor"
    r"|Booting zygote with pid:<pid>"
    r"|A new master is starting \(pid:<pid>\))"
    r"|\[WARNING\] The new master \(pid:<pid>\) .*; this one goes on"
    r"|  It lived [\d.]+ s and used .*"
    r"|  Unfinished in it: .*)\n?",
    re.M,
)
# What is said behind gunicorn's words about an application that cannot be loaded.
_HINTS = [
    re.compile(r"(?<=\.) Its callables are: .*$", re.M),
    re.compile(r"(?<=\.) '[^'\n]+' is an object of type '\w+'\.$", re.M),
    re.compile(r": it is not in .*$", re.M),
    re.compile(r" \(this is Python .*$", re.M),
    re.compile(r"^Name a module and the application in it.*\n\(.* lists the options\.\)$", re.M),
    re.compile(r" \(did you mean --.*\?\)$", re.M),
]


@dataclass(frozen=True)
class Run:
    """What of one run must not show: its folder, its program's path, its processes and ports."""

    product: str
    version: str
    folder: str
    program: str
    pid: int = 0
    ports: tuple[int, ...] = ()


_TRACEBACK = "Traceback (most recent call last)"
_HEAD = re.escape(_TRACEBACK) + r".*\n"
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_LOADING = "Error while loading the application:"
_LOG_LINE = re.compile(
    r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[(?P<pid>\d+)\] \[(?P<level>[A-Z]+)\] ?"
)
_CLF_TIME = re.compile(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]")
_HTTP_DATE = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b"
)
_PIDS = [
    (re.compile(r"(?i)\bpid: ?\d+"), "pid:<pid>"),
    (re.compile(r"\bPID \d+"), "PID <pid>"),
    (re.compile(r"\b([Bb]y|from) process \d+"), r"\1 process <pid>"),
    (re.compile(r"\b127\.0\.0\.(\d):\d{4,5}\b"), r"127.0.0.\1:<port>"),
    (re.compile(r"(Listening at: .*) \(\d+\)$", re.M), r"\1 (<pid>)"),
    (re.compile(r"<Worker \d+>"), "<Worker <pid>>"),
    (re.compile(r"<\d+>"), "<pid>"),
]
_DURATION = re.compile(r":[\d.e-]+\|ms")
_SENDER = re.compile(r"(: )\[\d+\]")
_SHARED_NAME = re.compile(r"\bgunicorn\.(?!conf\.py)")
_ORIGIN = re.compile(r" \((?:setting '|from )[^\n]*\)$", re.M)
_VALUE_LINE = re.compile(r"^Invalid value for [a-z_]+:.*\n", re.M)
_CONFIG_NAME = re.compile(r"\b(?:gunicorn|winghorn)\.conf\.py\b")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,}\b")


def names(text: str, run: Run) -> str:
    """Without the program's name, version and folder."""
    # Both give the socket under this name.
    text = text.replace("gunicorn.socket", "<socket>")
    text = text.replace(run.folder, "<folder>").replace(str(Path(run.program)), "<program>")
    text = text.replace(f"{run.product} {run.version}", "<product> <version>")
    text = text.replace(f"{run.product}/{run.version}", "<product>/<version>")
    text = text.replace(f"(version {run.version})", "(version <version>)")
    text = _CONFIG_NAME.sub("<product>.conf.py", text)
    for name in (run.product, run.product.capitalize()):
        text = text.replace(name, "<product>")
    return text.replace(run.product.upper(), "<PRODUCT>")


def numbers(text: str, run: Run) -> str:
    """Without process ids, ports, times of day."""
    for port in run.ports:
        text = re.sub(rf"\b{port}\b", "<port>", text)
    text = _CLF_TIME.sub("[<time>]", text)
    text = _HTTP_DATE.sub("<date>", text)
    text = _ADDRESS.sub("<address>", text)
    for pattern, instead in _PIDS:
        text = pattern.sub(instead, text)
    return text


def without_origin(text: str) -> str:
    """Without what Winghorn adds to a message about a bad value."""
    return _ORIGIN.sub("", text)


def without_value_line(text: str) -> str:
    """Without the line that gunicorn prints before a message about a value in a file."""
    return _VALUE_LINE.sub("", text)


def without_blank_lines(text: str) -> str:
    """Without empty lines and spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def without_own_keys(text: str) -> str:
    """An environ without Winghorn's own keys."""
    lines = text.splitlines()
    return "\n".join(line for line in lines if not line.startswith("winghorn."))


def without_page_sizes(text: str) -> str:
    """Access lines in the default format without the size of an error page."""
    return re.sub(r'" ([45]\d\d) \d+ "', r'" \1 <size> "', text)


def without_modules(text: str) -> str:
    """Exceptions of the programs' own without the module they come from."""
    return re.sub(r"^<product>\.[a-z_.]+\.([A-Z]\w*)", r"<product>.\1", text, flags=re.M)


def without_frames(text: str) -> str:
    """Tracebacks without their frames, and of a chain of exceptions the last alone."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith((_TRACEBACK, '  File "')):
            inside = True
        elif (inside and line.startswith(" ")) or line in _CHAINED:
            continue
        else:
            inside = False
        if line.startswith(_TRACEBACK) or not inside:
            kept.append(line)
    return "\n".join(_last_of_chains(kept))


def _last_of_chains(lines: list[str]) -> list[str]:
    """Without what stands before the next traceback of one chain: a traceback and its message."""
    kept: list[str] = []
    for line in lines:
        chained = line.startswith(_TRACEBACK) and len(kept) > 1 and kept[-2].startswith(_TRACEBACK)
        if chained:
            del kept[-2:]
        kept.append(line)
    return kept


def without_own_lines(text: str) -> str:
    """Without the lines that only Winghorn has, about settings, reloads and dead workers."""
    return _OWN_LINES.sub("", text)


def without_hints(text: str) -> str:
    """Messages about the application's name, as bare as they can be."""
    for pattern in _HINTS:
        text = pattern.sub("", text)
    text = re.sub(rf"^{_HEAD}(?:<product>\.AppImportError|ImportError): ", "", text, flags=re.M)
    return re.sub(rf"^{_HEAD}", "", text, flags=re.M) if _LOADING in text else text


def datagrams(heard: list[str], run: Run) -> str:
    """What was sent to the network, sorted: several processes send in no order.

    Names of metrics and of loggers are gunicorn's in both.
    """
    texts = []
    for one in heard:
        text = _SENDER.sub(r"\1[<pid>]", _SHARED_NAME.sub("<name>.", one.rstrip("\0")))
        text = without_page_sizes(program_text(text, run))
        texts.append(_DURATION.sub(":<ms>|ms", text))
    return "\n".join(sorted(text for text in texts if text))


def program_text(text: str, run: Run) -> str:
    """What a program printed that is not the log."""
    text = without_frames(without_blank_lines(numbers(names(text, run), run)))
    for normaliser in (without_modules, without_origin, without_value_line, without_own_lines):
        text = normaliser(text)
    return without_blank_lines(without_hints(text))


@dataclass(frozen=True)
class Record:
    """One record of the error log, with what stands below it."""

    pid: int
    text: str


def records(log: str) -> list[Record]:
    """The records of an error log; what precedes the first belongs to nobody (pid 0)."""
    found: list[Record] = []
    for line in log.splitlines():
        head = _LOG_LINE.match(line)
        if head:
            found.append(Record(int(head["pid"]), f"[{head['level']}] {line[head.end() :]}"))
        elif found and not line.startswith(("Error:", "Warning:")):
            found[-1] = Record(found[-1].pid, f"{found[-1].text}\n{line}")
        else:
            found.append(Record(0, line))
    return found


def arbiter_log(log: str, run: Run) -> str:
    """The arbiter's records, in order."""
    own = [record.text for record in records(log) if record.pid in (run.pid, 0)]
    return program_text("\n".join(own), run)


def workers_log(log: str, run: Run) -> str:
    """The workers' records, sorted: several workers write in no order."""
    others = [record.text for record in records(log) if record.pid not in (run.pid, 0)]
    texts = [program_text(text, run) for text in others]
    return "\n".join(sorted(text for text in texts if text))
