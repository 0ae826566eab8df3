# SPDX-License-Identifier: MIT
"""Requests that wait for a slot: how many may, how long, and what those are told that may not."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.trace import Trace
from tests.support.waiting import FACTOR, Stopwatch

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
