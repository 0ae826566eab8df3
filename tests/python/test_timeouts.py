# SPDX-License-Identifier: MIT
"""winghorn.timeout and TimeoutMiddleware without a server: in plain programs and their threads."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import winghorn
from tests.support.waiting import FACTOR, PATIENCE, Stopwatch

SHORT = 0.05
LONG = 60.0
SOON = 1.0 * FACTOR


def sleep() -> None:
    time.sleep(LONG)


def loop() -> None:
    while True:
        pass


def on_main(work: Callable[[], object]) -> None:
    work()


def on_a_thread(work: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(PATIENCE)


PLACES = [on_main, on_a_thread]


@pytest.fixture(params=PLACES)
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], object]], None]:
    return request.param  # type: ignore[no-any-return]


# ---- a block ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "work"), [(on_main, sleep), (on_main, loop), (on_a_thread, loop)]
)
def test_a_block_is_interrupted(
    place: Callable[[Callable[[], object]], None], work: Callable[[], None]
) -> None:
    """TimeoutExpired names the seconds, and its cause has the place where the code stood."""

    def limited() -> None:
        watch = Stopwatch()
        expected = pytest.raises(winghorn.TimeoutExpired, match=r"longer than 0\.05 s")
        with expected as caught, winghorn.timeout(SHORT):
            work()
        assert SHORT <= watch.seconds < SHORT + SOON
        cause = caught.value.__cause__
        assert isinstance(cause, winghorn.RequestTimeout)
        trace = cause.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        assert trace is not None
        assert trace.tb_frame.f_code is work.__code__

    place(limited)


def test_what_is_raised_is_a_timeout_error() -> None:
    """Code that knows Python's own timeouts needs to know no other."""
    assert issubclass(winghorn.TimeoutExpired, TimeoutError)
    assert not issubclass(winghorn.RequestTimeout, Exception)


def test_except_exception_does_not_swallow_it(run: Callable[[Callable[[], object]], None]) -> None:
    """What travels inside the block is a BaseException."""

    def limited() -> None:
        with pytest.raises(winghorn.TimeoutExpired), winghorn.timeout(SHORT):
            while True:
                with contextlib.suppress(Exception):
                    loop()

    run(limited)


def test_a_blocking_call_on_a_thread_ends_first() -> None:
    """CPython lets nothing into it: the exception comes when the call returns."""

    def limited() -> None:
        watch = Stopwatch()
        with pytest.raises(winghorn.TimeoutExpired), winghorn.timeout(SHORT):
            time.sleep(4 * SHORT)
            pytest.fail("it went on after the call")
        assert watch.seconds >= 4 * SHORT

    on_a_thread(limited)


def test_what_is_in_time_is_left_alone(run: Callable[[Callable[[], object]], None]) -> None:
    """And what it raises comes out as it is."""

    def limited() -> None:
        with winghorn.timeout(LONG) as limit:
            assert isinstance(limit, winghorn.timeout)
        with pytest.raises(KeyError), winghorn.timeout(LONG):
            raise KeyError
        with pytest.raises(winghorn.RequestTimeout, match="mine"), winghorn.timeout(LONG):
            raise winghorn.RequestTimeout("mine")

    run(limited)


def test_another_exception_on_the_way_out_stays(
    run: Callable[[Callable[[], object]], None],
) -> None:
    """Code may catch RequestTimeout and raise its own."""

    def limited() -> None:
        with pytest.raises(KeyError), winghorn.timeout(SHORT):
            try:
                loop()
            except winghorn.RequestTimeout:
                raise KeyError from None

    run(limited)


def test_a_block_is_interrupted_once(run: Callable[[Callable[[], object]], None]) -> None:
    """Cleaning up takes its time."""
    cleaned = []

    def limited() -> None:
        with pytest.raises(winghorn.TimeoutExpired), winghorn.timeout(SHORT):
            try:
                loop()
            finally:
                until = time.monotonic() + 2 * SHORT
                while time.monotonic() < until:
                    pass
                cleaned.append(True)

    run(limited)
    assert cleaned == [True]


# ---- the seconds -----------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [None, float("inf"), 1e300, 5, LONG, 0.001])
def test_numbers_and_none_are_limits(seconds: float | None) -> None:
    """None and inf are none."""
    with winghorn.timeout(seconds):
        pass


def test_with_no_seconds_the_time_is_over() -> None:
    """The block does not begin."""
    began = []
    with pytest.raises(winghorn.TimeoutExpired, match="longer than 0 s"), winghorn.timeout(0):
        began.append(True)
    assert began == []


@pytest.mark.parametrize("seconds", [-1, -0.5, float("nan"), float("-inf")])
def test_numbers_that_are_no_limit_are_refused(seconds: float) -> None:
    """The complaint says what would be right."""
    with pytest.raises(ValueError, match="a number of seconds, 0 or more, or None for no limit"):
        winghorn.timeout(seconds)


@pytest.mark.parametrize("seconds", ["5", [], object(), 1j])
def test_what_is_no_number_is_refused(seconds: Any) -> None:
    """Likewise."""
    with pytest.raises(TypeError, match="a number of seconds, 0 or more, or None for no limit"):
        winghorn.timeout(seconds)


def test_a_block_that_was_not_entered_cannot_be_left() -> None:
    """As with a lock."""
    with pytest.raises(RuntimeError, match="without having been entered"):
        winghorn.timeout(1).__exit__(None, None, None)


# ---- nested ----------------------------------------------------------------------------------


def test_the_outer_one_is_due_first(run: Callable[[Callable[[], object]], None]) -> None:
    """Its exception passes through the inner block, which does not take it for its own."""
    passed = []

    def limited() -> None:
        with pytest.raises(winghorn.TimeoutExpired, match=r"0\.05 s"), winghorn.timeout(SHORT):
            try:
                with winghorn.timeout(LONG):
                    loop()
            except BaseException as exception:
                passed.append(type(exception))
                raise

    run(limited)
    assert passed == [winghorn.RequestTimeout]


def test_the_inner_one_is_due_first(run: Callable[[Callable[[], object]], None]) -> None:
    """And the outer one goes on counting."""

    def limited() -> None:
        with pytest.raises(winghorn.TimeoutExpired, match=r"0\.3 s"), winghorn.timeout(0.3):
            with pytest.raises(winghorn.TimeoutExpired, match=r"0\.05 s"), winghorn.timeout(SHORT):
                loop()
            loop()

    run(limited)


def test_both_are_due(run: Callable[[Callable[[], object]], None]) -> None:
    """The outer one's it is, and the inner one's does not come into its cleaning up."""
    cleaned = []

    def limited() -> None:
        outer, inner = winghorn.timeout(SHORT), winghorn.timeout(SHORT + 0.01)
        with pytest.raises(winghorn.TimeoutExpired, match=r"0\.05 s"), outer, inner:
            try:
                loop()
            finally:
                until = time.monotonic() + 2 * SHORT
                while time.monotonic() < until:
                    pass
                cleaned.append(True)

    run(limited)
    assert cleaned == [True]


def test_cleaning_up_may_have_a_limit_of_its_own(
    run: Callable[[Callable[[], object]], None],
) -> None:
    """A block that begins after an outer one's time is over is a new one."""

    def limited() -> None:
        with pytest.raises(winghorn.TimeoutExpired, match=r"0\.05 s"), winghorn.timeout(SHORT):
            try:
                loop()
            finally:
                with pytest.raises(winghorn.RequestTimeout), winghorn.timeout(2 * SHORT):
                    loop()

    run(limited)


def test_one_object_within_itself(run: Callable[[Callable[[], object]], None]) -> None:
    """Each entry has its own time."""
    limit = winghorn.timeout(0.2)

    def limited() -> None:
        with limit:
            with limit:
                pass
            with pytest.raises(winghorn.TimeoutExpired), winghorn.timeout(SHORT):
                loop()
        with pytest.raises(winghorn.TimeoutExpired), limit, limit:
            loop()

    run(limited)


# ---- functions and generators ----------------------------------------------------------------


def test_a_function_is_limited(run: Callable[[Callable[[], object]], None]) -> None:
    """It keeps its name and its result; methods work too."""

    @winghorn.timeout(SHORT)
    def limited(forever: bool) -> str:
        """Its text."""
        if forever:
            loop()
        return "done"

    class Owner:
        @winghorn.timeout(SHORT)
        def method(self) -> Owner:
            return self

    def work() -> None:
        assert limited(forever=False) == "done"
        with pytest.raises(winghorn.TimeoutExpired):
            limited(forever=True)
        owner = Owner()
        assert owner.method() is owner

    run(work)
    assert (limited.__name__, limited.__doc__) == ("limited", "Its text.")


def test_a_recursive_function_has_its_time_at_every_depth() -> None:
    """The outermost call's is over first."""
    depths = []

    @winghorn.timeout(SHORT)
    def down(depth: int) -> None:
        depths.append(depth)
        if depth < 50:
            down(depth + 1)
        loop()

    with pytest.raises(winghorn.TimeoutExpired):
        down(0)
    assert depths == list(range(51))


async def coroutine() -> None: ...


async def async_generator() -> Any:
    yield


def generator() -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("function", "instead"),
    [
        (coroutine, r"use asyncio\.timeout\(\)"),
        (async_generator, r"use asyncio\.timeout\(\)"),
        (generator, "around the loop"),
        (5, "decorates a function, not 5"),
    ],
)
def test_what_does_not_run_in_its_call_is_refused(function: Any, instead: str) -> None:
    """The complaint says what to do instead."""
    with pytest.raises(TypeError, match=instead):
        winghorn.timeout(1)(function)


def test_a_block_in_a_context_manager_of_ones_own(
    run: Callable[[Callable[[], object]], None],
) -> None:
    """`yield` hands the block to the code that uses it."""

    @contextlib.contextmanager
    def limit() -> Iterator[None]:
        with winghorn.timeout(SHORT):
            yield

    def limited() -> None:
        with pytest.raises(winghorn.TimeoutExpired), limit():
            loop()

    run(limited)


def entered() -> Iterator[None]:
    with winghorn.timeout(SHORT):
        yield


def test_a_generator_that_is_dropped_ends_its_block(
    run: Callable[[Callable[[], object]], None],
) -> None:
    """Also when its thread has ended before."""

    def limited() -> None:
        steps = entered()
        next(steps)
        del steps
        until = time.monotonic() + 2 * SHORT
        while time.monotonic() < until:
            pass

    run(limited)
    left = []
    on_a_thread(lambda: left.append(entered()) or next(left[0]))  # type: ignore[func-returns-value]
    time.sleep(2 * SHORT)
    left.clear()


# ---- many, and never too late ----------------------------------------------------------------


def test_many_threads_at_once() -> None:
    """Each is interrupted by its own limit, whether they share the object or not."""
    shared = winghorn.timeout(0.2)
    ended = []

    def work(limit: winghorn.timeout) -> None:
        with pytest.raises(winghorn.TimeoutExpired), limit:
            while True:
                time.sleep(0.001)
        ended.append(True)

    with ThreadPoolExecutor(32) as pool:
        limits = [shared if i % 2 else winghorn.timeout(0.01 * i) for i in range(2, 34)]
        for future in [pool.submit(work, limit) for limit in limits]:
            future.result(PATIENCE)
    assert len(ended) == 32


def strays(blocks: int, seed: int) -> int:
    """How many exceptions came outside of the blocks that they were for."""
    dice = random.Random(seed)
    found = 0
    while blocks:
        try:
            while blocks:
                blocks -= 1
                try:
                    with winghorn.timeout(dice.random() * 50e-6):
                        for _ in range(dice.randrange(300)):
                            pass
                except winghorn.TimeoutExpired:
                    pass
                for _ in range(50):
                    pass
        except BaseException:
            found += 1
    return found


def test_nothing_comes_after_the_end() -> None:
    """Short blocks with tiny limits, on the main thread and on others at the same time."""
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(strays(3000, 7))) for _ in range(3)]
    for thread in threads:
        thread.start()
    found.append(strays(6000, 8))
    for thread in threads:
        thread.join(PATIENCE)
    assert found == [0, 0, 0, 0]


# ---- processes -------------------------------------------------------------------------------


def status_of_child(work: Callable[[], object]) -> int:
    """Of a forked child that does `work`; 0 when nothing was wrong."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def interrupted_in_sleep() -> None:
    try:
        with winghorn.timeout(SHORT):
            time.sleep(LONG)
    except winghorn.TimeoutExpired:
        return
    raise AssertionError


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("place", PLACES)
def test_in_a_forked_child_it_works_anew(place: Callable[[Callable[[], object]], None]) -> None:
    """Whichever thread forked: it is the main one there, and blocking calls are cut short."""

    def work() -> None:
        with contextlib.suppress(winghorn.TimeoutExpired), winghorn.timeout(0.001):
            loop()
        assert status_of_child(interrupted_in_sleep) == 0

    place(work)
    interrupted_in_sleep()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("place", PLACES)
def test_a_block_around_a_fork_counts_in_both(
    place: Callable[[Callable[[], object]], None],
) -> None:
    """Parent and child are interrupted, each in its own block; other threads' are not there."""
    begun, over = threading.Event(), threading.Event()

    def beside() -> None:
        with winghorn.timeout(LONG):
            begun.set()
            over.wait(PATIENCE)

    def sleep_and_exit() -> None:
        try:
            time.sleep(LONG)
        except winghorn.RequestTimeout:
            os._exit(0)
        os._exit(1)

    def work() -> None:
        with pytest.raises(winghorn.TimeoutExpired), winghorn.timeout(0.2):
            child = os.fork()
            if child == 0:
                sleep_and_exit()
            loop()
        assert os.waitpid(child, 0)[1] == 0

    thread = threading.Thread(target=beside)
    thread.start()
    assert begun.wait(PATIENCE)
    place(work)
    over.set()
    thread.join(PATIENCE)


PROGRAMS = {
    "after a block": "with winghorn.timeout(60): pass",
    "in a block": "winghorn.timeout(0.01).__enter__(); sys.exit()",
    "in the block of a thread that goes on": """
def work():
    with winghorn.timeout(60): time.sleep(60)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)""",
    "beside threads that enter and leave": """
def work():
    while True:
        try:
            with winghorn.timeout(1e-5): sum(range(100))
        except winghorn.TimeoutExpired: pass
for _ in range(4): threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)""",
    "in atexit": """
def late():
    with winghorn.timeout(0.05):
        time.sleep(0.01)
    print("late")
with winghorn.timeout(60): pass
atexit.register(late)""",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_ends_by_itself(program: str) -> None:
    """The clock's thread neither holds it up nor crashes it."""
    text = f"import atexit, sys, threading, time, winghorn\n{program}\n"
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stderr) == (0, "")


# ---- the middleware --------------------------------------------------------------------------


class Closing:
    """A body made by steps; says whether it was closed."""

    def __init__(self, *steps: Callable[[], bytes], close: Callable[[], object] = lambda: None):
        self._steps = iter(steps)
        self._close = close
        self.closed = 0

    def __iter__(self) -> Closing:
        return self

    def __next__(self) -> bytes:
        return next(self._steps)()

    def close(self) -> None:
        self.closed += 1
        self._close()


class Reply:
    """What a server makes of an application: headers go out with the first bytes of the body."""

    def __init__(self, app: Any, environ: dict[str, Any] | None = None) -> None:
        self.status = ""
        self.headers: dict[str, str] = {}
        self.body = b""
        result = app(environ or {}, self._start_response)
        self.is_list = isinstance(result, list)
        try:
            for item in result:
                self.body += item
        finally:
            if hasattr(result, "close"):
                result.close()

    def _start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info and self.body:
            raise exc_info[1].with_traceback(exc_info[2])
        self.status, self.headers = status, dict(headers)
        return lambda data: None


def answering(body: Any) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", "1")])
        return body() if callable(body) else body

    return app


def hello() -> bytes:
    return b"hello "


def stuck() -> bytes:
    time.sleep(LONG)
    return b"never"


def expect_504(reply: Reply) -> None:
    assert reply.status == "504 Gateway Timeout"
    assert reply.headers == {"Content-Type": "text/plain", "Content-Length": "20"}
    assert reply.body == b"504 Gateway Timeout\n"


def test_middleware_leaves_alone_what_is_in_time() -> None:
    """A list stays a list: the server may count its length."""
    reply = Reply(winghorn.TimeoutMiddleware(answering([b"hello"]), LONG))
    assert (reply.status, reply.body, reply.is_list) == ("200 OK", b"hello", True)
    body = Closing(hello, hello)
    reply = Reply(winghorn.TimeoutMiddleware(answering(body), LONG))
    assert (reply.status, reply.body, body.closed) == ("200 OK", b"hello hello ", 1)


@pytest.mark.parametrize("status", [503, 599])
def test_middleware_answers_for_a_call_that_is_stuck(status: int) -> None:
    """With the status that was asked for, whose phrase may be none of the standard's."""
    app = answering(stuck)
    expect_504(Reply(winghorn.TimeoutMiddleware(app, SHORT)))
    reply = Reply(winghorn.TimeoutMiddleware(app, SHORT, status=status))
    assert reply.status in ("503 Service Unavailable", "599 Timeout")


def test_middleware_answers_for_a_body_that_does_not_begin() -> None:
    """The head was given but not sent; the body is closed all the same."""
    body = Closing(stuck)
    expect_504(Reply(winghorn.TimeoutMiddleware(answering(body), SHORT)))
    assert body.closed == 1


def test_middleware_cuts_a_body_that_has_begun() -> None:
    """The server gets the exception, which names the seconds, and the body is closed."""
    body = Closing(hello, stuck)
    message = r"the response has taken longer than 0\.05 s \(winghorn\.TimeoutMiddleware\)"
    with pytest.raises(winghorn.TimeoutExpired, match=message) as caught:
        Reply(winghorn.TimeoutMiddleware(answering(body), SHORT))
    assert isinstance(caught.value.__cause__, winghorn.RequestTimeout)
    assert body.closed == 1


def test_middleware_counts_all_items_together() -> None:
    """A body that drips is bounded as a whole; on another thread, too."""

    def drip() -> bytes:
        time.sleep(SHORT / 4)
        return b"drip"

    def cut() -> None:
        watch = Stopwatch()
        with pytest.raises(winghorn.TimeoutExpired):
            Reply(winghorn.TimeoutMiddleware(answering(Closing(*[drip] * 1000)), SHORT))
        assert watch.seconds < SHORT + SOON

    on_main(cut)
    on_a_thread(cut)


def test_middleware_bounds_close() -> None:
    """It is called, however late, and has a second then."""
    body = Closing(hello, close=lambda: time.sleep(LONG))
    watch = Stopwatch()
    with pytest.raises(winghorn.TimeoutExpired):
        Reply(winghorn.TimeoutMiddleware(answering(body), SHORT))
    assert body.closed == 1
    assert watch.seconds < 1 + SOON


def test_middleware_leaves_the_applications_own_limits_alone() -> None:
    """What an inner block raises is the application's failure, not ours."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        with winghorn.timeout(SHORT):
            stuck()
        return []

    with pytest.raises(winghorn.TimeoutExpired, match=r"winghorn\.timeout"):
        Reply(winghorn.TimeoutMiddleware(app, LONG))


def test_middleware_keeps_a_file_a_file() -> None:
    """So the server may send it by itself."""

    class FileWrapper:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"file"])

    file = FileWrapper()
    app = winghorn.TimeoutMiddleware(answering(file), LONG)
    assert app({"wsgi.file_wrapper": FileWrapper}, lambda *head: bytes.strip) is file


async def asgi_app(scope: Any, receive: Any, send: Any) -> None: ...


def test_middleware_refuses_what_it_cannot_limit() -> None:
    """ASGI applications, a status that is no error, seconds that are no limit."""
    with pytest.raises(TypeError, match="is an ASGI one, which is not supported yet"):
        winghorn.TimeoutMiddleware(asgi_app, 1)  # type: ignore[arg-type]
    app = answering([])
    with pytest.raises(ValueError, match="400 to 599, not 200"):
        winghorn.TimeoutMiddleware(app, 1, status=200)
    with pytest.raises(ValueError, match="0 seconds let nothing run"):
        winghorn.TimeoutMiddleware(app, 0)
    with pytest.raises(ValueError, match="0 or more, or None"):
        winghorn.TimeoutMiddleware(app, -1)
