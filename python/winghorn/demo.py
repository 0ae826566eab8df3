# SPDX-License-Identifier: MIT
"""A WSGI application to look at and to play with: ``winghorn winghorn.demo:app``.

The front page shows the worker that answered, what all workers do in their slots, and the request
as the application saw it.
The other routes do one thing each that a server must cope with: sleep, burn CPU, stream, echo,
raise, exit. Nothing is loaded from anywhere else; the page works without scripts.

Parameters have bounds, and what lies outside gets 400 and a sentence that names them.
"""

from __future__ import annotations

import hashlib
import html
import json
import math
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from winghorn import _core

__all__ = ["app"]

BLOCK_BYTES = 64 * 1024
MAX_SECONDS = 120.0
MAX_ITEMS = 100_000
MAX_DELAY = 10.0
MAX_BIG_BYTES = 8 << 30

Headers = list[tuple[str, str]]


class Refused(Exception):
    """The request cannot be served: `status` and a sentence for the client."""

    def __init__(self, status: str, sentence: str, headers: Headers | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or []


class Worker:
    """What this process remembers; safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._pid = os.getpid()
        self._served = 0
        self._running = 0
        self._last_body = "none yet"

    def enter(self) -> None:
        with self._lock:
            if self._pid != os.getpid():  # forked after the import: this process counts for itself
                self._pid, self._began = os.getpid(), time.monotonic()
                self._served = self._running = 0
            self._served += 1
            self._running += 1

    def leave(self) -> None:
        with self._lock:
            self._running -= 1

    def note_body(self, count: int, digest: str) -> None:
        with self._lock:
            self._last_body = f"{count:,} bytes, sha256 {digest}"

    def facts(self) -> list[tuple[str, str]]:
        with self._lock:
            served, running, last_body = self._served, self._running, self._last_body
        return [
            ("process id", str(os.getpid())),
            ("parent (the arbiter)", str(os.getppid())),
            ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
            ("interpreter", sys.executable),
            ("up for", _duration(time.monotonic() - self._began)),
            ("requests begun", f"{served:,}"),
            ("running now", str(running)),
            ("threads", ", ".join(sorted(thread.name for thread in threading.enumerate()))),
            ("last body received", last_body),
        ]


_worker = Worker()


class _Reply:
    """The iterable of a reply: counts its request as running until the server closes it."""

    def __init__(self, items: Iterable[bytes]) -> None:
        self._items = items
        self._iterator = iter(items)
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._iterator)

    def close(self) -> None:
        if self._open:
            self._open = False
            _worker.leave()
            _close(self._items)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application (PEP 3333)."""
    _worker.enter()
    try:
        items = _serve(environ, start_response)
    except BaseException:
        _worker.leave()
        raise
    # A file wrapper must reach the server as it is, or nothing can be sent by sendfile.
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(items, wrapper):
        _worker.leave()
        return items
    return _Reply(items)


def _serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    try:
        methods, handler = _find(environ)
        method = environ["REQUEST_METHOD"]
        if method not in methods:
            raise Refused(
                "405 Method Not Allowed",
                f"This route takes {', '.join(methods)}, not {method}.",
                [("Allow", ", ".join(methods))],
            )
        items = handler(environ, start_response)
    except Refused as refused:
        return _text(start_response, str(refused) + "\n", refused.status, refused.headers)
    if method == "HEAD":
        _close(items)
        return []
    return items


def _find(environ: WSGIEnvironment) -> tuple[tuple[str, ...], Handler]:
    path = environ.get("PATH_INFO") or "/"
    route = ROUTES.get(path)
    if route is None:
        raise Refused("404 Not Found", "There is no such route; the page at / lists them all.")
    return route


# ---- routes ---------------------------------------------------------------------------------


def _front(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    tables = {
        "WORKER": _table(_worker.facts()),
        "SLOTS": _table(_slots(environ)),
        "REQUEST": _table(_request_line(environ)),
        "HEADERS": _table(_request_headers(environ)),
        "ENVIRON": _table(sorted((key, _shown(value)) for key, value in environ.items())),
    }
    # One pass, not format() (style sheets are full of braces) and not one replace() after the other
    # (a header may hold the name of a table).
    page = re.sub("@([A-Z]+)@", lambda found: tables[found[1]], PAGE)
    return _html(start_response, page)


def _sleep(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    seconds = _number(environ, "seconds", 1.0, MAX_SECONDS)
    time.sleep(seconds)
    return _text(start_response, f"slept {seconds:g} s in process {os.getpid()}\n")


def _burn(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    seconds = _number(environ, "seconds", 1.0, MAX_SECONDS)
    until = time.thread_time() + seconds
    rounds = 0
    digest = b""
    while time.thread_time() < until:
        digest = hashlib.sha256(digest).digest()
        rounds += 1
    return _text(start_response, f"burnt {seconds:g} s of CPU: {rounds:,} rounds\n")


def _stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    items = _integer(environ, "items", 10, MAX_ITEMS)
    delay = _number(environ, "delay", 0.2, MAX_DELAY)

    def produce() -> Iterator[bytes]:
        for number in range(1, items + 1):
            if number > 1:
                time.sleep(delay)
            yield f"item {number} of {items}\n".encode()

    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return produce()


def _echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [("Content-Type", environ.get("CONTENT_TYPE") or "application/octet-stream")]
    if environ.get("CONTENT_LENGTH"):
        headers.append(("Content-Length", environ["CONTENT_LENGTH"]))
    start_response("200 OK", headers)
    return _body_blocks(environ)


def _upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] != "POST":
        return _html(start_response, UPLOAD_PAGE)
    count = 0
    digest = hashlib.sha256()
    for block in _body_blocks(environ):
        count += len(block)
        digest.update(block)
    answer = {
        "bytes": count,
        "sha256": digest.hexdigest(),
        "content_type": environ.get("CONTENT_TYPE", ""),
    }
    return _json(start_response, answer)


def _raise(environ: WSGIEnvironment, start_response: StartResponse) -> NoReturn:
    raise RuntimeError("the demo application was asked to raise")


def _raise_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    def produce() -> Iterator[bytes]:
        yield b"the head has gone out, and so has this line\n"
        raise RuntimeError("the demo application was asked to raise after its head")

    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return produce()


def _exit(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    code = _integer(environ, "code", 1, 255)
    if environ["REQUEST_METHOD"] != "POST":
        return _html(start_response, EXIT_PAGE.replace("@CODE@", str(code)))
    os._exit(code)


def _headers(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return _json(start_response, dict(_request_headers(environ)))


def _big(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    total = _integer(environ, "bytes", 1 << 20, MAX_BIG_BYTES)
    block = bytes(range(256)) * (BLOCK_BYTES // 256)

    def produce() -> Iterator[bytes]:
        left = total
        while left >= BLOCK_BYTES:
            yield block
            left -= BLOCK_BYTES
        if left:
            yield block[:left]

    start_response(
        "200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(total))]
    )
    return produce()


def _file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    source = Path(__file__).open("rb")  # noqa: SIM115 - the server closes what it is given
    size = os.fstat(source.fileno()).st_size
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(size))]
    start_response("200 OK", headers)
    wrapper: Callable[[Any, int], Iterable[bytes]] | None = environ.get("wsgi.file_wrapper")
    if wrapper is not None:
        return wrapper(source, BLOCK_BYTES)
    with source:
        return [source.read()]


def _early_hints(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    send = environ.get("wsgi.early_hints")
    if send is None:
        return _text(start_response, "this server offers no wsgi.early_hints\n")
    send([("Link", "</style.css>; rel=preload; as=style")])
    return _text(start_response, "a 103 with a Link header went out before this answer\n")


Handler = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]

_READ = ("GET", "HEAD")
_FORM = ("GET", "HEAD", "POST")

ROUTES: dict[str, tuple[tuple[str, ...], Handler]] = {
    "/": (_READ, _front),
    "/sleep": (_READ, _sleep),
    "/burn": (_READ, _burn),
    "/stream": (_READ, _stream),
    "/echo": (("POST", "PUT"), _echo),
    "/upload": (_FORM, _upload),
    "/raise": (_READ, _raise),
    "/raise-late": (_READ, _raise_late),
    "/exit": (_FORM, _exit),
    "/headers": (_READ, _headers),
    "/big": (_READ, _big),
    "/file": (_READ, _file),
    "/early-hints": (_READ, _early_hints),
}


# ---- answers and parameters -----------------------------------------------------------------


def _answer(
    start_response: StartResponse, body: bytes, kind: str, status: str, more: Headers
) -> Iterable[bytes]:
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), *more]
    start_response(status, headers)
    return [body]


def _text(
    start_response: StartResponse, text: str, status: str = "200 OK", more: Headers | None = None
) -> Iterable[bytes]:
    return _answer(start_response, text.encode(), "text/plain; charset=utf-8", status, more or [])


def _json(start_response: StartResponse, value: object) -> Iterable[bytes]:
    body = json.dumps(value, indent=2).encode() + b"\n"
    return _answer(start_response, body, "application/json", "200 OK", [])


def _html(start_response: StartResponse, page: str) -> Iterable[bytes]:
    no_store = [("Cache-Control", "no-store")]
    return _answer(start_response, page.encode(), "text/html; charset=utf-8", "200 OK", no_store)


def _close(items: object) -> None:
    close = getattr(items, "close", None)
    if close is not None:
        close()


def _body_blocks(environ: WSGIEnvironment) -> Iterator[bytes]:
    """The request's body, block by block; the worker remembers its length and hash."""
    source = environ["wsgi.input"]
    # Without the promise that read() ends with the body, only the declared length may be read.
    left = math.inf if environ.get("wsgi.input_terminated") else _declared_length(environ)
    count = 0
    digest = hashlib.sha256()
    while left > 0 and (block := source.read(int(min(left, BLOCK_BYTES)))):
        left -= len(block)
        count += len(block)
        digest.update(block)
        yield block
    _worker.note_body(count, digest.hexdigest())


def _declared_length(environ: WSGIEnvironment) -> int:
    try:
        return max(0, int(environ.get("CONTENT_LENGTH") or 0))
    except ValueError:
        return 0


def _parameter(environ: WSGIEnvironment, name: str) -> str | None:
    values = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).get(name)
    return values[-1] if values else None


def _number(environ: WSGIEnvironment, name: str, default: float, most: float) -> float:
    """The query's parameter as a number of 0 to `most`. Raises Refused."""
    given = _parameter(environ, name)
    if given is None:
        return default
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not 0 <= number <= most:  # also false for nan
        raise Refused("400 Bad Request", f"{name}= takes a number from 0 to {most:g}.")
    return number


def _integer(environ: WSGIEnvironment, name: str, default: int, most: int) -> int:
    """The query's parameter as a whole number of 0 to `most`. Raises Refused."""
    given = _parameter(environ, name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 20 and int(given) <= most):
        raise Refused("400 Bad Request", f"{name}= takes a whole number from 0 to {most:,}.")
    return int(given)


# ---- what the page shows --------------------------------------------------------------------


def _request_line(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    peer = environ.get("REMOTE_ADDR") or "a unix socket"
    port = environ.get("REMOTE_PORT")
    return [
        ("method", environ["REQUEST_METHOD"]),
        ("path", environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")),
        ("query", environ.get("QUERY_STRING", "")),
        ("protocol", environ.get("SERVER_PROTOCOL", "")),
        ("from", f"{peer} port {port}" if port else peer),
    ]


def _request_headers(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    plain = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}
    found = [(plain[key], environ[key]) for key in plain if environ.get(key)]
    for key in environ:
        if key.startswith("HTTP_"):
            found.append((key[5:].replace("_", "-").title(), environ[key]))
    return sorted(found)


def _slots(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    if workers := _all_workers():
        return [row for worker in workers for row in _worker_rows(worker)]
    threaded = environ["wsgi.multithread"]
    processes = environ["wsgi.multiprocess"]
    return [
        ("slots of this worker", "several (threads)" if threaded else "one"),
        ("workers", "several" if processes else "one"),
        ("this request runs in", threading.current_thread().name),
    ]


def _all_workers() -> list[_core.WorkerStatus]:
    """Those of the server that runs this; none when it is another one than Winghorn."""
    try:
        from winghorn import _core
    except ImportError:
        return []
    return _core.status()


def _worker_rows(worker: _core.WorkerStatus) -> Iterator[tuple[str, str]]:
    own = " (this one)" if worker["pid"] == os.getpid() else ""
    counts = (
        f"{worker['connections']:,} connections, {worker['queued']:,} queued, "
        f"{worker['requests']:,} requests done, {worker['refused']:,} refused, "
        f"{worker['taken_in']:,} taken from and {worker['handed_over']:,} handed to other workers"
    )
    expired = ", ".join(f"{count:,} {clock}" for clock, count in worker["expired"].items() if count)
    counts += f"; clocks run out: {expired or 'none'}"
    yield f"worker {worker['number']}, pid {worker['pid']}{own}", f"{worker['state']}: {counts}"
    for slot in worker["slots"]:
        request = f" {slot['method']} {slot['target']} from {slot['peer'] or 'a unix socket'}"
        since = f", {slot['seconds']:.1f} s"
        yield f"slot {slot['number']}", slot["phase"] + (request + since if slot["busy"] else "")


def _duration(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    # Values come as latin-1 text (PEP 3333); whatever they hold, the page must stay one page.
    cells = (
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    return "<table>" + "".join(cells) + "</table>"


STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5c6878; --paper: #f6f4ef;
  --card: #ffffff; --line: #e2ddd2; --mark: #b4552d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --soft: #9aa4b2; --paper: #14181f;
  --card: #1c222b; --line: #2d3541; --mark: #e88a5c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 2.2rem; letter-spacing: -0.02em; }
h1 span { color: var(--mark); }
h2 { margin: 0 0 .6rem; font-size: 1.05rem; }
p.lead { margin: .3rem 0 2rem; color: var(--soft); max-width: 46rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.1rem 1.25rem; margin-bottom: 1.1rem; overflow-x: auto; }
.pair { display: grid; gap: 1.1rem; grid-template-columns: repeat(auto-fit, minmax(21rem, 1fr)); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .22rem .9rem .22rem 0;
  border-bottom: 1px solid var(--line); }
tr:last-child > * { border-bottom: 0; }
th { font-weight: 500; color: var(--soft); white-space: nowrap; }
td, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .86rem;
  overflow-wrap: anywhere; }
a { color: var(--mark); }
form { display: inline-flex; gap: .5rem; flex-wrap: wrap; align-items: center; margin: 0; }
input, button { font: inherit; padding: .3rem .6rem; border: 1px solid var(--line);
  border-radius: 6px; background: var(--paper); color: var(--ink); }
button { background: var(--mark); border-color: var(--mark); color: #fff; cursor: pointer; }
.warning { border-left: 4px solid var(--mark); }
"""

_HEAD = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    # An empty icon, or the browser asks for one and the log shows a 404.
    '<link rel="icon" href="data:,">\n'
    f"<title>Winghorn</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
)
_TAIL = "\n</main>\n</body>\n</html>\n"

PAGE = (
    _HEAD
    + """
<h1><span>Wing</span>horn is serving</h1>
<p class="lead">This page comes from <code>winghorn.demo:app</code>. Reload it and another worker
may answer. Each route below does one thing that a server has to cope with; watch the log
meanwhile.</p>
<div class="pair">
<section><h2>Worker</h2>@WORKER@</section>
<section><h2>Slots</h2>@SLOTS@</section>
</div>
<section><h2>Routes</h2>
<table>
<tr><th><a href="/sleep?seconds=2">/sleep?seconds=2</a></th>
<td>waits; longer than <code>--timeout</code> gets 504 from a worker with one slot</td></tr>
<tr><th><a href="/burn?seconds=1">/burn?seconds=1</a></th><td>keeps one processor busy</td></tr>
<tr><th><a href="/stream?items=10&amp;delay=0.3">/stream?items=10&amp;delay=0.3</a></th>
<td>one line after the other, as they are made</td></tr>
<tr><th>/echo</th><td><form method="post" action="/echo" enctype="text/plain">
<input name="text" value="hello" aria-label="text"><button>POST</button></form>
the body comes back as it is read</td></tr>
<tr><th><a href="/upload">/upload</a></th>
<td>a form for a file; the answer is its size and hash</td></tr>
<tr><th><a href="/big?bytes=10000000">/big?bytes=10000000</a></th>
<td>that many bytes, made on the way</td></tr>
<tr><th><a href="/file">/file</a></th><td>the source of this page, by the server's file wrapper</td>
</tr>
<tr><th><a href="/headers">/headers</a></th><td>what the request said, as JSON</td></tr>
<tr><th><a href="/early-hints">/early-hints</a></th><td>a 103 before the answer</td></tr>
<tr><th><a href="/raise">/raise</a></th>
<td>an exception: 500, and the traceback in the log</td></tr>
<tr><th><a href="/raise-late">/raise-late</a></th>
<td>an exception in the middle of the body: it is cut, so that nobody takes it for whole</td></tr>
<tr><th><a href="/exit">/exit</a></th>
<td>the worker leaves at once, another takes its place; asks before it does</td></tr>
</table></section>
<section><h2>Request</h2>@REQUEST@</section>
<section><h2>Headers</h2>@HEADERS@</section>
<section><h2>Environ</h2>@ENVIRON@</section>
"""
    + _TAIL
)

UPLOAD_PAGE = (
    _HEAD
    + """
<h1>Upload</h1>
<p class="lead">The whole request body is counted and hashed, form parts and all.
Nothing is stored.</p>
<section><form method="post" action="/upload" enctype="multipart/form-data">
<input type="file" name="file" aria-label="file">
<input name="note" value="a note" aria-label="note">
<button>Send</button></form></section>
<p><a href="/">back</a></p>
"""
    + _TAIL
)

EXIT_PAGE = (
    _HEAD
    + """
<h1>Exit</h1>
<section class="warning"><p><strong>This ends the worker process at once</strong> with
<code>os._exit(@CODE@)</code>: your request gets no proper answer, and neither do others that run in
the same worker. The arbiter starts another worker.</p>
<form method="post" action="/exit?code=@CODE@"><button>End this worker</button></form></section>
<p><a href="/">back</a></p>
"""
    + _TAIL
)
