# SPDX-License-Identifier: MIT
"""PEP 3333 and gunicorn's additions, as an application meets them in the running server."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import Closed, ask
from tests.support.server import SANITIZED, Server
from tests.support.trace import Trace
from tests.support.waiting import wait_until

HOST = "Host: test\r\n"


@pytest.fixture(params=["sync", "gthread"])
def server(request: pytest.FixtureRequest, serve: Serve, trace: Trace) -> Server:
    threads = ["--threads", "3"] if request.param == "gthread" else []
    return serve("trouble:app", *threads, env=trace.env)


def get(server: Server, path: str) -> Any:
    return ask(server.address, f"GET {path} HTTP/1.1\r\n{HOST}\r\n")


# ---- the validator --------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sleep?seconds=0",
        "/burn?seconds=0",
        "/stream?items=5&delay=0",
        "/upload",
        "/exit",
        "/headers",
        "/big?bytes=300000",
        "/file",
        "/early-hints",
        "/nowhere",
        "/big?bytes=x",
        "/a%20b/%C3%A0?q=%20",
    ],
)
def test_validator_finds_nothing_in_reads(serve: Serve, path: str, threads: str) -> None:
    """wsgiref.validate around the demo application accepts what the server gives and takes."""
    server = serve("validated:app", "--threads", threads)
    for method in ("GET", "HEAD"):
        reply = httpx.request(method, server.url + path)
        assert reply.status_code in (200, 400, 404)
    server.stop()
    assert "AssertionError" not in server.log.text
    assert "Warning" not in server.log.text


@pytest.mark.parametrize("threads", ["1", "3"])
def test_validator_finds_nothing_in_bodies(serve: Serve, threads: str) -> None:
    """The same for requests with bodies: lengths, chunks, forms, none at all."""
    server = serve("validated:app", "--threads", threads)
    body = bytes(range(256)) * 2000

    def pieces() -> Any:
        yield body[:100_000]
        yield body[100_000:]

    with httpx.Client() as client:
        assert client.post(server.url + "/echo", content=body).content == body
        assert client.post(server.url + "/echo", content=pieces()).content == body
        assert client.post(server.url + "/echo").content == b""
        reply = client.post(server.url + "/upload", files={"file": ("a.bin", body)})
        assert reply.json()["bytes"] > len(body)
    server.stop()
    assert "AssertionError" not in server.log.text


# ---- environ --------------------------------------------------------------------------------


def test_environ_has_gunicorns_keys(server: Server) -> None:
    """The keys applications read have the names and values that they have in gunicorn."""
    reply = ask(
        server.address,
        "POST /environ?a=1&b=%20 HTTP/1.1\r\nHost: example:81\r\nContent-Type: text/x\r\n"
        "Content-Length: 2\r\nX-Twice: one\r\nX-Twice: two\r\nCookie: a=1\r\nCookie: b=2\r\n"
        "X-Latin: \xe9\r\nX-Empty:\r\n\r\nhi",
    )
    environ = json.loads(reply.body)
    wanted = {
        "REQUEST_METHOD": "POST",
        "RAW_URI": "/environ?a=1&b=%20",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/environ",
        "QUERY_STRING": "a=1&b=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "2",
        "HTTP_HOST": "example:81",
        "HTTP_X_TWICE": "one,two",
        "HTTP_COOKIE": "a=1,b=2",
        "HTTP_X_LATIN": "\xe9",
        "HTTP_X_EMPTY": "",
        "wsgi.version": [1, 0],
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.multithread": "--threads" in server.args,
    }
    assert {key: environ.get(key) for key in wanted} == wanted
    assert environ["SERVER_SOFTWARE"].startswith("winghorn/")
    assert environ["socket.peer"] == ["127.0.0.1", int(environ["REMOTE_PORT"])]
    for key in ("wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "wsgi.early_hints"):
        assert key in environ["types"]
    for key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "REQUEST_URI", "REMOTE_USER"):
        assert key not in environ["types"]
    assert environ["types"]["REMOTE_PORT"] == "str"


def test_environ_without_body_has_no_content_keys(server: Server) -> None:
    """CONTENT_TYPE and CONTENT_LENGTH are there only when the headers are."""
    environ = json.loads(get(server, "/environ").body)
    assert "CONTENT_TYPE" not in environ
    assert "CONTENT_LENGTH" not in environ


def test_environ_does_not_leak_into_the_next_request(server: Server) -> None:
    """What one request on a connection said is not there in the next one."""
    with server.client() as client:
        client.send(
            f"POST /environ?q HTTP/1.1\r\n{HOST}X-Once: 1\r\nContent-Length: 1\r\n"
            "Content-Type: a/b\r\n\r\nx"
        )
        assert json.loads(client.read_response().body)["HTTP_X_ONCE"] == "1"
        client.get("/environ")
        environ = json.loads(client.read_response().body)
    assert "HTTP_X_ONCE" not in environ
    assert "CONTENT_TYPE" not in environ
    assert "CONTENT_LENGTH" not in environ
    assert environ["QUERY_STRING"] == ""


@pytest.mark.parametrize(
    ("target", "path_info", "query"),
    [
        ("/environ", "/environ", ""),
        ("/%65nviron?x=%65#frag", "/environ", "x=%65"),
        ("http://elsewhere/environ?y", "/environ", "y"),
    ],
)
def test_path_is_decoded_and_query_is_not(
    server: Server, target: str, path_info: str, query: str
) -> None:
    """PATH_INFO is percent-decoded; QUERY_STRING is as sent, without the fragment."""
    environ = json.loads(get(server, target).body)
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path_info, query)
    assert environ["RAW_URI"] == target


def test_multiprocess_with_several_workers(serve: Serve) -> None:
    """wsgi.multiprocess is true with more than one worker."""
    server = serve("trouble:app", "--workers", "2", workers=2)
    assert json.loads(get(server, "/environ").body)["wsgi.multiprocess"] is True


def test_trusted_proxy_sets_the_scheme(serve: Serve) -> None:
    """X-Forwarded-Proto counts from a trusted peer and not from another one."""
    trusting = serve("trouble:app")
    line = f"GET /environ HTTP/1.1\r\n{HOST}X-Forwarded-Proto: https\r\n\r\n"
    assert json.loads(ask(trusting.address, line).body)["wsgi.url_scheme"] == "https"
    wary = serve("trouble:app", "--forwarded-allow-ips", "10.9.8.7")
    environ = json.loads(ask(wary.address, line).body)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"


def test_script_name_from_the_environment(serve: Serve) -> None:
    """$SCRIPT_NAME is taken off the path; a path outside it is refused."""
    server = serve("trouble:app", env={"SCRIPT_NAME": "/mounted"})
    environ = json.loads(get(server, "/mounted/environ").body)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/mounted", "/environ")
    assert get(server, "/elsewhere").status == 500


def test_unix_peer(serve: Serve, tmp_path: Path) -> None:
    """Over a unix socket REMOTE_ADDR is empty and the server's name comes from Host."""
    server = serve("trouble:app", bind=f"unix:{tmp_path}/s")
    request = "GET /pid HTTP/1.1\r\nHost: site:8080\r\n\r\n"
    assert ask(server.address, request).status == 200


def test_socket_is_a_socket(server: Server) -> None:
    """gunicorn.socket stands for the client's connection, its type and its descriptor."""
    assert get(server, "/socket-type").text == "stream open"


# ---- input ----------------------------------------------------------------------------------

BODY = "one\ntwo\n\nlast without end"
LINES = ["one\n", "two\n", "\n", "last without end"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("iterate", LINES),
        ("readline", LINES),
        ("readlines", LINES),
        ("short", ["one", "\n", "two", "\n", "\n", "las", "t w", "ith", "out", " en", "d"]),
        ("mixed", ["on", "e\n", "two\n", "\n", "last without end"]),
    ],
)
def test_input_by_lines(server: Server, framing: str, how: str, wanted: list[str]) -> None:
    """readline, readlines, iteration and mixtures of them see the body's lines."""
    if framing == "length":
        data = f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
    else:
        cut = [BODY[:5], BODY[5:6], BODY[6:]]
        data = "Transfer-Encoding: chunked\r\n\r\n"
        data += "".join(f"{len(part):x}\r\n{part}\r\n" for part in cut) + "0\r\n\r\n"
    reply = ask(server.address, f"POST /lines?how={how} HTTP/1.1\r\n{HOST}{data}")
    assert json.loads(reply.body) == wanted


def test_input_without_a_body_is_empty(server: Server) -> None:
    """Reading where there is no body gives nothing, at once."""
    assert ask(server.address, f"POST /echo HTTP/1.1\r\n{HOST}\r\n").body == b""


# ---- start_response and what is returned ----------------------------------------------------


def test_write_callable(server: Server) -> None:
    """What is given to write() comes before what is returned."""
    assert get(server, "/write-callable").text == "written twice and returned\n"


def test_exc_info_before_the_head_replaces_it(server: Server) -> None:
    """start_response with exc_info before anything was sent sets another status and head."""
    reply = get(server, "/recovers")
    assert (reply.status, reply.reason, reply.text) == (500, "Oops", "recovered\n")
    assert reply.get("X-Second") == "1"
    assert reply.get("X-First") is None


def test_exc_info_after_the_head_raises(server: Server) -> None:
    """After the head it raises what it was given, and the answer is cut."""
    with server.client() as client:
        client.get("/recovers-late")
        with pytest.raises(Closed) as cut:
            client.read_response()
    assert b"begun" in cut.value.seen
    assert b"never sent" not in cut.value.seen
    server.wait_for_log(r"ValueError: too late to recover")


def test_starting_twice_is_an_error(server: Server) -> None:
    """A second start_response without exc_info is the application's error: 500."""
    assert get(server, "/starts-twice").status == 500
    server.wait_for_log(r"Response headers already set!")


WRONG = ["starts-never", "returns-none", "returns-str", "returns-number"]


@pytest.mark.parametrize("path", WRONG)
def test_wrong_return_gets_500(server: Server, path: str) -> None:
    """None, text, a number or no head at all is answered by 500, told in the log, and survived."""
    workers = server.workers()
    assert get(server, "/" + path).status == 500
    server.wait_for_log(rf"\[ERROR\] Error handling request GET /{path}")
    assert get(server, "/hello").text == "hello\n"
    assert server.workers() == workers


def test_wrong_item_after_the_head_cuts_the_answer(server: Server) -> None:
    """Text among the items: what was sent stays, the rest is visibly missing."""
    with server.client() as client:
        client.get("/yields-str-late")
        with pytest.raises(Closed) as cut:
            client.read_response()
    assert b"begun" in cut.value.seen


def test_connection_headers_of_the_application_are_dropped(server: Server) -> None:
    """Transfer-Encoding, Keep-Alive, Server and Date belong to the server, not the application."""
    reply = get(server, "/hop-by-hop")
    assert reply.body == b"5\r\nthese are data\r\n"
    assert reply.all("Server") == ["winghorn"]
    assert len(reply.all("Date")) == 1
    assert reply.get("Date") != "never"
    assert reply.get("Keep-Alive") is None
    assert reply.get("X-Kept") == "yes"


def test_application_may_close_the_connection(server: Server) -> None:
    """Connection: close from the application is obeyed and announced."""
    with server.client() as client:
        client.get("/says-close")
        assert client.read_response().get("Connection") == "close"
        assert client.closed_cleanly()


def test_early_hints_come_before_the_answer(server: Server) -> None:
    """Each call of wsgi.early_hints is a 103 of its own in front of the answer."""
    reply = get(server, "/early-hints")
    assert [(hint.status, hint.reason) for hint in reply.interim] == [(103, "Early Hints")] * 2
    assert reply.interim[0].fields == [("Link", "</a.css>; rel=preload")]
    assert reply.interim[1].get("X-More") == "1"
    assert reply.text == "hinted\n"


def test_no_early_hints_for_1_0(server: Server) -> None:
    """A 1.0 client gets no interim answer."""
    assert ask(server.address, "GET /early-hints HTTP/1.0\r\n\r\n").interim == []


# ---- close() --------------------------------------------------------------------------------


def test_close_is_called_after_a_whole_answer(server: Server, trace: Trace) -> None:
    """close() of the iterable is called once."""
    assert get(server, "/closes").text == "onex"
    wait_until(lambda: trace.count("CLOSE"), "close() was called")
    assert get(server, "/hello").status == 200
    assert trace.count("CLOSE") == 1


def test_close_is_called_after_an_exception(server: Server, trace: Trace) -> None:
    """Also when the iteration raised."""
    with server.client() as client:
        client.get("/closes?raise=1")
        client.read_until_closed()
    wait_until(lambda: trace.count("CLOSE") == 1, "close() was called")


def test_close_is_called_when_the_client_is_gone(server: Server, trace: Trace) -> None:
    """Also when the client has reset the connection in the middle of a large answer."""
    client = server.client()
    client.get("/closes?more=30000000")
    client.read_some()
    client.reset()
    wait_until(lambda: trace.count("CLOSE") == 1, "close() was called")


def test_close_is_called_for_head(server: Server, trace: Trace) -> None:
    """Also when nothing of the body is sent."""
    reply = ask(server.address, f"HEAD /closes HTTP/1.1\r\n{HOST}\r\n", "HEAD")
    assert reply.status == 200
    wait_until(lambda: trace.count("CLOSE") == 1, "close() was called")


# ---- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 4096, 300_001])
@pytest.mark.parametrize("declared", [True, False])
def test_file_wrapper(server: Server, tmp_path: Path, size: int, declared: bool) -> None:
    """A file given to wsgi.file_wrapper arrives whole, with and without Content-Length."""
    content = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(content)
    length = f"&length={size}" if declared else ""
    with server.client() as client:
        for _ in range(2):
            client.get(f"/file?path={path}{length}")
            reply = client.read_response()
            assert hashlib.sha256(reply.body).digest() == hashlib.sha256(content).digest()


def test_file_wrapper_starts_at_the_offset(server: Server, tmp_path: Path) -> None:
    """A file is sent from where it stands, and not beyond Content-Length."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert get(server, f"/file?path={path}&offset=4").body == b"456789"
    assert get(server, f"/file?path={path}&offset=4&length=3").body == b"456"


def test_file_wrapper_without_sendfile(serve: Serve, tmp_path: Path) -> None:
    """--no-sendfile sends the same bytes."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    server = serve("trouble:app", "--no-sendfile")
    assert get(server, f"/file?path={path}").body == b"x" * 100_000


def test_files_are_closed(server: Server, tmp_path: Path) -> None:
    """The worker has no more open files after a hundred downloads than before."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10_000)
    pid = int(get(server, "/pid").text)
    before = len(processes.descriptors(pid))
    for _ in range(100):
        get(server, f"/file?path={path}")
    wait_until(
        lambda: len(processes.descriptors(pid)) <= before + 2,
        lambda: f"{before} descriptors again: {processes.descriptors(pid)}",
    )


# ---- applications that leave ----------------------------------------------------------------


def test_sys_exit_is_an_exception_like_others(server: Server) -> None:
    """sys.exit() in a view gets 500 and costs no worker."""
    workers = server.workers()
    assert get(server, "/sys-exit").status == 500
    assert get(server, "/hello").status == 200
    assert server.workers() == workers


def test_sys_exit_after_the_head_cuts_the_answer(server: Server) -> None:
    """After the head it cuts the answer; the worker stays."""
    with server.client() as client:
        client.get("/sys-exit-late")
        with pytest.raises(Closed):
            client.read_response()
    assert get(server, "/hello").status == 200


def test_keyboard_interrupt_in_a_view(server: Server) -> None:
    """KeyboardInterrupt raised by a view gets 500, and service goes on."""
    assert get(server, "/keyboard-interrupt").status == 500
    assert get(server, "/hello").status == 200


@pytest.mark.parametrize("code", [1, 3, 4])
def test_os_exit_costs_only_its_worker(server: Server, code: int) -> None:
    """os._exit() ends that worker, with any code: the log says so and another one serves."""
    workers = server.workers()
    with server.client() as client:
        client.get(f"/os-exit?code={code}")
        client.read_until_closed()
    server.wait_for_log(rf"Worker \(pid:{workers[0]}\) exited with code {code}")
    server.wait_for_workers(1, other_than=workers)
    assert get(server, "/hello").status == 200


@pytest.mark.crashes
@pytest.mark.parametrize(("path", "name"), [("/segfault", "SIGSEGV"), ("/abort", "SIGABRT")])
def test_crash_costs_only_its_worker(server: Server, path: str, name: str) -> None:
    """A crash in C code ends that worker: the log names the signal and another worker serves."""
    workers = server.workers()
    with server.client() as client:
        client.get(path)
        client.read_until_closed()
    # A sanitizer takes the signal for itself, reports it and exits.
    how = "" if SANITIZED else f"was sent {name}!"
    server.wait_for_log(rf"Worker \(pid:{workers[0]}\) {how}")
    server.wait_for_workers(1, other_than=workers)
    assert get(server, "/hello").status == 200


def test_threads_of_the_application_go_on(server: Server) -> None:
    """Threads that outlive their request disturb nothing."""
    for _ in range(5):
        assert get(server, "/threads").text == "four threads\n"
    assert get(server, "/hello").status == 200


def test_child_that_returns_sends_no_second_answer(server: Server) -> None:
    """A forked child that comes back from the application: one answer arrives, the parent's."""
    with server.client() as client:
        client.get("/fork-returns", "Connection: close")
        data = client.read_until_closed()
    assert data.count(b"HTTP/1.1") == 1
    assert data.endswith(b"parent\n")
    assert get(server, "/hello").status == 200


def test_child_that_stays_does_not_hold_the_connection(server: Server, tmp_path: Path) -> None:
    """A forked child lives on with our descriptors; the client still sees the end of its answer."""
    path = tmp_path / "child"
    with server.client() as client:
        client.get(f"/fork-stays?path={path}", "Connection: close")
        child = int(client.read_response().text)
        assert client.closed_cleanly()
    try:
        assert get(server, "/hello").status == 200
    finally:
        os.kill(child, signal.SIGKILL)


def test_programs_inherit_no_socket(server: Server) -> None:
    """A program started by the application gets none of our sockets, logs or shared memory."""
    listing = get(server, "/run-program").text.splitlines()
    assert not [line for line in listing if line.startswith(("socket:", "anon_inode:"))]


def test_worker_with_stubborn_thread_still_stops(serve: Serve) -> None:
    """A thread of the application that is no daemon cannot keep the server from stopping."""
    server = serve("trouble:app", "--graceful-timeout", "2")
    assert get(server, "/stubborn-thread").status == 200
    assert server.stop() == 0
    assert not processes.alive(server.pid)
