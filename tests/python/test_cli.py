# SPDX-License-Identifier: MIT
"""The command line, as a user meets it: what is printed, where, and the exit status."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import winghorn
from tests.support.server import command, environment
from winghorn import _core
from winghorn.cli import main
from winghorn.server import Server

APP = "def app(environ, start_response):\n    return []\n"


def run(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(), *arguments],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def test_alone_it_says_what_is_missing_and_shows_how(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: No application module specified.\n")
    assert "winghorn app:app" in done.stderr


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_version(flag: str, tmp_path: Path) -> None:
    done = run(flag, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"winghorn (version {winghorn.__version__})\n")


def test_version_is_one_number() -> None:
    assert winghorn.__version__ == _core.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", winghorn.__version__)
    with pytest.raises(AttributeError):
        _ = winghorn.nothing


def test_help_shows_what_works_today_and_nothing_else(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: winghorn [OPTIONS] [APP_MODULE]\n")
    for row in _core.settings():
        for flag in row["flags"]:
            shown = re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", done.stdout) is not None
            assert shown == row["works"], flag
    assert "\x1b" not in done.stdout


def test_help_is_quiet_when_its_reader_leaves(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run(
            [*command(), "--help"],
            cwd=tmp_path,
            env=environment(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_settings_page_is_the_document(tmp_path: Path) -> None:
    done = run("--settings-page", cwd=tmp_path)
    document = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
    assert done.returncode == 0
    assert done.stdout == document.read_text()


def test_unknown_option_names_the_nearest(tmp_path: Path) -> None:
    done = run("--wrokers", "3", "app:app", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(
        "winghorn: error: unrecognized arguments: --wrokers (did you mean --workers?)\n"
    )


def test_unknown_option_without_a_neighbour(tmp_path: Path) -> None:
    done = run("--quite-another-thing", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("error: unrecognized arguments: --quite-another-thing\n")


def test_ambiguous_prefix_is_gunicorns_error(tmp_path: Path) -> None:
    done = run("--work", "3", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(
        "winghorn: error: ambiguous option: --work could match --workers, --worker-class, "
        "--worker-connections, --worker-tmp-dir\n"
    )


def test_numbers_on_the_command_line_are_decimal(tmp_path: Path) -> None:
    done = run("-w", "0x10", "app:app", cwd=tmp_path)
    assert done.returncode == 2
    assert "argument -w/--workers: invalid int value: '0x10'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--certfile", "x.pem"],
            "setting 'certfile' (--certfile) is not supported by winghorn yet",
        ),
        (["-k", "gevent"], "worker class 'gevent' is not supported yet"),
        (["-k", "uvicorn.workers.UvicornWorker"], "-k asgi, and that is not supported yet"),
        (["-b", "127.0.0.1:99999"], "'99999' is not a valid port number"),
        (["-w", "-1"], "Value must be positive: -1"),
        (["--chdir", "/no/such/folder"], "can't chdir to '/no/such/folder'"),
        (["-c", "missing.py"], "'missing.py' doesn't exist"),
        (["-c", "python:no_such_module"], "No module named 'no_such_module'"),
        (["--env", "FOO"], "environment setting 'FOO' invalid"),
    ],
)
def test_what_is_wrong_takes_one_line(arguments: list[str], expected: str, folder: Path) -> None:
    done = run(*arguments, "app:app", cwd=folder)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: ")
    assert expected in done.stderr


def test_check_config_is_silent_when_all_is_well(folder: Path) -> None:
    done = run("--check-config", "app:app", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_config_loads_the_application(folder: Path) -> None:
    done = run("--check-config", "app:nothing", cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("\nError while loading the application:\n")
    assert "Failed to find attribute 'nothing' in 'app'." in done.stderr


def test_check_config_shows_warnings(folder: Path) -> None:
    (folder / "gunicorn.conf.py").write_text("worker = 3\n")
    done = run("--check-config", "app:app", cwd=folder)
    assert done.returncode == 0
    assert "Warning: 'worker' is not a setting; did you mean 'workers'?" in done.stderr


def test_print_config(folder: Path) -> None:
    done = run("--print-config", "-w", "3", "app:app", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    names = [line[:34].rstrip() for line in lines]
    assert names == sorted(row["name"] for row in _core.settings())
    assert f"{'workers':34} = 3" in lines
    assert f"{'child_exit':34} = <ChildExit.child_exit()>" in lines


def test_later_applications_are_not_ignored_in_silence(folder: Path) -> None:
    done = run("--check-config", "app:app", "other:app", cwd=folder)
    assert done.returncode == 0
    assert "ignored: other:app" in done.stderr


def test_interrupted_while_it_reads_the_config_file(folder: Path) -> None:
    (folder / "winghorn.conf.py").write_text(
        "import sys, time\nprint('reading', flush=True)\ntime.sleep(30)\n"
    )
    with subprocess.Popen(
        [*command(), "app:app"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_serve_gets_the_settings_and_two_ways_back_to_python(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[_core.Settings, _core.Settings]] = []

    def serve(server: Server) -> int:
        (folder / "winghorn.conf.py").write_text("threads = 4\n")
        seen.append((server.generation.settings, server.reload().settings))
        (folder / "winghorn.conf.py").write_text("raise ValueError('no')\n")
        with pytest.raises(_core.SettingsError, match="ValueError: no"):
            server.reload()
        server.before_fork(server.generation, 1)
        assert server.load_application(server.generation.settings).__name__ == "app"
        return 7

    for name in ("PORT", "WEB_CONCURRENCY", "WINGHORN_CMD_ARGS", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(_core, "serve", serve, raising=False)
    try:
        assert main(["app:app"]) == 7
    finally:
        sys.modules.pop("app", None)
        sys.modules.pop("__config__", None)
    assert seen[0][0].worker_class == "sync"
    assert seen[0][1].worker_class == "gthread"
    assert seen[0][1].config_file == "./winghorn.conf.py"
