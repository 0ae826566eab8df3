# SPDX-License-Identifier: MIT
"""PasteDeploy's side of things: the runner of ``[server:main]``, for pserve and its kind.

    [server:main]
    use = egg:winghorn#main
    host = 127.0.0.1
    port = 8000
    workers = 2

Keys of that section are settings; they outdo the config file, which is the one that the key
``config`` names, else ./winghorn.conf.py or ./gunicorn.conf.py. The command line belongs to the
program that calls us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from winghorn import config_file, paste
from winghorn.app.wsgiapp import WSGIApplication

has_logging_config = paste.has_logging_config


def get_wsgi_app(
    config_uri: str, name: str | None = None, defaults: dict[str, str] | None = None
) -> Any:
    """The application that a PasteDeploy file describes. Raises BootError."""
    uri = config_uri if ":" in config_uri else f"config:{config_uri}"
    return paste.load_uri(uri, name, defaults or {})


class PasteServer(WSGIApplication):
    """Serves an application that PasteDeploy has loaded already."""

    def __init__(self, application: Any, file: str, section: Mapping[str, str]) -> None:
        self._application = application
        self._file = file
        self._section = dict(section)
        super().__init__()

    def load_config(self) -> None:
        """The file's own values, the config file, the section's keys."""
        self.cfg.set("default_proc_name", self._file)
        if has_logging_config(self._file):
            self.cfg.set("logconfig", self._file)
        named = config_file.find(self._section.get("config"), self._directory)
        if named is not None:
            self.load_config_from_file(named)
        for key, value in _settings(self._section):
            self.cfg.set(key, value)

    def load(self) -> Any:
        """It was loaded before."""
        return self._application

    def _whose(self) -> str:
        return f"{self._file}, [server]"


def _settings(section: Mapping[str, str]) -> list[tuple[str, Any]]:
    keys = {key.lower(): value for key, value in section.items() if value is not None}
    keys.pop("config", None)
    host, port = keys.pop("host", ""), keys.pop("port", "")
    values: list[tuple[str, Any]] = list(keys.items())
    if host:
        values.append(("bind", f"{host}:{port}" if port else host.split(",")))
    return values


def serve(app: Any, global_conf: Mapping[str, str], **local_conf: str) -> None:
    """PasteDeploy's ``server_runner``: serves `app` with the keys of its section as settings."""
    PasteServer(app, global_conf["__file__"], local_conf).run()
