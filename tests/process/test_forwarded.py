# SPDX-License-Identifier: MIT
"""--forwarded: who the client is, when proxies in between say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import Address, RawClient
from tests.support.proxies import haproxy

CHAIN = "1.2.3.4, 192.0.2.1, 10.0.0.1"
ALLOWED = "127.0.0.1,10.0.0.0/8"


def remote(address: Address, *lines: str) -> tuple[str, str | None]:
    with RawClient(address) as client:
        client.get("/environ", *lines)
        environ = json.loads(client.read_response().body)
    return environ["REMOTE_ADDR"], environ.get("REMOTE_PORT")


@pytest.mark.parametrize(
    ("kind", "line", "expected"),
    [
        ("x", f"X-Forwarded-For: {CHAIN}", ("192.0.2.1", None)),
        ("x", "X-Forwarded-For: [2001:db8::1]:4711", ("2001:db8::1", "4711")),
        ("x", "X-Forwarded-For: nonsense", ("", None)),
        ("rfc7239", "Forwarded: for=1.2.3.4, for=192.0.2.1, for=10.0.0.1", ("192.0.2.1", None)),
        ("rfc7239", 'Forwarded: for="192.0.2.1:4711";proto=https', ("192.0.2.1", "4711")),
        ("rfc7239", 'Forwarded: for="192.0.2.1', ("", None)),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(
    serve: Serve, tmp_path: Path, kind: str, line: str, expected: tuple[str, str | None]
) -> None:
    """REMOTE_ADDR and the access log name it; what is not its address is not there."""
    log = tmp_path / "access"
    options = ["--forwarded", kind, "--forwarded-allow-ips", ALLOWED]
    server = serve(
        "trouble:app", *options, "--access-logfile", str(log), "--access-logformat", "%(h)s %(m)s"
    )
    assert remote(server.address, line) == expected
    server.stop()
    assert log.read_text() == f"{expected[0]} GET\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--forwarded", "off"],
        ["--forwarded", "rfc7239"],
        ["--forwarded", "x", "--forwarded-allow-ips", "10.0.0.0/8"],
    ],
    ids=["off", "another-header", "a-stranger"],
)
def test_others_are_not_believed(serve: Serve, options: list[str]) -> None:
    """Off, or by a peer that is no trusted proxy, the peer is the client."""
    server = serve("trouble:app", *options)
    address, port = remote(server.address, f"X-Forwarded-For: {CHAIN}")
    assert address == "127.0.0.1"
    assert port is not None


def test_each_request_of_a_connection_has_its_own_client(serve: Serve) -> None:
    """A proxy keeps connections for whoever comes."""
    server = serve("trouble:app", "--forwarded", "x")
    with server.client() as client:
        for address in ("192.0.2.1", "192.0.2.2"):
            client.get("/environ", f"X-Forwarded-For: {address}")
            assert json.loads(client.read_response().body)["REMOTE_ADDR"] == address
        client.get("/environ")
        assert json.loads(client.read_response().body)["REMOTE_ADDR"] == "127.0.0.1"


def test_a_proxy_on_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    """It is trusted, and it alone knows its client."""
    server = serve("trouble:app", "--forwarded", "x", bind=f"unix:{tmp_path}/s")
    assert remote(server.address, "X-Forwarded-For: 192.0.2.1") == ("192.0.2.1", None)


def test_everybody_trusted_means_those_who_come_here(serve: Serve) -> None:
    """With * the nearest that is named is the client: nobody vouches for what stands before it."""
    server = serve("trouble:app", "--forwarded", "x", "--forwarded-allow-ips", "*")
    assert remote(server.address, "X-Forwarded-For: 1.2.3.4, 192.0.2.1")[0] == "192.0.2.1"


HAPROXY = """
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s

frontend clients
    bind fd@{descriptor}
    {line}
    default_backend servers

backend servers
    server one 127.0.0.1:{port}
"""


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("x", "option forwardfor"),
        ("rfc7239", "http-request add-header Forwarded for=%[src]"),
    ],
)
def test_haproxy_in_front(serve: Serve, tmp_path: Path, kind: str, line: str) -> None:
    """The address is its client's, whatever that one claims to be."""
    server = serve("trouble:app", "--forwarded", kind)
    claims = ["X-Forwarded-For: 10.9.9.9", "Forwarded: for=10.9.9.9"]
    with (
        haproxy(HAPROXY, tmp_path, line=line, port=server.port) as address,
        RawClient(address, source="127.0.0.3") as client,
    ):
        for _ in range(3):
            client.get("/environ", *claims)
            assert json.loads(client.read_response().body)["REMOTE_ADDR"] == "127.0.0.3"
