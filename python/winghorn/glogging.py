# SPDX-License-Identifier: MIT
"""The log by Python's ``logging``: gunicorn's ``Logger``, for configurations that ask for it.

It is used when ``logger_class``, ``logconfig``, ``logconfig_dict``, ``logconfig_json``, ``syslog``
or ``statsd_host`` is set; subclasses written for gunicorn work. Loggers are ``gunicorn.error`` and
``gunicorn.access``. In a worker it is called on the log's own thread and never holds up a request.
"""

from __future__ import annotations

import json
import logging
import logging.config
import logging.handlers
import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from winghorn.basic_auth import user_of
from winghorn.log_bridge import ACCESS_LOGGER, ERROR_LOGGER, is_ours, mark

if TYPE_CHECKING:
    from winghorn.config import Config

CONFIG_DEFAULTS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        ERROR_LOGGER: {
            "level": "INFO",
            "handlers": ["error_console"],
            "propagate": True,
            "qualname": ERROR_LOGGER,
        },
        ACCESS_LOGGER: {
            "level": "INFO",
            "handlers": ["console"],
            "propagate": True,
            "qualname": ACCESS_LOGGER,
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stdout",
        },
        "error_console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stderr",
        },
    },
    "formatters": {
        "generic": {
            "format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
            "datefmt": "[%Y-%m-%d %H:%M:%S %z]",
            "class": "logging.Formatter",
        }
    },
}
"""What ``logconfig_dict`` and ``logconfig_json`` are laid over, key by key of the first level."""

# Bytes that would let a request write what looks like more than one field, or one line.
_UNSAFE = re.compile(r'["\x00-\x1f\x7f-\x9f]')


def _escaped(found: re.Match[str]) -> str:
    letter = found.group()
    return '\\"' if letter == '"' else f"\\x{ord(letter):02x}"


class SafeAtoms(dict[str, Any]):
    """The atoms of an access line: unknown ones are ``-``, ``{NAMES}`` are found in any case."""

    def __init__(self, atoms: Mapping[str, Any]) -> None:
        super().__init__()
        for key, value in atoms.items():
            self[key] = _UNSAFE.sub(_escaped, value) if isinstance(value, str) else value

    def __getitem__(self, key: str) -> Any:
        if key.startswith("{"):
            key = key.lower()
        return super().__getitem__(key) if key in self else "-"


class Logger:
    """gunicorn's logger: two Python loggers with handlers as the settings want them."""

    LOG_LEVELS: ClassVar[dict[str, int]] = {
        "critical": logging.CRITICAL,
        "error": logging.ERROR,
        "warning": logging.WARNING,
        "info": logging.INFO,
        "debug": logging.DEBUG,
    }
    loglevel = logging.INFO

    error_fmt = r"%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
    datefmt = r"[%Y-%m-%d %H:%M:%S %z]"
    access_fmt = "%(message)s"
    syslog_fmt = "[%(process)d] %(message)s"

    atoms_wrapper_class: type[SafeAtoms] = SafeAtoms

    def __init__(self, cfg: Config) -> None:
        self.error_log = logging.getLogger(ERROR_LOGGER)
        self.error_log.propagate = False
        self.access_log = logging.getLogger(ACCESS_LOGGER)
        self.access_log.propagate = False
        self.error_handlers: list[logging.Handler] = []
        self.access_handlers: list[logging.Handler] = []
        self.logfile: TextIO | None = None
        self.lock = threading.Lock()
        self.cfg = cfg
        self.setup(cfg)

    def setup(self, cfg: Config) -> None:
        """Handlers and levels for these settings; called again on a reload.

        Raises RuntimeError for what is wrong with them.
        """
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.access_log.setLevel(logging.INFO)
        error_format = logging.Formatter(self.error_fmt, self.datefmt)
        self._set_handler(self.error_log, cfg.errorlog, error_format)
        access_format = logging.Formatter(self.access_fmt)
        self._set_handler(self.access_log, cfg.accesslog, access_format, sys.stdout)
        if cfg.syslog:
            self._set_syslog_handler(self.error_log, cfg, self.syslog_fmt, "error")
            if not cfg.disable_redirect_access_to_syslog:
                self._set_syslog_handler(self.access_log, cfg, self.syslog_fmt, "access")
        self._configure(cfg)

    def _configure(self, cfg: Config) -> None:
        try:
            if cfg.logconfig_dict:
                logging.config.dictConfig({**CONFIG_DEFAULTS, **cfg.logconfig_dict})
            elif cfg.logconfig_json:
                text = Path(cfg.logconfig_json).read_text(encoding="utf-8")
                logging.config.dictConfig({**CONFIG_DEFAULTS, **json.loads(text)})
            elif cfg.logconfig:
                path = Path(cfg.logconfig)
                if not path.exists():
                    raise RuntimeError(f"log config {cfg.logconfig!r} not found")
                defaults = {"__file__": str(path), "here": str(path.parent)}
                logging.config.fileConfig(path, defaults, disable_existing_loggers=False)
        except (AttributeError, ImportError, KeyError, OSError, TypeError, ValueError) as error:
            raise RuntimeError(str(error)) from error

    # ---- the error log

    def critical(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """As logging has it; so are the next ones."""
        self.error_log.critical(msg, *args, **kwargs)

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """An error."""
        self.error_log.error(msg, *args, **kwargs)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A warning."""
        self.error_log.warning(msg, *args, **kwargs)

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """What goes on."""
        self.error_log.info(msg, *args, **kwargs)

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """For whoever looks for a fault."""
        self.error_log.debug(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """An error with the traceback of the exception that is being handled."""
        self.error_log.exception(msg, *args, **kwargs)

    def log(self, lvl: int | str, msg: str, *args: Any, **kwargs: Any) -> None:
        """At any level, by number or name."""
        if isinstance(lvl, str):
            lvl = self.LOG_LEVELS.get(lvl.lower(), logging.INFO)
        self.error_log.log(lvl, msg, *args, **kwargs)

    # ---- the access log

    @property
    def access_log_enabled(self) -> bool:
        """Whether there is anywhere for access lines to go."""
        cfg = self.cfg
        to_syslog = cfg.syslog and not cfg.disable_redirect_access_to_syslog
        configured = cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json
        return bool(cfg.accesslog or configured or to_syslog)

    def atoms(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> dict[str, Any]:
        """What an access line may name; the names are gunicorn's."""
        status = resp.status if not isinstance(resp.status, str) else resp.status.split(None, 1)[0]
        micros = request_time.seconds * 1_000_000 + request_time.microseconds
        atoms = {
            "h": environ.get("REMOTE_ADDR", "-"),
            "l": "-",
            "u": user_of(environ.get("HTTP_AUTHORIZATION")) or "-",
            "t": self.now(),
            "r": f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}",
            "s": status,
            "m": environ.get("REQUEST_METHOD"),
            "U": environ.get("PATH_INFO"),
            "q": environ.get("QUERY_STRING"),
            "H": environ.get("SERVER_PROTOCOL"),
            "b": "-" if resp.sent is None else str(resp.sent),
            "B": resp.sent,
            "f": environ.get("HTTP_REFERER", "-"),
            "a": environ.get("HTTP_USER_AGENT", "-"),
            "T": request_time.seconds,
            "D": micros,
            "M": request_time.seconds * 1000 + request_time.microseconds // 1000,
            "L": f"{request_time.seconds}.{request_time.microseconds:06}",
            "p": f"<{getattr(req, 'pid', os.getpid())}>",
        }
        atoms.update((f"{{{name.lower()}}}i", value) for name, value in req.headers)
        atoms.update((f"{{{name.lower()}}}o", value) for name, value in resp.headers)
        atoms.update((f"{{{name.lower()}}}e", value) for name, value in environ.items())
        return atoms

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:
        """One request has been answered."""
        if not self.access_log_enabled:
            return
        atoms = self.atoms(resp, req, environ, request_time)
        try:
            if self.cfg.access_log_format == "json":
                self.access_log.info("%s", json.dumps(_named(atoms)))
            else:
                self.access_log.info(self.cfg.access_log_format, self.atoms_wrapper_class(atoms))
        except Exception:
            self.error(traceback.format_exc())

    def now(self) -> str:
        """The moment, as access lines show it."""
        return time.strftime("[%d/%b/%Y:%H:%M:%S %z]")

    # ---- files

    def reopen_files(self) -> None:
        """After a rotation: files of all Python loggers of the process are opened again."""
        for logger in _loggers():
            for handler in logger.handlers:
                if isinstance(handler, logging.FileHandler):
                    self._reopen(handler)

    def _reopen(self, handler: logging.FileHandler) -> None:
        handler.acquire()
        try:
            if handler.stream is None:  # it opens with its first record
                return
            opened = handler._open()
            handler.stream, old = opened, handler.stream
            old.close()
        except OSError as error:  # it stays as it was
            self.error("%r cannot be opened again: %s", handler.baseFilename, error)
        finally:
            handler.release()

    def close_on_exec(self) -> None:
        """Programs that the application starts do not inherit the log's files."""
        for logger in _loggers():
            for handler in logger.handlers:
                if isinstance(handler, logging.FileHandler) and handler.stream is not None:
                    os.set_inheritable(handler.stream.fileno(), False)

    def _set_handler(
        self,
        log: logging.Logger,
        output: str | None,
        fmt: logging.Formatter,
        stream: TextIO | None = None,
    ) -> None:
        _drop(log, is_ours)
        if output is None:
            return
        handler: logging.Handler
        if output == "-":
            handler = logging.StreamHandler(stream or sys.stderr)
        else:
            try:
                handler = logging.FileHandler(output, encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise RuntimeError(f"{output!r} isn't writable [{error!r}]") from None
        mark(handler)
        handler.setFormatter(fmt)
        log.addHandler(handler)

    def _set_syslog_handler(self, log: logging.Logger, cfg: Config, fmt: str, name: str) -> None:
        _drop(log, _is_syslog_of_ours)
        prefix = cfg.syslog_prefix or cfg.proc_name.replace(":", ".")
        kind, address = parse_syslog_address(cfg.syslog_addr)
        try:
            handler = logging.handlers.SysLogHandler(address, syslog_facility(cfg), kind)
        except OSError as error:
            raise RuntimeError(f"syslog at {cfg.syslog_addr} cannot be reached: {error}") from None
        mark(handler)
        handler.setFormatter(logging.Formatter(f"gunicorn.{prefix}.{name}: {fmt}"))
        log.addHandler(handler)


def _named(atoms: Mapping[str, Any]) -> dict[str, Any]:
    """What the format ``json`` shows of a request, as far as atoms have it."""
    status = str(atoms["s"])
    shown = {
        "pid": int(atoms["p"].strip("<>")),
        "peer": atoms["h"],
        "user": atoms["u"],
        "method": atoms["m"],
        "target": atoms["r"].split(" ")[1],
        "path": atoms["U"],
        "query": atoms["q"],
        "protocol": atoms["H"],
        "host": atoms.get("{host}i", "-"),
        "status": int(status) if status.isdigit() else None,
        "bytes": atoms["B"],
        "seconds": float(atoms["L"]),
        "referer": atoms["f"],
        "user_agent": atoms["a"],
    }
    return {name: value for name, value in shown.items() if value != "-"}


# ---- handlers that are ours, among those of the user's


def _is_syslog_of_ours(handler: logging.Handler) -> bool:
    return is_ours(handler) and isinstance(handler, logging.handlers.SysLogHandler)


def _drop(log: logging.Logger, which: Callable[[logging.Handler], bool]) -> None:
    for handler in [one for one in log.handlers if which(one)]:
        log.removeHandler(handler)
        handler.close()


def _loggers() -> list[logging.Logger]:
    known = list(logging.Logger.manager.loggerDict.values())
    return [logging.getLogger(), *(one for one in known if isinstance(one, logging.Logger))]


# ---- syslog


def syslog_facility(cfg: Config) -> int:
    """The number of the setting's facility. Raises RuntimeError."""
    names = logging.handlers.SysLogHandler.facility_names
    try:
        return names[cfg.syslog_facility.lower()]
    except KeyError:
        known = ", ".join(sorted(names))
        raise RuntimeError(
            f"unknown facility name {cfg.syslog_facility!r}: it is one of {known}"
        ) from None


def parse_syslog_address(
    address: str,
) -> tuple[socket.SocketKind | None, str | tuple[str, int]]:
    """``unix://PATH[#dgram|#stream]``, ``udp://HOST[:PORT]``, ``tcp://HOST[:PORT]``.

    The kind of socket (None: datagrams, or else a stream) and where to. Raises RuntimeError.
    """
    kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
    scheme, separator, rest = address.partition("://")
    if scheme == "unix" and separator:
        path, _, kind = rest.partition("#")
        if kind in {"", "dgram", "stream"} and path:
            kinds_of_unix = {"dgram": socket.SOCK_DGRAM, "stream": socket.SOCK_STREAM}
            return kinds_of_unix.get(kind), path
    elif scheme in kinds and rest:
        host, port = _host_and_port(rest)
        if host and port.isdigit():
            return kinds[scheme], (host, int(port))
    raise RuntimeError(
        f"invalid syslog address {address!r}: it is written unix://PATH, udp://HOST:PORT or "
        "tcp://HOST:PORT"
    )


def _host_and_port(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::(.*))?", text)
    if found is None:
        return "", ""
    host = found.group(1) or found.group(2)
    return host.lower(), found.group(3) or "514"
