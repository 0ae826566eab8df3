# SPDX-License-Identifier: MIT
"""Watchers of files, for programs that start one by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from winghorn.reloader import EngineName
from winghorn.reloader import Reloader as _Reloader


class Reloader(_Reloader):
    """Calls `callback` with the path of a file that was modified, once."""

    engine: EngineName = "poll"

    def __init__(
        self,
        extra_files: Sequence[str] | None = None,
        interval: float = 1,
        callback: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(callback or _nothing, extra_files or (), self.engine, interval)


class InotifyReloader(Reloader):
    """Told by the kernel."""

    engine: EngineName = "inotify"


class _AnyReloader(Reloader):
    engine: EngineName = "auto"


def _nothing(_path: str) -> None:
    pass


reloader_engines: dict[str, type[Reloader]] = {
    "auto": _AnyReloader,
    "poll": Reloader,
    "inotify": InotifyReloader,
}
