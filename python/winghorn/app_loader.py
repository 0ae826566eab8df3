# SPDX-License-Identifier: MIT
"""Loading the application that ``MODULE[:EXPR]`` names, and saying well why it cannot be.

EXPR is a name of the module, or a call of one with literal arguments; without it the name is
``application``.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import inspect
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from winghorn.tracebacks import user_traceback

if TYPE_CHECKING:
    from winghorn._core import Settings

Application = Callable[..., Any]

WORKER_FAILED_TO_BOOT = 3
APP_FAILED_TO_LOAD = 4

MOST_SUGGESTIONS = 10
ASGI_PARAMETERS = (["scope", "receive", "send"], ["scope"])


class BootError(Exception):
    """The application cannot be served.

    `code` is the worker's exit status: 4 when the application is not where or what it was said to
    be, 3 when its own code failed. `text` is for the log; its last line is the reason. `mistyped`
    is the file with a syntax error, if that was it.
    """

    def __init__(self, code: int, text: str, mistyped: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.mistyped = mistyped


@dataclass(frozen=True)
class Target:
    """``MODULE[:EXPR]``, taken apart. `arguments` is None when there is nothing to call."""

    module: str
    expression: str
    name: str
    arguments: list[Any] | None = None
    keywords: dict[str, Any] = field(default_factory=dict)


def load_application(settings: Settings) -> Application:
    """What a worker does before it serves: go where the application lives, and load it."""
    prepare(settings)
    if settings.paste:
        from winghorn import paste  # only those who use it need it

        return paste.load(settings)
    return load(settings.wsgi_app, settings.worker_class)


def prepare(settings: Settings) -> None:
    """The current folder, the environment and the module path that the application may expect."""
    try:
        os.chdir(settings.chdir)
    except OSError as error:
        _fail(WORKER_FAILED_TO_BOOT, f"can't chdir to {settings.chdir!r}: {error.strerror}")
    os.environ.update(settings.environment)
    for folder in [settings.chdir, *settings.pythonpath]:
        put_first(folder)
    importlib.invalidate_caches()


def put_first(folder: str) -> None:
    """Make `folder` the first on the module path: nothing else of the same name shall win."""
    sys.path[:] = [folder, *(other for other in sys.path if other != folder)]


def load(target: str, worker_class: str = "sync") -> Application:
    """The WSGI application that `target` names; raises BootError."""
    application = find(target)
    check(application, f"{target!r} is", worker_class)
    return application


def find(target: str) -> Application:
    """Whatever `target` names, as long as it is something; raises BootError."""
    parsed = parse(target)
    module = _import(parsed)
    found = _attribute(module, parsed)
    application = found if parsed.arguments is None else _call(found, parsed)
    if application is None:
        _fail(APP_FAILED_TO_LOAD, f"Failed to find application object: {parsed.expression!r}")
    return application  # type: ignore[no-any-return]


def check(application: object, described: str, worker_class: str) -> None:
    """Raises BootError for what this worker cannot call; `described` begins the sentence."""
    if not callable(application):
        kind = type(application).__name__
        _fail(
            APP_FAILED_TO_LOAD,
            f"Application object must be callable. {described} an object of type {kind!r}.",
        )
    _refuse_asgi(application, described, worker_class)


def explanation(text: str) -> Application:
    """An application that shows every client why there is no other."""
    body = text.encode("utf-8", "replace")

    def explain(_environ: Any, start_response: Any) -> list[bytes]:
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ]
        start_response("500 Internal Server Error", headers)
        return [body]

    return explain


def parse(target: str) -> Target:
    """Take ``MODULE[:EXPR]`` apart; raises BootError."""
    module, colon, expression = target.partition(":")
    if not colon:
        expression = "application"
    if not module:
        _fail(APP_FAILED_TO_LOAD, f"{target!r} names no module: write MODULE:NAME, as in app:app")
    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):
        tree = None
    if isinstance(tree, ast.Name):
        return Target(module, expression, tree.id)
    if not isinstance(tree, ast.Call):
        _fail(
            APP_FAILED_TO_LOAD,
            f"Failed to parse {expression!r} as an attribute name or function call.",
        )
    if not isinstance(tree.func, ast.Name):
        _fail(APP_FAILED_TO_LOAD, f"Function reference must be a simple name: {expression!r}")
    try:
        arguments = [ast.literal_eval(argument) for argument in tree.args]
        keywords = {_keyword(keyword): ast.literal_eval(keyword.value) for keyword in tree.keywords}
    except ValueError:
        _fail(APP_FAILED_TO_LOAD, f"Failed to parse arguments as literal values: {expression!r}")
    return Target(module, expression, tree.func.id, arguments, keywords)


def _keyword(keyword: ast.keyword) -> str:
    if keyword.arg is None:  # **mapping
        raise ValueError("not a literal")
    return keyword.arg


def _fail(code: int, text: str) -> NoReturn:
    raise BootError(code, text) from None


# ---- importing


def _import(target: Target) -> types.ModuleType:
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        if _is_target(error.name, target.module):
            _fail(WORKER_FAILED_TO_BOOT, _missing_module(target, error))
        hint = f" ({_interpreter()}; is it the right virtual environment?)"
        _fail(WORKER_FAILED_TO_BOOT, user_traceback(error, __file__, hint=hint))
    except SystemExit as error:
        _fail(WORKER_FAILED_TO_BOOT, _exited(target.module, error))
    except TypeError as error:
        if target.module.startswith("."):
            _fail(WORKER_FAILED_TO_BOOT, f"{target.module!r} is relative: begin with the package")
        _fail(WORKER_FAILED_TO_BOOT, user_traceback(error, __file__))
    except SyntaxError as error:
        text = user_traceback(error, __file__)
        raise BootError(WORKER_FAILED_TO_BOOT, text, error.filename) from None
    except Exception as error:
        _fail(WORKER_FAILED_TO_BOOT, user_traceback(error, __file__))


def _is_target(missing: str | None, module: str) -> bool:
    return missing is not None and (module == missing or module.startswith(missing + "."))


def _interpreter() -> str:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"this is Python {version}, {sys.executable}"


def _missing_module(target: Target, error: ModuleNotFoundError) -> str:
    module = target.module
    if module.endswith(".py") and Path(module).is_file():
        meant = module.removesuffix(".py").removeprefix("./").replace("/", ".")
        return f"Failed to find application, did you mean '{meant}:{target.expression}'?"
    files = [path.stem for path in Path.cwd().glob("*.py")]
    near = difflib.get_close_matches(module, files, n=1)
    meant = f" Did you mean '{near[0]}:{target.expression}'?" if near else ""
    return (
        f"ModuleNotFoundError: {error.msg}: it is not in {Path.cwd()}, nor anywhere else on the "
        f"module path ({_interpreter()}; is it the right virtual environment?).{meant}"
    )


def _exited(what: str, error: SystemExit) -> str:
    return user_traceback(error, __file__, hint=f" ({what} ended the program while it was loaded)")


# ---- finding the object


def _attribute(module: types.ModuleType, target: Target) -> Any:
    try:
        return getattr(module, target.name)
    except AttributeError:
        text = f"Failed to find attribute {target.name!r} in {target.module!r}."
        names = _callables(module)
        if names:
            best = _spelled(module, names[0])
            text += f" Its callables are: {', '.join(names)}. Try '{target.module}:{best}'."
        elif getattr(module, "__file__", None) is None:
            text += " It is a folder without code of its own (no __init__.py)."
        else:
            text += " It has no callables of its own."
        _fail(APP_FAILED_TO_LOAD, text)


def _callables(module: types.ModuleType) -> list[str]:
    """Names that an application may have been meant by, the likelier first."""
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and _may_be_meant(name, value, module.__name__)
    ]
    names.sort(key=lambda name: _likelihood(name, vars(module)[name]))
    return names[:MOST_SUGGESTIONS]


def _may_be_meant(name: str, value: object, module: str) -> bool:
    # Looks at types only: a proxy (flask.request) must not be asked for its attributes now.
    kind = type(value)
    if issubclass(kind, (type, types.FunctionType, types.BuiltinFunctionType)):
        # Imported ones are tools, unless they were given a name of their own here.
        here = getattr(value, "__module__", None) == module
        return here or getattr(value, "__name__", name) != name
    calls = any("__call__" in vars(base) for base in kind.__mro__)
    return calls and kind.__name__ != "LocalProxy"


def _likelihood(name: str, value: object) -> tuple[int, str]:
    if name in {"app", "application", "wsgi", "wsgi_app"}:
        return (0, name)
    if not isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return (1, name)
    return (2 if _is_factory(name) else 3 if not isinstance(value, type) else 4, name)


def _is_factory(name: str) -> bool:
    return name.startswith(("create_", "make_", "get_")) and "app" in name


def _spelled(module: types.ModuleType, name: str) -> str:
    is_function = isinstance(vars(module)[name], types.FunctionType)
    return f"{name}()" if is_function and _is_factory(name) else name


def _call(factory: Any, target: Target) -> Any:
    assert target.arguments is not None
    try:
        return factory(*target.arguments, **target.keywords)
    except TypeError as error:
        called = error.__traceback__ is not None and error.__traceback__.tb_next is not None
        if not called:  # it was never entered: the arguments do not fit
            _fail(APP_FAILED_TO_LOAD, f"TypeError: {error}")
        _fail(WORKER_FAILED_TO_BOOT, user_traceback(error, __file__))
    except SystemExit as error:
        _fail(WORKER_FAILED_TO_BOOT, _exited(target.expression, error))
    except Exception as error:
        _fail(WORKER_FAILED_TO_BOOT, user_traceback(error, __file__))


# ---- ASGI applications, which a WSGI worker can only fail on


def _refuse_asgi(application: Any, described: str, worker_class: str) -> None:
    if not is_asgi(application):
        return
    what = application if isinstance(application, (type, types.FunctionType)) else type(application)
    named = f"{what.__module__}.{what.__qualname__}"
    _fail(
        APP_FAILED_TO_LOAD,
        f"{described} an ASGI application ({named}), and a {worker_class} worker serves WSGI "
        "applications. It needs -k asgi, which is not supported yet.",
    )


def is_asgi(application: Any) -> bool:
    """Whether only an ASGI server can call this: it is async, or takes (scope, receive, send)."""
    target = application
    while isinstance(target, functools.partial):
        target = target.func
    if isinstance(target, type):  # ASGI 2: App(scope) gives a coroutine function
        return inspect.iscoroutinefunction(inspect.getattr_static(target, "__call__", None))
    is_function = isinstance(target, (types.FunctionType, types.MethodType))
    call = target if is_function else getattr(type(target), "__call__", None)  # noqa: B004
    if inspect.iscoroutinefunction(call):
        return True
    try:
        parameters = list(inspect.signature(call).parameters) if call is not None else []
    except (TypeError, ValueError):
        return False
    if not is_function:
        parameters = parameters[1:]
    return parameters in ASGI_PARAMETERS
