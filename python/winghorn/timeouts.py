# SPDX-License-Identifier: MIT
"""Limits on how long code may run: for a block, for a function, for a whole WSGI application.

docs/timeouts.md says which kind of limit to use when, and what each cannot do.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from time import monotonic
from typing import Any, TypeVar

from winghorn import _core
from winghorn._core import TimeoutExpired
from winghorn.app_loader import is_asgi

__all__ = ["TimeoutExpired", "TimeoutMiddleware", "timeout"]

Function = TypeVar("Function", bound=Callable[..., Any])
StartResponse = Callable[..., Callable[[bytes], object]]
Environ = dict[str, Any]


class timeout(_core.Timeout):
    """Interrupt a block of code, or a function, that takes longer than `seconds`.

        with winghorn.timeout(2.5):
            report = build_report()

        @winghorn.timeout(10)
        def sync_accounts() -> None: ...

    What is interrupted raises ``RequestTimeout``, a BaseException, where the code stands; at the
    edge of the block it becomes ``TimeoutExpired``, a TimeoutError. It never comes after the block
    has ended. On the main thread blocking calls are cut short, on other threads it comes when a
    blocking call returns.

    `seconds` counts from the entry of the block or the call of the function. None or inf is no
    limit; with 0 the time is over before the block begins. Raises ValueError for NaN or a negative
    number, TypeError for what is no number. One object may be used many times, by several threads
    and within itself, and blocks may be nested.
    """

    __slots__ = ()

    def __call__(self, function: Function) -> Function:
        """Limit each call of `function`. Raises TypeError for one whose code does not run in it."""
        _refuse_unlimitable(function)

        @functools.wraps(function)
        def limited(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return limited  # type: ignore[return-value]


def _refuse_unlimitable(function: object) -> None:
    if not callable(function):
        raise TypeError(f"winghorn.timeout() decorates a function, not {function!r}")
    name = getattr(function, "__qualname__", repr(function))
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"winghorn.timeout() limits code that blocks, and {name} is async: "
            "use asyncio.timeout() in it"
        )
    if inspect.isgeneratorfunction(function):
        raise TypeError(
            f"winghorn.timeout() cannot limit the generator {name}, whose code runs when somebody "
            "asks for an item: put `with winghorn.timeout(...)` around the loop that asks"
        )


LEAST_CLOSE_SECONDS = 1.0
"""What an application's close() may take when the time of its response is over."""


class TimeoutMiddleware:
    """A WSGI application that limits how long `app` may take for a whole response.

    `seconds`, counted from the call, are for the call of `app`, for every item of its body and for
    close(), not for the client's reading in between. When they are over, the code is interrupted as
    by ``winghorn.timeout``. Before headers were sent the client gets `status` and a line of text;
    later TimeoutExpired goes on to the server, which cuts the response. close() is always called,
    and has a second even when the time is over.

    None is no limit. Raises TypeError for an ASGI application, and ValueError for a `status` that
    is no error.
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], seconds: float | None, status: int = 504
    ) -> None:
        if is_asgi(app):
            raise TypeError(
                f"winghorn.TimeoutMiddleware limits WSGI applications, and {app!r} is an ASGI one, "
                "which is not supported yet: use asyncio.timeout() in it"
            )
        timeout(seconds)  # complains of what is no limit
        if seconds == 0:
            raise ValueError(
                "winghorn.TimeoutMiddleware: 0 seconds let nothing run; None is no limit"
            )
        if not (isinstance(status, int) and 400 <= status <= 599):
            raise ValueError(
                "winghorn.TimeoutMiddleware: status must be that of an error, 400 to 599, "
                f"not {status!r}"
            )
        self._app = app
        self._seconds = float("inf") if seconds is None else float(seconds)
        self._status = _status_line(status)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        response = _Response(self._seconds, self._status, start_response)
        return response.begin(self._app, environ)


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Timeout"


class _Response:
    """One response: the rest of its time is the limit of each step that the application makes."""

    def __init__(self, seconds: float, status: str, start_response: StartResponse) -> None:
        self._seconds = seconds
        self._until = monotonic() + seconds
        self._status = status
        self._start_response = start_response
        self._result: Iterable[bytes] = ()
        self._items: Iterator[bytes] = iter(())
        self._is_answered = False  # by us: what is left of the body has no limit

    def begin(self, app: Callable[..., Iterable[bytes]], environ: Environ) -> Iterable[bytes]:
        try:
            with self._rest():
                self._result = app(environ, self._start_response)
                if _is_at_hand(self._result, environ):
                    return self._result
                self._items = iter(self._result)
        except TimeoutExpired as expired:
            self._answer(expired)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._is_answered:
            return next(self._items)
        try:
            with self._rest():
                return next(self._items)
        except TimeoutExpired as expired:
            self._answer(expired)
            return next(self._items)

    def close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            with timeout(max(self._until - monotonic(), LEAST_CLOSE_SECONDS)):
                close()

    def _rest(self) -> timeout:
        return timeout(max(self._until - monotonic(), 0.0))

    def _answer(self, expired: TimeoutExpired) -> None:
        """Makes the answer the rest of the body. Raises when it is too late, or not our affair."""
        if monotonic() < self._until:
            raise expired  # the application has limits of its own
        late = TimeoutExpired(
            f"the response has taken longer than {self._seconds:g} s (winghorn.TimeoutMiddleware)"
        )
        late.__cause__ = expired.__cause__
        text = f"{self._status}\n".encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
        self._start_response(self._status, headers, (TimeoutExpired, late, expired.__traceback__))
        self._items = iter([text])
        self._is_answered = True


def _is_at_hand(result: Iterable[bytes], environ: Environ) -> bool:
    """Whether no code of the application runs any more: its items are there, or in a file.

    The server looks at such a result as a whole, for its length or to send the file itself.
    """
    wrapper = environ.get("wsgi.file_wrapper")
    is_file = isinstance(wrapper, type) and isinstance(result, wrapper)
    return is_file or type(result) in (list, tuple)
