# SPDX-License-Identifier: MIT
"""Requests that wait for a slot: how many may, how long, and what those are told that may not."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.trace import Trace
from tests.support.waiting import FACTOR, Stopwatch, wait_until

QUEUE_TIME = "winghorn.queue_time"
HELLO = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
BUSY_SECONDS = 2 * FACTOR


@pytest.mark.parametrize("threads", [1, 2])
def test_what_has_waited_too_long_is_refused(serve: Serve, trace: Trace, threads: int) -> None:
    """queue_timeout: 503 while all threads work; the request never reaches the application."""
    options = ["--threads", str(threads), "--queue-timeout", "0.3"]
    server = serve("trouble:app", *options, env=trace.env)
    with ExitStack() as stack:
        busy = [stack.enter_context(server.client()) for _ in range(threads)]
        for client in busy:
            client.get(f"/sleep?seconds={BUSY_SECONDS}")
        trace.wait_for("/sleep", threads)
        watch = Stopwatch()
        refused = ask(server.address, HELLO)
        assert (refused.status, refused.get("Retry-After")) == (503, "1")
        assert 0.3 <= watch.seconds < BUSY_SECONDS
        for client in busy:
            assert client.read_response().status == 200, "what runs is not what waits"
    assert trace.count("/hello") == 0
    assert ask(server.address, HELLO).status == 200


def test_more_than_may_wait_are_refused_at_once(serve: Serve, trace: Trace) -> None:
    """queue_limit: two wait and are served, the third is told to come again."""
    server = serve("trouble:app", "--queue-limit", "2", env=trace.env)
    with ExitStack() as stack:
        busy, *others = [stack.enter_context(server.client()) for _ in range(4)]
        busy.get(f"/sleep?seconds={BUSY_SECONDS}")
        trace.wait_for("/sleep")
        for client in others:
            client.send(HELLO)
        replies = [client.read_response() for client in others]
        assert sorted(reply.status for reply in replies) == [200, 200, 503]
        (refused,) = [reply for reply in replies if reply.status == 503]
        assert refused.get("Retry-After") == "1"
        assert busy.read_response().status == 200
    assert trace.count("/hello") == 2


def test_time_in_the_queue_is_told(serve: Serve, trace: Trace, tmp_path: Path) -> None:
    """The application and the access log learn how long a request has waited for its slot."""
    log = tmp_path / "access.log"
    options = ["--access-logfile", str(log), "--access-logformat", "%(U)s %(Q)s"]
    server = serve("trouble:app", *options, env=trace.env)
    busy_seconds = 0.5 * FACTOR
    with server.client() as busy, server.client() as waiting:
        busy.get(f"/sleep?seconds={busy_seconds}")
        trace.wait_for("/sleep")
        watch = Stopwatch()
        waiting.get("/environ")
        told = json.loads(waiting.read_response().body)[QUEUE_TIME]
        assert busy.read_response().status == 200
        assert 0 < told < watch.seconds
        waiting.get("/environ")
        assert json.loads(waiting.read_response().body)[QUEUE_TIME] < busy_seconds / 2
    wait_until(lambda: log.read_text().count("\n") == 3, "three lines")
    lines = log.read_text().split()
    assert set(lines[::2]) == {"/sleep", "/environ"}
    assert float(lines[lines.index("/environ") + 1]) == pytest.approx(told, abs=0.001 * FACTOR)


@pytest.mark.parametrize(
    ("allowed", "counts"), [("127.0.0.1", True), ("192.0.2.1", False)], ids=["trusted", "stranger"]
)
def test_a_trusted_proxy_says_since_when_it_has_the_request(
    serve: Serve, allowed: str, counts: bool
) -> None:
    """X-Request-Start counts towards the time in the queue when its sender may be believed."""
    server = serve("trouble:app", "--forwarded-allow-ips", allowed)
    with server.client() as client:
        for start in (f"t={time.time() - 2:.3f}", str(int((time.time() - 2) * 1000))):
            client.get("/environ", f"X-Request-Start: {start}")
            told = json.loads(client.read_response().body)
            assert told["HTTP_X_REQUEST_START"] == start
            assert (1.9 <= told[QUEUE_TIME] < 2 + 5 * FACTOR) == counts
        client.get("/environ", "X-Request-Start: yesterday")
        assert json.loads(client.read_response().body)[QUEUE_TIME] < 1.9
