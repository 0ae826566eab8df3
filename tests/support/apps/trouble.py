# SPDX-License-Identifier: MIT
"""An application that does on request what applications do to servers.

The path chooses the function; `/sleep` calls `sleep`. When TRACE names a file, a line
"PID METHOD TARGET" is appended to it for each request that begins to run.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

PLAIN = [("Content-Type", "text/plain")]
Environ = dict[str, Any]


def app(environ: Environ, start_response: Any) -> Any:
    _note(environ)
    name = environ["PATH_INFO"].strip("/").replace("-", "_") or "hello"
    route = ROUTES.get(name)
    if route is None:
        return _say(start_response, f"no route {name}\n", "404 Not Found")
    return route(environ, start_response)


def _note(environ: Environ) -> None:
    if path := os.environ.get("TRACE"):
        line = f"{os.getpid()} {environ['REQUEST_METHOD']} {environ['RAW_URI']}\n"
        # One write, so that the lines of several processes never mix.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def _say(start_response: Any, text: str | bytes, status: str = "200 OK") -> list[bytes]:
    body = text if isinstance(text, bytes) else text.encode()
    start_response(status, [*PLAIN, ("Content-Length", str(len(body)))])
    return [body]


def _query(environ: Environ, name: str, default: str = "") -> str:
    values = parse_qs(environ["QUERY_STRING"]).get(name)
    return str(values[-1]) if values else default


# ---- well behaved ----


def hello(environ: Environ, start_response: Any) -> Any:
    return _say(start_response, "hello\n")


def pid(environ: Environ, start_response: Any) -> Any:
    return _say(start_response, str(os.getpid()))


def sleep(environ: Environ, start_response: Any) -> Any:
    time.sleep(float(_query(environ, "seconds", "1")))
    return _say(start_response, "slept\n")


def short(environ: Environ, start_response: Any) -> Any:
    """What bench/open_loop.cc asks for."""
    time.sleep(float(os.environ.get("SHORT", "0.001")))
    return _say(start_response, "short\n")


def hang_in_c(environ: Environ, start_response: Any) -> Any:
    """C code that keeps the interpreter lock for ever and that no signal cuts short."""
    mutex = ctypes.create_string_buffer(64)  # all zero: a fresh pthread mutex
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)  # for the second time: never comes back
    return _say(start_response, "impossible\n")


def spin(environ: Environ, start_response: Any) -> Any:
    until = time.monotonic() + float(_query(environ, "seconds", "1"))
    while time.monotonic() < until:
        pass
    return _say(start_response, "spun\n")


def echo(environ: Environ, start_response: Any) -> Any:
    return _say(start_response, environ["wsgi.input"].read())


def digest(environ: Environ, start_response: Any) -> Any:
    count, found = 0, hashlib.sha256()
    while block := environ["wsgi.input"].read(65536):
        count += len(block)
        found.update(block)
    return _say(start_response, json.dumps({"bytes": count, "sha256": found.hexdigest()}))


def lines(environ: Environ, start_response: Any) -> Any:
    source = environ["wsgi.input"]
    how = _query(environ, "how")
    if how == "readline":
        got = list(iter(source.readline, b""))
    elif how == "short":
        got = list(iter(lambda: source.readline(3), b""))
    elif how == "readlines":
        got = source.readlines()
    elif how == "mixed":
        got = [source.read(2), source.readline(), *source.readlines()]
    else:
        got = list(source)
    return _say(start_response, json.dumps([line.decode("latin-1") for line in got]))


def ignore_body(environ: Environ, start_response: Any) -> Any:
    return _say(start_response, "I did not read it\n")


def refuse_body(environ: Environ, start_response: Any) -> Any:
    return _say(start_response, "too large\n", "413 Content Too Large")


def environ(environ: Environ, start_response: Any) -> Any:
    shown: dict[str, Any] = {
        key: value for key, value in environ.items() if isinstance(value, str | bool | int | float)
    }
    shown["wsgi.version"] = list(environ["wsgi.version"])
    shown["types"] = {key: type(value).__name__ for key, value in environ.items()}
    shown["socket.peer"] = list(environ["gunicorn.socket"].getpeername())[:2]
    return _say(start_response, json.dumps(shown))


def stream(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    return (f"item {number}\n".encode() for number in range(int(_query(environ, "items", "3"))))


def slow_items(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Items with a pause between them: progress, though the whole takes long."""
    start_response("200 OK", PLAIN)
    for number in range(int(_query(environ, "items", "10"))):
        time.sleep(float(_query(environ, "delay", "0.5")))
        yield f"item {number}\n".encode()


def big(environ: Environ, start_response: Any) -> Any:
    total = int(_query(environ, "bytes", "1000000"))
    block = bytes(range(256)) * 256

    def produce() -> Iterator[bytes]:
        left = total
        while left > 0:
            yield block[: min(left, len(block))]
            left -= len(block)

    head = [*PLAIN]
    if _query(environ, "length", "yes") == "yes":
        head.append(("Content-Length", str(total)))
    start_response("200 OK", head)
    return produce()


def file(environ: Environ, start_response: Any) -> Any:
    source = open(_query(environ, "path"), "rb")  # noqa: PTH123, SIM115 - the server closes it
    source.seek(int(_query(environ, "offset", "0")))
    head = [*PLAIN]
    if length := _query(environ, "length"):
        head.append(("Content-Length", length))
    start_response("200 OK", head)
    return environ["wsgi.file_wrapper"](source, 4096)


def empty_items(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    return [b"", b"one", b"", b"", b"two", b""]


def write_callable(environ: Environ, start_response: Any) -> Any:
    write = start_response("200 OK", PLAIN)
    write(b"written ")
    write(b"twice ")
    return [b"and returned\n"]


def early_hints(environ: Environ, start_response: Any) -> Any:
    environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
    environ["wsgi.early_hints"]([("Link", "</b.css>; rel=preload"), ("X-More", "1")])
    return _say(start_response, "hinted\n")


def early_hints_bad(environ: Environ, start_response: Any) -> Any:
    try:
        environ["wsgi.early_hints"]([("Link", "a\r\nSet-Cookie: evil=1")])
    except Exception as refused:
        return _say(start_response, f"refused: {type(refused).__name__}")
    return _say(start_response, "taken")


def status(environ: Environ, start_response: Any) -> Any:
    """The status of ?is= with a body, which 204 and 304 must not have."""
    start_response(_query(environ, "is", "200 OK"), PLAIN)
    return [b"body"]


def closes(environ: Environ, start_response: Any) -> Any:
    """An iterable whose close() leaves a line in the trace."""

    class Items:
        def __iter__(self) -> Iterator[bytes]:
            yield b"one"
            if _query(environ, "raise"):
                raise RuntimeError("in the middle")
            yield b"x" * int(_query(environ, "more", "1"))

        def close(self) -> None:
            _note({"REQUEST_METHOD": "CLOSE", "RAW_URI": environ["RAW_URI"]})

    start_response("200 OK", PLAIN)
    return Items()


def errors(environ: Environ, start_response: Any) -> Any:
    environ["wsgi.errors"].write("to wsgi.errors without a line end;")
    environ["wsgi.errors"].write(" now with one\n")
    print("printed to stdout")
    print("printed to stderr", file=sys.stderr)
    logging.getLogger("gunicorn.error").warning("borrowed %s", "logger")
    return _say(start_response, "written\n")


def wsgi_errors(environ: Environ, start_response: Any) -> Any:
    """Lines in pieces, one that is left open, and a traceback."""
    print("printed", "in pieces", file=environ["wsgi.errors"])
    environ["wsgi.errors"].write("first line\nsecond ")
    environ["wsgi.errors"].write("line\nflushed")
    environ["wsgi.errors"].flush()
    environ["wsgi.errors"].write("left open")
    try:
        raise ValueError("for the logger")
    except ValueError:
        logging.getLogger("gunicorn.error").exception("it went wrong")
    return _say(start_response, "written\n")


# ---- badly behaved ----


def raises(environ: Environ, start_response: Any) -> Any:
    raise ValueError("raised before the head")


def raises_late(environ: Environ, start_response: Any) -> Any:
    def produce() -> Iterator[bytes]:
        yield b"begun\n"
        raise ValueError("raised after the head")

    head = [*PLAIN]
    if length := _query(environ, "length"):
        head.append(("Content-Length", length))
    start_response("200 OK", head)
    return produce()


def recovers(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [*PLAIN, ("X-First", "1")])
    try:
        raise ValueError("after start_response")
    except ValueError:
        start_response("500 Oops", [*PLAIN, ("X-Second", "1")], sys.exc_info())
    return [b"recovered\n"]


def recovers_late(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    yield b"begun\n"
    try:
        raise ValueError("too late to recover")
    except ValueError:
        start_response("500 Oops", PLAIN, sys.exc_info())
    yield b"never sent\n"


def starts_twice(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    start_response("201 Created", PLAIN)
    return [b"twice\n"]


def starts_never(environ: Environ, start_response: Any) -> Any:
    return [b"no head\n"]


def returns_none(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)


def returns_str(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    return "text is no bytes"


def returns_number(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    return 7


def yields_str_late(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    return iter([b"begun\n", "text"])


def bad_head(environ: Environ, start_response: Any) -> Any:
    what = _query(environ, "what")
    head: list[Any] = [*PLAIN]
    line: Any = "200 OK"
    bad: dict[str, Any] = {
        "name_space": ("X Bad", "1"),
        "name_empty": ("", "1"),
        "name_crlf": ("X\r\nSet-Cookie: evil", "1"),
        "value_crlf": ("X-Bad", "1\r\nSet-Cookie: evil=1"),
        "value_lf": ("X-Bad", "1\nSet-Cookie: evil=1"),
        "value_nul": ("X-Bad", "1\0"),
        "value_type": ("X-Bad", 1),
        "length": ("Content-Length", "seven"),
        "not_a_pair": ("X-Bad",),
    }
    statuses = {"status_text": "fine", "status_crlf": "200 OK\r\nX: y", "status_short": "99 Low"}
    if what == "status_type":
        line = 200
    elif what in statuses:
        line = statuses[what]
    else:
        head.append(bad[what])
    start_response(line, head)
    return [b"never sent\n"]


def hop_by_hop(environ: Environ, start_response: Any) -> Any:
    start_response(
        "200 OK",
        [
            *PLAIN,
            ("Transfer-Encoding", "chunked"),
            ("Keep-Alive", "timeout=99"),
            ("Server", "other"),
            ("Date", "never"),
            ("X-Kept", "yes"),
        ],
    )
    return [b"5\r\nthese are data\r\n"]


def says_close(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [*PLAIN, ("Connection", "close"), ("Content-Length", "4")])
    return [b"bye\n"]


def too_long(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    return [b"12345HTTP/1.1 200 OK\r\n", b"more\r\n\r\n"]


def too_short(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])
    return [b"12345"]


def sys_exit(environ: Environ, start_response: Any) -> Any:
    sys.exit(int(_query(environ, "code", "1")))


def sys_exit_late(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", PLAIN)
    yield b"begun\n"
    sys.exit(1)


def keyboard_interrupt(environ: Environ, start_response: Any) -> Any:
    raise KeyboardInterrupt


def os_exit(environ: Environ, start_response: Any) -> Any:
    os._exit(int(_query(environ, "code", "1")))


def eats_memory(environ: Environ, start_response: Any) -> Any:
    """Takes memory until there is no more."""
    eaten = []
    while True:
        eaten.append(b"x" * (1 << 20))


def segfault(environ: Environ, start_response: Any) -> Any:
    ctypes.string_at(0)
    return _say(start_response, "still here\n")


def abort(environ: Environ, start_response: Any) -> Any:
    os.abort()


def deadlock(environ: Environ, start_response: Any) -> Any:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
    return _say(start_response, "impossible\n")


def threads(environ: Environ, start_response: Any) -> Any:
    """Threads that go on after the answer."""
    for _ in range(4):
        threading.Thread(target=time.sleep, args=(0.2,), daemon=True).start()
    return _say(start_response, "four threads\n")


def stubborn_thread(environ: Environ, start_response: Any) -> Any:
    """A thread that is no daemon and does not end for a minute."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    return _say(start_response, "a stubborn thread\n")


def fork_returns(environ: Environ, start_response: Any) -> Any:
    """Both processes come back with an answer; only one of them may be sent."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return _say(start_response, "child\n" if child == 0 else "parent\n")


def fork_stays(environ: Environ, start_response: Any) -> Any:
    """A child that lives on behind the answer, with every descriptor it inherited."""
    child = os.fork()
    if child == 0:
        Path(_query(environ, "path")).write_text(str(os.getpid()))
        time.sleep(60)
        os._exit(0)
    return _say(start_response, str(child))


def run_program(environ: Environ, start_response: Any) -> Any:
    """The descriptors that a program started by the application has."""
    listing = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; print(*map(os.readlink, ("
            "'/proc/self/fd/' + n for n in os.listdir('/proc/self/fd')"
            " if os.path.exists('/proc/self/fd/' + n))), sep='\\n')",
        ],
        close_fds=False,
        capture_output=True,
        text=True,
        check=True,
    )
    return _say(start_response, listing.stdout)


def steals_signals(environ: Environ, start_response: Any) -> Any:
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
    return _say(start_response, "stolen\n")


def closes_descriptors(environ: Environ, start_response: Any) -> Any:
    """What a careless daemon library does: closes whatever is open."""
    os.closerange(3, 256)
    return _say(start_response, "closed\n")


def goes_away(environ: Environ, start_response: Any) -> Any:
    os.chdir("/")
    os.umask(0o777)
    return _say(start_response, os.getcwd())  # noqa: PTH109


def socket_type(environ: Environ, start_response: Any) -> Any:
    given = environ["gunicorn.socket"]
    kind = "stream" if given.type == socket.SOCK_STREAM else "other"
    return _say(start_response, f"{kind} {'open' if given.fileno() > 2 else 'closed'}")


ROUTES = {
    name: function
    for name, function in list(globals().items())
    if callable(function)
    and getattr(function, "__module__", None) == __name__
    and not name.startswith("_")
    and name not in ("app",)
}
