# SPDX-License-Identifier: MIT
"""Ten ways in which people have gunicorn configured, as they are, with requests through each."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.proxies import in_front, program
from tests.support.server import Server
from tests.support.shim import use_shim
from tests.support.systemd import Notified, passing
from tests.support.waiting import PATIENCE, wait_until

GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
APP = """
import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {environ['REMOTE_ADDR']} {environ['wsgi.multithread']}".encode()]
"""


@pytest.fixture(autouse=True)
def gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gunicorn` is the shim's: the command, and what configurations import."""
    use_shim(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def body(server: Server, request: str = GET) -> str:
    reply = ask(server.address, request)
    assert reply.status == 200
    return reply.body.decode()


PROMETHEUS = """
from prometheus_client import multiprocess

workers = 2

def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
"""

PROMETHEUS_APP = """
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess

REQUESTS = Counter("shop_requests", "Requests")
RUNNING = Gauge("shop_running", "Processes", multiprocess_mode="livesum")

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/metrics":
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return [generate_latest(registry)]
    REQUESTS.inc()
    RUNNING.set(1)
    return [b"counted"]
"""


def test_prometheus_multiprocess(serve: Serve, folder: Path) -> None:
    """Counters of all workers add up, also of one that has died; its gauges go with child_exit."""
    (folder / "gunicorn.conf.py").write_text(PROMETHEUS)
    (folder / "app.py").write_text(PROMETHEUS_APP)
    shared = folder / "metrics"
    shared.mkdir()
    env = {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    server = serve("app:app", cwd=folder, env=env, workers=2)
    for _ in range(20):
        assert body(server) == "counted"

    def are_counted() -> bool:
        # The library may find a file that another process has just begun or removed: 500 then.
        reply = ask(server.address, GET.replace("/ ", "/metrics ", 1))
        return b"shop_requests_total 20.0" in reply.body

    wait_until(are_counted, "the requests of both workers")
    owners = [int(re.findall(r"\d+", path.name)[0]) for path in shared.glob("gauge_livesum_*")]
    os.kill(owners[0], signal.SIGKILL)
    gone = shared / f"gauge_livesum_{owners[0]}.db"
    wait_until(lambda: not gone.exists(), "child_exit has removed the dead one's gauge")
    wait_until(are_counted, "those of the dead one too")


NEW_RELIC = """
import os
preload_app = False
workers = 2
threads = 2
accesslog = "-"

def post_fork(server, worker):
    server.log.info("Worker spawned (pid: %s)", worker.pid)
    import agent
    agent.initialize(os.path.join(os.getcwd(), "agent.ini"))

def worker_exit(server, worker):
    import agent
    agent.shutdown()
"""

AGENT = """
import os, threading
_harvest = threading.Event()

def initialize(path):
    thread = threading.Thread(target=_harvest.wait, daemon=True)
    thread.start()
    print("agent of", os.getpid(), "reads", os.path.basename(path), flush=True)

def shutdown():
    _harvest.set()
    print("agent of", os.getpid(), "is done", flush=True)
"""


def test_an_agent_in_post_fork(serve: Serve, folder: Path) -> None:
    """A thread of an agent's in each worker, begun after the fork and ended with the worker."""
    (folder / "gunicorn.conf.py").write_text(NEW_RELIC)
    (folder / "agent.py").write_text(AGENT)
    server = serve("app:app", cwd=folder, workers=2)
    pids = server.wait_for_workers(2)
    assert int(body(server).split()[0]) in pids
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert server.out is not None
    for pid in pids:
        assert server.log.matches(rf"Worker spawned \(pid: {pid}\)")
        assert server.out.matches(f"agent of {pid} reads agent.ini")
        assert server.out.matches(f"agent of {pid} is done")


DJANGO = """
bind = "127.0.0.1:0"
chdir = "project"
wsgi_app = "shop.wsgi"
raw_env = ["DJANGO_SETTINGS_MODULE=shop.settings"]
workers = 2
threads = 2
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s'
"""


def test_django(serve: Serve, folder: Path) -> None:
    """A project as `startproject` makes it: wsgi_app, chdir and the settings' variable."""
    (folder / "gunicorn.conf.py").write_text(DJANGO)
    package = folder / "project" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(
        "SECRET_KEY = 'x'\nALLOWED_HOSTS = ['*']\nROOT_URLCONF = 'shop.urls'\nUSE_TZ = True\n"
    )
    (package / "urls.py").write_text(
        "from django.http import HttpResponse\nfrom django.urls import path\n"
        "urlpatterns = [path('', lambda request: HttpResponse('served by Django'))]\n"
    )
    (package / "wsgi.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    server = serve(cwd=folder, bind=None, workers=2)
    assert body(server) == "served by Django"
    assert ask(server.address, GET.replace("/ ", "/nowhere ", 1)).status == 404
    server.wait_for_out(r'^127\.0\.0\.1 "GET / HTTP/1\.1" 200$')


JSON_LOGGING = """
accesslog = "-"
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["console"], "propagate": False},
        "gunicorn.access": {"level": "INFO", "handlers": ["console"], "propagate": False},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stderr",
        }
    },
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s",
        }
    },
}
"""


def test_json_logging(serve: Serve, folder: Path) -> None:
    """python-json-logger by logconfig_dict: every line of the log is an object."""
    (folder / "gunicorn.conf.py").write_text(JSON_LOGGING)
    server = serve("app:app", cwd=folder)
    worker = body(server).split()[0]
    server.wait_for_log('"GET / HTTP/1.1')
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    records = [json.loads(line) for line in server.log.lines()]
    access = [one for one in records if one["name"] == "gunicorn.access"]
    assert [(one["process"], one["levelname"]) for one in access] == [(int(worker), "INFO")]
    assert {one["name"] for one in records} == {"gunicorn.access", "gunicorn.error"}


STATSD = """
workers = 2
statsd_host = "127.0.0.1:%d"
statsd_prefix = "shop"
"""


def test_statsd(serve: Serve, folder: Path) -> None:
    """Requests and workers are counted where statsd listens."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(PATIENCE)
        (folder / "gunicorn.conf.py").write_text(STATSD % statsd.getsockname()[1])
        server = serve("app:app", cwd=folder, workers=2)
        assert body(server)
        wanted = {"shop.gunicorn.requests:1|c|@1.0", "shop.gunicorn.request.status.200:1|c|@1.0"}
        while wanted:
            wanted.discard(statsd.recv(65536).decode())


SYSTEMD = """
workers = 2
worker_class = "gthread"
threads = 4
timeout = 60
max_requests = 10000
max_requests_jitter = 1000
"""


def test_systemd(serve: Serve, folder: Path) -> None:
    """Type=notify with a socket unit: it serves on the passed socket and says when it does."""
    (folder / "gunicorn.conf.py").write_text(SYSTEMD)
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as door,
        Notified(folder / "notify") as notified,
    ):
        server = serve(
            "app:app",
            cwd=folder,
            bind=None,
            prefix=passing(door.fileno()),
            pass_fds=[door.fileno()],
            env=notified.environment,
            workers=2,
        )
        assert notified.next_other_than()[0] == "READY=1"
        assert server.address == door.getsockname()
        assert body(server).endswith("True")
        server.signal(signal.SIGTERM)
        assert notified.next_other_than() == ["STOPPING=1"]
        assert server.wait_exit() == 0


def test_heroku(serve: Serve, folder: Path) -> None:
    """A Procfile's `gunicorn app:app --log-file -`: PORT and WEB_CONCURRENCY say the rest."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    env = {"PORT": str(port), "WEB_CONCURRENCY": "3"}
    server = serve("app:app", "--log-file", "-", cwd=folder, bind=None, env=env, workers=3)
    assert server.address == ("0.0.0.0", port)
    assert len(server.workers()) == 3
    assert ask(("127.0.0.1", port), GET).status == 200


def test_docker(serve: Serve, folder: Path) -> None:
    """The command of an image: flags that keep off the disk, the rest by GUNICORN_CMD_ARGS."""
    arguments = "--worker-tmp-dir /dev/shm --workers 2 --threads 4 --worker-class gthread"
    server = serve(
        *shlex.split(arguments),
        *("--log-file=-", "--access-logfile=-", "app:app"),
        cwd=folder,
        bind="0.0.0.0:0",
        env={"GUNICORN_CMD_ARGS": "--graceful-timeout 25 --keep-alive 5"},
        workers=2,
    )
    reply = ask(("127.0.0.1", server.port), GET)
    assert reply.status == 200
    assert reply.body.endswith(b"True")
    server.wait_for_out('"GET / HTTP/1.1" 200')
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


BEHIND_NGINX = """
bind = "unix:%s/shop.sock"
umask = 0o007
pidfile = "shop.pid"
workers = 2
forwarded_allow_ips = "*"
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
errorlog = "error.log"
accesslog = "access.log"
access_log_format = '%%({x-forwarded-for}i)s "%%(r)s" %%(s)s'
"""

NGINX = """
pid {folder}/nginx.pid;
error_log stderr error;
worker_processes 1;
{user}
events {{ worker_connections 100; }}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{listen};
        location / {{
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Host $http_host;
            proxy_pass http://unix:{folder}/shop.sock;
        }}
    }}
}}
"""


def test_unix_socket_behind_nginx(serve: Serve, folder: Path) -> None:
    """A socket file by umask, a pid file, and the client in the access log by nginx's header."""
    (folder / "gunicorn.conf.py").write_text(BEHIND_NGINX % folder)
    found = program("nginx")
    server = serve("app:app", cwd=folder, bind=None, ready=False)
    path = folder / "shop.sock"
    wait_until(path.exists, lambda: server.log.text)
    assert path.stat().st_mode & 0o777 == 0o770
    assert (folder / "shop.pid").read_text() == f"{server.pid}\n"

    def command(door: socket.socket) -> list[str]:
        config = folder / "nginx.conf"
        user = f"user {_own_name()};" if os.geteuid() == 0 else ""
        listen = door.getsockname()[1]
        config.write_text(NGINX.format(folder=folder, listen=listen, user=user))
        return [found, "-e", "stderr", "-c", str(config), "-g", "daemon off;"]

    with in_front(command) as address:
        assert ask(address, GET).status == 200
    log = folder / "access.log"
    wait_until(lambda: '127.0.0.1 "GET / HTTP/1.0" 200' in log.read_text(), log.read_text)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert not path.exists()
    assert not (folder / "shop.pid").exists()


def _own_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


PROGRAM = """
import multiprocessing, sys
from gunicorn.app.base import BaseApplication

class StandaloneApplication(BaseApplication):
    def __init__(self, app, options=None):
        self.options = options or {}
        self.application = app
        super().__init__()

    def load_config(self):
        config = {
            key: value
            for key, value in self.options.items()
            if key in self.cfg.settings and value is not None
        }
        for key, value in config.items():
            self.cfg.set(key.lower(), value)

    def load(self):
        return self.application

if __name__ == "__main__":
    from app import app
    bind = sys.argv[sys.argv.index("--bind") + 1]
    options = {"bind": bind, "workers": min(2, multiprocessing.cpu_count() * 2 + 1)}
    StandaloneApplication(app, options).run()
"""


def test_a_program_of_ones_own(serve: Serve, folder: Path) -> None:
    """gunicorn's documented BaseApplication, with its import as it is."""
    path = folder / "program.py"
    path.write_text(PROGRAM)
    server = serve(prefix=(sys.executable, str(path)), cwd=folder, workers=2)
    assert int(body(server).split()[0]) in server.workers()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
