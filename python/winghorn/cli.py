# SPDX-License-Identifier: MIT
"""The command ``winghorn``: gathers what was set where, and hands it to the extension.

The options come from the settings table in ``_core``; nothing here knows a setting by name but
those that this module itself obeys (config, chdir, check_config, print_config, daemon).
Programs that serve by themselves (winghorn.app.base) read and run by the same functions.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from winghorn import _core, app_loader, config_file, daemon, paste, spew
from winghorn._core import Settings, SettingsError
from winghorn.app_loader import BootError, put_first
from winghorn.config import with_functions
from winghorn.server import Generation, Server, Start
from winghorn.tracebacks import user_traceback

if TYPE_CHECKING:
    from winghorn._core import Given, Origin, SettingRow

ARGUMENT_VARIABLES = ("WINGHORN_CMD_ARGS", "GUNICORN_CMD_ARGS")
PROG = "winghorn"
VERSION = _core.__version__
USAGE = "%(prog)s [OPTIONS] [APP_MODULE]"
NO_APPLICATION = """\
No application module specified.
Name a module and the application in it, for example: winghorn app:app
(winghorn winghorn.demo:app serves a demonstration; winghorn --help lists the options.)"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server (or what the options ask for instead); returns the exit status."""
    return guarded(lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def guarded(command: Callable[[], int]) -> int:
    """The exit status of a command, however it ends: by --help, or as its reader has gone."""
    try:
        status = command()
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # winghorn --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 0
    except SystemExit as stop:  # argparse: --help, --version, a usage error
        return _flushed(stop.code)


def _flushed(code: object) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code if isinstance(code, int) else 0 if code is None else 1


def _run(argv: list[str]) -> int:
    directory = start_directory()
    start = Start.here(directory)

    def load() -> Generation:
        return load_generation(argv, directory)

    try:
        generation = load()
    except SettingsError as error:
        return complain(error)
    if not names_application(generation.settings):
        return complain(SettingsError(NO_APPLICATION))
    return run(generation, lambda: _reload(load), app_loader.load_application, start)


def run(
    generation: Generation,
    reload: Callable[[], Generation],
    load_application: Callable[[Settings], app_loader.Application],
    start: Start,
    app: Any = None,
) -> int:
    """Serve, or do what the settings ask for instead; returns the exit status."""
    settings = generation.settings
    if settings.print_config:
        sys.stdout.write(_core.print_config(settings))
        sys.stdout.flush()
    if settings.print_config or settings.check_config:
        return _check(settings, load_application)
    return serve(Server(generation, reload, load_application, start, app))


def names_application(settings: Settings) -> bool:
    """Whether it is said what to serve."""
    return bool(settings.wsgi_app or settings.paste)


def complain(error: SettingsError) -> int:
    """Say what is wrong with the configuration; returns the exit status for that."""
    for complaint in error.args:
        print(f"Error: {complaint}", file=sys.stderr)
    return 1


def serve(server: Server) -> int:
    """Run the server until it is stopped; returns the exit status."""
    cfg = server.cfg
    if cfg.spew:
        spew.install()
    # The new arbiter of an upgrade is where it should be already.
    if cfg.daemon and "GUNICORN_FD" not in os.environ:
        keep_output = bool(cfg.enable_stdio_inheritance)
        daemon.warn_of_odd_start(cfg.errorlog, keep_output)
        daemon.detach(keep_output)
    # The arbiter has a handler of its own. What stands behind it counts once it is done: a second
    # Ctrl-C must not turn a stop that went well into a death by signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Applications and what they start may look at it, as under gunicorn.
    os.environ["SERVER_SOFTWARE"] = f"{PROG}/{VERSION}"
    return _core.serve(server)


def _check(
    settings: Settings, load_application: Callable[[Settings], app_loader.Application]
) -> int:
    for warning in settings.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    try:
        load_application(settings)
    except Exception as error:
        text = error.text if isinstance(error, BootError) else user_traceback(error, __file__)
        print(f"\nError while loading the application:\n\n{text}", file=sys.stderr)
        return 1
    return 0


def _reload(load: Callable[[], Generation]) -> Generation:
    generation = for_reload(load)
    if not names_application(generation.settings):
        raise SettingsError("No application module specified.")
    return generation


def for_reload(load: Callable[[], Generation]) -> Generation:
    """What `load` gives, for a server that is to go on if it fails. Raises no SystemExit."""
    try:
        return load()
    except SystemExit as stop:  # the variable with arguments was changed by a config file
        raise SettingsError(f"the command line cannot be read again (status {stop.code})") from None


# ---- from all sources to one configuration


def start_directory() -> str:
    """The current folder, spelled as the shell spells it when that is the same folder."""
    real = str(Path.cwd())
    spelled = os.environ.get("PWD", "")
    try:
        if spelled and Path(spelled).is_absolute() and Path(spelled).samefile(real):
            return spelled
    except OSError:
        pass
    return real


def load_generation(argv: list[str], directory: str) -> Generation:
    """Read every source and check the result.

    Raises SettingsError, or SystemExit for a usage error. Leaves the process in the configured
    folder, and where it was if anything is wrong.
    """
    rows = _core.settings()
    parser = make_parser(rows)
    given = parser.read(argv, "")
    variable, in_variable = arguments_variable(parser)
    before = current_folder()
    try:
        os.chdir(directory)
        put_first(directory)
        config = read_config_file(given, in_variable, variable, directory)
        sources = [
            *environment_values(rows),
            *tagged(config.values, "config file", config.name),
            *tagged(in_variable, "arguments variable", variable),
            *tagged(given, "command line", ""),
        ]
        values = list(with_functions(paste.with_logging(sources, directory)))
        warnings = config.warnings + parser.warnings
        settings = _core.make_settings(values, directory, config.name, warnings)
        os.chdir(settings.chdir)
    except OSError as error:
        os.chdir(before)
        raise SettingsError(str(error)) from None
    except BaseException:
        os.chdir(before)
        raise
    put_first(settings.chdir)
    return Generation.of(settings, values)


def current_folder() -> str:
    """Where the process is; the root when that folder is gone."""
    try:
        return str(Path.cwd())
    except OSError:  # removed under our feet
        return "/"


def tagged(values: Mapping[str, Any], origin: Origin, where: str) -> Iterator[Given]:
    """`values` with where they come from."""
    for name, value in values.items():
        yield (name, value, origin, where)


def environment_values(rows: list[SettingRow]) -> list[Given]:
    """The settings that environment variables give."""
    found: list[Given] = []
    for row in rows:
        variable = row["variable"]
        if variable and variable in os.environ:
            value = row["variable_prefix"] + os.environ[variable]
            found.append((row["name"], value, "environment", variable))
    return found


def arguments_variable(like: Parser) -> tuple[str, dict[str, Any]]:
    """The variable that holds options, and what they say; a parser `like` this one reads it."""
    for variable in ARGUMENT_VARIABLES:
        text = os.environ.get(variable)
        if text is None:
            continue
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise SettingsError(f"{variable} cannot be split into arguments: {error}") from None
        # Options only: the command line names the application.
        return variable, like.split(words, f"{variable}: ")[0]
    return "", {}


def read_config_file(
    given: Mapping[str, Any], in_variable: Mapping[str, Any], variable: str, directory: str
) -> config_file.ConfigFile:
    """The one config file that is named, or found. Raises SettingsError."""
    if "config" in given:
        location, whence = given["config"], "--config on the command line"
    else:
        location, whence = in_variable.get("config"), f"--config in {variable}"
    found = config_file.find(location, directory)
    if found is None:
        return config_file.ConfigFile()
    return config_file.read(found, directory, whence)


# ---- options


class Parser(argparse.ArgumentParser):
    """An option for each row that has flags; --help shows those that work today."""

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description="Serve the WSGI application APP_MODULE, written MODULE[:NAME] or "
            "MODULE:FACTORY(...).",
            argument_default=argparse.SUPPRESS,
            formatter_class=_Formatter,
            add_help=False,
        )
        self.color = False  # Python 3.14 would colour the help
        self.warnings: list[str] = []
        self._whose = ""

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """As gunicorn does: an option that is not given is None; `args` are the others."""
        values, positional = self.split(list(sys.argv[1:] if args is None else args), "")
        names = (action.dest for action in self._actions if action.dest != "positional")
        values = dict.fromkeys(names) | values | {"args": positional}
        found = argparse.Namespace() if namespace is None else namespace
        vars(found).update(values)
        return found

    def split(self, words: list[str], whose: str) -> tuple[dict[str, Any], list[str]]:
        """What `words` give: settings, and all that is no option. `whose` begins complaints."""
        self._whose = whose
        parsed, unknown = self.parse_known_args(words)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(unknown)}")
        values = dict(vars(parsed))
        return values, values.pop("positional", [])

    def read(self, words: list[str], whose: str) -> dict[str, Any]:
        """The settings given by `words`; the first that is no option is the application."""
        values, positional = self.split(words, whose)
        if positional:
            values["wsgi_app"] = positional[0]
        if not whose:
            self.warnings += ignored(positional)
        return values

    def error(self, message: str) -> NoReturn:
        super().error(self._whose + message)


def ignored(positional: list[str]) -> list[str]:
    """A warning about what stands after the application, if anything does."""
    words = " ".join(positional[1:])
    return [f"only the first application is served; ignored: {words}"] if words else []


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


class _SettingsPage(argparse.Action):
    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        sys.stdout.write(_core.settings_page())
        sys.exit(0)


def make_parser(
    rows: list[SettingRow],
    usage: str | None = USAGE,
    prog: str | None = PROG,
    version: str = VERSION,
) -> Parser:
    """The parser for the rows of the settings table; without `prog` it is named as the program."""
    parser = Parser(usage, prog)
    general = parser.add_argument_group("General")
    general.add_argument("-h", "--help", action="help", help="Show this and exit.")
    general.add_argument(
        "-v",
        "--version",
        action="version",
        version=f"%(prog)s (version {version})",
        help="Show the version and exit.",
    )
    general.add_argument(
        "--settings-page", action=_SettingsPage, nargs=0, help="Print docs/settings.md and exit."
    )
    groups = {"": parser.add_argument_group("Not supported yet")}
    for row in rows:
        if not row["flags"]:
            continue
        section = row["section"] if row["works"] else ""
        if section not in groups:
            groups[section] = parser.add_argument_group(section)
        groups[section].add_argument(*row["flags"], **_option(row))
    parser.add_argument("positional", nargs="*", metavar="APP_MODULE", help=argparse.SUPPRESS)
    return parser


def _option(row: SettingRow) -> dict[str, Any]:
    option: dict[str, Any] = {"dest": row["name"], "help": _help(row)}
    if row["kind"] == "flag":
        return option | {"action": "store_const", "const": row["stores"]}
    option["metavar"] = row["metavar"]
    if row["kind"] == "list":
        return option | {"action": "append"}
    if row["kind"] == "integer":
        option["type"] = int
    elif row["kind"] == "octal":
        option["type"] = octal
    elif row["kind"] == "decimal":
        option["type"] = float
    if row["bare_value"] is not None:
        option |= {"nargs": "?", "const": row["bare_value"]}
    return option


def _help(row: SettingRow) -> str:
    if not row["works"]:
        return argparse.SUPPRESS
    shown = row["default"] not in {"", "None", "False"}
    text = f"{row['help']} [{row['default']}]" if shown else row["help"]
    return text.replace("%", "%%")


def octal(text: str) -> int:
    """A mode: 0o22 and 0x12 as Python has them, and 0022 as chmod has it."""
    try:
        return int(text, 0)
    except ValueError:
        return int(text, 8) if text.startswith("0") else _not_a_number(text)


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text!r} is not a number")


def _meant(unknown: list[str]) -> str:
    for word in unknown:
        near = _core.nearest_flag(word.partition("=")[0]) if word.startswith("--") else ""
        if near:
            return f" (did you mean {near}?)"
    return ""
