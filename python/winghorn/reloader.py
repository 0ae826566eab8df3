# SPDX-License-Identifier: MIT
"""Tells once when a file of the running application has been modified; for development.

Watched are the files of all loaded modules, also of those that are imported later, extra files by
name, and what patterns match: ``*``, ``?``, ``[`` and, for any depth, ``**``; no names that begin
with a dot. Patterns are expanded anew all the time. A file is modified when its time, its size or
its inode is another than when it was first seen, so one that replaces it by rename counts, and
another target of a link does. A file that is gone is not modified before it is back. What a pattern
or an import brings is first seen then; what was named counts as modified when it appears.

The callback comes on the reloader's own thread, without any lock, after its descriptors are closed.
Not here: what happens to the worker then. After fork() the child has no reloader.
"""

from __future__ import annotations

import errno
import glob
import logging
import math
import os
import select
import stat
import struct
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import ClassVar, Literal, get_args

from winghorn.log_bridge import ERROR_LOGGER

__all__ = ["Reloader"]

EngineName = Literal["auto", "poll", "inotify"]
Signature = tuple[int, int, int]

LONGEST_INTERVAL = 86400.0

STOP_SECONDS = 1.0
"""What stop() waits at most: a pattern over a large tree may just be looked up."""

QUIET_SECONDS = 0.05
"""How long nothing may happen before inotify's news is told: a checkout writes many files."""

SETTLE_SECONDS = 0.5
"""What waiting for that takes at most, for folders in which something happens all the time."""


class Reloader(threading.Thread):
    """Watches from start() on, and calls ``changed(path)`` when a file was modified: once at most.

    `engine` is ``poll``, which looks at every file each `interval` seconds; ``inotify``, which is
    told by the kernel at once and needs Linux and a local file system; or ``auto``, which is
    inotify where it can be had. Where it cannot, or when its limits are reached, poll takes over,
    and `fallback_reason` says why; `warn` is told too, unless it was ``auto`` that found none.

    Relative names are taken from the folder that is current at the call which names them. All
    methods may be called from any thread. Raises ValueError for an engine that is none, and for an
    `interval` of no time or of more than a day.
    """

    fallback_reason: str | None
    """Why it is poll although inotify was wanted."""

    def __init__(
        self,
        changed: Callable[[str], None],
        extra_files: Sequence[str] = (),
        engine: EngineName = "auto",
        interval: float = 1.0,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(name="winghorn-reloader", daemon=True)
        if engine not in get_args(EngineName):
            raise ValueError(f"no reload engine {engine!r}: auto, poll and inotify are there")
        if not 0 < interval <= LONGEST_INTERVAL:
            raise ValueError(
                f"the reloader's interval must be some seconds, a day at most, not {interval!r}"
            )
        self.fallback_reason = None
        self._changed = changed
        self._wanted = engine
        self._interval = interval
        self._warn = logging.getLogger(ERROR_LOGGER).warning if warn is None else warn
        self._files = WatchedFiles(extra_files)
        self._guard = threading.Lock()  # for the files, and for all use of the engine but wake()
        self._engine: Engine = PollEngine(self._files)
        self._is_begun = False
        self._found: str | None = None
        self._is_look_due = False
        self._stop_asked = threading.Event()
        self._closed = threading.Event()

    @property
    def engine_name(self) -> str:
        """``poll`` or ``inotify``; known when start() has returned."""
        return self._engine.name

    def start(self) -> None:
        """Begin to watch: what is modified after the return is noticed.

        Raises RuntimeError when called again, or when the system has no more threads.
        """
        with self._guard:
            if self._is_begun:
                raise RuntimeError("a reloader can only be started once")
            self._is_begun = True
            for folder in self._files.named_folders():
                self._warn(
                    f"Reloader: {folder} is a folder and not watched: name files in it, or a "
                    f"pattern such as {folder}/**"
                )
            if self._wanted != "poll":
                self._try_inotify()
            self._found = self._look_at_all()
        try:
            super().start()
        except RuntimeError:
            self._engine.close()
            raise

    def stop(self) -> None:
        """Watch no more, and close what is open. May be called at any time, and in the callback.

        No callback begins afterwards; one that has begun is not waited for.
        """
        self._stop_asked.set()
        self._engine.wake()
        if self.is_alive():
            self._closed.wait(STOP_SECONDS)

    def add_extra_file(self, path: str) -> None:
        """Watch one more file or pattern, from now on."""
        with self._guard:
            self._files.add(path)
            self._is_look_due = True
            self._engine.wake()

    def run(self) -> None:
        """The thread: not to be called."""
        try:
            path = self._watch()
        finally:
            with self._guard:
                self._engine.close()
                is_to_tell = not self._stop_asked.is_set()
                self._closed.set()
        if path is not None and is_to_tell:
            self._changed(path)

    def _watch(self) -> str | None:
        next_look = monotonic() + self._interval
        while not self._stop_asked.is_set():
            with self._guard:
                path = self._found or self._engine.news()
                if path is None and (self._is_look_due or monotonic() >= next_look):
                    self._is_look_due = False
                    path = self._look_at_all()
                    next_look = monotonic() + self._interval
            # Only this thread replaces the engine, so it may be waited for without the lock.
            if path is not None:
                self._engine.settle()
                return path
            self._engine.wait(max(0.0, next_look - monotonic()))
        return None

    def _look_at_all(self) -> str | None:
        try:
            return self._engine.look_at_all()
        except WatchLimitError as error:
            self._engine.close()
            self._engine = PollEngine(self._files)
            self._blame(error, is_worth_a_warning=True)
            return self._engine.look_at_all()

    def _try_inotify(self) -> None:
        try:
            self._engine = InotifyEngine(self._files)
        except (ImportError, AttributeError, OSError) as error:
            self._blame(error, is_worth_a_warning=self._wanted == "inotify")

    def _blame(self, error: Exception, is_worth_a_warning: bool) -> None:
        self.fallback_reason = str(error)
        if is_worth_a_warning:
            self._warn(
                f"Reloader: no inotify ({error}); looking at every file each "
                f"{self._interval:g} s instead"
            )


# ---- which files ------------------------------------------------------------------------------


class WatchedFiles:
    """Which files count, and how each was when it was first seen. Used by one thread at a time."""

    def __init__(self, extra_files: Iterable[str] = ()) -> None:
        self._named: list[str] = []
        self._patterns: list[str] = []
        self._sources: dict[str, str] = {}  # by __file__: relative ones must not follow a chdir()
        self._first_seen: dict[str, Signature | None] = {}
        for path in extra_files:
            self.add(path)

    def add(self, path: str) -> None:
        """Also watch `path`: a file that there is or will be, or a pattern."""
        is_pattern = any(sign in path for sign in "*?[")
        if is_pattern:
            # The current folder's name may have such a sign in it, and stands for itself.
            pattern = str(Path(glob.escape(str(Path.cwd())), path))
            self._patterns.append(pattern)
            self.first_modified(_matches(pattern))
        absolute = _absolute(path)
        if not is_pattern or _signature(absolute) is not None:
            self._named.append(absolute)
            self._first_seen.setdefault(absolute, _signature(absolute))

    def named_folders(self) -> list[str]:
        """Names that stand for a folder, in which nothing is watched."""
        # Path.is_dir() raises what os.path.isdir() takes for no.
        return [path for path in self._named if os.path.isdir(path)]  # noqa: PTH112

    def current(self) -> set[str]:
        """Absolute paths of all that is to be watched now, whether it exists or not."""
        found = set(self._named)
        for file in _module_files():
            if file not in self._sources:
                try:
                    self._sources[file] = _source(_absolute(file))
                except OSError:  # relative, and the current folder has been removed
                    continue
            found.add(self._sources[file])
        for pattern in self._patterns:
            found.update(_matches(pattern))
        return found

    def is_modified(self, path: str) -> bool:
        """Whether the file is there and not as it was first seen. The first look is that."""
        now = _signature(path)
        return now is not None and self._first_seen.setdefault(path, now) != now

    def first_modified(self, paths: Iterable[str]) -> str | None:
        """One of `paths` that is modified, after a look at every one that was never seen."""
        modified = [path for path in paths if self.is_modified(path)]
        return min(modified, default=None)


def _module_files() -> Iterator[str]:
    for module in list(sys.modules.values()):  # a copy: other threads import
        try:
            # getattr() would load what is to be loaded lazily, or run a module's own code.
            file = object.__getattribute__(module, "__dict__").get("__file__")
        except Exception:  # anything at all may stand in sys.modules
            continue
        if isinstance(file, str) and file and "\0" not in file:
            yield file


def _matches(pattern: str) -> set[str]:
    found = glob.iglob(pattern, recursive=True)  # noqa: PTH207  Path.glob() finds dotfiles too
    return {_absolute(path) for path in found}


def _source(path: str) -> str:
    is_compiled = path.endswith((".pyc", ".pyo"))
    return path[:-1] if is_compiled and _signature(path[:-1]) is not None else path


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100  Path.absolute() keeps the dots


def _signature(path: str) -> Signature | None:
    try:
        found = os.stat(path)  # noqa: PTH116  for thousands of files each second
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


# ---- engines ----------------------------------------------------------------------------------


class Engine(ABC):
    """How one learns that files were modified. Only wake() may be called beside other calls."""

    name: ClassVar[str]

    @abstractmethod
    def look_at_all(self) -> str | None:
        """Take up files that are new; a path that is modified, as far as it is known only now."""

    def news(self) -> str | None:
        """A path of which it was told since the last call that it is modified."""
        return None

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Return when there may be news, after wake(), or when the time is over."""

    def settle(self) -> None:
        """Wait until whoever modifies files is through with it, or for a while."""
        return

    @abstractmethod
    def wake(self) -> None:
        """End wait(), the next one if none runs."""

    def close(self) -> None:
        """Give back what is open; may be called again."""
        return


class PollEngine(Engine):
    """Looks at each file, again and again. What it finds is half an interval old: it is settled."""

    name = "poll"

    def __init__(self, files: WatchedFiles) -> None:
        self._files = files
        self._alarm = threading.Event()

    def look_at_all(self) -> str | None:
        return self._files.first_modified(self._files.current())

    def wait(self, seconds: float) -> None:
        if self._alarm.wait(seconds):
            self._alarm.clear()

    def wake(self) -> None:
        self._alarm.set()


class WatchLimitError(OSError):
    """The kernel watches no more folders for this user."""


IN_ATTRIB = 0x00000004  # os.utime() alone; what chmod() does is no other signature
IN_CLOSE_WRITE = 0x00000008
IN_MOVED_TO = 0x00000080
IN_CREATE = 0x00000100
IN_Q_OVERFLOW = 0x00004000
IN_ONLYDIR = 0x01000000

# Without IN_MODIFY: a file is read when it is whole, and a log that grows in the application's
# folder wakes nobody.
INTERESTING = IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR

EVENT_HEAD = struct.Struct("iIII")  # inotify(7): wd, mask, cookie, length of the name
EVENT_BYTES = 65536
MOST_LINKS = 40  # path_resolution(7)


class InotifyEngine(Engine):
    """Is told by the kernel about the folders of all files, and compares those that are watched.

    Folders, not files: an editor that puts a new file in place of the old one would take the watch
    away with the old one. Raises ImportError, AttributeError or OSError where there is no inotify.
    """

    name = "inotify"

    def __init__(self, files: WatchedFiles) -> None:
        self._files = files
        self._alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            self._kernel = Inotify()
        except BaseException:
            os.close(self._alarm)
            raise
        self._is_closed = False
        self._closing = threading.RLock()  # a signal handler may call stop() during stop()
        self._poll = select.poll()
        self._poll.register(self._kernel.descriptor, select.POLLIN)
        self._poll.register(self._alarm, select.POLLIN)
        self._places: dict[str, dict[str, set[str]]] = {}  # folder, name: files that lead there
        self._watches: dict[str, int] = {}  # by folder
        self._folders: dict[int, list[str]] = {}  # by watch; one folder may have several names
        self._known: set[str] = set()
        self._unfinished: set[str] = set()

    def look_at_all(self) -> str | None:
        new = self._files.current() - self._known
        for path in new:
            self._find_places(path)
        self._known |= new
        # First the watches, then the looks: what happens between them is then seen twice.
        doubtful = new | self._unfinished | self._watch_folders()
        self._unfinished.clear()
        return self._files.first_modified(doubtful)

    def news(self) -> str | None:
        touched: set[str] = set()
        for watch, mask, name in self._kernel.events():
            if mask & IN_Q_OVERFLOW:
                return self._files.first_modified(self._known)
            for folder in self._folders.get(watch, ()):
                paths = self._places[folder].get(name, set())
                if mask & IN_CREATE:
                    self._unfinished |= paths  # empty yet, or a link, which nobody closes
                else:
                    touched |= paths
        for path in touched:
            self._find_places(path)  # a link may lead elsewhere now
        return self._files.first_modified(touched)

    def wait(self, seconds: float) -> None:
        ready = self._poll.poll(math.ceil(seconds * 1000))
        if any(descriptor == self._alarm for descriptor, _ in ready):
            os.eventfd_read(self._alarm)

    def settle(self) -> None:
        until = monotonic() + SETTLE_SECONDS
        while monotonic() < until:
            ready = self._poll.poll(math.ceil(QUIET_SECONDS * 1000))
            if not ready or any(descriptor == self._alarm for descriptor, _ in ready):
                return
            self._kernel.events()

    def wake(self) -> None:
        with self._closing:
            if not self._is_closed:
                os.eventfd_write(self._alarm, 1)

    def close(self) -> None:
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                self._kernel.close()
                os.close(self._alarm)

    def _find_places(self, path: str) -> None:
        """Notes where the file is, and where each link on the way to its contents is."""
        place = path
        for _ in range(MOST_LINKS):
            folder, name = os.path.split(place)
            self._places.setdefault(folder, {}).setdefault(name, set()).add(path)
            try:
                target = os.readlink(place)  # noqa: PTH115  keeps what pathlib would leave out
            except (OSError, ValueError):
                return
            place = os.path.join(folder, target)  # noqa: PTH118  likewise

    def _watch_folders(self) -> set[str]:
        """Has every folder watched that is there. Returns files about which nothing was told.

        All are asked for again: for a folder that is the same the kernel gives the same number,
        and it uses no number twice. So removed, moved and newly linked ones are found.
        """
        unsure: set[str] = set()
        before, self._watches, self._folders = self._watches, {}, {}
        for folder, names in self._places.items():
            watch = self._kernel.watch(folder)
            if watch is not None:
                self._watches[folder] = watch
                self._folders.setdefault(watch, []).append(folder)
            if watch is None or watch != before.get(folder):
                unsure.update(*names.values())
        for watch in set(before.values()) - set(self._folders):
            self._kernel.forget(watch)
        return unsure


class Inotify:
    """The system calls of inotify(7), by way of the C library.

    Raises ImportError, AttributeError or OSError where they cannot be had.
    """

    def __init__(self) -> None:
        # Not at the top: a Python may be built without ctypes.
        import ctypes

        self._errno = ctypes.get_errno
        library = ctypes.CDLL(None, use_errno=True)
        begin = library.inotify_init1
        self._add, self._remove = library.inotify_add_watch, library.inotify_rm_watch
        begin.argtypes = [ctypes.c_int]
        self._add.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]
        self._remove.argtypes = [ctypes.c_int, ctypes.c_int]
        # IN_CLOEXEC and IN_NONBLOCK are these by definition.
        self.descriptor: int = begin(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0:
            raise OSError(self._why_not())

    def watch(self, folder: str) -> int | None:
        """The number of the watch for `folder`; none where it is no folder or may not be read.

        Raises WatchLimitError.
        """
        try:
            encoded = os.fsencode(folder)
        except UnicodeEncodeError:  # no such folder can be
            return None
        number: int = self._add(self.descriptor, encoded, INTERESTING)
        if number >= 0:
            return number
        code = self._errno()
        if code in (errno.ENOSPC, errno.ENOMEM):
            raise WatchLimitError("the limit fs.inotify.max_user_watches is reached")
        return None

    def forget(self, number: int) -> None:
        """End a watch; the kernel may have ended it before."""
        self._remove(self.descriptor, number)

    def events(self) -> list[tuple[int, int, str]]:
        """Watch, mask and name of what has happened, as much as there is and fits."""
        try:
            told = os.read(self.descriptor, EVENT_BYTES)
        except BlockingIOError:
            return []
        found = []
        at = 0
        while at < len(told):
            watch, mask, _, length = EVENT_HEAD.unpack_from(told, at)
            at += EVENT_HEAD.size
            found.append((watch, mask, os.fsdecode(told[at : at + length].rstrip(b"\0"))))
            at += length
        return found

    def close(self) -> None:
        """End all watches. Once only."""
        os.close(self.descriptor)

    def _why_not(self) -> str:
        code = self._errno()
        if code == errno.EMFILE:
            return "the limit fs.inotify.max_user_instances, or that of open files, is reached"
        return os.strerror(code)
