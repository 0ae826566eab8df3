# SPDX-License-Identifier: MIT
"""The log by Python's logging: logconfig*, logger_class, syslog, statsd; and captured output."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import APPS, ROOT, run_to_end
from tests.support.trace import Trace
from tests.support.waiting import PATIENCE, wait_until

GET = "GET /hello HTTP/1.1\r\nHost: test\r\nUser-Agent: tester\r\n\r\n"

# Python's logging with a line of JSON for each record, as an operator of a log collector has it.
JSON_DICT = """
import json, logging

class Json(logging.Formatter):
    def format(self, record):
        return json.dumps({"at": record.created, "name": record.name, "level": record.levelname,
                           "pid": record.process, "text": record.getMessage()})

logconfig_dict = {
    "formatters": {"generic": {"()": Json}},
    "handlers": {
        "file": {"class": "logging.FileHandler", "filename": "%s", "formatter": "generic"},
        "error_console": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
    },
    "root": {"level": "INFO", "handlers": ["file"]},
    "loggers": {
        "gunicorn.error": {"level": "DEBUG", "handlers": ["error_console"], "propagate": True},
        "gunicorn.access": {"level": "INFO", "handlers": [], "propagate": True},
    },
}
"""


class JsonFile:
    """The records in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> list[dict[str, Any]]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [json.loads(line) for line in lines]

    def matches(self, pattern: str) -> list[dict[str, Any]]:
        return [record for record in self.records() if re.search(pattern, record["text"])]

    def wait_for(self, pattern: str, count: int = 1) -> dict[str, Any]:
        found = wait_until(
            lambda: found if len(found := self.matches(pattern)) >= count else [],
            lambda: f"{count} of {pattern!r} in {self.records()}",
        )
        return found[count - 1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the usual application."""
    (tmp_path / "trouble.py").symlink_to(APPS / "trouble.py")
    return tmp_path


@pytest.fixture
def json_log(folder: Path) -> JsonFile:
    """A config file that writes the log there."""
    path = folder / "log.json"
    (folder / "gunicorn.conf.py").write_text(JSON_DICT % path)
    return JsonFile(path)


def test_every_record_goes_through_logconfig_dict(
    serve: Serve, folder: Path, json_log: JsonFile
) -> None:
    """The arbiter's, the workers', access lines, tracebacks, refused requests; with their pids."""
    server = serve("trouble:app", cwd=folder)
    (worker,) = server.workers()
    assert ask(server.address, GET).status == 200
    line = json_log.wait_for('"GET /hello HTTP/1.1" 200 6 "-" "tester"')
    assert (line["name"], line["level"], line["pid"]) == ("gunicorn.access", "INFO", worker)
    assert ask(server.address, GET.replace("/hello", "/raises")).status == 500
    error = json_log.wait_for("Error handling request GET /raises")
    assert "Traceback" in error["text"]
    assert (error["name"], error["level"], error["pid"]) == ("gunicorn.error", "ERROR", worker)
    assert ask(server.address, "GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status == 400
    json_log.wait_for("Invalid request from ip=127.0.0.1")
    json_log.wait_for('"GET /bad HTTP/1.1" 400')
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert json_log.matches("Starting winghorn")[0]["pid"] == server.pid
    assert json_log.matches("Booting worker with pid")[0]["pid"] == worker
    assert json_log.matches("Worker exiting")[0]["pid"] == worker
    assert json_log.matches("Shutting down: Master")


def test_what_a_dead_worker_left_is_logged(
    serve: Serve, folder: Path, json_log: JsonFile, trace: Trace
) -> None:
    """A worker that is killed has its request's access line, by its own pid."""
    server = serve("trouble:app", cwd=folder, env=trace.env)
    (worker,) = server.workers()
    with server.client() as client:
        client.send("GET /sleep?seconds=60 HTTP/1.1\r\nHost: test\r\n\r\n")
        trace.wait_for("/sleep")
        os.kill(worker, signal.SIGKILL)
        line = json_log.wait_for('"GET /sleep.seconds=60 HTTP/1.1" -')
    assert line["pid"] == worker
    assert json_log.wait_for("was sent SIGKILL")["pid"] == server.pid


def test_stuck_worker_is_logged_although_python_cannot_run(
    serve: Serve, folder: Path, json_log: JsonFile
) -> None:
    """C code that keeps the interpreter's lock: incident and stacks come through the arbiter."""
    server = serve("trouble:app", "--timeout", "1", cwd=folder)
    (worker,) = server.workers()
    reply = ask(server.address, GET.replace("/hello", "/hang_in_c?seconds=60"))
    assert reply.status == 504
    json_log.wait_for(r"WORKER TIMEOUT \(pid:")
    incident = json_log.wait_for("/hang_in_c")
    assert incident["pid"] == worker
    json_log.wait_for('"GET /hang_in_c.seconds=60 HTTP/1.1" 504')
    server.wait_for_workers(1, other_than=[worker])
    assert ask(server.address, GET).status == 200


def test_under_load_no_line_is_lost(serve: Serve, folder: Path, json_log: JsonFile) -> None:
    """Each of some hundred requests of several clients has exactly one line."""
    server = serve("trouble:app", "--threads", "3", "--workers", "2", cwd=folder, workers=2)

    def send(number: int) -> None:
        with server.client() as client:
            for index in range(100):
                client.send(f"GET /hello?{number}-{index} HTTP/1.1\r\nHost: test\r\n\r\n")
                assert client.read_response().status == 200

    clients = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    lines = "\n".join(record["text"] for record in json_log.matches("GET /hello"))
    assert sorted(re.findall(r"\?(\d-\d+) ", lines)) == sorted(
        f"{n}-{i}" for n in range(3) for i in range(100)
    )


def test_reload_reads_the_logging_configuration_again(
    serve: Serve, folder: Path, json_log: JsonFile
) -> None:
    """A new one holds from HUP on; one that is wrong leaves the old one."""
    server = serve("trouble:app", cwd=folder)
    config = folder / "gunicorn.conf.py"
    config.write_text("logconfig_dict = {'handlers': {'console': {'class': 'no.such'}}}\n")
    server.signal(signal.SIGHUP)
    text = json_log.wait_for("Reload failed, the old settings stay")["text"]
    assert "Unable to configure handler 'console'" in text
    second = JsonFile(folder / "second.json")
    config.write_text(JSON_DICT % second.path)
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_workers(1, other_than=old)
    assert ask(server.address, GET).status == 200
    second.wait_for('"GET /hello HTTP/1.1" 200')
    assert json_log.matches('"GET /hello') == []


def test_from_python_logging_to_our_own_and_back(
    serve: Serve, folder: Path, json_log: JsonFile
) -> None:
    """A reload may leave Python's logging out, or bring it in."""
    server = serve("trouble:app", cwd=folder)
    config = folder / "gunicorn.conf.py"
    config.write_text("accesslog = '-'\n")
    old = server.workers()
    server.signal(signal.SIGHUP)
    now = server.wait_for_workers(1, other_than=old)
    assert ask(server.address, GET).status == 200
    server.wait_for_out('"GET /hello HTTP/1.1" 200')
    assert json_log.matches('"GET /hello') == []
    config.write_text(JSON_DICT % json_log.path)
    server.signal(signal.SIGHUP)
    server.wait_for_workers(1, other_than=now)
    assert ask(server.address, GET).status == 200
    json_log.wait_for('"GET /hello HTTP/1.1" 200')


INI = """
[loggers]
keys=root,gunicorn.error,gunicorn.access
[handlers]
keys=file
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=file
[logger_gunicorn.error]
level=INFO
handlers=file
propagate=0
qualname=gunicorn.error
[logger_gunicorn.access]
level=INFO
handlers=file
propagate=0
qualname=gunicorn.access
[handler_file]
class=FileHandler
formatter=plain
args=('%(here)s/from-ini.log',)
[formatter_plain]
format=ini %(levelname)s %(message)s
"""


def test_logconfig_ini(serve: Serve, folder: Path) -> None:
    """--log-config: an ini file; `here` is its folder."""
    (folder / "logging.ini").write_text(INI)
    server = serve(
        "trouble:app",
        "--log-config",
        "logging.ini",
        "--access-logfile",
        "-",
        cwd=folder,
        ready=False,
    )
    log = folder / "from-ini.log"
    wait_until(lambda: log.exists() and "Booting worker" in log.read_text(), "the worker boots")
    listening = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())
    assert listening is not None
    assert ask(("127.0.0.1", int(listening[1])), GET).status == 200
    wait_until(lambda: "ini INFO 127.0.0.1 - - " in log.read_text(), "an access line")
    assert server.running()


def test_logconfig_json(serve: Serve, folder: Path) -> None:
    """--log-config-json: the same dictionary as JSON, laid over gunicorn's defaults."""
    config = {
        "formatters": {"generic": {"format": "from json %(process)d %(message)s"}},
    }
    (folder / "logging.json").write_text(json.dumps(config))
    server = serve("trouble:app", "--log-config-json", "logging.json", cwd=folder)
    assert ask(server.address, GET).status == 200
    server.wait_for_out(
        rf'from json {server.workers()[0]} 127\.0\.0\.1 .*"GET /hello HTTP/1\.1" 200'
    )


LOGGER = """
from winghorn.glogging import Logger

class Mine(Logger):
    def atoms(self, resp, req, environ, request_time):
        atoms = super().atoms(resp, req, environ, request_time)
        atoms["tenant"] = environ.get("HTTP_X_TENANT", "none")
        return atoms

    def now(self):
        return "[some time]"

    def warning(self, msg, *args, **kwargs):
        super().warning("careful: " + msg, *args, **kwargs)

logger_class = Mine
accesslog = "access.log"
access_log_format = '%(tenant)s %(t)s %(m)s %(U)s %(s)s %(B)s %({x-tenant}i)s %({content-type}o)s'
"""


def test_logger_class_of_ones_own(serve: Serve, folder: Path) -> None:
    """gunicorn's override points hold: atoms(), now(), the methods of the levels."""
    (folder / "gunicorn.conf.py").write_text(LOGGER)
    server = serve("trouble:app", cwd=folder)
    request = "GET /hello HTTP/1.1\r\nHost: test\r\nX-Tenant: blue\r\n\r\n"
    assert ask(server.address, request).status == 200
    log = folder / "access.log"
    line = "blue [some time] GET /hello 200 6 blue text/plain\n"
    wait_until(lambda: log.read_text() == line, lambda: log.read_text())
    assert ask(server.address, "GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status == 400
    server.wait_for_log("careful: Invalid request from ip=127.0.0.1")


def test_rotation_with_a_logger_class(serve: Serve, folder: Path) -> None:
    """USR1: files that Python's logging has open are opened again, in every process."""
    (folder / "gunicorn.conf.py").write_text(LOGGER + "errorlog = 'error.log'\n")
    server = serve("trouble:app", cwd=folder, ready=False)
    error, access = folder / "error.log", folder / "access.log"
    wait_until(lambda: error.exists() and "Booting worker" in error.read_text(), "the worker boots")
    port = int(re.findall(r"Listening at: http://127\.0\.0\.1:(\d+)", error.read_text())[0])
    assert ask(("127.0.0.1", port), GET).status == 200
    wait_until(lambda: "GET /hello" in access.read_text(), "the line of the request")
    access.rename(folder / "access.log.1")
    error.rename(folder / "error.log.1")
    server.signal(signal.SIGUSR1)
    wait_until(lambda: access.exists() and error.exists(), "the files are there again")

    def lands_in_the_new_file() -> bool:
        assert ask(("127.0.0.1", port), GET).status == 200
        return "GET /hello" in access.read_text()

    wait_until(lands_in_the_new_file, "the worker writes to the new file")


def test_script_names_may_not_forge_lines(serve: Serve, folder: Path) -> None:
    """A line break in a decoded path is escaped, as in our own access log."""
    (folder / "gunicorn.conf.py").write_text(LOGGER)
    server = serve("trouble:app", cwd=folder)
    ask(server.address, "GET /hello%0aforged HTTP/1.1\r\nHost: test\r\n\r\n")
    log = folder / "access.log"
    wait_until(lambda: "forged" in log.read_text(), "the line of the request")
    assert "/hello\\x0aforged" in log.read_text()


# ---- syslog ---------------------------------------------------------------------------------


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(PATIENCE)
        yield made


def received(where: socket.socket, pattern: str) -> str:
    """The first datagram that matches."""
    while True:
        text = where.recv(65536).decode()
        if re.search(pattern, text):
            return text


def test_syslog(serve: Serve, folder: Path, udp: socket.socket) -> None:
    """Both logs, with facility, the name of the application and the pid; beside the files."""
    port = udp.getsockname()[1]
    server = serve(
        *("trouble:app", "--log-syslog", "--log-syslog-to", f"udp://127.0.0.1:{port}"),
        *("--log-syslog-facility", "local3"),
        cwd=folder,
    )
    local3_info = (16 + 3) * 8 + 6
    start = received(udp, "Starting")
    assert start == (
        f"<{local3_info}>gunicorn.trouble.app.error: [{server.pid}] Starting winghorn 0.1.0\0"
    )
    assert ask(server.address, GET).status == 200
    line = received(udp, "GET /hello")
    assert line.startswith(f"<{local3_info}>gunicorn.trouble.app.access: [{server.workers()[0]}] ")


def test_syslog_prefix_and_no_access(serve: Serve, folder: Path) -> None:
    """A Unix datagram socket; a prefix of one's own; access lines can be left out."""
    path = folder / "log"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as unix:
        unix.bind(str(path))
        unix.settimeout(PATIENCE)
        (folder / "gunicorn.conf.py").write_text(
            f"syslog = True\nsyslog_addr = 'unix://{path}#dgram'\nsyslog_prefix = 'shop'\n"
            "disable_redirect_access_to_syslog = True\n"
        )
        server = serve("trouble:app", cwd=folder)
        assert "gunicorn.shop.error: " in received(unix, "Starting")
        assert ask(server.address, GET).status == 200
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        unix.setblocking(False)
        rest = []
        with pytest.raises(BlockingIOError):
            while True:
                rest.append(unix.recv(65536))
        assert not [one for one in rest if b"access" in one]
    path.unlink()


# ---- statsd ---------------------------------------------------------------------------------


def test_statsd(serve: Serve, folder: Path, udp: socket.socket) -> None:
    """gunicorn's metrics under their names, with prefix and tags, without an access log."""
    port = udp.getsockname()[1]
    (folder / "gunicorn.conf.py").write_text(
        f"statsd_host = '127.0.0.1:{port}'\nstatsd_prefix = 'shop.'\n"
        "dogstatsd_tags = 'zone:a,kind:b'\nenable_backlog_metric = True\nworkers = 2\n"
    )
    server = serve("trouble:app", cwd=folder, workers=2)
    tags = r"\|#zone:a,kind:b$"
    received(udp, r"^shop\.gunicorn\.workers:2\|g" + tags)
    assert ask(server.address, GET).status == 200
    assert received(udp, r"^shop\.gunicorn\.request\.duration:\d+\.\d+\|ms" + tags)
    assert received(udp, r"^shop\.gunicorn\.requests:1\|c\|@1\.0" + tags)
    assert received(udp, r"^shop\.gunicorn\.request\.status\.200:1\|c\|@1\.0" + tags)
    assert ask(server.address, GET.replace("/hello", "/raises")).status == 500
    assert received(udp, r"^shop\.gunicorn\.log\.exception:1\|c\|@1\.0" + tags)
    assert received(udp, r"^shop\.gunicorn\.request\.status\.500:1\|c")
    assert received(udp, r"^shop\.gunicorn\.backlog:\d+\|h" + tags)
    assert server.out is not None
    assert server.out.lines() == []


OWN_EXCEPTION = """
from winghorn.glogging import Logger

class Own(Logger):
    def exception(self, msg, *args, **kwargs):
        super().exception("own: " + msg, *args, **kwargs)

logger_class = Own
"""


def test_exceptions_are_logged_as_such(serve: Serve, folder: Path) -> None:
    """What the application raises comes by exception(), as gunicorn's does, with its traceback."""
    (folder / "gunicorn.conf.py").write_text(OWN_EXCEPTION)
    server = serve("trouble:app", cwd=folder)
    assert ask(server.address, GET.replace("/hello", "/raises")).status == 500
    server.wait_for_log(r"\[ERROR\] own: Error handling request GET /raises")
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert server.log.text.count("Traceback (most recent call last):") == 1
    assert "NoneType" not in server.log.text


# ---- captured output ------------------------------------------------------------------------


def test_capture_output(serve: Serve, folder: Path) -> None:
    """What is printed goes to the error log's file, before and after a rotation."""
    (folder / "prints.py").write_text(
        "import os, sys\n"
        "def app(environ, start_response):\n"
        "    print('printed', environ['PATH_INFO'])\n"
        "    os.system('echo from a child >&2')\n"
        "    start_response('200 OK', [])\n"
        "    return [b'']\n"
    )
    log = folder / "error.log"
    server = serve(
        "prints:app", "--capture-output", "--error-logfile", str(log), cwd=folder, ready=False
    )
    wait_until(lambda: log.exists() and "Booting worker" in log.read_text(), "the worker boots")
    port = int(re.findall(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())[0])
    request = "GET /one HTTP/1.1\r\nHost: test\r\n\r\n"
    assert ask(("127.0.0.1", port), request).status == 200
    wait_until(lambda: "printed /one\n" in log.read_text(), "what was printed")
    assert "from a child\n" in log.read_text()
    log.rename(folder / "error.log.1")
    server.signal(signal.SIGUSR1)

    def lands_in_the_new_file() -> bool:
        assert ask(("127.0.0.1", port), request).status == 200
        return log.exists() and "printed /one\n" in log.read_text()

    wait_until(lands_in_the_new_file, "the new file has what is printed")


def test_capture_waits_until_all_is_well(serve: Serve, folder: Path) -> None:
    """A reload that is refused moves neither the log nor what is printed."""
    new = folder / "new.log"
    config = folder / "gunicorn.conf.py"
    config.write_text("import os\n")
    server = serve("trouble:app", cwd=folder)
    config.write_text(
        f"capture_output = True\nerrorlog = {str(new)!r}\naccesslog = '{folder}/no/access.log'\n"
    )
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload failed, the old settings stay: .*isn't writable")
    old = server.workers()
    server.signal(signal.SIGTTIN)
    server.wait_for_log("Booting worker", count=2)
    assert len(server.workers()) == len(old) + 1
    assert new.read_text() == ""


# ---- the access log as JSON -----------------------------------------------------------------


def test_access_log_as_json(serve: Serve) -> None:
    """--access-log-format json: an object on each line, escaped by an encoder."""
    server = serve("trouble:app", "--access-logfile", "-", "--access-log-format", "json")
    assert (
        ask(
            server.address,
            'GET /hello?a=%22b HTTP/1.1\r\nHost: shop\r\nReferer: say "hi"\\\r\n'
            "Authorization: Basic bWU6c2VjcmV0\r\nUser-Agent: t\xe9st\r\n\r\n".encode("latin-1"),
        ).status
        == 200
    )
    line = json.loads(server.wait_for_out("/hello"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert 0 <= line.pop("seconds") < 10
    assert 0 <= line.pop("queued_seconds") < 10
    assert line == {
        "pid": server.workers()[0],
        "peer": "127.0.0.1",
        "user": "me",
        "method": "GET",
        "target": "/hello?a=%22b",
        "path": "/hello",
        "query": "a=%22b",
        "protocol": "HTTP/1.1",
        "host": "shop",
        "status": 200,
        "bytes": 6,
        "referer": 'say "hi"\\',
        "user_agent": "t�st",
    }


@pytest.mark.parametrize(
    "config",
    [
        "from winghorn.glogging import Logger\nclass logger_class(Logger): pass\n",
        "from winghorn.glogging import Logger\n"
        "class logger_class(Logger):\n    def atoms(self, *given): return super().atoms(*given)\n",
    ],
)
def test_access_log_as_json_by_python(serve: Serve, folder: Path, config: str) -> None:
    """Whoever formats the line: an object on each."""
    (folder / "gunicorn.conf.py").write_text(
        config + "accesslog = '-'\naccess_log_format = 'json'\n"
    )
    server = serve("trouble:app", cwd=folder)
    assert ask(server.address, GET).status == 200
    line = json.loads(server.wait_for_out("/hello"))
    assert (line["target"], line["status"], line["bytes"]) == ("/hello", 200, 6)
    assert (line["pid"], line["user_agent"]) == (server.workers()[0], "tester")


def test_page_shows_the_access_log_as_it_is(serve: Serve) -> None:
    """The sample in docs/logs.md has the fields of a real line, in their order."""
    page = (ROOT / "docs" / "logs.md").read_text()
    (sample,) = re.findall(r'^\{"time":"[^"]*","pid":\d+,"peer".*\}$', page, re.MULTILINE)
    server = serve("trouble:app", "--access-logfile", "-", "--access-logformat", "json")
    request = (
        "GET /hello?x=1 HTTP/1.1\r\nHost: shop\r\nReferer: http://shop/\r\n"
        "User-Agent: curl\r\nAuthorization: Basic bWU6c2VjcmV0\r\n\r\n"
    )
    assert ask(server.address, request).status == 200
    assert list(json.loads(sample)) == list(json.loads(server.wait_for_out("/hello")))


# ---- what is wrong --------------------------------------------------------------------------

WRONG = {
    "logconfig = 'no.ini'": "Error: log config 'no.ini' not found",
    "logconfig_json = 'no.json'": "Error: log config 'no.json' not found",
    "logconfig_dict = 'x'": "Value is not a dictionary: x",
    "logconfig_dict = {'version': 7}": "Unsupported version: 7",
    "logger_class = 'no.such.Logger'": "logger class 'no.such.Logger' cannot be loaded: No module",
    "syslog = True; syslog_facility = 'attic'": "unknown facility name 'attic'",
    "syslog = True; syslog_addr = 'nowhere'": "invalid syslog address 'nowhere'",
    "statsd_host = 'x:y'": "Value must be one of ('host:port', 'unix://PATH') "
    "(setting 'statsd_host'",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_logging_settings_stop_the_start(folder: Path, line: str) -> None:
    """With status 1 and a line that says what is wrong, before anything is served."""
    (folder / "gunicorn.conf.py").write_text(line + "\nbind = '127.0.0.1:0'\n")
    done = run_to_end("trouble:app", cwd=folder)
    assert done.returncode == 1
    assert WRONG[line] in done.stderr
    assert "Booting worker" not in done.stderr
