# SPDX-License-Identifier: MIT
"""--proxy-protocol: a load balancer names the client of all requests of a connection."""

from __future__ import annotations

import json
import re
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import RawClient, Response, ask
from tests.support.proxies import haproxy
from tests.support.waiting import PATIENCE

V1 = b"PROXY TCP4 192.0.2.1 10.0.0.2 4711 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ENDS = socket.inet_aton("192.0.2.1") + socket.inet_aton("10.0.0.2") + struct.pack("!HH", 4711, 443)
V2 = SIGNATURE + b"\x21\x11" + struct.pack("!H", len(ENDS) + 5) + ENDS + b"\x01\x00\x02h2"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
REQUEST = b"GET /environ HTTP/1.1\r\nHost: test\r\n\r\n"
TOLD = {
    "REMOTE_ADDR": "192.0.2.1",
    "REMOTE_PORT": "4711",
    "PROXY_PROTOCOL": "TCP4",
    "PROXY_ADDR": "10.0.0.2",
    "PROXY_PORT": "443",
}


def told(answer: Response) -> dict[str, str]:
    environ = json.loads(answer.body)
    return {name: value for name, value in environ.items() if name in TOLD}


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_every_request_of_the_connection_is_its_clients(
    serve: Serve, tmp_path: Path, header: bytes
) -> None:
    """The environ and the access log say so, however the header arrives."""
    log = tmp_path / "access"
    options = ["--access-logfile", str(log), "--access-logformat", "%(h)s"]
    server = serve("trouble:app", "--proxy-protocol", "auto", *options)
    for cut in (len(header), 1, 7, 13):
        with server.client() as client:
            client.send(header[:cut])
            client.send(header[cut:] + REQUEST)
            assert told(client.read_response()) == TOLD
            client.send(REQUEST)
            assert told(client.read_response()) == TOLD
    server.stop()
    assert log.read_text() == "192.0.2.1\n" * 8


@pytest.mark.parametrize(
    ("mode", "header"),
    [("v1", b"PROXY UNKNOWN\r\n"), ("v2", LOCAL), ("auto", b""), ("v1", b""), ("v2", b"")],
    ids=["unknown", "local", "no-header", "no-line", "no-binary"],
)
def test_a_balancer_may_speak_for_itself(serve: Serve, mode: str, header: bytes) -> None:
    """Then the connection's own ends are what they are."""
    server = serve("trouble:app", "--proxy-protocol", mode)
    with server.client() as client:
        client.send(header + REQUEST)
        environ = told(client.read_response())
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert set(environ) == {"REMOTE_ADDR", "REMOTE_PORT"}


@pytest.mark.parametrize(
    ("mode", "header", "message"),
    [
        ("v1", b"PROXY TCP4 192.0.2.1 10.0.0.2 4711\r\n", "Invalid PROXY line: 'PROXY TCP4"),
        ("v2", SIGNATURE + b"\x31\x11\x00\x00", "Invalid PROXY header: version 3"),
        ("v1", V2, "Invalid HTTP request line: ''"),
        ("v2", V1, "Invalid HTTP request line: 'PROXY TCP4"),
        ("off", V1, "Invalid HTTP request line: 'PROXY TCP4"),
    ],
    ids=["bad-line", "bad-binary", "binary-to-v1", "line-to-v2", "off"],
)
def test_what_is_no_header_is_refused(serve: Serve, mode: str, header: bytes, message: str) -> None:
    """400, and what comes behind it is never run."""
    server = serve("trouble:app", "--proxy-protocol", mode)
    with server.client() as client:
        client.send(header + REQUEST)
        assert client.read_response().status == 400
        client.half_close()
        assert client.closed_cleanly()
    server.wait_for_log(re.escape(f"Invalid request from ip=127.0.0.1: {message}"))


def test_a_second_header_is_no_header(serve: Serve) -> None:
    """It belongs to the connection, not to a request."""
    server = serve("trouble:app", "--proxy-protocol", "v1")
    with server.client() as client:
        client.send(V1 + REQUEST)
        assert client.read_response().status == 200
        client.send(V1.replace(b"192.0.2.1", b"192.0.2.2") + REQUEST)
        assert client.read_response().status == 400
        client.half_close()
        assert client.closed_cleanly()


def test_only_balancers_may_send_one(serve: Serve) -> None:
    """Others get 403; without a header they are served."""
    server = serve("trouble:app", "--proxy-protocol", "v1", "--proxy-allow-from", "127.0.0.2")
    with server.client() as client:
        client.send(V1 + REQUEST)
        assert client.read_response().status == 403
    server.wait_for_log("Proxy request from '127.0.0.1' not allowed")
    assert ask(server.address, REQUEST).status == 200
    with RawClient(server.address, source="127.0.0.2") as client:
        client.send(V1 + REQUEST)
        assert told(client.read_response()) == TOLD


@pytest.mark.parametrize("begun", [b"PROXY TCP4 192.", SIGNATURE + b"\x21\x11"], ids=["v1", "v2"])
def test_half_a_header_has_the_time_of_a_head(serve: Serve, begun: bytes) -> None:
    """Then the connection is closed."""
    server = serve("trouble:app", "--proxy-protocol", "auto", "--head-timeout", "1")
    with server.client() as client:
        client.send(begun)
        assert client.read_until_closed() == b""


def test_a_trusted_proxy_behind_a_balancer_names_its_client(serve: Serve) -> None:
    """And a client that the balancer names is not believed, whatever it says of itself."""
    line = b"X-Forwarded-For: 198.51.100.1\r\n\r\n"
    request = REQUEST.replace(b"\r\n\r\n", b"\r\n" + line)
    for trusted, expected in (("127.0.0.1,192.0.2.1", "198.51.100.1"), ("127.0.0.1", "192.0.2.1")):
        options = ["--forwarded", "x", "--forwarded-allow-ips", trusted]
        server = serve("trouble:app", "--proxy-protocol", "v1", *options)
        with server.client() as client:
            client.send(V1 + request)
            assert told(client.read_response())["REMOTE_ADDR"] == expected


def test_another_worker_that_takes_the_request_knows_it_too(serve: Serve) -> None:
    """A connection that was let in by a busy worker goes on at a free one."""
    server = serve("trouble:app", "-w", "2", "--proxy-protocol", "v1")
    with server.client() as one, server.client() as other:
        for client in (one, other):
            client.send(V1 + REQUEST)
            assert told(client.read_response()) == TOLD
        # Wherever they are: one worker is busy, and each of the two is asked again.
        one.get("/sleep?seconds=0.5")
        for _ in range(5):
            other.send(REQUEST)
            assert told(other.read_response()) == TOLD
        assert one.read_response().status == 200


def test_curl(serve: Serve) -> None:
    """--haproxy-protocol sends a line."""
    curl = shutil.which("curl")
    assert curl is not None
    server = serve("trouble:app", "--proxy-protocol", "v1")
    answer = subprocess.run(
        [curl, "-sS", "--haproxy-protocol", f"{server.url}/environ"],
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    environ = json.loads(answer.stdout)
    assert environ["PROXY_PROTOCOL"] == "TCP4"
    assert environ["PROXY_PORT"] == str(server.port)


HAPROXY = """
defaults
    mode tcp
    timeout client 10s
    timeout server 10s
    timeout connect 10s

frontend clients
    bind fd@{descriptor}
    default_backend servers

backend servers
    server one 127.0.0.1:{port} {send} check inter 100ms
"""


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_haproxy_in_front(serve: Serve, tmp_path: Path, send: str) -> None:
    """With its checks, which speak for the balancer itself; kept-alive and one after the other."""
    server = serve("trouble:app", "-w", "2", "--proxy-protocol", "auto")
    with haproxy(HAPROXY, tmp_path, port=server.port, send=send) as address:
        for number in range(3, 6):
            with RawClient(address, source=f"127.0.0.{number}") as client:
                for _ in range(5):
                    client.send(REQUEST)
                    answer = told(client.read_response())
                    assert answer["REMOTE_ADDR"] == f"127.0.0.{number}"
                    assert answer["PROXY_PORT"] == str(address[1])
    assert "Invalid request" not in server.log.text
