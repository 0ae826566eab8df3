# SPDX-License-Identifier: MIT
"""Hostile requests over real sockets: refused, the connection closed, nothing behind them run.

Behind every hostile request stands `GET /smuggled`; the trace of the application must not know it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support import processes
from tests.support.client import RawClient, Response, ask
from tests.support.server import Server
from tests.support.trace import Trace
from tests.support.waiting import wait_until

HOST = "Host: test\r\n"
END = "0\r\n\r\n"
SMUGGLED = f"GET /smuggled HTTP/1.1\r\n{HOST}\r\n"
CHUNKED = f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module", params=["sync", "gthread"])
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server for the whole file: an attack that harms it makes the following ones fail too."""
    trace = Trace(tmp_path_factory.mktemp("attacks") / "trace")
    more = ["--threads", "2"] if request.param == "gthread" else []
    with Server("trouble:app", *more, env=trace.env) as server:
        server.trace = trace  # type: ignore[attr-defined]
        server.ready()
        yield server
    assert server.sanitizer_reports() == [], server.log.text


def _run(server: Server) -> list[str]:
    """What the application ran so far: METHOD TARGET of each request."""
    trace: Trace = server.trace  # type: ignore[attr-defined]
    return trace.lines()


def _attack(server: Server, data: str | bytes) -> list[Response]:
    """Sends the bytes and `GET /smuggled` behind; the answers until the server closes."""
    before = len(_run(server))
    workers = server.workers()
    with server.client() as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            client.send(data if isinstance(data, bytes) else data.encode("latin-1"))
            client.send(SMUGGLED)
        answers = _answers(client)
    # Somebody else is served, by the same worker: the attack cost nobody anything.
    assert ask(server.address, f"GET /hello HTTP/1.1\r\n{HOST}\r\n").status == 200
    assert server.workers() == workers
    assert not [line for line in _run(server)[before:] if "smuggled" in line]
    return answers


def _answers(client: RawClient) -> list[Response]:
    """All answers until the connection closes; AssertionError when it stays open."""
    data = client.read_until_closed()
    answers = []
    while data.startswith(b"HTTP/1."):
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines[1:])]
        version, status, reason = (lines[0] + " ").split(" ", 2)
        reply = Response(version, int(status), reason.strip(), fields)
        length = int(reply.get("Content-Length") or 0)
        reply.body, data = rest[:length], rest[length:]
        answers.append(reply)
    assert not data, f"bytes behind the last answer: {data!r}"
    return answers


def post(*lines: str, body: str = "", version: str = "HTTP/1.1") -> str:
    return "\r\n".join([f"POST /echo {version}", "Host: test", *lines, "", body])


REFUSED_HEADS = {
    # both lengths, and transfer codings (RFC 9112 6.1, 6.3)
    "length_and_chunked": (post("Content-Length: 3", "Transfer-Encoding: chunked", body=END), 400),
    "chunked_and_length": (post("Transfer-Encoding: chunked", "Content-Length: 3", body=END), 400),
    "coding_with_vt": (post("Transfer-Encoding: \x0bchunked", body=END), 400),
    "coding_with_nbsp": (post("Transfer-Encoding: \xa0chunked", body=END), 501),
    "coding_with_nel": (post("Transfer-Encoding: chunked\x85", body=END), 501),
    "coding_quoted": (post('Transfer-Encoding: "chunked"', body=END), 501),
    "coding_with_parameter": (post("Transfer-Encoding: chunked;q=1", body=END), 501),
    "coding_empty_member": (post("Transfer-Encoding: ,chunked", body=END), 501),
    "coding_folded": (post("Transfer-Encoding:\r\n chunked", body=END), 400),
    "coding_space_before_colon": (post("Transfer-Encoding : chunked", body=END), 400),
    "chunked_not_last": (post("Transfer-Encoding: chunked, identity", body=END), 400),
    "chunked_twice": (post("Transfer-Encoding: chunked, chunked", body=END), 400),
    "chunked_in_two_lines": (
        post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=END), 400),
    "coding_unknown": (post("Transfer-Encoding: cow", body=END), 501),
    "coding_only_identity": (post("Transfer-Encoding: identity"), 400),
    "coding_only_gzip": (post("Transfer-Encoding: gzip"), 400),
    "chunked_in_1_0": (
        post("Transfer-Encoding: chunked", body=END, version="HTTP/1.0"), 400),
    # Content-Length (RFC 9110 8.6)
    **{
        f"length_{name}": (post(f"Content-Length: {value}"), 400)
        for name, value in {
            "plus": "+1",
            "minus": "-1",
            "underscore": "0_1",
            "hex": "0x10",
            "letters": "1Z",
            "empty": "",
            "superscript": "\xb2",
            "space": "1 1",
            "list": "5, 5",
            "list_other": "5, 6",
            "two_to_64": "18446744073709551616",
            "huge": "9" * 60,
            "fraction": "1.0",
        }.items()
    },
    "length_twice_different": (post("Content-Length: 1", "Content-Length: 2", body="x"), 400),
    "length_twice_equal": (post("Content-Length: 1", "Content-Length: 1", body="x"), 400),
    # Host and Content-Type (RFC 9112 3.2)
    "host_twice": ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "host_twice_equal": ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "content_type_twice": (post("Content-Type: a/b", "Content-Type: c/d"), 400),
    # line ends (RFC 9112 2.2)
    "bare_lf_request_line": (f"GET / HTTP/1.1\n{HOST}\r\n", 400),
    "bare_lf_header": ("GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
    "bare_lf_end": ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    "bare_cr_in_value": ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n", 400),
    "cr_then_other": ("GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", 400),
    "two_empty_lines_first": ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400),
    "leading_lf": ("\nGET / HTTP/1.1\r\n\r\n", 400),
    # request line (RFC 9112 3)
    "method_lower": ("get / HTTP/1.1\r\n\r\n", 400),
    "method_nul": ("GET\0 / HTTP/1.1\r\n\r\n", 400),
    "method_not_ascii": ("GET\xdf / HTTP/1.1\r\n\r\n", 400),
    "method_short": ("GE / HTTP/1.1\r\n\r\n", 400),
    "no_version": ("GET /\r\n\r\n", 400),
    "version_two_digits": ("GET / HTTP/1.32\r\n\r\n", 400),
    "version_no_dot": ("GET / HTTP/111\r\n\r\n", 400),
    "version_2": ("GET / HTTP/2.0\r\n\r\n", 505),
    "version_0_9": ("GET / HTTP/0.9\r\n\r\n", 505),
    "version_ftp": ("GET / FTP/1.1\r\n\r\n", 400),
    "version_lower": ("GET / http/1.1\r\n\r\n", 400),
    "tab_between": ("GET\t/\tHTTP/1.1\r\n\r\n", 400),
    "two_spaces": ("GET  / HTTP/1.1\r\n\r\n", 400),
    "trailing_space": ("GET / HTTP/1.1 \r\n\r\n", 400),
    "target_nul": ("GET /\0 HTTP/1.1\r\n\r\n", 400),
    "target_not_ascii": ("GET /\xe0 HTTP/1.1\r\n\r\n", 400),
    "target_del": ("GET /\x7f HTTP/1.1\r\n\r\n", 400),
    "target_relative": ("GET a/b HTTP/1.1\r\n\r\n", 400),
    "target_authority": ("GET test:80 HTTP/1.1\r\n\r\n", 400),
    "target_asterisk": ("GET * HTTP/1.1\r\n\r\n", 400),
    "http2_preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "tls_hello": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    # header names and values (RFC 9110 5.1, 5.5; RFC 9112 5)
    "name_empty": ("GET / HTTP/1.1\r\n: 1\r\n\r\n", 400),
    "name_space_before_colon": ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "name_nul": ("GET / HTTP/1.1\r\nX\0Y: 1\r\n\r\n", 400),
    "name_nel": ("GET / HTTP/1.1\r\nX\x85: 1\r\n\r\n", 400),
    "name_parenthesis": ("GET / HTTP/1.1\r\nX(Y): 1\r\n\r\n", 400),
    "no_colon": ("GET / HTTP/1.1\r\nX-Y\r\n\r\n", 400),
    "folded_first_line": ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "folded": ("GET / HTTP/1.1\r\nX: 1\r\n\tmore\r\n\r\n", 400),
    "value_nul": ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 400),
    "value_bell": ("GET / HTTP/1.1\r\nX: a\x07b\r\n\r\n", 400),
    "value_del": ("GET / HTTP/1.1\r\nX: a\x7fb\r\n\r\n", 400),
    "value_esc": ("GET / HTTP/1.1\r\nX: \x1b[2J\r\n\r\n", 400),
    # limits (RFC 6585 5)
    "line_too_long": (f"GET /{'a' * 5000} HTTP/1.1\r\n\r\n", 414),
    "line_without_end": ("GET /" + "a" * 100_000, 414),
    "field_too_long": (f"GET / HTTP/1.1\r\nX: {'a' * 9000}\r\n\r\n", 431),
    "field_64_kib": (f"GET / HTTP/1.1\r\nX: {'a' * 65536}\r\n\r\n", 431),
    "field_name_without_end": ("GET / HTTP/1.1\r\n" + "X" * 100_000, 431),
    "too_many_fields": ("GET / HTTP/1.1\r\n" + "X: 1\r\n" * 10_000 + "\r\n", 431),
    # trust (parity: contradictory scheme headers from a trusted peer)
    "scheme_contradiction": (
        "GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n", 400),
    "expect_unknown": ("GET / HTTP/1.1\r\nExpect: magic\r\n\r\n", 417),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_HEADS)
def test_hostile_head_is_refused(attacked: Server, name: str) -> None:
    """An error status, the connection closed, the application not called, nothing behind parsed."""
    data, status = REFUSED_HEADS[name]
    before = len(_run(attacked))
    answers = _attack(attacked, data)
    assert [reply.status for reply in answers] == [status]
    assert answers[0].get("Connection") == "close"
    ran = _run(attacked)[before:]
    assert ran == ["GET /hello"], "only the bystander's request may have run"


BAD_CHUNKS = {
    **{
        f"size_{name}": f"{size}\r\nhello\r\n0\r\n\r\n"
        for name, size in {
            "hex_prefix": "0x5",
            "plus": "+5",
            "minus": "-5",
            "underscore": "6_0",
            "leading_space": " 5",
            "trailing_space": "5 ",
            "empty": "",
            "17_digits": "F" * 17,
            "letters": "ZZ",
            "wrapped": "10000000000000005",
        }.items()
    },
    "size_line_lf": "5\nhello\r\n0\r\n\r\n",
    "data_without_end": "5\r\nhello??0\r\n\r\n",
    "data_ends_with_lf": "5\r\nhello\n0\r\n\r\n",
    "data_too_long": "5\r\nhello!\r\n0\r\n\r\n",
    "last_without_end": "5\r\nhello\r\n0\r\nX",
    "extension_bare_cr": "5;a=\rb\r\nhello\r\n0\r\n\r\n",
    "extension_bare_lf": "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension_empty_name": "5;;\r\nhello\r\n0\r\n\r\n",
    "extension_open_quote": '5;a="b\r\nhello\r\n0\r\n\r\n',
    "extension_endless": "5;" + "a" * 300_000 + "\r\nhello\r\n0\r\n\r\n",
    "trailer_length": "0\r\nContent-Length: 99\r\n\r\n",
    "trailer_host": "0\r\nHost: evil\r\n\r\n",
    "trailer_coding": "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailer_bad_name": "0\r\nX Y: 1\r\n\r\n",
    "trailer_bare_lf": "0\r\nX: 1\n\r\n",
    "trailers_too_many": "0\r\n" + "X: 1\r\n" * 100_000 + "\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_bad_chunk_poisons_the_connection(attacked: Server, name: str) -> None:
    """A framing error in a body is refused, the connection dies whatever the application did."""
    answers = _attack(attacked, CHUNKED + BAD_CHUNKS[name])
    assert [reply.status for reply in answers] in ([400], [431])


@pytest.mark.parametrize("name", ["size_letters", "data_without_end", "trailer_length"])
def test_bad_chunk_behind_an_answer_closes(attacked: Server, name: str) -> None:
    """Also where the application answers without reading: the rest of the body is not a request."""
    head = CHUNKED.replace("/echo", "/ignore-body")
    answers = _attack(attacked, head + BAD_CHUNKS[name])
    assert [reply.status for reply in answers] in ([400], [200], [200, 400])


def test_leading_zeros_are_ten(attacked: Server) -> None:
    """`Content-Length: 010` is ten, not eight."""
    request = f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 010\r\n\r\n0123456789"
    assert ask(attacked.address, request).body == b"0123456789"


def test_trailers_are_not_merged(attacked: Server) -> None:
    """A trailer never appears among the headers."""
    request = CHUNKED.replace("/echo", "/environ") + "0\r\nX-Late: 1\r\n\r\n"
    assert "HTTP_X_LATE" not in json.loads(ask(attacked.address, request).body)


def test_nothing_runs_behind_a_malformed_second_request(attacked: Server) -> None:
    """Pipelined: the first is answered, the malformed second refused, the third never run."""
    answers = _attack(attacked, f"GET /hello HTTP/1.1\r\n{HOST}\r\nGET / HTTP/9.9\r\n\r\n")
    assert [reply.status for reply in answers] == [200, 505]


def test_body_of_a_get_is_consumed(attacked: Server) -> None:
    """A GET with a body: what is in the body is never a request."""
    inner = "GET /smuggled HTTP/1.1\r\n\r\n"
    request = (
        f"GET /hello HTTP/1.1\r\n{HOST}Content-Length: {len(inner)}\r\n\r\n{inner}"
        f"GET /pid HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    )
    before = len(_run(attacked))
    with attacked.client() as client:
        client.send(request)
        answers = _answers(client)
    assert answers[0].status == 200
    assert not [line for line in _run(attacked)[before:] if "smuggled" in line]


@pytest.mark.parametrize(
    ("sent", "key"),
    [("X_Forwarded_For: evil", "HTTP_X_FORWARDED_FOR"), ("Content_Length: 9", "CONTENT_LENGTH")],
)
def test_underscore_names_are_dropped(attacked: Server, sent: str, key: str) -> None:
    """A header with an underscore cannot pose as its twin with a dash."""
    reply = ask(attacked.address, f"GET /environ HTTP/1.1\r\n{HOST}{sent}\r\n\r\n")
    assert key not in json.loads(reply.body)


def test_connection_header_removes_nothing(attacked: Server) -> None:
    """Naming a header in Connection does not take it away from the application."""
    reply = ask(
        attacked.address,
        f"GET /environ HTTP/1.1\r\n{HOST}Connection: close, X-User\r\nX-User: me\r\n\r\n",
    )
    assert json.loads(reply.body)["HTTP_X_USER"] == "me"


def test_upgrade_to_h2c_is_ignored(attacked: Server) -> None:
    """An offer of h2c is no reason to change the protocol."""
    reply = ask(
        attacked.address,
        f"GET /hello HTTP/1.1\r\n{HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    )
    assert (reply.status, reply.text) == (200, "hello\n")


BAD_HEADS = [
    "name_space",
    "name_empty",
    "name_crlf",
    "value_crlf",
    "value_lf",
    "value_nul",
    "value_type",
    "length",
    "not_a_pair",
    "status_text",
    "status_crlf",
    "status_short",
    "status_type",
]


@pytest.mark.parametrize("what", BAD_HEADS)
def test_response_cannot_be_split(attacked: Server, what: str) -> None:
    """A status or header of the application that would split the answer gives 500."""
    count = len(attacked.log.matches(r"Error handling request"))
    reply = ask(attacked.address, f"GET /bad-head?what={what} HTTP/1.1\r\n{HOST}\r\n")
    assert reply.status == 500
    assert b"evil" not in reply.raw
    assert b"never sent" not in reply.raw
    attacked.wait_for_log(r"Error handling request", count=count + 1)


def test_early_hint_cannot_be_split(attacked: Server) -> None:
    """The same holds for early hints: the application gets an exception."""
    reply = ask(attacked.address, f"GET /early-hints-bad HTTP/1.1\r\n{HOST}\r\n")
    assert reply.text.startswith("refused: ")
    assert reply.interim == []


def test_error_page_escapes_the_input(attacked: Server) -> None:
    """What a page echoes is escaped."""
    reply = ask(attacked.address, "GET / HTTP/1.1\r\n<script>: 1\r\n\r\n")
    assert reply.status == 400
    assert b"<script>" not in reply.body


def test_truncated_body_is_not_run_as_a_whole_one(attacked: Server) -> None:
    """Content-Length 10, three bytes, FIN: the application sees no complete body of three."""
    with attacked.client() as client:
        client.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 10\r\n\r\nabc")
        client.half_close()
        assert b" 200 " not in client.read_until_closed()[:20]


def test_client_that_resets_in_the_middle_harms_nobody(attacked: Server) -> None:
    """Resets before, in and after a request: no worker is lost and no descriptor stays open."""
    workers = attacked.workers()
    ask(attacked.address, f"GET /hello HTTP/1.1\r\n{HOST}\r\n")
    before = len(processes.descriptors(workers[0]))
    requests = [
        "",
        "GET / HT",
        f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nabc",
        f"GET /big?bytes=3000000 HTTP/1.1\r\n{HOST}\r\n",
        f"GET /hello HTTP/1.1\r\n{HOST}\r\n",
    ]
    for request in requests * 10:
        client = attacked.client()
        client.send(request)
        client.reset()
    assert ask(attacked.address, f"GET /hello HTTP/1.1\r\n{HOST}\r\n").status == 200
    assert attacked.workers() == workers
    wait_until(
        lambda: len(processes.descriptors(workers[0])) <= before + 2,
        lambda: f"descriptors come back to {before}: {processes.descriptors(workers[0])}",
    )
