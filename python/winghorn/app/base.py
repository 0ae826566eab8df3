# SPDX-License-Identifier: MIT
"""A server that a program starts itself: gunicorn's ``BaseApplication``.

    class Standalone(BaseApplication):
        def load_config(self):
            self.cfg.set("bind", "127.0.0.1:8000")

        def load(self):
            return my_wsgi_application

    Standalone().run()

``load_config`` runs in the arbiter, at the start and on HUP; ``load`` in each worker.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from winghorn import _core, app_loader
from winghorn._core import SettingsError
from winghorn.cli import complain, environment_values, serve, start_directory
from winghorn.config import Config, Setting, with_functions
from winghorn.server import Generation, Server, Start

if TYPE_CHECKING:
    from winghorn._core import Given, Settings


class ConfigDraft(Config):
    """The configuration while ``load_config`` fills it; checked as a whole later."""

    def __init__(self, whose: str, directory: str) -> None:
        given = environment_values(_core.settings())
        made = _core.make_settings(given, directory, "", [])
        super().__init__(made, made.values())
        self.__dict__.update(given=given, whose=whose, directory=directory)

    def set(self, name: str, value: Any) -> None:
        """Give a setting its value. Raises AttributeError for a name that is none."""
        if name not in self.settings:
            raise AttributeError(f"No configuration setting for: {name}")
        self.settings[name] = Setting(name, self.settings[name].section, value)
        given: list[Given] = self.__dict__["given"]
        given.append((name, value, "config file", self.__dict__["whose"]))

    def checked(self) -> Generation:
        """What was set, checked. Raises SettingsError."""
        values = list(with_functions(self.__dict__["given"]))
        settings = _core.make_settings(values, self.__dict__["directory"], "", [])
        return Generation.of(settings, values)

    def _resolved(self) -> Settings:
        return self.checked().settings


class BaseApplication:
    """Subclass it, give it ``load_config`` and ``load``, and call ``run``."""

    cfg: ConfigDraft

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.usage = usage
        self.prog = prog
        self._directory = start_directory()
        self._start = Start.here(self._directory)
        self._configure()

    def load_config(self) -> None:
        """Set what is to be other than its default, by ``self.cfg.set(name, value)``."""
        raise NotImplementedError

    def load(self) -> Any:
        """The WSGI application. Called once in each worker."""
        raise NotImplementedError

    def run(self) -> NoReturn:
        """Serve until told to stop; ends the program with the server's exit status."""
        try:
            generation = self.cfg.checked()
        except SettingsError as error:
            sys.exit(complain(error))
        sys.exit(serve(Server(generation, self._reload, self._load_in_worker, self._start)))

    def _configure(self) -> None:
        self.cfg = ConfigDraft(f"{type(self).__name__}.load_config()", self._directory)
        self.load_config()

    def _reload(self) -> Generation:
        self._configure()
        return self.cfg.checked()

    def _load_in_worker(self, settings: Settings) -> app_loader.Application:
        app_loader.prepare(settings)
        application: app_loader.Application = self.load()
        app_loader.check_callable(application, f"{type(self).__name__}.load() returned")
        return application
