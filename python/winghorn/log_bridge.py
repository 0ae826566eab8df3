# SPDX-License-Identifier: MIT
"""``gunicorn.error`` and ``gunicorn.access`` as Python loggers that write into our log.

Recipes for Flask and others borrow their handlers and level, so both are there in every worker:
``app.logger.handlers = logging.getLogger("gunicorn.error").handlers``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

ERROR_LOGGER = "gunicorn.error"
ACCESS_LOGGER = "gunicorn.access"


def mark(handler: logging.Handler) -> None:
    """It is the server's, not the user's: whoever logs next takes it away."""
    handler._winghorn = True  # type: ignore[attr-defined]


def is_ours(handler: logging.Handler) -> bool:
    """Whether it was marked."""
    return getattr(handler, "_winghorn", False)


class LogHandler(logging.Handler):
    """Hands each record's message, with its traceback, to ``emit(level, text)``.

    The server's log adds time, process and level by itself, so there is no formatter. What is
    written from a signal handler or a forked child takes the same way.
    """

    def __init__(self, emit: Callable[[int, str], None]) -> None:
        super().__init__()
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; what goes wrong is reported as logging does, and never raised."""
        try:
            self._emit(record.levelno, self.format(record))
        except Exception:
            self.handleError(record)


class Logger:
    """What hooks know as ``server.log`` and ``worker.log``: as far as they use it."""

    def __init__(self) -> None:
        self.error_log = logging.getLogger(ERROR_LOGGER)
        self.access_log = logging.getLogger(ACCESS_LOGGER)
        self.critical = self.error_log.critical
        self.error = self.error_log.error
        self.warning = self.error_log.warning
        self.info = self.error_log.info
        self.debug = self.error_log.debug
        self.exception = self.error_log.exception
        self.log = self.error_log.log


def install(
    emit: Callable[[int, str], None],
    level: int,
    emit_access: Callable[[str], None] | None = None,
) -> None:
    """Give both loggers a level and a handler. In each worker, before the application is imported.

    `emit` takes a level as `logging` counts them and a text; `emit_access` takes lines for the
    access log, which has no levels (without it they go to `emit`). Calling again replaces what the
    last call installed; other handlers stay.
    """
    _give(logging.getLogger(ERROR_LOGGER), emit, level)
    access = emit if emit_access is None else _without_level(emit_access)
    _give(logging.getLogger(ACCESS_LOGGER), access, logging.INFO)


def _give(logger: logging.Logger, emit: Callable[[int, str], None], level: int) -> None:
    others = [handler for handler in logger.handlers if not is_ours(handler)]
    handler = LogHandler(emit)
    mark(handler)
    logger.handlers = [*others, handler]
    logger.setLevel(level)
    logger.propagate = False


def _without_level(emit: Callable[[str], None]) -> Callable[[int, str], None]:
    def emit_line(_level: int, text: str) -> None:
        emit(text)

    return emit_line
