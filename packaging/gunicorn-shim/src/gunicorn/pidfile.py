# SPDX-License-Identifier: MIT
"""A file with a process's number in it, for programs that keep one by themselves."""

from __future__ import annotations

import errno
import os
from pathlib import Path


class Pidfile:
    """Made by create(), once; unlink() removes it only while it still names that process."""

    def __init__(self, fname: str) -> None:
        self.fname = fname
        self.pid: int | None = None

    def create(self, pid: int) -> None:
        """Write the file. Raises RuntimeError when it names another process that lives."""
        living = self.validate()
        if living is not None and living != os.getpid():
            raise RuntimeError(
                f"Already running on PID {living} (or pid file {self.fname!r} is stale)"
            )
        self.pid = pid
        new = Path(f"{self.fname}.{os.getpid()}.new")
        try:
            new.write_text(f"{pid}\n")
            new.chmod(0o644)
            new.replace(self.fname)  # nobody reads half of it
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def rename(self, path: str) -> None:
        """Have it under another name."""
        self.unlink()
        self.fname = path
        if self.pid is not None:
            self.create(self.pid)

    def unlink(self) -> None:
        """Remove it if it is ours."""
        if self.pid is not None and self._read() == self.pid:
            Path(self.fname).unlink(missing_ok=True)

    def validate(self) -> int | None:
        """The process that the file names, if there is one."""
        pid = self._read()
        if pid is None or pid <= 0:
            return None
        try:
            os.kill(pid, 0)
        except OSError as error:
            return pid if error.errno == errno.EPERM else None
        return pid

    def _read(self) -> int | None:
        try:
            return int(Path(self.fname).read_text())
        except (FileNotFoundError, ValueError):
            return None
