# SPDX-License-Identifier: MIT
"""The worker classes as Python classes, for configurations that give ``worker_class`` as one.

They only say by which name the engine serves: its work is not done in Python. A subclass without
code is served as its base; one with methods is refused, for nobody would call them.
"""

from __future__ import annotations

from typing import ClassVar

from winghorn.hook_objects import Worker


class SyncWorker(Worker):
    """One request at a time."""

    served_by: ClassVar[str] = "sync"


class ThreadWorker(Worker):
    """As many requests at a time as there are threads."""

    served_by: ClassVar[str] = "gthread"


BY_NAME: dict[str, type[Worker]] = {"sync": SyncWorker, "gthread": ThreadWorker}
