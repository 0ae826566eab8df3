# SPDX-License-Identifier: MIT
"""Large bodies in both directions: every byte arrives, and the worker's memory stays flat."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import RawClient
from tests.support.server import Server
from tests.support.waiting import FACTOR

HOST = "Host: test\r\n"
MIB = 1 << 20
BLOCK = bytes(range(256)) * (MIB // 256)
GROWTH_KIB = int(40 * 1024 * FACTOR)  # of a worker that holds nothing but its buffers


def sizes() -> list[object]:
    return [
        pytest.param(256 * MIB, id="256MiB"),
        pytest.param(2048 * MIB, id="2GiB", marks=[pytest.mark.large, pytest.mark.timeout(600)]),
    ]


class Growth:
    """How much more memory a process holds than when this was made, at most so far."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = processes.resident_kib(pid)
        self.kib = 0

    def look(self) -> None:
        self.kib = max(self.kib, processes.resident_kib(self._pid) - self._before)


def warmed_up(server: Server) -> Growth:
    with server.client() as client:
        client.send(f"POST /digest HTTP/1.1\r\n{HOST}Content-Length: {2 * MIB}\r\n\r\n")
        client.send(BLOCK * 2)
        assert client.read_response().status == 200
    return Growth(server.workers()[0])


def expected(total: int) -> str:
    found = hashlib.sha256()
    for _ in range(total // MIB):
        found.update(BLOCK)
    return found.hexdigest()


def send_body(client: RawClient, total: int, chunked: bool, growth: Growth) -> None:
    for number in range(total // MIB):
        if chunked:
            client.send(b"%x\r\n" % MIB + BLOCK + b"\r\n")
        else:
            client.send(BLOCK)
        if number % 16 == 0:
            growth.look()
    if chunked:
        client.send(b"0\r\n\r\n")


@pytest.mark.parametrize("total", sizes())
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_upload(serve: Serve, tmp_path: Path, total: int, chunked: bool, threads: str) -> None:
    """A large upload reaches the application whole; the worker does not grow with it."""
    server = serve("trouble:app", "--threads", threads, "--worker-tmp-dir", str(tmp_path))
    growth = warmed_up(server)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {total}"
    with server.client() as client:
        client.socket.settimeout(120 * FACTOR)
        client.send(f"POST /digest HTTP/1.1\r\n{HOST}{framing}\r\n\r\n")
        send_body(client, total, chunked, growth)
        reply = json.loads(client.read_response().body)
    growth.look()
    assert reply == {"bytes": total, "sha256": expected(total)}
    assert growth.kib < GROWTH_KIB
    assert list(tmp_path.iterdir()) == [], "what was spilled has no name"


def received(client: RawClient, total: int, growth: Growth) -> Iterator[bytes]:
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.read_some()
    part = head.partition(b"\r\n\r\n")[2]
    count = 0
    while True:
        count += len(part)
        yield part
        if count % (16 * MIB) < len(part):
            growth.look()
        if count >= total:
            return
        part = client.socket.recv(MIB)
        assert part, f"ended after {count} of {total}"


@pytest.mark.parametrize("total", sizes())
@pytest.mark.parametrize("threads", ["1", "2"])
def test_download(serve: Serve, total: int, threads: str) -> None:
    """A large answer made on the way arrives whole; the worker does not grow with it."""
    server = serve("trouble:app", "--threads", threads)
    growth = warmed_up(server)
    found, count = hashlib.sha256(), 0
    with server.client() as client:
        client.get(f"/big?bytes={total}")
        for part in received(client, total, growth):
            found.update(part)
            count += len(part)
    assert count == total
    assert found.hexdigest() == expected(total)
    assert growth.kib < GROWTH_KIB


@pytest.mark.parametrize("total", sizes())
def test_download_of_a_file(serve: Serve, tmp_path: Path, total: int) -> None:
    """A large file by wsgi.file_wrapper arrives whole, from a hole to the last byte."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(total - 4)
        file.seek(0, os.SEEK_END)
        file.write(b"last")
    server = serve("trouble:app")
    growth = warmed_up(server)
    count, tail = 0, b""
    with server.client() as client:
        client.get(f"/file?path={path}&length={total}")
        for part in received(client, total, growth):
            count += len(part)
            tail = (tail + part)[-4:]
    path.unlink()
    assert (count, tail) == (total, b"last")
    assert growth.kib < GROWTH_KIB


def test_upload_that_nobody_reads(serve: Serve) -> None:
    """An application that does not read 64 MiB sent to it: the worker does not grow with them."""
    server = serve("trouble:app")
    growth = warmed_up(server)
    with server.client() as client:
        client.send(f"POST /ignore-body HTTP/1.1\r\n{HOST}Content-Length: {64 * MIB}\r\n\r\n")
        with suppress(BrokenPipeError, ConnectionResetError):  # refusing the rest is right, too
            send_body(client, 64 * MIB, False, growth)
        assert client.read_response().text == "I did not read it\n"
    growth.look()
    assert growth.kib < GROWTH_KIB


def test_echo_of_more_than_every_buffer(serve: Serve) -> None:
    """An upload that is answered while it comes: 16 MiB through one slot, to the byte."""
    server = serve("winghorn.demo:app")
    body = BLOCK * 16
    with server.client() as client:
        client.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: {len(body)}\r\n\r\n")
        client.send(body[: 8 * MIB])
        client.send(body[8 * MIB :])
        assert hashlib.sha256(client.read_response().body).digest() == hashlib.sha256(body).digest()


def test_folder_that_keeps_no_bodies_is_named_at_start(serve: Serve) -> None:
    """A worker_tmp_dir in which no file can be made: one warning with the reason."""
    server = serve("trouble:app", "--worker-tmp-dir", "/proc")
    server.wait_for_log(r"\[WARNING\] Long request bodies cannot be kept in /proc \(.+\)")
    assert len(server.log.matches("Long request bodies")) == 1


@pytest.mark.skipif(
    " /dev/shm tmpfs " not in Path("/proc/mounts").read_text(), reason="no tmpfs at /dev/shm"
)
def test_folder_in_memory_is_named_at_start(serve: Serve) -> None:
    """A worker_tmp_dir on a tmpfs: one warning, for what is kept there takes memory."""
    server = serve("trouble:app", "--worker-tmp-dir", "/dev/shm")
    server.wait_for_log(r"\[WARNING\] Long request bodies are kept in /dev/shm, which is memory")
    assert len(server.log.matches("Long request bodies")) == 1


def test_temporary_folder_is_looked_at_too(serve: Serve, tmp_path: Path) -> None:
    """Without worker_tmp_dir it is TMPDIR that counts; a good folder is not worth a line."""
    server = serve("trouble:app", env={"TMPDIR": "/proc"})
    server.wait_for_log(r"Long request bodies cannot be kept in /proc")
    server = serve("trouble:app", "--worker-tmp-dir", str(tmp_path))
    assert "Long request bodies" not in server.log.text
    assert list(tmp_path.iterdir()) == []
