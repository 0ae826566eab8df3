# SPDX-License-Identifier: MIT
"""Logging as Python configures it: dictionaries, files, loggers of one's own, captured output."""

from __future__ import annotations

from tests.parity.scenario import Get, Job, Look, Scenario, Step, WaitFile, WaitWorkers
from tests.parity.tables.processes import run

UP = WaitWorkers(1, 1)
OUT = "out.log"

DICT = """
logconfig_dict = {
    "root": {"level": "INFO", "handlers": ["file"]},
    "loggers": {
        "gunicorn.error": {"level": "%s", "handlers": ["error_console"], "propagate": False},
        "gunicorn.access": {"level": "INFO", "handlers": ["file"], "propagate": False},
    },
    "handlers": {
        "file": {"class": "logging.FileHandler", "filename": "out.log", "formatter": "own"},
        "error_console": {"class": "logging.StreamHandler"},
    },
    "formatters": {"own": {"format": "own %%(levelname)s %%(message)s"}},
}
"""

JSON = """{
    "loggers": {"gunicorn.access": {"level": "INFO", "handlers": ["file"], "propagate": false}},
    "handlers": {
        "file": {"class": "logging.FileHandler", "filename": "out.log", "formatter": "own"},
        "console": {"class": "logging.StreamHandler"},
        "error_console": {"class": "logging.StreamHandler"}
    },
    "formatters": {"own": {"format": "own %(levelname)s %(message)s"}}
}
"""

INI = """
[loggers]
keys=root,gunicorn.error,gunicorn.access
[handlers]
keys=file,console
[formatters]
keys=own
[logger_root]
level=INFO
handlers=console
[logger_gunicorn.error]
level=INFO
handlers=console
propagate=0
qualname=gunicorn.error
[logger_gunicorn.access]
level=INFO
handlers=file
propagate=0
qualname=gunicorn.access
[handler_file]
class=FileHandler
formatter=own
args=('out.log',)
[handler_console]
class=StreamHandler
args=(sys.stderr,)
[formatter_own]
format=own %(levelname)s %(message)s
"""

LOGGER = """
from PRODUCT.glogging import Logger

class Mine(Logger):
    %s

logger_class = Mine
accesslog = "out.log"
access_log_format = %r
"""

BODIES = {
    "nothing of its own": "pass",
    "its own atoms": (
        "def atoms(self, *arguments):\n"
        "        return {**super().atoms(*arguments), 'mine': 'an atom'}"
    ),
    "its own time": "def now(self): return 'at some time'",
    "its own access": (
        "def access(self, resp, req, environ, request_time):\n"
        "        if req.path != '/empty':\n"
        "            self.access_log.info('%s %s %s %s', req.method, req.uri, resp.status, resp.sent)"
    ),
}
FORMATS = {
    "request": '%(h)s %(l)s %(u)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
    "parts": "%(m)s %(U)s %(q)s %(H)s %(B)s %(mine)s",
    "fields": "%(U)s %({host}i)s %({content-type}o)s %({nothing}i)s %({request_method}e)s",
}


def _asked(*paths: str) -> tuple[Step, ...]:
    return (UP, *(Get(path) for path in paths), WaitFile(OUT, "/last"), Look(OUT))


def _rows() -> list[Scenario]:
    found = [
        run(
            f"logging: a dictionary, level {level}",
            "9.1",
            *_asked("/empty", "/last"),
            file=DICT % level,
            compare=("exit",),
            settings=("logconfig_dict",),
        )
        for level in ("INFO", "ERROR")
    ]
    found += [
        run(
            "logging: a JSON file",
            "9.1",
            *_asked("/empty", "/last"),
            args=("--log-config-json", "log.json"),
            files={"log.json": JSON},
            compare=("exit",),
            settings=("logconfig_json",),
        ),
        run(
            "logging: an ini file",
            "9.1",
            *_asked("/empty", "/last"),
            args=("--log-config", "log.ini"),
            files={"log.ini": INI},
            compare=("exit",),
            settings=("logconfig",),
        ),
        run(
            "capture_output",
            "9.3",
            UP,
            Get("/printed"),
            WaitFile("error.log", "printed to stdout"),
            WaitFile("error.log", "printed to stderr"),
            args=("--capture-output", "--error-logfile", "error.log"),
            compare=("exit",),
            settings=("capture_output",),
        ),
    ]
    found += [
        run(
            f"logger class with {what}: {kind}",
            "9.1",
            *_asked("/empty", "/last?a=1"),
            file=LOGGER % (body, text),
            compare=("exit",),
            settings=("logger_class",),
        )
        for what, body in BODIES.items()
        for kind, text in FORMATS.items()
    ]
    return found


def jobs() -> list[Job]:
    """Every scenario of this theme."""
    return list(_rows())
