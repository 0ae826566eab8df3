# SPDX-License-Identifier: MIT
"""The demo application keeps the rules of PEP 3333 on every route, without any server."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from winghorn import _core, demo


class Reply:
    def __init__(self) -> None:
        self.status = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    @property
    def code(self) -> int:
        return int(self.status.split()[0])


def call(
    path: str,
    method: str = "GET",
    query: str = "",
    body: bytes | None = None,
    terminated: bool = True,
    more: dict[str, Any] | None = None,
) -> Reply:
    """One call through wsgiref's validator, as a server would make it."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    environ["SCRIPT_NAME"] = ""
    environ["wsgi.input"] = io.BytesIO(body or b"")
    if body is not None:
        environ["CONTENT_LENGTH"] = str(len(body))
    if terminated:
        environ["wsgi.input_terminated"] = True
    environ.update(more or {})
    setup_testing_defaults(environ)
    reply = Reply()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        reply.status, reply.headers = status, dict(headers)
        return lambda data: None

    items = validator(demo.app)(environ, start_response)
    try:
        for item in items:
            reply.body += item
    finally:
        items.close()  # type: ignore[attr-defined]
    return reply


READABLE = [
    ("/", ""),
    ("/sleep", "seconds=0"),
    ("/burn", "seconds=0"),
    ("/stream", "items=3&delay=0"),
    ("/upload", ""),
    ("/exit", ""),
    ("/headers", ""),
    ("/big", "bytes=100000"),
    ("/file", ""),
    ("/early-hints", ""),
]


@pytest.mark.parametrize(("path", "query"), READABLE)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_route_passes_the_validator(path: str, query: str, method: str) -> None:
    """Every route that can be read answers 200, and nothing in wsgiref.validate complains."""
    reply = call(path, method, query)
    assert reply.code == 200
    assert (method == "HEAD") == (reply.body == b"")


def test_page_names_every_route() -> None:
    """The front page leads to every route there is."""
    page = call("/").body.decode()
    for path in demo.ROUTES:
        assert path in page


def test_page_escapes_what_the_client_sent() -> None:
    """Markup in a header is shown, not obeyed."""
    page = call("/", more={"HTTP_X_EVIL": "<script>alert(1)</script>"}).body.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_page_stands_alone() -> None:
    """Nothing on the page is fetched from anywhere."""
    page = call("/").body.decode()
    assert "src=" not in page
    assert "http://" not in page.split("<h2>Request</h2>")[0]
    assert "https://" not in page


def test_page_shows_every_worker_and_escapes_their_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The table of slots has each worker with what runs in it, as text and never as markup."""
    idle: _core.SlotStatus = {
        "number": 1,
        "busy": False,
        "phase": "idle",
        "method": "",
        "target": "",
        "peer": "",
        "seconds": 0.0,
    }
    busy: _core.SlotStatus = {
        **idle,
        "number": 0,
        "busy": True,
        "phase": "running",
        "method": "GET",
        "target": "/<b>",
        "peer": "10.0.0.9:99",
        "seconds": 2.5,
    }
    worker: _core.WorkerStatus = {
        "pid": 4711,
        "number": 2,
        "generation": 1,
        "state": "ready",
        "seconds": 60.0,
        "connections": 3,
        "queued": 1,
        "requests": 1234,
        "oldest_waiting": 0.5,
        "refused": 5,
        "handed_over": 7,
        "taken_in": 6,
        "expired": {
            "first_byte": 0,
            "head": 1,
            "body": 0,
            "write": 0,
            "idle": 7,
            "linger": 0,
            "queue": 2,
            "request": 3,
        },
        "peers_refused": 0,
        "slots": [busy, idle],
    }
    monkeypatch.setattr(_core, "status", lambda: [worker])
    page = call("/").body.decode()
    assert "worker 2, pid 4711" in page
    assert "ready: 3 connections, 1 queued, 1,234 requests done, 5 refused, " in page
    assert "6 taken from and 7 handed to other workers; " in page
    assert "clocks run out: 1 head, 7 idle, 2 queue, 3 request" in page
    assert "running GET /&lt;b&gt; from 10.0.0.9:99, 2.5 s" in page
    assert "idle" in page


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/sleep", "seconds=-1"),
        ("/sleep", "seconds=nan"),
        ("/sleep", "seconds=inf"),
        ("/sleep", "seconds=soon"),
        ("/sleep", "seconds="),
        ("/burn", "seconds=121"),
        ("/stream", "items=1e3"),
        ("/stream", "items=100001"),
        ("/stream", "items=3&delay=11"),
        ("/big", "bytes=-1"),
        ("/big", "bytes=99999999999999999999999999"),
        ("/exit", "code=256"),
    ],
)
def test_parameter_out_of_bounds_gets_400(path: str, query: str) -> None:
    """A parameter outside its bounds gets 400 and a sentence with the name and the bounds."""
    reply = call(path, query=query)
    assert reply.code == 400
    assert reply.body.decode().split("=")[0] in query
    assert " to " in reply.body.decode()


def test_unknown_route_gets_404() -> None:
    """A path that is no route gets 404."""
    assert call("/nowhere").code == 404


def test_wrong_method_gets_405_and_allow() -> None:
    """A method that a route does not take gets 405 and the list of those it takes."""
    reply = call("/echo", "GET")
    assert reply.code == 405
    assert reply.headers["Allow"] == "POST, PUT"


@pytest.mark.parametrize("terminated", [True, False])
def test_echo_returns_the_body(terminated: bool) -> None:
    """/echo gives the body back to the byte, whether or not the input promises to end."""
    body = bytes(range(256)) * 1000
    reply = call(
        "/echo", "POST", body=body, terminated=terminated, more={"CONTENT_TYPE": "image/png"}
    )
    assert reply.body == body
    assert reply.headers["Content-Length"] == str(len(body))
    assert reply.headers["Content-Type"] == "image/png"
    assert hashlib.sha256(body).hexdigest() in call("/").body.decode()


def test_echo_without_length_reads_nothing_unless_the_input_ends() -> None:
    """Without Content-Length and without wsgi.input_terminated there is no body to read."""
    environ = {"wsgi.input": io.BytesIO(b"next request")}
    assert call("/echo", "POST", terminated=False, more=environ).body == b""


def test_upload_counts_and_hashes() -> None:
    """/upload answers with the number of bytes and their hash."""
    reply = json.loads(call("/upload", "POST", body=b"x" * 70_000).body)
    assert reply["bytes"] == 70_000
    assert reply["sha256"] == hashlib.sha256(b"x" * 70_000).hexdigest()


def test_stream_gives_one_item_a_line() -> None:
    """/stream gives as many lines as were asked for."""
    assert call("/stream", query="items=3&delay=0").body.count(b"\n") == 3


def test_big_gives_exactly_that_many_bytes() -> None:
    """/big gives the number of bytes it declares."""
    reply = call("/big", query="bytes=200001")
    assert len(reply.body) == 200_001
    assert reply.headers["Content-Length"] == "200001"


def test_raise_raises_before_the_head() -> None:
    """/raise raises, and no head was given."""
    with pytest.raises(RuntimeError, match="asked to raise"):
        call("/raise")


def test_raise_late_raises_after_an_item() -> None:
    """/raise-late gives one item and raises then."""
    with pytest.raises(RuntimeError, match="after its head"):
        call("/raise-late")


def test_exit_only_by_post() -> None:
    """GET /exit shows a warning; only POST would end the process."""
    page = call("/exit", query="code=7").body.decode()
    assert "os._exit(7)" in page
    assert 'method="post"' in page


def test_file_reaches_the_server_as_its_wrapper() -> None:
    """/file hands out the server's own wrapper object, or sendfile could not be used."""
    environ: dict[str, Any] = {
        "SCRIPT_NAME": "",
        "PATH_INFO": "/file",
        "wsgi.file_wrapper": FileWrapper,
    }
    setup_testing_defaults(environ)
    items = demo.app(environ, lambda *_: lambda data: None)
    assert isinstance(items, FileWrapper)
    items.close()


def test_early_hints_are_sent_first() -> None:
    """/early-hints calls wsgi.early_hints with a Link header."""
    sent: list[Any] = []
    call("/early-hints", more={"wsgi.early_hints": sent.append})
    assert sent == [[("Link", "</style.css>; rel=preload; as=style")]]


def test_running_requests_are_counted_until_close() -> None:
    """A request counts as running until the server has closed its reply."""
    facts = dict(demo._worker.facts())
    call("/stream", query="items=2&delay=0")
    call("/file")
    assert dict(demo._worker.facts())["running now"] == facts["running now"] == "0"
    assert sys.executable == facts["interpreter"]
