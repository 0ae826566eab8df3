# SPDX-License-Identifier: MIT
"""Metrics for statsd: gunicorn's names, a datagram for each, errors of the network ignored.

Used when ``statsd_host`` is set and ``logger_class`` is not; subclasses written for gunicorn work.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from winghorn.glogging import Logger

if TYPE_CHECKING:
    from winghorn.config import Config

METRIC_VAR = "metric"
VALUE_VAR = "value"
MTYPE_VAR = "mtype"
GAUGE_TYPE = "gauge"
COUNTER_TYPE = "counter"
HISTOGRAM_TYPE = "histogram"
TIMER_TYPE = "timer"

LOOK_AGAIN_SECONDS = 10.0  # for a host that has not been found


class Statsd(Logger):
    """A Logger that sends metrics too.

    A log call with ``extra={"metric": NAME, "value": NUMBER, "mtype": KIND}`` sends that metric;
    with an empty message it does nothing else. KIND is gauge, counter, histogram or timer.
    """

    sock: socket.socket | None = None

    def setup(self, cfg: Config) -> None:
        """Also where metrics go, and how they are named."""
        super().setup(cfg)
        prefix: str = cfg.statsd_prefix
        self.prefix = prefix.rstrip(".") + "." if prefix else ""
        self.dogstatsd_tags: str = cfg.dogstatsd_tags or ""
        self._address: str | tuple[str, int] | None = cfg.statsd_host
        self.sock = _connected(self._address)
        self._next_look = time.monotonic() + LOOK_AGAIN_SECONDS

    def critical(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Counted as gunicorn.log.critical."""
        super().critical(msg, *args, **kwargs)
        self.increment("gunicorn.log.critical", 1)

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Counted as gunicorn.log.error."""
        super().error(msg, *args, **kwargs)
        self.increment("gunicorn.log.error", 1)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Counted as gunicorn.log.warning."""
        super().warning(msg, *args, **kwargs)
        self.increment("gunicorn.log.warning", 1)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Counted as gunicorn.log.exception."""
        super().exception(msg, *args, **kwargs)
        self.increment("gunicorn.log.exception", 1)

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """May carry a metric."""
        self.log(logging.INFO, msg, *args, **kwargs)

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """May carry a metric."""
        self.log(logging.DEBUG, msg, *args, **kwargs)

    def log(self, lvl: int | str, msg: str, *args: Any, **kwargs: Any) -> None:
        """May carry a metric."""
        extra = kwargs.get("extra") or {}
        name, value = extra.get(METRIC_VAR), extra.get(VALUE_VAR)
        if name and value is not None:
            send = self._sender(extra.get(MTYPE_VAR))
            if send is not None:
                send(name, value)
        if msg:
            super().log(lvl, msg, *args, **kwargs)

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:
        """The request's metrics, whether there is an access log or not."""
        super().access(resp, req, environ, request_time)
        milliseconds = request_time / timedelta(milliseconds=1)
        self.timer("gunicorn.request.duration", milliseconds)
        self.increment("gunicorn.requests", 1)
        status = str(resp.status).split(None, 1)[0]
        if status.isdigit():
            self.increment(f"gunicorn.request.status.{status}", 1)

    def _sender(self, kind: Any) -> Callable[[str, Any], None] | None:
        senders: dict[Any, Callable[[str, Any], None]] = {
            GAUGE_TYPE: self.gauge,
            COUNTER_TYPE: self.increment,
            HISTOGRAM_TYPE: self.histogram,
            TIMER_TYPE: self.timer,
        }
        return senders.get(kind)

    def gauge(self, name: str, value: float) -> None:
        """How much there is now."""
        self._send(f"{name}:{value}|g")

    def increment(self, name: str, value: int, sampling_rate: float = 1.0) -> None:
        """So many more."""
        self._send(f"{name}:{value}|c|@{sampling_rate}")

    def decrement(self, name: str, value: int, sampling_rate: float = 1.0) -> None:
        """So many fewer."""
        self._send(f"{name}:-{value}|c|@{sampling_rate}")

    def timer(self, name: str, value: float) -> None:
        """How many milliseconds something took."""
        self._send(f"{name}:{value}|ms")

    def histogram(self, name: str, value: float) -> None:
        """One value of many."""
        self._send(f"{name}:{value}|h")

    def _send(self, metric: str) -> None:
        tags = f"|#{self.dogstatsd_tags}" if self.dogstatsd_tags else ""
        if self.sock is None and self._may_look_again():
            self.sock = _connected(self._address)  # it may appear later than we do
        if self.sock is None:
            return
        try:
            self.sock.send(f"{self.prefix}{metric}{tags}".encode("ascii", "replace"))
        except BlockingIOError:  # not taken fast enough: the server goes on
            pass
        except OSError:  # nobody listens there any more
            if isinstance(self._address, str):
                self.sock.close()
                self.sock = None

    def _may_look_again(self) -> bool:
        if isinstance(self._address, str):
            return True
        moment = (
            time.monotonic()
        )  # a name that is not known is asked for in the network, and waited for
        is_due = moment >= self._next_look
        if is_due:
            self._next_look = moment + LOOK_AGAIN_SECONDS
        return is_due


def _connected(address: str | tuple[str, int] | None) -> socket.socket | None:
    if not address:
        return None
    try:
        if isinstance(address, str):
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)  # a full buffer loses metrics, not time
        made.connect(address)
    except OSError:
        return None
    return made
