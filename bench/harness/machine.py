# SPDX-License-Identifier: MIT
"""What a figure depends on besides the servers: the machine, the kernel, the interpreters."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.harness.install import installed
from bench.harness.servers import VENV, ours_program

# Debian builds its interpreter with profile-guided optimization, but not through the option that
# sysconfig remembers: what lives in /usr/bin is taken to be a distribution's and optimized.
ASK = (
    "import os, platform, sys, sysconfig; "
    "base = os.path.realpath(getattr(sys, '_base_executable', sys.executable)); "
    "made = '--enable-optimizations' in (sysconfig.get_config_var('CONFIG_ARGS') or ''); "
    "slow = '' if made or base.startswith('/usr/bin/') else ', built without PGO'; "
    "print(f'CPython {platform.python_version()} ({base}{slow})')"
)
BUSY_LOAD = 0.5


def describe(say: Callable[[str], None]) -> dict[str, object]:
    """The machine for the results file; warns about what makes the figures doubtful."""
    ours = interpreter_of(ours_program().parent / "python")
    peers = interpreter_of(VENV / "bin" / "python")
    load = os.getloadavg()[0]
    if ours and peers and ours != peers:
        say(f"warning: winghorn runs on {ours}, the peers on {peers}: not comparable")
    if peers and "without PGO" in peers:
        say(f"warning: {peers}: every Python step costs more than with Debian's interpreter")
    if load > BUSY_LOAD:
        say(f"warning: load average {load:.2f}: this machine has other work")
    return {
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "python": peers,
        "winghorn_python": ours,
        "load_before": round(load, 2),
        "versions": installed(),
    }


def cpu_model() -> str:
    """The model name of the first CPU."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def interpreter_of(python: Path) -> str:
    """Such as "CPython 3.11.2 (/usr/bin/python3.11)"; empty when there is none at that path."""
    if not python.exists():
        return ""
    done = subprocess.run([str(python), "-c", ASK], capture_output=True, text=True, timeout=30)
    return done.stdout.strip()
