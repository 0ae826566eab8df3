# SPDX-License-Identifier: MIT
"""What the two programs serve: paths that show the environ, and every way to answer.

Copied into the folder of each run. Told nothing about which program serves it.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Answer = Callable[[Environ, StartResponse], Iterable[bytes]]


def trace(text: str) -> None:
    """One line for the scenario to compare."""
    with Path(os.environ["PARITY_FOLDER"], "trace").open("a") as file:
        file.write(f"{text}\n")


def plain(start_response: StartResponse, text: str, *more: tuple[str, str]) -> list[bytes]:
    body = text.encode("utf-8", "backslashreplace")
    head = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *more]
    start_response("200 OK", head)
    return [body]


def shown(value: object) -> str:
    if isinstance(value, (str, int, bool, tuple, float, type(None))):
        return repr(value)
    return "callable" if callable(value) else "object"


def environ_(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    lines = [f"{key}={shown(value)}" for key, value in sorted(environ.items())]
    # Always the same length, though ports and versions are not.
    return plain(start_response, "\n".join(lines).ljust(16000))


def body(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return plain(start_response, repr(environ["wsgi.input"].read()))


def pieces(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    stream = environ["wsgi.input"]
    read = [stream.read(0), stream.read(3), stream.readline(), stream.readline(2), stream.read()]
    return plain(start_response, repr([*read, stream.read(), stream.readline()]))


def lines(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return plain(start_response, repr(list(environ["wsgi.input"])))


def readlines(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return plain(start_response, repr(environ["wsgi.input"].readlines(2)))


def bad_size(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    try:
        environ["wsgi.input"].read("x")
    except TypeError:
        return plain(start_response, "TypeError")
    return plain(start_response, "accepted")


def no_read(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return plain(start_response, "not read")


def mark(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.errors"].write(f"mark {environ['QUERY_STRING']}\n")
    return plain(start_response, "marked")


def headers(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    more = [part.partition("=") for part in environ["QUERY_STRING"].split("&")]
    return plain(start_response, "ok", *((name, value) for name, _, value in more))


def status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    text = environ["QUERY_STRING"].replace("+", " ")
    start_response(text, [("Content-Length", "2")])
    return [b"ok"]


def bare_status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response(environ["QUERY_STRING"].replace("+", " "), [])
    return []


def streamed(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])

    def parts() -> Iterator[bytes]:
        yield from (b"one,", b"", b"two")

    return parts()


def written(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [("Content-Length", "7")])
    write(b"one,")
    return [b"two"]


def empty(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "0")])
    return []


def too_long(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "3")])
    return [b"onetwo", b"three"]


def too_short(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "9")])
    return [b"one"]


def raises(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("as asked")


def raises_later(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "9")])

    def parts() -> Iterator[bytes]:
        yield b"one"
        raise RuntimeError("as asked")

    return parts()


def raises_before_part(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "9")])

    def parts() -> Iterator[bytes]:
        yield from ()
        raise RuntimeError("as asked")

    return parts()


def raises_in_close(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"ok"])

        def close(self) -> None:
            raise RuntimeError("as asked")

    start_response("200 OK", [("Content-Length", "2")])
    return Parts()


def exits(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    sys.exit(5)


def exc_info(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("X-First", "1"), ("Content-Length", "2")])
    try:
        raise RuntimeError("as asked")
    except RuntimeError:
        start_response("500 Oh No", [("X-Second", "2"), ("Content-Length", "2")], sys.exc_info())
    return [b"no"]


def twice(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    start_response("201 Created", [("Content-Length", "2")])
    return [b"ok"]


def wrong_type(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    what = environ["QUERY_STRING"]
    values: dict[str, tuple[Any, Any, Any]] = {
        "status": (200, [("Content-Length", "2")], [b"ok"]),
        "name": ("200 OK", [(1, "2")], [b"ok"]),
        "value": ("200 OK", [("X-Number", 2)], [b"ok"]),
        "item": ("200 OK", [("Content-Length", "2")], ["ok"]),
        "none": ("200 OK", [("Content-Length", "2")], None),
        "length": ("200 OK", [("Content-Length", "two")], [b"ok"]),
        "newline": ("200 OK", [("X-Two", "a\r\nb: c")], [b"ok"]),
        "colon": ("200 OK", [("X:Two", "a")], [b"ok"]),
        "space": ("200 OK", [("X Two", "a")], [b"ok"]),
        "latin": ("200 OK", [("X-Latin", "\xe9"), ("Content-Length", "2")], [b"ok"]),
        "wide": ("200 OK", [("X-Wide", "\u20ac")], [b"ok"]),
        "padded": ("200 OK", [("X-Padded", " a\t"), ("Content-Length", "2")], [b"ok"]),
        "bytes": ("200 OK", [("X-Bytes", b"a")], [b"ok"]),
        "tuple": ("200 OK", (("X-Tuple", "a"), ("Content-Length", "2")), (b"ok",)),
        "empty": ("200 OK", [("X-Empty", ""), ("Content-Length", "2")], [b"ok"]),
        "control": ("200 OK", [("X-Control", "a\x01b")], [b"ok"]),
    }
    head, fields, result = values[what]
    start_response(head, fields)
    return result  # type: ignore[no-any-return]


def no_start(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return []


def file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    path = Path(os.environ["PARITY_FOLDER"], "served.txt")
    path.write_bytes(b"0123456789")
    opened = path.open("rb")
    where, _, length = environ["QUERY_STRING"].partition(",")
    opened.seek(int(where or "0"))
    start_response("200 OK", [("Content-Length", length)] if length else [])
    return environ["wsgi.file_wrapper"](opened)  # type: ignore[no-any-return]


def memory_file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "6")])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"memory"), 4)  # type: ignore[no-any-return]


def hints(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
    return plain(start_response, "ok")


def bad_hints(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    try:
        environ["wsgi.early_hints"]([("Link", "a\r\nb")])
    except Exception as error:
        return plain(start_response, type(error).__name__)
    return plain(start_response, "accepted")


def errors(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.errors"].write("one line\n")
    environ["wsgi.errors"].writelines(["two\n", "three\n"])
    environ["wsgi.errors"].flush()
    return plain(start_response, "ok")


def printed(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    print("printed to stdout", flush=True)
    print("printed to stderr", file=sys.stderr, flush=True)
    return plain(start_response, "ok")


def wait(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answers when the file `go` appears."""
    trace("waiting")
    go = Path(os.environ["PARITY_FOLDER"], "go")
    until = time.monotonic() + 30
    while not go.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return plain(start_response, "waited")


def kill_self(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    os.kill(os.getpid(), int(environ["QUERY_STRING"]))
    time.sleep(30)
    return plain(start_response, "survived")


def variable(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return plain(start_response, repr(os.environ.get(environ["QUERY_STRING"])).ljust(100))


def where(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return plain(start_response, f"{Path.cwd()}\n{sys.path[0]}")


def identity(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    who = (os.getresuid(), os.getresgid(), sorted(os.getgroups()))
    return plain(start_response, repr(who).ljust(200))


ANSWERS: dict[str, Answer] = {
    f"/{answer.__name__.rstrip('_')}": answer
    for answer in (
        environ_, body, pieces, lines, readlines, bad_size, no_read, mark, headers, status,
        bare_status, streamed, written, empty, too_long, too_short, raises, raises_later,
        raises_before_part, raises_in_close, exits, exc_info, twice, wrong_type, no_start, file,
        memory_file, hints, bad_hints, errors, printed, wait, kill_self, variable, where,
        identity,
    )
}  # fmt: skip


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return ANSWERS.get(environ["PATH_INFO"], environ_)(environ, start_response)


application = app
nothing = None
number = 7


class Holder:
    """Something whose attribute is an application."""

    app = staticmethod(app)


def factory(name: str = "nobody", *, loud: bool = False) -> Answer:
    def made(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return plain(start_response, f"{name} {loud}")

    return made


def broken_factory() -> Answer:
    raise TypeError("from the inside")


def empty_factory() -> None:
    return None
