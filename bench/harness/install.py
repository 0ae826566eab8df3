# SPDX-License-Identifier: MIT
"""Makes ready what a run needs: the floor's binary, wrk, and the peers in a virtualenv."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.harness.servers import BENCH, FLOOR, OPEN_LOOP, ROOT, VENV

DEBIAN_PYTHON = Path("/usr/bin/python3")
PEERS = BENCH / "peers.txt"
COMPILE = ["g++", "-std=c++20", "-O2", "-g", "-Wall", "-Wextra"]


class MissingTool(Exception):
    """Something that no peer can be measured without; the text is the line that helps."""


def build(source: Path, binary: Path, more: list[str] | None = None) -> None:
    """Compiles one small program unless its binary is newer than all it is made from."""
    inputs = [source, *(Path(word) for word in more or [] if word.endswith(".cc"))]
    if binary.exists() and all(p.stat().st_mtime < binary.stat().st_mtime for p in inputs):
        return
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([*COMPILE, "-o", str(binary), str(source), *(more or [])], check=True)


def build_floor() -> None:
    """build/bench/epoll_floor; raises MissingTool without a compiler."""
    if shutil.which("g++") is None:
        raise MissingTool("no g++: apt-get install g++")
    build(BENCH / "epoll_floor.cc", FLOOR)


def build_open_loop() -> None:
    """build/bench/open_loop; raises MissingTool without a compiler."""
    if shutil.which("g++") is None:
        raise MissingTool("no g++: apt-get install g++")
    build(BENCH / "open_loop.cc", OPEN_LOOP)


def check_tools() -> None:
    """Raises MissingTool when wrk or taskset is not there."""
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise MissingTool(f"no {tool}: apt-get install {package}")


def peer_pins() -> dict[str, str]:
    """Name to pinned requirement, from bench/peers.txt."""
    lines = (line.partition("#")[0].strip() for line in PEERS.read_text().splitlines())
    return {line.partition("==")[0]: line for line in lines if line}


def installed() -> dict[str, str]:
    """Name to version of what the bench's virtualenv holds."""
    folders = [str(path) for path in (VENV / "lib").glob("python3*/site-packages")]
    found = importlib.metadata.distributions(path=folders)
    return {str(dist.metadata["Name"]).lower(): dist.version for dist in found}


def install_peers(say: Callable[[str], None]) -> dict[str, str]:
    """Installs the peers that are missing; answers which could not be, and why. Raises
    MissingTool when there can be no virtualenv."""
    python = VENV / "bin" / "python"
    if not python.exists():
        maker = DEBIAN_PYTHON if DEBIAN_PYTHON.exists() else Path(sys.executable)
        say(f"making {VENV.relative_to(ROOT)} with {maker}")
        if subprocess.run([str(maker), "-m", "venv", str(VENV)]).returncode != 0:
            raise MissingTool(f"{maker} makes no virtualenv: apt-get install python3-venv")
    left_out: dict[str, str] = {}
    have = installed()
    for name, pin in peer_pins().items():
        if have.get(name) == pin.partition("==")[2]:
            continue
        say(f"installing {pin}")
        command = [str(python), "-m", "pip", "install", "--quiet"]
        command += ["--disable-pip-version-check", pin]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            left_out[name] = _reason(name, done.stderr)
    return left_out


def _reason(name: str, stderr: str) -> str:
    if name == "bjoern" and "ev.h" in stderr:
        return "it needs libev's headers: apt-get install libev-dev"
    lines = [line for line in stderr.splitlines() if "error" in line.lower()]
    return lines[-1].strip()[:200] if lines else "pip could not install it"
