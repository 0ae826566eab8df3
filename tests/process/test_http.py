# SPDX-License-Identifier: MIT
"""HTTP/1.1 as clients see it, in both worker classes, through the real program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.conftest import Serve
from tests.support.client import Closed, ask
from tests.support.server import Server

HOST = "Host: test\r\n"


@pytest.fixture(params=["sync", "gthread"])
def server(request: pytest.FixtureRequest, serve: Serve) -> Server:
    threads = ["--threads", "3"] if request.param == "gthread" else []
    return serve("trouble:app", *threads)


def test_head_of_an_answer(server: Server) -> None:
    """Status line, Server, Date and Connection come first, the application's fields after."""
    reply = ask(server.address, f"GET / HTTP/1.1\r\n{HOST}\r\n")
    assert (reply.version, reply.status, reply.reason) == ("HTTP/1.1", 200, "OK")
    assert [name for name, _ in reply.fields[:3]] == ["Server", "Date", "Connection"]
    assert reply.get("Server") == "winghorn"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", reply.get("Date") or "")
    assert reply.get("Connection") == "keep-alive"
    assert reply.get("Content-Type") == "text/plain"


def test_keeps_a_connection_for_many_requests(server: Server) -> None:
    """A hundred requests one after the other on one connection."""
    with server.client() as client:
        for number in range(100):
            client.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\n{number:03}")
            assert client.read_response().text == f"{number:03}"


def test_answers_pipelined_requests_in_order(server: Server) -> None:
    """Requests sent in one piece get their answers in their order, also behind a slow one."""
    with server.client() as client:
        wanted = [f"{number}" for number in range(20)]
        client.send(
            f"GET /sleep?seconds=0.2 HTTP/1.1\r\n{HOST}\r\n"
            + "".join(
                f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: {len(w)}\r\n\r\n{w}" for w in wanted
            )
        )
        assert client.read_response().text == "slept\n"
        assert [client.read_response().text for _ in wanted] == wanted


def test_closes_when_the_client_says_so(server: Server) -> None:
    """Connection: close is obeyed and announced."""
    with server.client() as client:
        client.get("/", "Connection: close")
        assert client.read_response().get("Connection") == "close"
        assert client.closed_cleanly()


def test_http_1_0_closes_and_is_not_chunked(server: Server) -> None:
    """A 1.0 client gets a body that ends with the connection."""
    with server.client() as client:
        client.send("GET /stream HTTP/1.0\r\n\r\n")
        reply = client.read_response()
        assert reply.version == "HTTP/1.0"
        assert reply.get("Transfer-Encoding") is None
        assert reply.get("Connection") == "close"
        assert reply.text == "item 0\nitem 1\nitem 2\n"


def test_http_1_0_keep_alive(server: Server) -> None:
    """A 1.0 client that asks for it keeps its connection when the length is known."""
    with server.client() as client:
        for _ in range(2):
            client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            reply = client.read_response()
            assert reply.get("Connection") == "keep-alive"


def test_unknown_length_is_chunked(server: Server) -> None:
    """Without Content-Length a 1.1 answer is chunked, item by item, and the connection stays."""
    with server.client() as client:
        client.get("/slow-items?items=3&delay=0.2")
        reply = client.read_response()
        assert reply.get("Transfer-Encoding") == "chunked"
        assert reply.text == "item 0\nitem 1\nitem 2\n"
        client.get("/stream?items=1000")
        assert client.read_response().text.endswith("item 999\n")
        client.get("/")
        assert client.read_response().status == 200


def test_empty_items_do_not_end_a_chunked_body(server: Server) -> None:
    """Empty items of the application make no empty chunk."""
    reply = ask(server.address, f"GET /empty-items HTTP/1.1\r\n{HOST}\r\n")
    assert reply.text == "onetwo"


def test_reads_chunked_bodies(server: Server) -> None:
    """Chunks, extensions and trailers are decoded; the next request on the connection is found."""
    with server.client() as client:
        client.send(
            f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
            '4\r\nWiki\r\n6;name="a;b"\r\npedia \r\n0E\r\nin \r\n\r\nchunks.\r\n'
            "0\r\nX-Trailer: 1\r\n\r\n"
        )
        assert client.read_response().text == "Wikipedia in \r\n\r\nchunks."
        client.get("/")
        assert client.read_response().text == "hello\n"


def test_chunked_body_byte_by_byte(server: Server) -> None:
    """However the bytes are cut, the body is the same."""
    with server.client() as client:
        request = (
            f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
        )
        for byte in request:
            client.send(byte)
        assert client.read_response().text == "hello!"


def test_head_has_the_length_and_no_body(server: Server) -> None:
    """HEAD gets the head of GET; the next answer follows at once."""
    with server.client() as client:
        client.send(f"HEAD / HTTP/1.1\r\n{HOST}\r\nGET / HTTP/1.1\r\n{HOST}\r\n")
        assert client.read_response("HEAD").get("Content-Length") == "6"
        assert client.read_response().text == "hello\n"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_bodiless_statuses(server: Server, status: str) -> None:
    """204 and 304 have no body and no chunking, whatever the application gives."""
    with server.client() as client:
        client.get("/status?is=" + status.replace(" ", "%20"))
        reply = client.read_response()
        assert f"{reply.status} {reply.reason}" == status
        assert reply.get("Transfer-Encoding") is None
        client.get("/")
        assert client.read_response().text == "hello\n"


def test_status_without_a_reason(server: Server) -> None:
    """A status of three digits alone is valid."""
    assert ask(server.address, f"GET /status?is=299 HTTP/1.1\r\n{HOST}\r\n").status == 299


def test_100_continue_when_the_application_reads(server: Server) -> None:
    """100 comes when the application asks for the body."""
    with server.client() as client:
        client.send(
            f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
        interim = client.read_interim()
        assert (interim.status, interim.reason) == (100, "Continue")
        client.send("body")
        assert client.read_response().text == "body"
        client.get("/")
        assert client.read_response().status == 200


def test_no_100_continue_when_it_does_not_read(server: Server) -> None:
    """An application that answers without reading sends no 100; the connection is closed."""
    with server.client() as client:
        client.send(
            f"POST /refuse-body HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"
        )
        reply = client.read_response()
        assert reply.status == 413
        assert reply.interim == []
        assert client.read_until_closed() == b""


def test_no_100_continue_for_1_0(server: Server) -> None:
    """A 1.0 client is never sent an interim answer (RFC 9110 15.2)."""
    reply = ask(
        server.address, "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    )
    assert reply.interim == []
    assert reply.text == "x"


def test_other_expectation_gets_417(server: Server) -> None:
    """An expectation that is not 100-continue gets 417."""
    reply = ask(server.address, f"GET / HTTP/1.1\r\n{HOST}Expect: magic\r\n\r\n")
    assert reply.status == 417
    assert "Unable to comply with expectation: &#x27;magic&#x27;" in reply.text


PAGES = [
    (
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "400 Bad Request",
        "Bad Request",
        "Invalid HTTP Header: &#x27;HOST&#x27;",
    ),
    (
        "GET /\r\n\r\n",
        "400 Bad Request",
        "Bad Request",
        "Invalid Request Line &#x27;Invalid HTTP request line: &#x27;GET /&#x27;&#x27;",
    ),
    (
        "get / HTTP/1.1\r\n\r\n",
        "400 Bad Request",
        "Bad Request",
        "Invalid Method &#x27;Invalid HTTP method: &#x27;get&#x27;&#x27;",
    ),
    (
        "GET / HTTP/1.1\r\nBad Name: 1\r\n\r\n",
        "400 Bad Request",
        "Bad Request",
        "Invalid HTTP header name: &#x27;Bad Name&#x27;",
    ),
    (
        "GET / HTTP/1.1\r\nA: 1\r\n b\r\n\r\n",
        "400 Bad Request",
        "Bad Request",
        "Obsolete line folding is unacceptable: &#x27;A&#x27;",
    ),
    (
        f"GET /{'x' * 4090} HTTP/1.1\r\n\r\n",
        "414 URI Too Long",
        "URI Too Long",
        "Request Line is too large (4104 &gt; 4094)",
    ),
    (
        "GET / HTTP/1.1\r\n" + "A: 1\r\n" * 101 + "\r\n",
        "431 Request Header Fields Too Large",
        "Request Header Fields Too Large",
        "Error parsing headers: &#x27;limit request headers fields&#x27;",
    ),
    (
        f"GET / HTTP/1.1\r\nA: {'x' * 8200}\r\n\r\n",
        "431 Request Header Fields Too Large",
        "Request Header Fields Too Large",
        "Error parsing headers: &#x27;limit request headers fields size&#x27;",
    ),
]
PAGE_NAMES = [
    "host_twice",
    "no_version",
    "method_lower",
    "name_with_space",
    "folded",
    "line_too_long",
    "too_many_fields",
    "field_too_long",
]


@pytest.mark.parametrize(("request_bytes", "status", "reason", "message"), PAGES, ids=PAGE_NAMES)
def test_error_page_to_the_byte(
    serve: Serve, request_bytes: str, status: str, reason: str, message: str
) -> None:
    """The pages that the server answers with by itself are gunicorn's, to the byte."""
    server = serve("trouble:app")
    body = (
        f"<html>\n  <head>\n    <title>{reason}</title>\n  </head>\n  <body>\n"
        f"    <h1><p>{reason}</p></h1>\n    {message}\n  </body>\n</html>\n"
    )
    with server.client() as client:
        client.send(request_bytes)
        assert client.read_until_closed().decode() == (
            f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/html\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
    server.wait_for_log(r"\[WARNING\] Invalid request from ip=127\.0\.0\.1: ")


def test_500_page_to_the_byte(server: Server) -> None:
    """So is the page for an application that raised."""
    with server.client() as client:
        client.get("/raises")
        head, _, body = client.read_until_closed().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n")
    assert body == (
        b"<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n"
        b"    <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n"
    )
    server.wait_for_log(r"\[ERROR\] Error handling request GET /raises")


def test_early_answer_to_a_large_upload_is_not_reset(server: Server) -> None:
    """A client that goes on sending five megabytes after the answer can still read the answer."""
    for _ in range(5):
        with server.client() as client:
            client.send(f"POST /refuse-body HTTP/1.1\r\n{HOST}Content-Length: 5000000\r\n\r\n")
            sent = 0
            try:
                while sent < 5_000_000:
                    client.send(b"x" * 50_000)
                    sent += 50_000
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server's patience with the rest is bounded; its answer must have come
            reply = client.read_response()
            assert reply.status == 413
            assert reply.text == "too large\n"


def test_unread_body_is_not_the_next_request(server: Server) -> None:
    """What an application leaves unread is body still: consumed, or the connection closes."""
    inner = f"GET /raises HTTP/1.1\r\n{HOST}\r\n"
    with server.client() as client:
        client.send(
            f"POST /ignore-body HTTP/1.1\r\n{HOST}Content-Length: {len(inner)}\r\n\r\n{inner}"
            f"GET /hello HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
        )
        assert client.read_response().text == "I did not read it\n"
        rest = client.read_until_closed()
        assert b" 500 " not in rest
        assert rest == b"" or b"hello" in rest


def test_half_closing_client_is_answered(server: Server) -> None:
    """A client that sends FIN behind its request still gets the answer."""
    with server.client() as client:
        client.get("/sleep?seconds=0.2")
        client.half_close()
        assert client.read_response().text == "slept\n"


def test_one_empty_line_before_a_request(server: Server) -> None:
    """One empty line before a request line is skipped (RFC 9112 2.2), a second one refused."""
    assert ask(server.address, f"\r\nGET / HTTP/1.1\r\n{HOST}\r\n").status == 200
    assert ask(server.address, f"\r\n\r\nGET / HTTP/1.1\r\n{HOST}\r\n").status == 400


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("GET http://other/abs?x=1 HTTP/1.1", "/abs"),
        ("GET //double HTTP/1.1", "//double"),
        ("GET /a%2Fb%20c HTTP/1.1", "/a/b c"),
        ("OPTIONS * HTTP/1.1", "*"),
    ],
)
def test_target_forms_reach_the_application(server: Server, line: str, path: str) -> None:
    """Absolute form, asterisk form and odd paths are taken apart as gunicorn does."""
    reply = ask(server.address, f"{line}\r\n{HOST}\r\n")
    assert reply.status == 404
    assert reply.text == f"no route {path.strip('/').replace('-', '_')}\n"


def test_answer_longer_than_its_length_is_cut(server: Server) -> None:
    """No byte beyond Content-Length goes out, so nothing can pose as a second answer."""
    with server.client() as client:
        client.get("/too-long")
        assert client.read_response().body == b"12345"
        client.get("/hello", "Connection: close")
        rest = client.read_until_closed()
        assert b"more" not in rest
        assert rest == b"" or (rest.startswith(b"HTTP/1.1 200 OK") and rest.endswith(b"hello\n"))


def test_answer_shorter_than_its_length_closes(server: Server) -> None:
    """An answer that ends before its length ends the connection: it cannot be taken for whole."""
    with server.client() as client:
        client.get("/too-short")
        with pytest.raises(Closed):
            client.read_response()


def test_exception_after_the_head_cuts_the_body(server: Server) -> None:
    """A chunked answer that failed has no last chunk; one with a length misses bytes."""
    for path in ("/raises-late", "/raises-late?length=100"):
        with server.client() as client:
            client.get(path)
            with pytest.raises(Closed) as cut:
                client.read_response()
            assert b"begun" in cut.value.seen
            assert b"\r\n0\r\n\r\n" not in cut.value.seen
    server.wait_for_log(r"ValueError: raised after the head", count=2)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_as_a_client(server: Server) -> None:
    """curl: a GET, a chunked upload, one with 100-continue, two requests on one connection."""

    def curl(*args: str, given: bytes = b"") -> str:
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "30", *args],
            input=given,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()

    url = server.url
    assert "HTTP/1.1 200 OK" in curl("-i", url)
    assert curl("-T", "-", "-X", "POST", url + "/echo", given=b"from stdin") == "from stdin"
    big = b"x" * 2_000_000
    expect = ["-H", "Expect: 100-continue", "--data-binary", "@-"]
    assert len(curl(*expect, url + "/echo", given=big)) == len(big)
    connects = curl("-w", "%{num_connects} ", "-o", "/dev/null", url, "-o", "/dev/null", url)
    assert connects.split() == ["1", "0"]


def test_httpx_with_many_connections(server: Server) -> None:
    """A pool of connections gets every answer."""
    with httpx.Client(limits=httpx.Limits(max_connections=8)) as client:
        for number in range(50):
            assert client.post(server.url + "/echo", content=str(number)).text == str(number)


def test_unix_socket(serve: Serve, tmp_path: Path) -> None:
    """Requests over a unix socket are answered like any other."""
    path = f"{tmp_path}/s"
    server = serve("trouble:app", bind=f"unix:{path}")
    with server.client() as client:
        client.get("/hello")
        assert client.read_response().text == "hello\n"
