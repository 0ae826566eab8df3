# SPDX-License-Identifier: MIT
"""100,000 requests through each real proxy, by each way of naming the client: all as they should.

Each proxy also says in a header whom it has the request from, and the application compares.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.proxies import Address, haproxy, in_front, program
from tests.support.server import Server
from tests.support.waiting import PATIENCE

REQUESTS = 100_000
CLIENTS = 8
AT_ONCE = 25
REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"

APP = """
def app(environ, start_response):
    seen = environ["REMOTE_ADDR"] + " " + environ.get("REMOTE_PORT", "")
    expected = environ.get("HTTP_X_EXPECTED")
    right = seen.strip() == expected
    start_response("200 OK" if right else "409 " + seen, [("Content-Length", "0")])
    return [b""]
"""

HAPROXY = """
defaults
    mode http
    timeout client 20s
    timeout server 20s
    timeout connect 20s

frontend clients
    bind fd@{descriptor}
    {line}
    http-request set-header X-Expected "{expected}"
    default_backend servers

backend servers
    http-reuse {reuse}
    server one 127.0.0.1:{port} {send} maxconn 64
"""

NGINX = """
{user}
pid {folder}/pid;
error_log stderr error;
worker_processes 1;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    upstream servers {{ server 127.0.0.1:{port}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{listen};
        location / {{ {location} }}
    }}
}}
"""
PROXY_PASS = """
    proxy_pass http://servers; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Expected $remote_addr;
"""
UWSGI_PASS = """
    include /etc/nginx/uwsgi_params; uwsgi_pass servers;
    uwsgi_param HTTP_X_EXPECTED "$remote_addr $remote_port";
"""


def statuses_of(address: Address, count: int, into: Counter[str]) -> None:
    """Of so many requests on one connection after the other, several at a time."""
    left = count
    while left:
        with socket.create_connection(address, PATIENCE) as client:
            data = b""
            while left:
                batch = min(AT_ONCE, left)
                client.sendall(REQUEST * batch)
                while data.count(b"\r\n\r\n") < batch:
                    more = client.recv(65536)
                    if not more:
                        break
                    data += more
                answers = re.findall(rb"HTTP/1\.1 (\d+ [^\r]*)", data)
                into.update(answer.decode("latin-1") for answer in answers)
                left -= len(answers)
                data = b""
                if len(answers) < batch:
                    break


def load(address: Address) -> Counter[str]:
    counts = [Counter[str]() for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=statuses_of, args=(address, REQUESTS // CLIENTS, one))
        for one in counts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts, Counter())


@contextmanager
def nginx(server: Server, folder: Path, location: str) -> Iterator[Address]:
    found = program("nginx")
    if not Path("/etc/nginx/uwsgi_params").exists():
        pytest.skip("nginx has no uwsgi_params")
    user = "user root;" if os.geteuid() == 0 else ""

    def command(door: socket.socket) -> list[str]:
        listen = str(door.getsockname()[1])
        parts = {"listen": listen, "location": location, "user": user}
        config = NGINX.format(folder=folder, port=server.port, **parts)
        (folder / "nginx.conf").write_text(config)
        return [found, "-c", f"{folder}/nginx.conf", "-e", "stderr", "-g", "daemon off;"]

    with in_front(command) as address:
        yield address


@pytest.mark.timeout(120)
@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_haproxy_with_proxy_headers(serve: Serve, tmp_path: Path, send: str) -> None:
    """A connection to us for each client, and its own address on each request."""
    (tmp_path / "behind.py").write_text(APP)
    server = serve("behind:app", "-w", "2", "--proxy-protocol", "auto", cwd=tmp_path)
    parts = {"send": send, "line": "", "expected": "%[src] %[src_port]", "reuse": "never"}
    with haproxy(HAPROXY, tmp_path, port=server.port, **parts) as address:
        assert load(address) == {"200 OK": REQUESTS}


@pytest.mark.timeout(120)
def test_haproxy_that_shares_its_connections(serve: Serve, tmp_path: Path) -> None:
    """Those of one are the next one's: the header tells them apart."""
    (tmp_path / "behind.py").write_text(APP)
    server = serve("behind:app", "-w", "2", "--forwarded", "x", cwd=tmp_path)
    parts = {"send": "", "line": "option forwardfor", "expected": "%[src]", "reuse": "always"}
    with haproxy(HAPROXY, tmp_path, port=server.port, **parts) as address:
        assert load(address) == {"200 OK": REQUESTS}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("location", "options"),
    [(PROXY_PASS, ["--forwarded", "x"]), (UWSGI_PASS, ["--protocol", "uwsgi"])],
    ids=["proxy_pass", "uwsgi_pass"],
)
def test_nginx(serve: Serve, tmp_path: Path, location: str, options: list[str]) -> None:
    """With connections that it keeps, and as uwsgi packets."""
    (tmp_path / "behind.py").write_text(APP)
    server = serve("behind:app", "-w", "2", *options, cwd=tmp_path)
    with nginx(server, tmp_path, location) as address:
        assert load(address) == {"200 OK": REQUESTS}
