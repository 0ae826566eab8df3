# SPDX-License-Identifier: MIT
"""The server's log lines on their way into Python's logging.

The extension hands over lines of JSON: in a worker on its log thread, in the arbiter on the main
one, which also hands over what a dead worker had left. Here they become calls of the Logger that is
configured.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from winghorn.config import Config
from winghorn.glogging import Logger
from winghorn.instrument.statsd import (
    GAUGE_TYPE,
    HISTOGRAM_TYPE,
    METRIC_VAR,
    MTYPE_VAR,
    VALUE_VAR,
    Statsd,
)
from winghorn.log_bridge import ACCESS_LOGGER, ERROR_LOGGER
from winghorn.request_hooks import Environ, Request, Response

DEFAULT_LOGGER = "gunicorn.glogging.Logger"
# Names of ours and of gunicorn's, whether its package is there or not.
OWN_LOGGERS = {
    "simple": "winghorn.glogging.Logger",
    DEFAULT_LOGGER: "winghorn.glogging.Logger",
    "gunicorn.instrument.statsd.Statsd": "winghorn.instrument.statsd.Statsd",
}
# How a record begins that tells of an exception, behind its first line.
TRACEBACK = "\nTraceback (most recent call last):\n"
STATSD_LOGGER = "winghorn.instrument.statsd.Statsd"


class PythonLog:
    """One generation's log by Python's logging. The methods are called by the extension."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        self.logger: Logger | None = None
        self._origin = _Origin()

    def open(self) -> int:
        """Set the loggers up for this generation; the least level that they want.

        Raises RuntimeError for what is wrong with the settings.
        """
        before = [_State(name) for name in (ERROR_LOGGER, ACCESS_LOGGER)]
        try:
            if self.logger is None:
                self.logger = logger_class(self.cfg)(self.cfg)
            else:
                self.logger.setup(self.cfg)
        except BaseException:
            for state in before:
                state.restore()
            raise
        for log in (self.logger.error_log, self.logger.access_log):
            for earlier in [one for one in log.filters if isinstance(one, _Origin)]:
                log.removeFilter(earlier)  # of the generation before
            log.addFilter(self._origin)
        return self.logger.error_log.getEffectiveLevel()

    def takes_lines(self) -> bool:
        """Whether access lines are as our own: the logger class makes them in no other way.

        They are then handed over ready, which costs less than half.
        """
        try:
            chosen = logger_class(self.cfg)
        except RuntimeError:  # open() will say so
            return True
        names = ("access", "access_log_enabled", "atoms", "atoms_wrapper_class", "now")
        return all(getattr(chosen, name, None) is getattr(Logger, name) for name in names)

    def take_errors(self, lines: bytes) -> None:
        """Records of the error log."""
        for line in lines.splitlines():
            try:
                record = json.loads(line)
                level, message = record["level"], record["message"]
            except (ValueError, KeyError, TypeError):  # not ours, or only a part of it
                level, message, record = "error", line.decode("utf-8", "replace"), None
            is_own = record is not None and "stream" not in record
            with self._origin.of(record):
                if is_own and level == "error" and TRACEBACK in message:
                    assert self.logger is not None
                    self._call(self.logger.exception, message, exc_info=None)
                else:
                    self._call(self._say, level, message)

    def take_access(self, lines: bytes) -> None:
        """Requests that were answered."""
        for line in lines.splitlines():
            try:
                record = json.loads(line)
                if not isinstance(record, dict):
                    continue
            except ValueError:
                continue
            with self._origin.of(record):
                self._call(self._access, record)

    def reopen(self) -> None:
        """The log's files were moved."""
        assert self.logger is not None
        self._call(self.logger.reopen_files)

    def enter_worker(self) -> None:
        """This process is a worker: what the application starts is to have no part in the files."""
        assert self.logger is not None
        self._call(self.logger.close_on_exec)

    def measure_workers(self, count: int) -> None:
        """For statsd, if that is who logs: so many workers there are."""
        self._measure("gunicorn.workers", count, GAUGE_TYPE)

    def measure_backlog(self, waiting: int) -> None:
        """Likewise: so many connections wait in the kernel."""
        self._measure("gunicorn.backlog", waiting, HISTOGRAM_TYPE)

    def _measure(self, metric: str, value: int, kind: str) -> None:
        if isinstance(self.logger, Statsd):
            extra = {METRIC_VAR: metric, VALUE_VAR: value, MTYPE_VAR: kind}
            self._call(self.logger.debug, "", extra=extra)

    def _say(self, level: str, message: str) -> None:
        say: Callable[[str], None] = getattr(self.logger, level)
        say(message)

    def _access(self, record: dict[str, Any]) -> None:
        assert self.logger is not None
        if "message" in record:
            if self.logger.access_log_enabled:
                self.logger.access_log.info(record["message"])
            return
        environ = _environ(record)
        req = Request(environ, self.cfg, 0)
        req.pid = record["pid"]
        resp = Response(req, _status(record["status"]), record["reply_headers"], record["bytes"])
        self.logger.access(resp, req, environ, timedelta(microseconds=record["micros"]))

    @staticmethod
    def _call(function: Callable[..., None], *arguments: Any, **more: Any) -> None:
        try:
            function(*arguments, **more)
        except Exception:  # a logger of the user's: the server goes on without this record
            print(f"The log cannot be written:\n{traceback.format_exc()}", file=sys.stderr)


class _State:
    """How a logger was, for when a new configuration fails half way."""

    def __init__(self, name: str) -> None:
        log = logging.getLogger(name)
        self._log = log
        self._handlers, self._level, self._propagate = list(log.handlers), log.level, log.propagate

    def restore(self) -> None:
        self._log.handlers = self._handlers
        self._log.setLevel(self._level)
        self._log.propagate = self._propagate


class _Origin(logging.Filter):
    """Gives records the time and the process of the line that they are made of."""

    def __init__(self) -> None:
        super().__init__()
        self._here = threading.local()

    @contextmanager
    def of(self, line: dict[str, Any] | None) -> Iterator[None]:
        self._here.line = line
        try:
            yield
        finally:
            self._here.line = None

    def filter(self, record: logging.LogRecord) -> bool:
        line = getattr(self._here, "line", None)
        if line is not None:
            when = datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
            record.created = when.timestamp()
            record.msecs = when.microsecond / 1000
            record.process = line["pid"]
        return True


def logger_class(cfg: Config) -> type[Logger]:
    """What the setting names. Raises RuntimeError when that cannot be had."""
    wanted = cfg.logger_class
    if isinstance(wanted, type):
        return wanted
    if wanted is None or wanted in {DEFAULT_LOGGER, "simple"}:
        wanted = STATSD_LOGGER if cfg.statsd_host else DEFAULT_LOGGER
    path = OWN_LOGGERS.get(wanted, wanted)
    module, dot, name = str(path).rpartition(".")
    try:
        if not dot:
            raise ImportError("it is written MODULE.CLASS")
        found: type[Logger] = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise RuntimeError(f"logger class {wanted!r} cannot be loaded: {error}") from error
    return found


def _status(code: int) -> str:
    if code == 0:
        return "-"
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _environ(record: dict[str, Any]) -> Environ:
    """As much of the environ as is known of every request, also where no application saw it."""
    environ: Environ = {
        "REQUEST_METHOD": record["method"],
        "RAW_URI": record["target"],
        "PATH_INFO": record["path"],
        "QUERY_STRING": record["query"],
        "SERVER_PROTOCOL": record["protocol"],
        "REMOTE_ADDR": record["peer"],
    }
    for name, value in record["request_headers"]:
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return environ
