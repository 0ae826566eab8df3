# SPDX-License-Identifier: MIT
"""Running out of descriptors: no crash, no busy loop, nobody served is lost."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import Closed, ask
from tests.support.waiting import let_pass

HOST = "Host: test\r\n"
HELLO = f"GET /hello HTTP/1.1\r\n{HOST}\r\n"


@pytest.mark.parametrize("threads", ["1", "2"])
def test_200_clients_with_64_descriptors(serve: Serve, threads: str) -> None:
    """200 clients: who speaks is served, in the place of who has been silent for longest."""
    prefix = ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
    server = serve("trouble:app", "--threads", threads, "--keep-alive", "1", prefix=prefix)
    worker = server.workers()[0]
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(200)]
        clients[199].send(HELLO)
        assert clients[199].read_response().status == 200
        before = processes.cpu_seconds(worker)
        let_pass(1)
        assert processes.cpu_seconds(worker) - before < 0.7, "no busy loop"
        # They are all with the worker now, so nobody else comes who could take this one's place.
        clients[198].send(HELLO)
        assert clients[198].read_response().status == 200
        with pytest.raises((Closed, OSError)):
            clients[0].send(HELLO)
            clients[0].read_response()
    assert server.workers() == [worker]
    assert ask(server.address, HELLO).status == 200


def test_file_answers_with_few_descriptors(serve: Serve) -> None:
    """With hardly a descriptor left a request still gets an answer, if only 500."""
    prefix = ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
    server = serve("trouble:app", prefix=prefix)
    worker = server.workers()[0]
    for _ in range(100):
        reply = ask(server.address, f"GET /file?path=/etc/passwd HTTP/1.1\r\n{HOST}\r\n")
        assert reply.status == 200
    assert server.workers() == [worker]


HOARDER = """
import os

taken = []
try:
    while True:
        taken.append(os.dup(2))
except OSError:
    for _ in range(LEFT):
        os.close(taken.pop())

def app(environ, start_response):
    start_response("200 OK", [])
    return []
"""


@pytest.mark.parametrize("left", range(8))
def test_none_left_to_start_with(serve: Serve, tmp_path: Path, left: int) -> None:
    """An application whose import takes all but a few: the worker says what it lacked, exit 3."""
    (tmp_path / "hoarder.py").write_text(HOARDER.replace("LEFT", str(left)))
    prefix = ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
    server = serve("hoarder:app", cwd=tmp_path, prefix=prefix, ready=False)
    assert server.wait_exit() == 3
    assert "Too many open files" in server.log.text
    assert "Reason: Worker failed to boot." in server.log.text
    assert "SIGABRT" not in server.log.text
