# SPDX-License-Identifier: MIT
"""The uwsgi protocol: the real nginx as docs/uwsgi.md sets it up, and packets it would not send."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.process.test_proxies import replaced, running
from tests.support import uwsgi
from tests.support.client import RawClient, Response
from tests.support.proxies import program
from tests.support.server import ROOT, Server
from tests.support.trace import Trace
from tests.support.waiting import FACTOR, Stopwatch

HOST = "Host: test\r\n"
MIB = 1 << 20
SOON = 2.0 * FACTOR
PARAMS = Path("/etc/nginx/uwsgi_params")

FLASK = """
from flask import Flask, Response, redirect, request, stream_with_context

app = Flask(__name__)

@app.get("/")
def hello():
    return "hello"

@app.get("/environ/<path:rest>")
def environ(rest):
    return {key: value for key, value in request.environ.items() if isinstance(value, str)}

@app.get("/stream")
def stream():
    return Response((f"{number}\\n" for number in range(1000)), mimetype="text/plain")

@app.get("/empty")
def empty():
    return redirect("/elsewhere") if "away" in request.args else ""

@app.get("/fail")
def fail():
    raise RuntimeError("flask view failed")
"""


# ---- nginx ----


@contextmanager
def nginx(server: Server, folder: Path) -> Iterator[Path]:
    """In front of the server, as the page says; its unix socket."""
    found = program("nginx")
    if not PARAMS.exists():
        pytest.skip("nginx has no uwsgi_params")
    page = (ROOT / "docs" / "uwsgi.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```nginx\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    listen = folder / "front"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Whoever is on nginx's socket may say for whom it asks.
    trust = "set_real_ip_from unix:; client_max_body_size 0;"
    address = server.address
    behind = f"unix:{address}" if isinstance(address, str) else f"127.0.0.1:{address[1]}"
    config = replaced(
        block,
        ("listen 8080;", f"listen unix:{listen};"),
        ("include uwsgi_params;", f"include {PARAMS};"),
        ("uwsgi_pass 127.0.0.1:8000;", f"uwsgi_pass {behind};"),
        ("http {", f"http {{ access_log off; {trust} {temporary}"),
    )
    # Those who may enter a test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(f"{user} pid {folder}/pid; error_log stderr;\n{config}")
    options = ["-c", f"{folder}/nginx.conf", "-e", "stderr", "-g", "daemon off;"]
    with running([found, *options], listen):
        yield listen


@pytest.fixture(params=["tcp", "unix"])
def bind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/behind"


@pytest.fixture
def flask_folder(tmp_path: Path) -> Path:
    (tmp_path / "site_behind.py").write_text(FLASK)
    return tmp_path


def ask(client: RawClient, line: str, body: bytes = b"", *fields: str) -> Response:
    client.send("\r\n".join([f"{line} HTTP/1.1", "Host: test", *fields, "", ""]))
    client.send(body)
    return client.read_response(line.partition(" ")[0])


def test_flask_sees_what_nginx_says(serve: Serve, flask_folder: Path, bind: str) -> None:
    """Every variable of nginx's and of ours, none decoded twice; the client in the log."""
    options = ["--protocol", "uwsgi", "--access-logfile", "-"]
    server = serve("site_behind:app", *options, bind=bind, cwd=flask_folder)
    with nginx(server, flask_folder) as front, RawClient(str(front)) as client:
        fields = ["X-Real-IP: 192.0.2.7", "X-A: 1", "X-A: 2", "X_Dropped: 1"]
        seen = json.loads(ask(client, "GET /environ/a%2520b?x=%201", b"", *fields).body)
    assert seen["REQUEST_METHOD"] == "GET"
    assert seen["REQUEST_URI"] == seen["RAW_URI"] == "/environ/a%2520b?x=%201"
    assert seen["PATH_INFO"] == "/environ/a%20b"
    assert seen["QUERY_STRING"] == "x=%201"
    assert seen["REMOTE_ADDR"] == "192.0.2.7"
    assert seen["REQUEST_SCHEME"] == seen["wsgi.url_scheme"] == "http"
    assert seen["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert seen["SCRIPT_NAME"] == ""
    assert seen["DEPLOYMENT"] == "blue"
    assert seen["HTTP_HOST"] == "test"
    assert seen["HTTP_X_A"].replace(" ", "") == "1,2"
    assert "HTTP_X_DROPPED" not in seen
    assert "CONTENT_LENGTH" not in seen
    assert "CONTENT_TYPE" not in seen
    given = re.findall(r"^uwsgi_param\s+(\S+)", PARAMS.read_text(), re.MULTILINE)
    assert set(given) - set(seen) <= {"CONTENT_LENGTH", "CONTENT_TYPE", "HTTPS"}
    server.wait_for_out(r'^192\.0\.2\.7 - .*"GET /environ/a%2520b\?x=%201 HTTP/1\.1" 200 ')


def test_bodies_through_nginx(serve: Serve, tmp_path: Path, bind: str) -> None:
    """Small, chunked by the client, held back for 100, and larger than what is kept in memory."""
    server = serve("trouble:app", "--protocol", "uwsgi", bind=bind)
    with nginx(server, tmp_path) as front, RawClient(str(front)) as client:
        assert ask(client, "POST /echo", b"hello", "Content-Length: 5").body == b"hello"
        chunks = b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
        assert ask(client, "POST /echo", chunks, "Transfer-Encoding: chunked").body == b"hello!"
        expects = ["Expect: 100-continue", "Content-Length: 2"]
        assert ask(client, "POST /echo", b"ok", *expects).body == b"ok"
        block = bytes(range(256)) * (8 * MIB // 256)
        seen = json.loads(ask(client, "POST /digest", block, f"Content-Length: {8 * MIB}").body)
        assert seen == {"bytes": 8 * MIB, "sha256": hashlib.sha256(block).hexdigest()}


def test_replies_through_nginx(serve: Serve, flask_folder: Path, bind: str) -> None:
    """Each ends at once, whole, and with its status: nginx waits for no end that does not come."""
    server = serve("site_behind:app", "--protocol", "uwsgi", bind=bind, cwd=flask_folder)
    watch = Stopwatch()
    with nginx(server, flask_folder) as front, RawClient(str(front)) as client:
        streamed = ask(client, "GET /stream")
        assert streamed.text == "".join(f"{number}\n" for number in range(1000))
        assert ask(client, "HEAD /stream").status == 200
        assert ask(client, "GET /empty").body == b""
        assert ask(client, "GET /empty?away").status == 302
        assert ask(client, "GET /none").status == 404
        assert ask(client, "GET /fail").status == 500
        assert ask(client, "POST /stream", b"", "Content-Length: 0").status == 405
    assert watch.seconds < SOON + 1


def test_statuses_through_nginx(serve: Serve, tmp_path: Path, bind: str) -> None:
    server = serve("trouble:app", "--protocol", "uwsgi", bind=bind)
    with nginx(server, tmp_path) as front, RawClient(str(front)) as client:
        for status in (
            "204 No Content",
            "304 Not Modified",
            "404 Not Found",
            "503 Service Unavailable",
        ):
            reply = ask(client, f"GET /status?is={status.replace(' ', '%20')}")
            assert f"{reply.status} {reply.reason}" == status
        assert ask(client, "GET /raises").status == 500
        assert ask(client, "GET /hello", b"", "Expect: tea").status == 417
        big = ask(client, "GET /big?bytes=3000000&length=no")
        assert len(big.body) == 3000000


# ---- packets ----


@pytest.fixture(scope="module", params=["sync", "gthread"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server for all attacks: one that harms it makes the following ones fail too."""
    trace = Trace(tmp_path_factory.mktemp("uwsgi") / "trace")
    more = ["--threads", "2"] if request.param == "gthread" else []
    with Server("trouble:app", "--protocol", "uwsgi", *more, env=trace.env) as server:
        server.trace = trace  # type: ignore[attr-defined]
        server.ready()
        yield server
    assert server.sanitizer_reports() == [], server.log.text


def test_packets_follow_one_another(gateway: Server) -> None:
    with gateway.client() as client:
        client.send(uwsgi.get("/pid") + uwsgi.post("/echo", b"hello") + uwsgi.get("/hello"))
        first = client.read_response()
        assert first.version == "HTTP/1.1"
        assert first.get("Connection") == "keep-alive"
        assert client.read_response().body == b"hello"
        assert client.read_response().text == "hello\n"
        client.send(
            uwsgi.get("/hello", ("HTTP_CONNECTION", "close"), ("SERVER_PROTOCOL", "HTTP/2.0"))
        )
        last = client.read_response()
        assert (last.version, last.get("Connection")) == ("HTTP/1.1", "close")
        assert client.closed_cleanly()


def test_what_is_streamed_ends_with_the_connection(gateway: Server) -> None:
    with gateway.client() as client:
        client.send(uwsgi.get("/slow-items?items=3&delay=0.05"))
        reply = client.read_response()
        assert reply.get("Transfer-Encoding") is None
        assert reply.get("Content-Length") is None
        assert reply.get("Connection") == "close"
        assert reply.text == "item 0\nitem 1\nitem 2\n"


def test_variables_are_strings_and_nothing_else(gateway: Server) -> None:
    """Those that make uWSGI load code or open files, and those that look like the server's keys."""
    sent: list[tuple[str, str | bytes]] = [
        ("UWSGI_FILE", "/etc/passwd"),
        ("UWSGI_SCRIPT", "os"),
        ("UWSGI_MODULE", "this"),
        ("DOCUMENT_ROOT", "/../../.."),
        ("SCRIPT_NAME", "/../.."),
        ("SERVER_SOFTWARE", "gateway"),
    ]
    keys: list[tuple[str, str | bytes]] = [
        ("wsgi.input", "x"),
        ("wsgi.errors", "x"),
        ("gunicorn.socket", "x"),
        ("winghorn.deadline", "x"),
        ("winghorn.unknown", "x"),
    ]
    with gateway.client() as client:
        client.send(uwsgi.get("/environ", *sent, *keys, ("HTTPS", "on"), ("CUSTOM", "\xe9\n")))
        seen = json.loads(client.read_response().body)
    assert [(name, seen[name]) for name, _ in sent] == sent
    assert seen["CUSTOM"] == "\xe9\n"
    assert seen["wsgi.url_scheme"] == "https"
    assert seen["types"]["winghorn.deadline"] != "str"
    assert seen["types"]["wsgi.input"] != "str"
    assert "winghorn.unknown" not in seen["types"]


ATTACKS: list[tuple[str, bytes, int | None]] = [
    ("HTTP", b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n", 501),
    ("modifier", uwsgi.packet_of(b"", modifier=5), 501),
    ("nothing in it", uwsgi.packet_of(b""), 400),
    ("a size beyond the packet", b"\0\xff\xff\0" + uwsgi.text("A") * 2, None),
    ("a length beyond the packet", uwsgi.packet_of(b"\xff\xffA"), 400),
    ("a name without value", uwsgi.packet_of(uwsgi.text("REQUEST_METHOD")), 400),
    ("NUL in a name", uwsgi.get("/hello", ("A\0B", "")), 400),
    ("NUL in a value", uwsgi.get("/hello", ("A", "\0")), 400),
    ("twice", uwsgi.get("/hello", ("SERVER_NAME", "a"), ("SERVER_NAME", "b")), 400),
    ("two hosts", uwsgi.get("/hello", ("HTTP_HOST", "a"), ("HTTP_HOST", "b")), 400),
    ("a field in a field", uwsgi.get("/hello", ("HTTP_A", "1\r\nB: 2")), 400),
    ("two lengths", uwsgi.post("/echo", b"12345", ("HTTP_CONTENT_LENGTH", "1")), 400),
    ("no number", uwsgi.get("/hello", ("CONTENT_LENGTH", "-1")), 400),
    ("chunks", uwsgi.get("/hello", ("HTTP_TRANSFER_ENCODING", "chunked")), 501),
    ("too many", uwsgi.get("/hello", *((f"V{n}", "") for n in range(1000))), 431),
    ("too many fields", uwsgi.get("/hello", *((f"HTTP_V{n}", "") for n in range(101))), 431),
    ("too large a field", uwsgi.get("/hello", ("HTTP_A", "x" * 9000)), 431),
    ("too long a URI", uwsgi.get("/" + "x" * 5000), 414),
]


@pytest.mark.parametrize(
    ("data", "status"), [attack[1:] for attack in ATTACKS], ids=[a[0] for a in ATTACKS]
)
def test_attacks(gateway: Server, data: bytes, status: int | None) -> None:
    """The proper status, the connection closed, nothing behind it run, and a line in the log."""
    trace: Trace = gateway.trace  # type: ignore[attr-defined]
    before = len(trace.lines())
    refused = len(gateway.log.matches("Invalid request from ip=127.0.0.1: "))
    with gateway.client() as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            client.send(data)
            client.send(uwsgi.get("/smuggled"))
            client.half_close()
        if status is not None:
            assert client.read_response().status == status
        assert client.read_until_closed() == b""
    if status is not None:
        gateway.wait_for_log("Invalid request from ip=127.0.0.1: ", count=refused + 1)
    assert len(trace.lines()) == before


def test_a_body_that_was_not_announced_is_no_packet(gateway: Server) -> None:
    trace: Trace = gateway.trace  # type: ignore[attr-defined]
    with gateway.client() as client:
        client.send(uwsgi.get("/hello", ("HTTP_CONTENT_LENGTH", "40")) + uwsgi.get("/smuggled"))
        assert client.read_response().get("Connection") == "close"
        assert client.read_until_closed() == b""
    assert trace.count("/smuggled") == 0


def test_an_empty_connection_is_closed_without_a_word(gateway: Server) -> None:
    before = len(gateway.log.lines())
    with gateway.client() as client:
        client.half_close()
        assert client.closed_cleanly()
    assert gateway.log.lines()[before:] == []


def test_peers_that_are_not_allowed(serve: Serve, trace: Trace) -> None:
    """403 and a line in the log, whatever they say; a connection that says nothing gets nothing."""
    options = ["--protocol", "uwsgi", "--uwsgi-allow-from", "10.0.0.0/8,127.0.0.2"]
    server = serve("trouble:app", *options, env=trace.env)
    for said in (uwsgi.get("/hello"), b"\0", b"GET / HTTP/1.1\r\n\r\n"):
        with server.client() as client:
            client.send(said)
            assert client.read_response().status == 403
            assert client.read_until_closed() == b""
    line = r"Invalid request from ip=127\.0\.0\.1: uWSGI request from '127\.0\.0\.1' not allowed"
    server.wait_for_log(line, count=3)
    with server.client() as client:
        client.half_close()
        assert client.closed_cleanly()
    assert trace.lines() == []


def test_a_network_is_allowed(serve: Serve) -> None:
    server = serve("trouble:app", "--protocol", "uwsgi", "--uwsgi-allow-from", "127.0.0.0/8")
    with server.client() as client:
        client.send(uwsgi.get("/hello"))
        assert client.read_response().status == 200


# ---- several workers ----


def pid_of(client: RawClient) -> int:
    client.send(uwsgi.get("/pid"))
    return int(client.read_response().text)


def two_at_one_worker(server: Server, stack: ExitStack) -> list[RawClient]:
    """Two idle connections that one worker has."""
    by_worker: dict[int, list[RawClient]] = {}
    for _ in range(50):
        client = stack.enter_context(server.client())
        known = by_worker.setdefault(pid_of(client), [])
        known.append(client)
        if len(known) == 2:
            return known
    raise AssertionError(f"no worker has two connections: {by_worker.keys()}")


def test_a_packet_goes_to_the_worker_that_is_free(serve: Serve, trace: Trace) -> None:
    """With its body and what stands behind it; the connection goes on there as what it was."""
    server = serve("trouble:app", "--protocol", "uwsgi", "--workers", "2", workers=2, env=trace.env)
    with ExitStack() as stack:
        busy, kept = two_at_one_worker(server, stack)
        busy.send(uwsgi.get(f"/sleep?seconds={2 * FACTOR}"))
        trace.wait_for("/sleep")
        watch = Stopwatch()
        no_uri = [("REQUEST_METHOD", "GET"), ("PATH_INFO", "/environ"), ("CUSTOM", "kept")]
        kept.send(uwsgi.post("/echo", b"x" * 100_000) + uwsgi.packet(no_uri))
        assert kept.read_response().body == b"x" * 100_000
        seen = json.loads(kept.read_response().body)
        assert (seen["RAW_URI"], seen["CUSTOM"]) == ("/environ", "kept")
        assert watch.seconds < 1.5 * FACTOR
        assert busy.read_response().status == 200
