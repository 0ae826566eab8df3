# SPDX-License-Identifier: MIT
"""What a new user meets in the first ten minutes: commands, loading, addresses, start and stop."""

from __future__ import annotations

import os
import re
import shlex
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import APPS, command, environment, run_to_end
from tests.support.waiting import PATIENCE, Stopwatch

HELLO = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---- commands -------------------------------------------------------------------------------


def test_alone_it_says_what_is_missing() -> None:
    """Without arguments: gunicorn's sentence, an example, status 1, no traceback."""
    done = run_to_end()
    assert done.returncode == 1
    assert "Error: No application module specified." in done.stderr
    assert re.search(r"winghorn \S+:\S+", done.stderr), "an example of a command"
    assert "Traceback" not in done.stderr


def test_version() -> None:
    """--version and -v print name and version, status 0; the package says the same."""
    done = run_to_end("--version")
    assert done.returncode == 0
    found = re.fullmatch(r"winghorn \(version (\d+\.\d+\S*)\)\n", done.stdout)
    assert found, done.stdout
    assert run_to_end("-v").stdout == done.stdout
    asked = subprocess.run(
        [sys.executable, "-c", "import winghorn; print(winghorn.__version__)"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert asked.stdout.strip() == found[1]


def test_help_names_what_works() -> None:
    """--help shows usage and the flags that work today, and none that do not."""
    done = run_to_end("--help")
    assert done.returncode == 0
    assert re.match(r"usage: winghorn \[OPTIONS\] \[APP_MODULE\]", done.stdout)
    for flag in ("--bind", "--workers", "--threads", "--timeout", "--access-logfile", "--config"):
        assert flag in done.stdout
    for flag in ("--certfile", "--http2-cleartext", "--dirty-app"):
        assert flag not in done.stdout


def test_help_is_quiet_when_its_reader_leaves() -> None:
    """`winghorn --help | head -1` complains about nothing."""
    line = shlex.join([*command(), "--help"]) + " | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=APPS,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.startswith("usage:")
    assert done.stderr == ""


def test_python_m_winghorn() -> None:
    """`python -m winghorn` is the same program under the same name."""
    done = subprocess.run(
        [sys.executable, "-m", "winghorn", "--version"],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout.startswith("winghorn (version ")


# ---- loading the application ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hello", "hello from "),
        ("hello:app", "hello from "),
        ("hello:application", "hello from "),
        ('hello:create_app("prod")', "hello prod"),
        ("hello:create_app(name='prod', shout=True)", "hello PROD"),
        ("hello:create_app()", "hello nobody"),
    ],
)
def test_application_names(serve: Serve, name: str, text: str) -> None:
    """MODULE, MODULE:NAME and factories with literal arguments load the application."""
    assert ask(serve(name).address, HELLO).text.startswith(text)


def test_module_in_a_package(serve: Serve, tmp_path: Path) -> None:
    """The current folder is the first on the path, packages in it included."""
    package = tmp_path / "site_of_mine" / "web"
    package.mkdir(parents=True)
    (tmp_path / "site_of_mine" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "wsgi.py").write_text((APPS / "hello.py").read_text())
    # Something of the same name further down the path must not win.
    other = tmp_path / "other"
    (other / "site_of_mine").mkdir(parents=True)
    (other / "site_of_mine" / "__init__.py").write_text("raise ImportError('the wrong one')\n")
    paths = os.pathsep.join(filter(None, [str(other), environment().get("PYTHONPATH", "")]))
    server = serve("site_of_mine.web.wsgi", cwd=tmp_path, env={"PYTHONPATH": paths})
    assert ask(server.address, HELLO).status == 200


def fails(name: str, cwd: Path | str = APPS, *args: str) -> tuple[int, str]:
    """Status and stderr of a start that should not succeed."""
    done = run_to_end("--bind", "127.0.0.1:0", *args, name, cwd=cwd)
    return done.returncode, done.stderr


def test_missing_attribute_names_the_callables(tmp_path: Path) -> None:
    """A missing attribute: what was sought, what is there instead; status 4, no traceback."""
    (tmp_path / "site1.py").write_text(
        "def create_app():\n    pass\n\nnumber = 1\nflask_app = print\n"
    )
    status, log = fails("site1:app", tmp_path)
    assert status == 4
    assert "Failed to find attribute 'app' in 'site1'." in log
    assert "flask_app" in log
    assert "create_app" in log
    assert "number" not in log
    assert "Reason: App failed to load." in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hello:a.b", "Failed to parse 'a.b' as an attribute name or function call."),
        ("hello:1+1", "Failed to parse '1+1' as an attribute name or function call."),
        ("hello:app(", "Failed to parse 'app(' as an attribute name or function call."),
        ("hello:create_app(x)", "Failed to parse arguments as literal values: 'create_app(x)'"),
        ("hello:a.b()", "Function reference must be a simple name: 'a.b()'"),
        ("hello:nothing", "Failed to find application object: 'nothing'"),
        ("hello:number", "Application object must be callable."),
        ("hello:create_app(1, 2, 3)", "create_app() takes from 0 to 2 positional arguments"),
    ],
)
def test_expressions_that_do_not_work(name: str, message: str) -> None:
    """Each wrong expression has gunicorn's sentence and status 4."""
    status, log = fails(name)
    assert status == 4
    assert message in log


def test_missing_module_says_where_it_looked(tmp_path: Path) -> None:
    """A missing module: its name, the folder searched and the interpreter; status 3."""
    status, log = fails("no_such_site:app", tmp_path)
    assert status == 3
    assert "no_such_site" in log
    assert str(tmp_path) in log
    assert sys.executable in log
    assert "Reason: Worker failed to boot." in log


def test_file_name_instead_of_module() -> None:
    """`hello.py` is understood as a slip, and the right name is given."""
    status, log = fails("hello.py")
    assert status == 3
    assert "did you mean 'hello:" in log


def last_line_of_record(log: str) -> str:
    """The last line of the log record that tells of the failed boot."""
    record = log[log.index("[ERROR]") :].splitlines()
    ends = [number for number, line in enumerate(record) if number and line.startswith("[20")]
    return record[ends[0] - 1]


def test_traceback_of_an_import_begins_at_the_users_code(tmp_path: Path) -> None:
    """An exception during import appears once, from the user's code on, its reason last."""
    (tmp_path / "site2.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text(
        "def begin():\n    raise ValueError('no database')\n\nbegin()\n"
    )
    status, log = fails("site2:app", tmp_path, "--workers", "4")
    assert status == 3
    assert log.count("Traceback (most recent call last)") == 1
    assert log.count("ValueError: no database") >= 1
    trace = log[log.index("Traceback") :].splitlines()
    assert "site2.py" in trace[1], "the first frame is the user's"
    assert "importlib" not in log
    assert "winghorn/" not in log[log.index("Traceback") : log.index("ValueError")]
    assert last_line_of_record(log) == "ValueError: no database"


def test_syntax_error_is_shown_with_its_line(tmp_path: Path) -> None:
    """A syntax error names file and line; status 3."""
    (tmp_path / "site3.py").write_text("x = 1\ndef app(:\n")
    status, log = fails("site3:app", tmp_path)
    assert status == 3
    assert "site3.py" in log
    assert "line 2" in log
    assert last_line_of_record(log).startswith("SyntaxError: ")


def test_only_one_worker_fails_at_boot(tmp_path: Path) -> None:
    """The first worker boots alone, so that one failure is told, not one for each worker."""
    (tmp_path / "site4.py").write_text("1 / 0\n")
    _, log = fails("site4:app", tmp_path, "--workers", "4")
    assert len(re.findall(r"Booting worker with pid", log)) == 1


@pytest.mark.parametrize("name", ["bare_asgi:app", "bare_asgi:site", "fastapi_site:app"])
def test_asgi_application_is_refused_at_boot(name: str) -> None:
    """An ASGI application on a WSGI worker is refused by name at boot, not by 500 later."""
    if name.startswith("fastapi"):
        pytest.importorskip("fastapi")
    status, log = fails(name)
    assert status == 4
    assert name in log
    assert "ASGI" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("given", ["uvicorn.workers.UvicornWorker", "uvicorn_worker.UvicornWorker"])
def test_uvicorns_worker_is_refused_with_a_pointer(given: str) -> None:
    """`-k uvicorn.workers.UvicornWorker` points to -k asgi and says that it is not there yet."""
    done = run_to_end("-k", given, "--bind", "127.0.0.1:0", "hello:app")
    assert done.returncode == 1
    assert "-k asgi" in done.stderr
    assert "not supported yet" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("given", ["asgi", "gevent", "tornado"])
def test_worker_classes_to_come_are_refused(given: str) -> None:
    """Worker classes that are not there yet are refused by name, never replaced silently."""
    done = run_to_end("-k", given, "--bind", "127.0.0.1:0", "hello:app")
    assert done.returncode == 1
    assert given in done.stderr
    assert "not supported yet" in done.stderr


# ---- addresses ------------------------------------------------------------------------------


def test_default_address_is_local(serve: Serve) -> None:
    """Without --bind it listens at 127.0.0.1:8000, or says that this is taken."""
    server = serve("hello:app", bind=None, ready=False)
    server.wait_for_log(
        r"Listening at: http://127\.0\.0\.1:8000 |Connection in use: \('127.0.0.1', 8000\)"
    )


def test_port_from_the_environment(serve: Serve) -> None:
    """PORT gives 0.0.0.0:PORT."""
    port = free_port()
    server = serve("hello:app", bind=None, env={"PORT": str(port)})
    server.wait_for_log(rf"Listening at: http://0\.0\.0\.0:{port} ")
    assert httpx.get(f"http://127.0.0.1:{port}").status_code == 200


def test_web_concurrency(serve: Serve) -> None:
    """WEB_CONCURRENCY gives the number of workers; --workers wins."""
    server = serve("hello:app", env={"WEB_CONCURRENCY": "3"}, workers=3)
    server.wait_for_workers(3)
    server = serve("hello:app", "--workers", "1", env={"WEB_CONCURRENCY": "3"})
    server.wait_for_workers(1)


def test_several_addresses(serve: Serve, tmp_path: Path) -> None:
    """Several -b: all of them serve, TCP of both kinds and a unix socket together."""
    path = str(tmp_path / "s")
    server = serve("hello:app", "-b", "[::1]:0", "-b", f"unix:{path}")
    addresses = server.addresses()
    assert len(addresses) == 3
    for address in addresses:
        assert ask(address, HELLO).status == 200


@pytest.mark.parametrize("bind", ["[::1]:0", "[::]:0"])
def test_ipv6(serve: Serve, bind: str) -> None:
    """IPv6 addresses are written in brackets and served."""
    server = serve("hello:app", bind=bind)
    assert ask(("::1", server.port), HELLO).status == 200


def test_taken_port_is_told_with_its_holder() -> None:
    """A taken port: gunicorn's lines, the holder's pid, status 1, no traceback."""
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = run_to_end("--bind", f"127.0.0.1:{port}", "hello:app")
    assert done.returncode == 1
    assert f"Connection in use: ('127.0.0.1', {port})" in done.stderr
    assert f"Can't connect to ('127.0.0.1', {port})" in done.stderr
    assert str(os.getpid()) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("bind", "word"),
    [("127.0.0.1:99999", "99999"), ("127.0.0.1:abc", "abc"), ("1.2.3.4:0", "1.2.3.4")],
)
def test_impossible_address_is_one_line(bind: str, word: str) -> None:
    """An address that cannot be: it is named, status 1, no traceback."""
    done = run_to_end("--bind", bind, "hello:app")
    assert done.returncode == 1
    assert word in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_privileged_port_without_the_right() -> None:
    """A port below 1024 without the right: one line, no traceback."""
    floor = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if floor <= 80:
        pytest.skip("every port is free for everybody here")
    done = run_to_end("--bind", "127.0.0.1:80", "hello:app", prefix=as_nobody())
    assert done.returncode == 1
    assert "80" in done.stderr
    assert "ermission denied" in done.stderr
    assert "Traceback" not in done.stderr


def as_nobody() -> list[str]:
    """What to put before a command to run it as nobody. Skips where that cannot be."""
    prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    probe = subprocess.run(
        [*prefix, *command(), "--version"],
        cwd="/",
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        pytest.skip(f"nobody cannot run this interpreter: {probe.stderr.strip()[-200:]}")
    return prefix


def test_stale_unix_socket_is_replaced(serve: Serve, tmp_path: Path) -> None:
    """A socket file that nobody listens at is replaced."""
    path = tmp_path / "s"
    with closing(socket.socket(socket.AF_UNIX)) as old:
        old.bind(str(path))
    assert path.is_socket()
    server = serve("hello:app", bind=f"unix:{path}")
    assert ask(str(path), HELLO).status == 200
    assert server.stop() == 0
    assert not path.exists()


def test_live_unix_socket_is_refused(serve: Serve, tmp_path: Path) -> None:
    """A socket file at which somebody answers is left alone, and so is its owner."""
    path = str(tmp_path / "s")
    serve("hello:app", bind=f"unix:{path}")
    done = run_to_end("--bind", f"unix:{path}", "hello:app")
    assert done.returncode == 1
    assert path in done.stderr
    assert ask(path, HELLO).status == 200


def test_file_at_the_place_of_a_unix_socket(tmp_path: Path) -> None:
    """A file that is no socket is never removed."""
    path = tmp_path / "precious"
    path.write_text("data")
    done = run_to_end("--bind", f"unix:{path}", "hello:app")
    assert done.returncode == 1
    assert "is not a socket" in done.stderr
    assert path.read_text() == "data"


@pytest.mark.parametrize(("given", "mode"), [([], 0o777), (["--umask", "0o027"], 0o750)])
def test_mode_of_a_unix_socket(serve: Serve, tmp_path: Path, given: list[str], mode: int) -> None:
    """The mode of a unix socket follows the umask setting."""
    path = tmp_path / "s"
    serve("hello:app", *given, bind=f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_inherited_descriptor(serve: Serve) -> None:
    """fd://N serves a socket that somebody else has opened."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.fileno()
        serve("hello:app", bind=f"fd://{number}", pass_fds=[number])
        assert ask(listener.getsockname(), HELLO).status == 200


# ---- start and stop -------------------------------------------------------------------------


@pytest.mark.unsanitized("a sanitizer takes signals for itself, and a line says so")
def test_start_lines_are_gunicorns(serve: Serve) -> None:
    """Starting, Listening at, Using worker, Booting worker: on stderr, in order, no colour."""
    server = serve("hello:app", "--workers", "2", workers=2)
    stamp = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] "
    lines = server.log.lines()
    wanted = [
        rf"{stamp}\[{server.pid}\] \[INFO\] Starting winghorn \d+\.\d+\S*",
        rf"{stamp}\[{server.pid}\] \[INFO\] Listening at: http://127\.0\.0\.1:\d+ \({server.pid}\)",
        rf"{stamp}\[{server.pid}\] \[INFO\] Using worker: sync",
        rf"{stamp}\[\d+\] \[INFO\] Booting worker with pid: \d+",
        rf"{stamp}\[\d+\] \[INFO\] Booting worker with pid: \d+",
    ]
    for line, pattern in zip(lines, wanted, strict=False):
        assert re.fullmatch(pattern, line)
    assert len(lines) >= len(wanted)
    assert "\x1b" not in server.log.text
    assert server.out is not None
    assert server.out.lines() == []


def test_access_log_is_off_by_default(serve: Serve) -> None:
    """Requests leave no line unless asked for."""
    server = serve("hello:app")
    ask(server.address, HELLO)
    server.stop()
    assert "GET /" not in server.log.text
    assert server.out is not None
    assert server.out.lines() == []


def test_access_log_on_stdout(serve: Serve) -> None:
    """`--access-logfile -` writes a line for each request to stdout."""
    server = serve("hello:app", "--access-logfile", "-")
    ask(server.address, HELLO)
    server.wait_for_out(r'127\.0\.0\.1 - - \[.*\] "GET / HTTP/1\.1" 200 ')


def test_keep_alive_lasts_for_more_than_a_minute() -> None:
    """The default idle time of a connection is 75 seconds, for `sync` too."""
    done = run_to_end("--help")
    found = re.search(r"--keep-alive.*?\[(\d+)\]", done.stdout, re.DOTALL)
    assert found is not None
    assert found[1] == "75"


@pytest.mark.parametrize("threads", ["1", "3"])
def test_idle_connections_end_after_keep_alive(serve: Serve, threads: str) -> None:
    """--keep-alive ends an idle connection after that many seconds, and quietly."""
    server = serve("hello:app", "--keep-alive", "1", "--threads", threads)
    with server.client() as client:
        client.send(HELLO)
        assert client.read_response().status == 200
        watch = Stopwatch()
        assert client.closed_cleanly()
        assert watch.seconds > 0.5


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_runs_as_nobody_in_a_read_only_folder(serve: Serve, tmp_path: Path) -> None:
    """It needs no right to write anywhere: nobody, a folder without write permission, no HOME."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site5.py").write_text((APPS / "trouble.py").read_text())
    folder.chmod(0o555)
    opened = [parent for parent in folder.parents if str(parent).startswith("/tmp/")]
    for parent in opened:
        parent.chmod(parent.stat().st_mode | 0o055)
    server = serve(
        "site5:app",
        cwd=folder,
        prefix=as_nobody(),
        env={"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": "/nonexistent"},
    )
    body = b"x" * 1_000_000  # beyond what is held in memory
    assert httpx.post(server.url + "/digest", content=body).json()["bytes"] == len(body)
    assert Path(f"/proc/{server.workers()[0]}").stat().st_uid != 0
    assert server.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_runs_with_a_read_only_file_system(serve: Serve) -> None:
    """The whole file system read-only, /tmp and /dev/shm included: it serves all the same."""
    script = 'mount --make-rprivate / && mount -o remount,ro,bind / 2>/dev/null; exec "$@"'
    prefix = ["unshare", "--mount", "/bin/sh", "-c", script, "sh"]
    probe = subprocess.run([*prefix, "touch", "/winghorn-probe"], capture_output=True, check=False)
    if probe.returncode == 0 or b"unshare" in probe.stderr:
        Path("/winghorn-probe").unlink(missing_ok=True)
        pytest.skip("mounting read-only is not possible here")
    server = serve("trouble:app", prefix=prefix, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert ask(server.address, HELLO).status == 200
