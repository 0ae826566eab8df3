# SPDX-License-Identifier: MIT
"""`make lint`: every check that needs no run of the program, each with its seconds.

What a C++ file was found to be is remembered by the contents of the file and of every header of
ours that it reaches, so that a second run looks only at what changed.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

VENV = Path(sys.executable).parent
BUILD = Path("build/dev")
REMEMBERED = Path(".cache/lint")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@dataclass
class Outcome:
    ok: bool
    text: str


def run(*command: str | Path) -> Outcome:
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return Outcome(done.returncode == 0, done.stdout)


@cache
def tracked() -> tuple[Path, ...]:
    """Files of the tree that git knows or would take, in order."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").text
    return tuple(sorted(p for p in map(Path, filter(None, listed.split("\0"))) if p.is_file()))


def sources(*suffixes: str, under: Iterable[str]) -> list[Path]:
    tops = set(under)
    return [p for p in tracked() if p.suffix in suffixes and p.parts[0] in tops]


@cache
def reach(path: Path) -> frozenset[Path]:
    """The file and every header of ours that it includes, directly or not."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        found.add(here)
        for name in INCLUDE.findall(here.read_text(encoding="utf-8", errors="replace")):
            candidates = (Path("src") / name, Path("tests") / name, here.parent / name)
            waiting += [c for c in candidates if c.is_file()]
    return frozenset(found)


def fingerprint(path: Path, *settings: str) -> str:
    digest = sha256("\0".join(settings).encode())
    for each in sorted(reach(path)):
        digest.update(str(each).encode() + b"\0" + each.read_bytes())
    return digest.hexdigest()


def each_file(
    check: str, paths: list[Path], setting: str, command: Callable[[Path], list[str]]
) -> Outcome:
    """Run the command for each file that is not known to be clean; remember those that are."""
    REMEMBERED.mkdir(parents=True, exist_ok=True)
    marks = {path: REMEMBERED / f"{check}-{fingerprint(path, setting)}" for path in paths}
    todo = [path for path in paths if not marks[path].exists()]

    def one(path: Path) -> Outcome:
        outcome = run(*command(path))
        if outcome.ok:
            marks[path].touch()
        return outcome

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        bad = [outcome.text for outcome in pool.map(one, todo) if not outcome.ok]
    return Outcome(not bad, "\n".join(bad))


def clang_format() -> Outcome:
    files = sources(".h", ".cc", under=("src", "tests", "fuzz", "bench"))
    outcome = run(VENV / "clang-format", "--dry-run", "-Werror", *files)
    bad = {line.split(":")[0] for line in outcome.text.splitlines() if ": error: " in line}
    text = "\n".join([*sorted(bad), "(`make format` does it)"]) if bad else outcome.text
    return Outcome(outcome.ok, text)


def clang_tidy() -> Outcome:
    # For compile_commands.json; what does not compile, clang-tidy says better.
    run("tools/build", "native_archives")
    tool = VENV / "clang-tidy"
    setting = Path(".clang-tidy").read_text(encoding="utf-8") + run(tool, "--version").text
    files = sources(".cc", under=("src",))
    return each_file(
        "tidy", files, setting, lambda path: [str(tool), "--quiet", "-p", str(BUILD), str(path)]
    )


def headers_alone() -> Outcome:
    """Each header compiles without help from whoever includes it."""
    python = run(sys.executable, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])")
    nanobind = run(sys.executable, "-m", "nanobind", "--include_dir")
    flags = ["-std=c++20", "-Isrc", f"-isystem{python.text.strip()}"]
    flags += [f"-isystem{nanobind.text.strip()}", '-DWINGHORN_VERSION="0"']
    compiler = os.environ.get("CXX", "c++")
    return each_file(
        "alone",
        sources(".h", under=("src",)),
        run(compiler, "--version").text,
        # Included, not compiled: #pragma once warns in a main file.
        lambda path: [compiler, *flags, "-fsyntax-only", f"-include{path}", "-xc++", "/dev/null"],
    )


def symbols() -> Outcome:
    """core/ and supervisor/ are linked and tested without an interpreter."""
    built = run("tools/build", "native_archives")
    if not built.ok:
        return built
    archives = [p for p in BUILD.glob("libwinghorn_*.a") if "_python_" not in p.name]
    bad = []
    for archive in sorted(archives):
        for line in run("nm", "-A", "-u", archive).text.splitlines():
            if re.search(r"\b_?Py[A-Z_]", line.rpartition(" ")[2]):
                bad.append(line)
    return Outcome(bool(archives) and not bad, "\n".join(bad) or "no archives were built")


def shell_syntax() -> Outcome:
    scripts = [p for p in tracked() if p.read_bytes()[:9] in (b"#!/bin/sh", b"#!/bin/ba")]
    outcomes = [run("bash" if b"bash" in p.read_bytes()[:20] else "sh", "-n", p) for p in scripts]
    return Outcome(all(o.ok for o in outcomes), "".join(o.text for o in outcomes))


CHECKS: list[tuple[str, Callable[[], Outcome]]] = [
    ("layers", lambda: run(sys.executable, "tools/check_layers.py")),
    ("shape", lambda: run(sys.executable, "tools/check_shape.py")),
    ("shell", shell_syntax),
    ("clang-format", clang_format),
    ("ruff check", lambda: run(VENV / "ruff", "check", "-q", ".")),
    ("ruff format", lambda: run(VENV / "ruff", "format", "--check", "-q", ".")),
    ("mypy", lambda: run(VENV / "mypy")),
    ("headers alone", headers_alone),
    ("python symbols", symbols),
    ("clang-tidy", clang_tidy),
]


def main() -> int:
    failed = []
    wanted = sys.argv[1:] or [name for name, _ in CHECKS]
    for name, check in CHECKS:
        if name not in wanted:
            continue
        began = time.monotonic()
        outcome = check()
        verdict = "ok" if outcome.ok else "FAILED"
        print(f"lint: {name:15} {verdict:6} {time.monotonic() - began:5.1f} s", flush=True)
        if not outcome.ok:
            failed.append(name)
            print(outcome.text.rstrip(), flush=True)
    print(f"lint: {len(failed)} of {len(wanted)} checks failed" if failed else "lint: clean")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
