# SPDX-License-Identifier: MIT
"""gunicorn's Logger of ours, without a server: atoms, addresses, metrics."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from winghorn import glogging, log_bridge
from winghorn.basic_auth import user_of
from winghorn.glogging import Logger, SafeAtoms, parse_syslog_address
from winghorn.instrument import statsd
from winghorn.instrument.statsd import Statsd
from winghorn.log_bridge import LogHandler, is_ours

SETTINGS: dict[str, Any] = {
    "loglevel": "info",
    "errorlog": "-",
    "accesslog": None,
    "syslog": False,
    "disable_redirect_access_to_syslog": False,
    "logconfig": None,
    "logconfig_dict": {},
    "logconfig_json": None,
    "statsd_host": None,
    "statsd_prefix": "",
    "dogstatsd_tags": "",
}


def cfg(**more: Any) -> Any:
    return SimpleNamespace(**{**SETTINGS, **more})


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Handlers that a test has given to gunicorn's loggers are taken away again."""
    yield
    made = Logger(cfg())
    for log in (made.error_log, made.access_log):
        log.handlers = []


def test_atoms_render_what_is_unknown_as_a_dash() -> None:
    """And quote nothing but what could look like another field or line."""
    atoms = SafeAtoms({"a": 'say "x"\n', "{host}i": "shop", "B": 5})
    assert atoms["a"] == 'say \\"x\\"\\x0a'
    assert atoms["{HOST}i"] == "shop"
    assert atoms["B"] == 5
    assert atoms["nothing"] == atoms["{nothing}e"] == "-"


def test_atoms_of_a_request() -> None:
    """Names and values are gunicorn's."""
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/a%20b?c",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "c",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_AUTHORIZATION": "Basic bWU6c2VjcmV0",
    }
    req = SimpleNamespace(headers=[("HOST", "shop")], pid=71)
    resp = SimpleNamespace(status="200 OK", sent=12, headers=[("Content-Type", "text/html")])
    took = timedelta(seconds=1, milliseconds=5)
    atoms = Logger(cfg()).atoms(resp, req, environ, took)
    assert {key: atoms[key] for key in "hlursmUqHbBfaTDMLp"} == {
        "h": "192.0.2.7",
        "l": "-",
        "u": "me",
        "r": "GET /a%20b?c HTTP/1.1",
        "s": "200",
        "m": "GET",
        "U": "/a b",
        "q": "c",
        "H": "HTTP/1.1",
        "b": "12",
        "B": 12,
        "f": "-",
        "a": "-",
        "T": 1,
        "D": 1005000,
        "M": 1005,
        "L": "1.005000",
        "p": "<71>",
    }
    assert atoms["{host}i"] == "shop"
    assert atoms["{content-type}o"] == "text/html"
    assert atoms["{remote_addr}e"] == "192.0.2.7"


@pytest.mark.parametrize(
    ("header", "user"),
    [
        ("Basic bWU6c2VjcmV0", "me"),
        ("basic bWU6", "me"),
        ("Basic OnNlY3JldA==", None),
        ("Basic !", None),
        ("Basic /w==", None),
        ("Bearer bWU6c2VjcmV0", None),
        (None, None),
    ],
)
def test_users_of_basic_authentication(header: str | None, user: str | None) -> None:
    assert user_of(header) == user


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("udp://localhost:514", (socket.SOCK_DGRAM, ("localhost", 514))),
        ("udp://LOGS", (socket.SOCK_DGRAM, ("logs", 514))),
        ("tcp://[::1]:601", (socket.SOCK_STREAM, ("::1", 601))),
        ("unix:///dev/log", (None, "/dev/log")),
        ("unix:///dev/log#dgram", (socket.SOCK_DGRAM, "/dev/log")),
        ("unix:///dev/log#stream", (socket.SOCK_STREAM, "/dev/log")),
    ],
)
def test_syslog_addresses(text: str, wanted: object) -> None:
    assert parse_syslog_address(text) == wanted


@pytest.mark.parametrize("text", ["", "localhost", "udp://", "udp://x:y", "unix:///a#b", "unix://"])
def test_syslog_addresses_that_are_none(text: str) -> None:
    with pytest.raises(RuntimeError, match="invalid syslog address"):
        parse_syslog_address(text)


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[socket.socket]:
    path = tmp_path / "statsd"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(str(path))
        made.setblocking(False)
        yield made
    path.unlink()


def test_metrics_ride_on_log_calls(metrics: socket.socket) -> None:
    """gunicorn's extra: metric, value and mtype; an empty message sends only the metric."""
    logger = Statsd(cfg(statsd_host=metrics.getsockname(), statsd_prefix="shop.."))
    for kind, wanted in {
        "gauge": b"shop.depth:3|g",
        "counter": b"shop.depth:3|c|@1.0",
        "timer": b"shop.depth:3|ms",
        "histogram": b"shop.depth:3|h",
    }.items():
        logger.info("", extra={"metric": "depth", "value": 3, "mtype": kind})
        assert metrics.recv(1000) == wanted
    logger.debug("", extra={"metric": "depth", "value": 0, "mtype": "gauge"})
    assert metrics.recv(1000) == b"shop.depth:0|g"
    logger.info("", extra={"metric": "depth", "value": None, "mtype": "gauge"})
    logger.decrement("depth", 2)
    assert metrics.recv(1000) == b"shop.depth:-2|c|@1.0"
    assert logger.sock is not None
    logger.sock.close()


def test_a_statsd_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    """And is found when it comes."""
    path = tmp_path / "late"
    logger = Statsd(cfg(statsd_host=str(path)))
    logger.increment("lost", 1)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(str(path))
        logger.increment("found", 1)
        assert made.recv(1000) == b"found:1|c|@1.0"
    logger.increment("lost", 1)
    path.unlink()
    assert logger.sock is None


def test_a_host_that_is_not_known_is_seldom_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time is a question in the network, which somebody waits for."""
    asked: list[object] = []
    monkeypatch.setattr(statsd, "_connected", asked.append)
    logger = Statsd(cfg(statsd_host=("no.such.host", 8125)))
    for _ in range(5):
        logger.increment("lost", 1)
    assert len(asked) == 1
    logger._next_look = 0
    logger.increment("lost", 1)
    assert len(asked) == 2


def ours(log: logging.Logger) -> list[type]:
    return [type(one) for one in log.handlers if is_ours(one)]


def test_who_logs_next_takes_away_what_was_ours() -> None:
    """Our own log and Python's may follow each other: no line is written twice."""
    of_a_user = logging.NullHandler()
    error_log = logging.getLogger("gunicorn.error")
    access_log = logging.getLogger("gunicorn.access")
    error_log.addHandler(of_a_user)
    for _ in range(2):
        log_bridge.install(lambda level, text: None, logging.INFO)
        assert (ours(error_log), ours(access_log)) == ([LogHandler], [LogHandler])
        Logger(cfg())
        assert (ours(error_log), ours(access_log)) == ([logging.StreamHandler], [])
    assert of_a_user in error_log.handlers
    error_log.removeHandler(of_a_user)


def test_rotation_that_fails_leaves_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others are opened again all the same."""
    folder = tmp_path / "logs"
    folder.mkdir()
    logger = Logger(cfg(errorlog=str(folder / "error.log"), accesslog=str(tmp_path / "access.log")))
    both = [filter(is_ours, log.handlers) for log in (logger.error_log, logger.access_log)]
    files = [SimpleNamespace(handlers=list(handlers)) for handlers in both]
    monkeypatch.setattr(glogging, "_loggers", lambda: files)  # none of the test runner's
    folder.rename(tmp_path / "moved")
    (tmp_path / "access.log").rename(tmp_path / "access.log.1")
    logger.reopen_files()
    logger.error("still there")
    logger.access_log.info("a line")
    assert "still there" in (tmp_path / "moved" / "error.log").read_text()
    assert "a line" in (tmp_path / "access.log").read_text()
    for file in files:
        file.handlers[0].close()


def test_atoms_as_json() -> None:
    """The format `json` for a logger with atoms of its own: an object, with what atoms know."""
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/a%20b",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_USER_AGENT": 'say "x"',
    }
    req = SimpleNamespace(headers=[("HOST", "shop")], pid=71)
    resp = SimpleNamespace(status="200 OK", sent=12, headers=[])
    logger = Logger(cfg(accesslog="-", access_log_format="json"))
    lines: list[str] = []
    handler = LogHandler(lambda level, text: lines.append(text))
    logger.access_log.addHandler(handler)
    logger.access(resp, req, environ, timedelta(milliseconds=1500))
    assert json.loads(lines[0]) == {
        "pid": 71,
        "peer": "192.0.2.7",
        "method": "GET",
        "target": "/a%20b",
        "path": "/a b",
        "query": "",
        "protocol": "HTTP/1.1",
        "host": "shop",
        "status": 200,
        "bytes": 12,
        "seconds": 1.5,
        "user_agent": 'say "x"',
    }
