# SPDX-License-Identifier: MIT
"""The scenario table: every load the bench puts on a server, and what we want to reach in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Figure = Literal["cpu_us", "p50_us"]


@dataclass(frozen=True)
class Scenario:
    """One load. `app` is MODULE:NAME in bench/apps, `floor` a mode of epoll_floor.

    `figure` is what the ratios are made from. The goals are ratios, at most: to the best peer and
    to the floor; None where there is nothing to compare with.
    """

    name: str
    title: str
    app: str
    floor: str | None
    peer_goal: float | None
    floor_goal: float | None
    connections: int = 64
    method: str = "GET"
    body_bytes: int = 0
    browser_headers: bool = False
    close: bool = False
    access_log: bool = False
    one_cpu: bool = False
    figure: Figure = "cpu_us"


HELLO = "bench_wsgi:hello"
ECHO = "bench_wsgi:echo"

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("hello", "hello, keep-alive", HELLO, "hello", 0.90, 1.25),
    Scenario("browser", "18 browser headers", HELLO, "hello", 0.75, 1.25, browser_headers=True),
    Scenario("body10k", "10 KiB body", "bench_wsgi:body10k", "body10k", 0.85, 1.25),
    Scenario("close", "Connection: close", HELLO, "close", 0.90, 1.00, close=True),
    Scenario("echo1k", "POST echo 1 KiB", ECHO, "echo", 0.75, 1.35, method="POST", body_bytes=1024),
    Scenario(
        "echo64k", "POST echo 64 KiB", ECHO, "echo", 0.72, 1.20, method="POST", body_bytes=65536
    ),
    Scenario("flask", "Flask hello", "bench_flask:app", None, 1.00, None),
    Scenario(
        "one",
        "one connection, one CPU (p50)",
        HELLO,
        "hello",
        0.85,
        1.15,
        connections=1,
        one_cpu=True,
        figure="p50_us",
    ),
    Scenario("log", "hello, access log to a file", HELLO, "hello", 0.50, 1.50, access_log=True),
)


def by_name(name: str) -> Scenario:
    """The scenario called `name`; raises KeyError."""
    return {scenario.name: scenario for scenario in SCENARIOS}[name]
