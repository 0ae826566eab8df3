# SPDX-License-Identifier: MIT
"""A server that a program starts itself: gunicorn's ``BaseApplication`` and ``Application``.

    class Standalone(BaseApplication):
        def load_config(self):
            self.cfg.set("bind", "127.0.0.1:8000")

        def load(self):
            return my_wsgi_application

    Standalone().run()

``load_config`` runs in the arbiter, at the start and on HUP; ``load`` in each worker. Application
reads what the command reads (command line, GUNICORN_CMD_ARGS, config file); subclasses say in
``init`` what else is to be set.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from winghorn import _core, app_loader, config_file, paste
from winghorn._core import SettingsError
from winghorn.app_loader import put_first
from winghorn.cli import (
    VERSION,
    Parser,
    arguments_variable,
    complain,
    current_folder,
    environment_values,
    for_reload,
    make_parser,
    read_config_file,
    run,
    start_directory,
    tagged,
)
from winghorn.config import Config, Setting, config_of, rows, with_functions
from winghorn.server import Generation, Start
from winghorn.tracebacks import user_traceback

if TYPE_CHECKING:
    from winghorn._core import Given, Settings


class ConfigDraft(Config):
    """The configuration while it is put together; checked as a whole later.

    `usage`, `prog` and `version` are for its parser, `whose` says in complaints who set a value,
    `directory` is what paths are relative to.
    """

    def __init__(
        self,
        usage: str | None = None,
        prog: str | None = None,
        whose: str = "the program",
        directory: str | None = None,
        version: str = VERSION,
    ) -> None:
        start = start_directory() if directory is None else directory
        made = _core.make_settings([], start, "", [])
        super().__init__(made, {})
        self.__dict__.update(settings=dict(config_of(made, []).settings), usage=usage, prog=prog)
        self.__dict__.update(given=[], whose=whose, directory=start, config_file="", odd=[])
        self.__dict__["version"] = version
        self.take(environment_values(_core.settings()))

    def set(self, name: str, value: Any) -> None:
        """Give a setting its value. Raises AttributeError for a name that is none."""
        if name not in self.settings:
            raise AttributeError(f"No configuration setting for: {name}")
        self.take([(name, value, "config file", self.__dict__["whose"])])

    def take(self, given: Iterable[Given]) -> None:
        """Have each of `given` replace what was set before; other names do nothing."""
        for one in given:
            self.__dict__["given"].append(one)
            name = one[0]
            if name in self.settings:
                value = self._value(one)
                self.settings[name] = Setting(name, self.settings[name].section, value)

    def take_file(self, found: config_file.ConfigFile) -> None:
        """take() what a config file says."""
        self.__dict__["config_file"] = found.name
        self.warn(found.warnings)
        self.take(tagged(found.values, "config file", found.name))

    def parser(self) -> Parser:
        """For the options of all settings."""
        this = self.__dict__
        return make_parser(_core.settings(), this["usage"], this["prog"], this["version"])

    def warn(self, texts: Iterable[str]) -> None:
        """Have the log say what is odd about the configuration."""
        self.__dict__["odd"].extend(texts)

    def checked(self) -> Generation:
        """What was set, checked. Raises SettingsError."""
        this = self.__dict__
        given = paste.with_logging(this["given"], this["directory"])
        values = list(with_functions(given))
        made = _core.make_settings(values, this["directory"], this["config_file"], this["odd"])
        return Generation.of(made, values)

    def validate(self) -> None:
        """Raises SettingsError if something is wrong."""
        self.checked()

    def _value(self, one: Given) -> Any:
        """The value as it will be read; as it is if it will be refused."""
        name, value, _, _ = one
        row = rows()[name]
        (checked,) = with_functions([one])
        try:
            made = _core.make_settings([checked], self.__dict__["directory"], "", [])
        except SettingsError:
            return value
        return checked[1] if row["kind"] in {"callable", "object"} else made.values()[name]

    def _resolved(self) -> Settings:
        return self.checked().settings


class BaseApplication:
    """Subclass it, give it ``load_config`` and ``load``, and call ``run``."""

    cfg: ConfigDraft
    version: ClassVar[str] = VERSION  # what --version says

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.usage = usage
        self.prog = prog
        self.callable: app_loader.Application | None = None
        self.logger: Any = None
        self._directory = start_directory()
        self._start = Start.here(self._directory)
        self.do_load_config()

    def init(self, parser: Parser, opts: argparse.Namespace, args: list[str]) -> Any:
        """Part of Application."""
        raise NotImplementedError

    def load_config(self) -> None:
        """Set what is to be other than its default, by ``self.cfg.set(name, value)``."""
        raise NotImplementedError

    def load(self) -> Any:
        """The WSGI application. Called once in each worker."""
        raise NotImplementedError

    def load_default_config(self) -> None:
        """Begin anew: every setting has its default."""
        self.cfg = ConfigDraft(self.usage, self.prog, self._whose(), self._directory, self.version)

    def do_load_config(self) -> None:
        """Make the configuration; ends the program with status 1 if it is wrong."""
        try:
            self._configure()
        except SettingsError as error:
            sys.exit(complain(error))
        except Exception as error:
            print(user_traceback(error, __file__), end="", file=sys.stderr)
            print(f"Error: {error}", file=sys.stderr)
            sys.exit(1)

    def reload(self) -> None:
        """Make the configuration anew; HUP calls it. Raises what is wrong with it."""
        self._configure()

    def wsgi(self) -> Any:
        """The application; loaded when it is asked for the first time."""
        if self.callable is None:
            self.callable = self.load()
        return self.callable

    def run(self) -> None:
        """Serve until told to stop; ends the program with the server's exit status."""
        try:
            parts = server_parts(self)
        except SettingsError as error:
            sys.exit(complain(error))
        sys.exit(run(*parts))

    def _reloaded(self) -> Generation:
        # The arbiter calls it: the next generation, or an exception and everything as it was.
        before, folder = self.cfg, current_folder()
        try:
            return for_reload(self._next_generation)
        except BaseException:
            self.cfg = before
            os.chdir(folder)
            raise

    def _load_in_worker(self, settings: Settings) -> app_loader.Application:
        app_loader.prepare(settings)
        application: app_loader.Application = self.wsgi()
        whose = f"{type(self).__name__}.load() returned"
        app_loader.check(application, whose, settings.worker_class)
        return application

    def _configure(self) -> None:
        self.load_default_config()
        self.load_config()
        self.cfg.validate()

    def _next_generation(self) -> Generation:
        self.reload()
        return self.cfg.checked()

    def _whose(self) -> str:
        return f"{type(self).__name__}.load_config()"


class Application(BaseApplication):
    """A program with the command's options, config file and variables.

    What ``init`` returns is less than all of these, and more than the environment.
    """

    def init(
        self, parser: Parser, opts: argparse.Namespace, args: list[str]
    ) -> Mapping[str, Any] | None:
        """More settings. `opts` has all options (None: not given), `args` what is none."""
        raise NotImplementedError

    def chdir(self) -> None:
        """Go where the application lives, and let it be imported from there."""
        os.chdir(self.cfg.chdir)
        put_first(self.cfg.chdir)

    def load_config(self) -> None:
        """Read every source, in the command's order."""
        parser = self.cfg.parser()
        options = parser.parse_args()
        more = self.init(parser, options, options.args)
        given = _given(options)
        variable, in_variable = arguments_variable(parser)
        self.chdir()
        for name, value in (more or {}).items():
            self.cfg.set(name.lower(), value)
        self.cfg.take_file(read_config_file(given, in_variable, variable, self._directory))
        self.cfg.take(tagged(in_variable, "arguments variable", variable))
        self.cfg.take(tagged(given, "command line", ""))
        self.cfg.validate()  # before going to a folder that may not be there
        self.chdir()

    def load_config_from_module_name_or_filename(self, location: str) -> dict[str, object]:
        """Take over what PATH, file:PATH or python:MODULE says, and return it.

        Raises SettingsError when it cannot be read.
        """
        found = config_file.read(location, self._directory, self._whose())
        self.cfg.take_file(found)
        return found.values

    def load_config_from_file(self, filename: str) -> dict[str, object]:
        """The same, of a file."""
        return self.load_config_from_module_name_or_filename(filename)

    def load_config_from_module_name(self, module_name: str) -> dict[str, object]:
        """The same, of a module."""
        return self.load_config_from_module_name_or_filename(f"python:{module_name}")

    def get_config_from_filename(self, filename: str) -> dict[str, object]:
        """What the file says; nothing is set by it."""
        return config_file.read(f"file:{filename}", self._directory, self._whose()).values

    def get_config_from_module_name(self, module_name: str) -> dict[str, object]:
        """What the module says; nothing is set by it."""
        return config_file.read(f"python:{module_name}", self._directory, self._whose()).values


def server_parts(
    program: BaseApplication,
) -> tuple[
    Generation,
    Callable[[], Generation],
    Callable[[Settings], app_loader.Application],
    Start,
    BaseApplication,
]:
    """What a Server is made of, to serve `program`. Raises SettingsError."""
    # Not methods: a program may use any name that gunicorn's classes leave free.
    made = program.cfg.checked()
    return made, program._reloaded, program._load_in_worker, program._start, program


def _given(options: argparse.Namespace) -> dict[str, Any]:
    values = vars(options).items()
    return {name: value for name, value in values if name != "args" and value is not None}
