# SPDX-License-Identifier: MIT
"""Where settings come from, which wins, and what happens to those that are wrong or unknown."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import APPS, Server, run_to_end

HOST = "Host: test\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trouble.py").write_text((APPS / "trouble.py").read_text())
    return tmp_path


def environ_of(server: Server) -> dict[str, object]:
    reply = ask(server.address, f"GET /environ HTTP/1.1\r\n{HOST}\r\n")
    found: dict[str, object] = json.loads(reply.body)
    return found


# ---- the config file ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["winghorn.conf.py", "gunicorn.conf.py"])
def test_config_file_is_found_and_named(serve: Serve, folder: Path, name: str) -> None:
    """./winghorn.conf.py, else ./gunicorn.conf.py, is read; one INFO line names it."""
    (folder / name).write_text("workers = 3\n")
    server = serve("trouble:app", cwd=folder, workers=3)
    server.wait_for_workers(3)
    assert len(server.log.matches(rf"\[INFO\] .*{name}")) == 1


def test_our_config_file_comes_first(serve: Serve, folder: Path) -> None:
    """With both files there, ours is read and the other is not."""
    (folder / "winghorn.conf.py").write_text("workers = 2\n")
    (folder / "gunicorn.conf.py").write_text("raise SystemExit('read by mistake')\n")
    server = serve("trouble:app", cwd=folder, workers=2)
    server.wait_for_workers(2)


@pytest.mark.parametrize("how", ["path", "file", "python"])
def test_config_file_by_name(serve: Serve, folder: Path, how: str) -> None:
    """-c takes a path, file:PATH or python:MODULE."""
    (folder / "special.py").write_text("workers = 2\nwsgi_app = 'trouble:app'\n")
    given = {"path": "special.py", "file": "file:special.py", "python": "python:special"}[how]
    server = serve("-c", given, cwd=folder, workers=2)
    server.wait_for_workers(2)


def test_config_file_may_compute(serve: Serve, folder: Path) -> None:
    """It is Python: it may import, compute, and hold names of its own."""
    (folder / "winghorn.conf.py").write_text(
        "import multiprocessing as mp\n_cores = min(2, mp.cpu_count() + 1)\nworkers = _cores\n"
        "def helper():\n    return 1\n"
    )
    server = serve("trouble:app", cwd=folder, workers=2)
    server.wait_for_workers(2)


# ---- precedence -----------------------------------------------------------------------------


def test_each_source_beats_the_one_before(serve: Serve, folder: Path) -> None:
    """Environment, config file, arguments variable, command line: the later one wins."""
    env = {"WEB_CONCURRENCY": "5"}
    (folder / "gunicorn.conf.py").write_text("workers = 4\n")
    serve("trouble:app", cwd=folder, env=env, workers=4).wait_for_workers(4)
    env["GUNICORN_CMD_ARGS"] = "--workers 3"
    serve("trouble:app", cwd=folder, env=env, workers=3).wait_for_workers(3)
    env["WINGHORN_CMD_ARGS"] = "--workers 2"
    serve("trouble:app", cwd=folder, env=env, workers=2).wait_for_workers(2)
    serve("trouble:app", "--workers", "1", cwd=folder, env=env).wait_for_workers(1)


def test_threads_promote_sync(serve: Serve, folder: Path) -> None:
    """--threads 2 makes gthread of sync; -k gthread with one thread is one slot."""
    server = serve("trouble:app", "--threads", "2", cwd=folder)
    server.wait_for_log(r"Using worker: gthread")
    assert environ_of(server)["wsgi.multithread"] is True
    server = serve("trouble:app", "-k", "gthread", cwd=folder)
    server.wait_for_log(r"Using worker: gthread")
    assert environ_of(server)["wsgi.multithread"] is True


def test_environment_of_the_application(serve: Serve, tmp_path: Path) -> None:
    """-e KEY=VALUE is in os.environ when the application is imported, as is SERVER_SOFTWARE."""
    (tmp_path / "site9.py").write_text(
        "import os\nvalue = os.environ['COLOUR'] + ' ' + os.environ['SERVER_SOFTWARE'][:9]\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [value.encode()]\n"
    )
    server = serve("site9:app", "-e", "COLOUR=green=blue", cwd=tmp_path)
    assert ask(server.address, f"GET / HTTP/1.1\r\n{HOST}\r\n").text == "green=blue winghorn/"


def test_chdir_and_pythonpath(serve: Serve, tmp_path: Path) -> None:
    """--chdir is where the application lives; --pythonpath folders are searched."""
    app, library = tmp_path / "app", tmp_path / "library"
    app.mkdir()
    library.mkdir()
    (library / "far_away.py").write_text("text = b'from the library'\n")
    (app / "site10.py").write_text(
        "import os, far_away\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [os.getcwd().encode(), b' ', far_away.text]\n"
    )
    server = serve("site10:app", "--chdir", str(app), "--pythonpath", str(library), cwd=tmp_path)
    reply = ask(server.address, f"GET / HTTP/1.1\r\n{HOST}\r\n")
    assert reply.text == f"{app} from the library"


# ---- what is wrong --------------------------------------------------------------------------


def refused(*args: str, cwd: Path | str = APPS, **env: str) -> tuple[int, str]:
    done = run_to_end("--bind", "127.0.0.1:0", *args, "hello:app", cwd=cwd, env=env)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("flag", "near"), [("--worker", ""), ("--wrokers", "--workers"), ("--timout", "--timeout")]
)
def test_unknown_flag_gets_the_nearest(flag: str, near: str) -> None:
    """An unknown flag is an error with status 2 that names the nearest flag."""
    status, log = refused(flag, "2")
    assert status == 2
    assert "winghorn: error:" in log
    assert near in log


def test_unknown_flag_in_the_variable() -> None:
    """So is one in GUNICORN_CMD_ARGS, and the message says where it came from."""
    status, log = refused(GUNICORN_CMD_ARGS="--wrokers 2")
    assert status == 2
    assert "--workers" in log
    assert "GUNICORN_CMD_ARGS" in log


def test_mistyped_name_in_the_config_file(serve: Serve, folder: Path) -> None:
    """A name that is nearly a setting's gets a warning that names it; others are the user's own."""
    (folder / "winghorn.conf.py").write_text("wrokers = 2\nmy_own_name = 1\n")
    server = serve("trouble:app", cwd=folder)
    assert "wrokers" in server.log.text
    assert "workers" in server.log.text
    assert "my_own_name" not in server.log.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("workers = -1", ["workers", "-1"]),
        ("workers = 'many'", ["workers", "many"]),
        ("timeout = 'soon'", ["timeout", "soon"]),
        ("bind = '127.0.0.1:none'", ["none"]),
        ("forwarded_allow_ips = '10.0.0.1/8'", ["10.0.0.1/8"]),
        ("header_map = 'keep'", ["header_map", "keep"]),
        ("access_log_format = '%(h'", ["access_log_format"]),
        ("raw_env = ['NO_VALUE']", ["NO_VALUE"]),
    ],
)
def test_bad_value_in_the_config_file(folder: Path, line: str, words: list[str]) -> None:
    """A bad value: setting, value and file are named, status 1."""
    (folder / "winghorn.conf.py").write_text(line + "\naccesslog = '-'\n")
    done = run_to_end("trouble:app", cwd=folder)
    assert done.returncode == 1
    assert "winghorn.conf.py" in done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_config_file_that_raises(folder: Path) -> None:
    """A config file with an error: its name and the error, status 1, nothing served."""
    (folder / "winghorn.conf.py").write_text("import no_such_thing\n")
    done = run_to_end("trouble:app", cwd=folder)
    assert done.returncode == 1
    assert "winghorn.conf.py" in done.stderr
    assert "no_such_thing" in done.stderr


def test_config_file_that_is_not_there() -> None:
    """-c with a file that is not there: named, status 1."""
    status, log = refused("-c", "/nowhere/special.py")
    assert status == 1
    assert "/nowhere/special.py" in log


TO_COME = [
    "certfile = 'a.pem'",
    "http_protocols = 'h1,h2'",
    "dirty_workers = 1",
    "def ssl_context(config, default): pass",
]


@pytest.mark.parametrize("line", TO_COME)
def test_settings_to_come_are_refused(folder: Path, line: str) -> None:
    """A setting of gunicorn's that is not built yet is refused by name, never ignored."""
    (folder / "gunicorn.conf.py").write_text(line + "\n")
    done = run_to_end("trouble:app", cwd=folder)
    assert done.returncode == 1
    name = line.removeprefix("def ").split("(")[0].split(" ")[0]
    assert name in done.stderr
    assert "not supported by winghorn yet" in done.stderr


def test_settings_to_come_at_their_defaults_are_fine(serve: Serve, folder: Path) -> None:
    """A config file that sets them to their defaults works unchanged."""
    (folder / "gunicorn.conf.py").write_text(
        "preload_app = False\nmax_requests = 0\ncertfile = None\nworkers = 1\n"
    )
    serve("trouble:app", cwd=folder)


def test_flags_to_come_are_refused() -> None:
    """So are the flags, with what to do instead."""
    for flags in (["--http2-cleartext", "both"], ["--dirty-app", "x"], ["--certfile", "x"]):
        status, log = refused(*flags)
        assert status in (1, 2)
        assert "not supported by winghorn yet" in log


@pytest.mark.parametrize("threads", ["1", "2"])
def test_spew_prints_every_line(serve: Serve, folder: Path, threads: str) -> None:
    """--spew: lines of the application as they are executed, on each thread that runs it."""
    (folder / "traced.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'traced']\n"
    )
    server = serve("traced:app", "--spew", "--threads", threads, cwd=folder)
    assert ask(server.address, "GET / HTTP/1.1\r\nHost: test\r\n\r\n").body == b"traced"
    server.wait_for_out(r"^traced:1: def app\(environ, start_response\):$")
    server.wait_for_out(r"^traced:2:     start_response\('200 OK', \[\]\)$")
    server.wait_for_out(r"^traced:3:     return \[b'traced'\]$")


def test_what_needs_a_restart_is_told_at_hup(serve: Serve, folder: Path) -> None:
    """A setting that a reload cannot change is not ignored in silence."""
    config = folder / "winghorn.conf.py"
    config.write_text("backlog = 100\nthreads = 1\n")
    server = serve("trouble:app", cwd=folder)
    config.write_text("backlog = 200\nthreads = 2\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log(r"\[WARNING\] setting 'backlog' has changed, .* after a restart")
    server.wait_for_log("Reload complete")
    assert server.log.matches("setting 'threads' has changed") == []


def test_contradictions_are_told(serve: Serve, folder: Path) -> None:
    """By --check-config on standard error, by a server in its log; it serves all the same."""
    flags = ("--graceful-timeout", "60", "--max-requests-jitter", "5")
    done = run_to_end("--check-config", *flags, "trouble:app", cwd=folder)
    assert done.returncode == 0
    assert "Warning: 'graceful_timeout' is 60 s" in done.stderr
    assert "Warning: 'max_requests_jitter' has no effect without 'max_requests'" in done.stderr
    server = serve(*flags, "trouble:app", cwd=folder)
    server.wait_for_log(r"\[WARNING\] .graceful_timeout. is 60 s: most orchestrators kill")


# ---- looking without serving ----------------------------------------------------------------


def test_check_config(folder: Path) -> None:
    """--check-config loads everything, says nothing and ends with 0; 1 when it fails."""
    done = run_to_end("--check-config", "trouble:app", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run_to_end("--check-config", "trouble:nope", cwd=folder)
    assert done.returncode == 1
    assert "Error while loading the application:" in done.stderr


def test_print_config(folder: Path) -> None:
    """--print-config shows the values in force, sorted, one a line."""
    (folder / "winghorn.conf.py").write_text("workers = 3\n")
    done = run_to_end("--print-config", "--timeout", "7", "trouble:app", cwd=folder)
    assert done.returncode == 0
    values = dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)
    values = {name.strip(): value for name, value in values.items()}
    assert (values["workers"], values["timeout"]) == ("3", "7")
    assert list(values) == sorted(values)


def test_limits_are_obeyed(serve: Serve, folder: Path) -> None:
    """limit_request_line, _fields and _field_size are what the parser goes by."""
    server = serve(
        "trouble:app",
        "--limit-request-line",
        "100",
        "--limit-request-fields",
        "3",
        "--limit-request-field_size",
        "50",
        cwd=folder,
    )
    address = server.address
    assert ask(address, f"GET /{'a' * 100} HTTP/1.1\r\n\r\n").status == 414
    assert ask(address, "GET / HTTP/1.1\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n").status == 431
    assert ask(address, f"GET / HTTP/1.1\r\nA: {'a' * 50}\r\n\r\n").status == 431
    assert ask(address, "GET / HTTP/1.1\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n").status == 200


@pytest.mark.parametrize(
    ("flag", "request_bytes"),
    [
        ("--permit-unconventional-http-method", "get /hello HTTP/1.1\r\n\r\n"),
        (
            "--casefold-http-method --permit-unconventional-http-method",
            "get /hello HTTP/1.1\r\n\r\n",
        ),
        ("--permit-unconventional-http-version", "GET /hello HTTP/1.9\r\n\r\n"),
        ("--strip-header-spaces", "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("--permit-obsolete-folding", "GET /hello HTTP/1.1\r\nX: a\r\n b\r\n\r\n"),
    ],
)
def test_leniencies(serve: Serve, flag: str, request_bytes: str) -> None:
    """Each leniency lets in what it names."""
    server = serve("trouble:app", *flag.split())
    assert ask(server.address, request_bytes).status == 200


def test_host_can_be_required(serve: Serve) -> None:
    """It is not by default, for gunicorn's users rely on that."""
    lax, strict = serve("trouble:app"), serve("trouble:app", "--require-host")
    assert ask(lax.address, "GET /hello HTTP/1.1\r\n\r\n").status == 200
    refused = ask(strict.address, "GET /hello HTTP/1.1\r\n\r\n")
    assert (refused.status, b"Missing HTTP Header: &#x27;HOST&#x27;" in refused.body) == (400, True)
    assert ask(strict.address, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status == 200


def test_header_map(serve: Serve) -> None:
    """header_map refuse answers 400, dangerous lets underscores through."""
    request = f"GET /environ HTTP/1.1\r\n{HOST}X_Under: 1\r\n\r\n"
    server = serve("trouble:app", "--header-map", "refuse")
    assert ask(server.address, request).status == 400
    server = serve("trouble:app", "--header-map", "dangerous")
    assert json.loads(ask(server.address, request).body)["HTTP_X_UNDER"] == "1"
