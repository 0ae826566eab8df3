# SPDX-License-Identifier: MIT
"""Looking at processes through /proc.

The test process makes itself a subreaper: whatever a killed arbiter leaves behind becomes its
child, can be seen, and cannot outlive the test unnoticed.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the name: state, parent, …"""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def state(pid: int) -> str | None:
    """R, S, T, Z, … or None when there is no such process."""
    fields = _stat(pid)
    return fields[0] if fields else None


def alive(pid: int) -> bool:
    """Whether any thread of the process can still run, and holds its descriptors."""
    return state(pid) not in (None, "Z", "X") or threads(pid) > 1


def children(pid: int) -> list[int]:
    """The living children of `pid`, oldest first."""
    found: list[tuple[int, int]] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        fields = _stat(int(entry.name))
        if fields and int(fields[1]) == pid and fields[0] not in ("Z", "X"):
            found.append((int(fields[19]), int(entry.name)))
    return [child for _, child in sorted(found)]


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def zombies(pid: int) -> list[int]:
    """Children of `pid` that nobody has waited for."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields and int(fields[1]) == pid and fields[0] == "Z":
                found.append(int(entry.name))
    return found


def threads(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def descriptors(pid: int | str = "self") -> dict[int, str]:
    """Open descriptors and what they are; the one used for looking is left out."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(entry.name)] = str(entry.readlink())
    return {number: what for number, what in found.items() if not what.endswith("/fd")}


def allow_descriptors(count: int) -> None:
    """At least so many for this process; what it starts from now on inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else max(hard, count)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))


def end(pid: int) -> None:
    """Ends one process that a test has started, and waits for it if it is ours to wait for."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    reap(pid)


def reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def cpu_seconds(pid: int) -> float:
    """Processor time that the process has used, user and system."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0
