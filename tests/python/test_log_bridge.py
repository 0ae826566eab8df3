# SPDX-License-Identifier: MIT
"""gunicorn's loggers, as applications find them in a worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from winghorn import log_bridge

Written = list[tuple[int, str]]


@pytest.fixture
def written() -> Iterator[Written]:
    """What reaches the error log; the loggers are put back afterwards."""
    loggers = [logging.getLogger(name) for name in ("gunicorn.error", "gunicorn.access")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    lines: Written = []
    log_bridge.install(lambda level, text: lines.append((level, text)), logging.INFO)
    yield lines
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_messages_arrive_with_their_level(written: Written) -> None:
    logger = logging.getLogger("gunicorn.error")
    logger.debug("unwanted")
    logger.info("one %s", "argument")
    logger.critical("two")
    assert written == [(20, "one argument"), (50, "two")]


def test_tracebacks_follow_on_the_next_lines(written: Written) -> None:
    try:
        _ = [][1]
    except IndexError:
        logging.getLogger("gunicorn.error").exception("failed")
    ((level, text),) = written
    assert level == logging.ERROR
    assert text.startswith("failed\nTraceback (most recent call last):\n")
    assert text.endswith("IndexError: list index out of range")


def test_flask_may_borrow_level_and_handlers(written: Written) -> None:
    borrowed = logging.getLogger("test.borrower")
    source = logging.getLogger("gunicorn.error")
    borrowed.handlers = source.handlers
    borrowed.setLevel(source.level)
    borrowed.propagate = False
    borrowed.warning("from the application")
    assert written == [(30, "from the application")]


def test_nothing_goes_on_to_the_root_logger(written: Written) -> None:
    assert not logging.getLogger("gunicorn.error").propagate
    assert not logging.getLogger("gunicorn.access").propagate


def test_a_record_that_cannot_be_written_raises_nothing(
    capsys: pytest.CaptureFixture[str], written: Written
) -> None:
    (handler,) = (
        h
        for h in logging.getLogger("gunicorn.error").handlers
        if isinstance(h, log_bridge.LogHandler)
    )
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("no number",)}))
    assert written == []
    assert "--- Logging error ---" in capsys.readouterr().err


def test_access_lines_have_their_own_way(written: Written) -> None:
    lines: list[str] = []
    log_bridge.install(lambda level, text: written.append((level, text)), 10, lines.append)
    logging.getLogger("gunicorn.access").info("a line")
    assert lines == ["a line"]
    assert written == []


def test_installing_again_replaces_only_its_own_handler(written: Written) -> None:
    logger = logging.getLogger("gunicorn.error")
    other = logging.NullHandler()
    logger.addHandler(other)
    log_bridge.install(lambda level, text: written.append((level, text)), logging.INFO)
    logger.info("once")
    assert written == [(20, "once")]
    assert other in logger.handlers
