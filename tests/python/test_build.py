# SPDX-License-Identifier: MIT
"""What a machine lacks is named: by CMake with the Debian package, by tools/setup with one line."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP_USES = ("sh", "dirname", "cat", "cksum", "date", "env", "mkdir", "rm", "grep", "mktemp", "ls")


def folder_of_tools(folder: Path, *names: str, **scripts: str) -> str:
    """A PATH with nothing but these programs; scripts are made on the spot."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    for name, text in scripts.items():
        (folder / name.replace("_", "-")).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name.replace("_", "-")).chmod(0o755)
    return str(folder)


def configure(build: Path, *options: str, path: str | None = None) -> str:
    """What CMake complains of, in one line."""
    cmake, ninja = shutil.which("cmake"), shutil.which("ninja")
    assert cmake and ninja
    env = {key: value for key, value in os.environ.items() if key not in {"CXX", "CC"}}
    ours = [f"-DPython_EXECUTABLE={sys.executable}", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    done = subprocess.run(
        [cmake, "-G", "Ninja", "-S", str(ROOT), "-B", str(build), *options, *ours],
        capture_output=True,
        text=True,
        env=env if path is None else env | {"PATH": path},
        check=False,
    )
    assert done.returncode != 0, done.stdout
    return " ".join(done.stderr.split())


def test_another_system_than_linux_is_refused_in_one_sentence(tmp_path: Path) -> None:
    said = configure(tmp_path / "build", "-DCMAKE_SYSTEM_NAME=FreeBSD")
    assert "Winghorn runs on Linux only" in said
    assert said.count("CMake Error") == 1


@pytest.mark.parametrize(
    ("options", "package"),
    [
        (["-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON"], "libfmt-dev"),
        (["-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON"], "nlohmann-json3-dev"),
        (["-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON", "-DWINGHORN_TESTS=ON"], "libgtest-dev"),
        (["-DPython_INCLUDE_DIR=/nowhere", "-DPython_ARTIFACTS_INTERACTIVE=ON"], "python3-dev"),
    ],
)
def test_a_missing_library_is_named(tmp_path: Path, options: list[str], package: str) -> None:
    said = configure(tmp_path / "build", *options)
    assert f"apt-get install {package}" in said
    assert said.count("CMake Error") == 1


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    said = configure(tmp_path / "build", path=folder_of_tools(tmp_path / "bin", "sh"))
    assert "apt-get install g++" in said
    assert said.count("CMake Error") == 1


def setup(path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "setup"), "serve"],
        env={"PATH": path, "PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_sudo_setup_prints_the_line_to_paste(tmp_path: Path) -> None:
    path = folder_of_tools(tmp_path / "bin", *SETUP_USES, id="echo 1000", apt_get="exit 9")
    done = setup(path)
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("apt-get update && apt-get install -y --no-install-recommends ")
    assert {"g++", "cmake", "ninja-build", "libfmt-dev", "nlohmann-json3-dev"} <= set(line.split())


def test_elsewhere_than_on_debian_setup_lists_what_is_missing(tmp_path: Path) -> None:
    done = setup(folder_of_tools(tmp_path / "bin", *SETUP_USES, "id"))
    assert done.returncode == 1
    assert "this is not Debian" in done.stderr
    for thing in ("the program c++", "the program cmake", "<fmt/format.h>", "<nlohmann/json.hpp>"):
        assert thing in done.stderr


def test_a_taken_port_says_how_to_choose_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools" / "port_is_free.py"), "127.0.0.1", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
    assert "make serve PORT=" in done.stderr
