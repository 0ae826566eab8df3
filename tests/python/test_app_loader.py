# SPDX-License-Identifier: MIT
"""What MODULE[:EXPR] loads, and what is said when it cannot be."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from winghorn import _core
from winghorn.app_loader import BootError, is_asgi, load, load_application

HELLO = """
import os

def app(environ, start_response):
    return [b"app"]

application = app
not_callable = 5
nothing = None

def create_app(name="default", *, debug=False):
    def made(environ, start_response):
        return [name, debug]
    return made

def no_app():
    return None

def type_error():
    return 1 + "x"

class Callable:
    def __call__(self, environ, start_response):
        return [b"object"]

instance = Callable()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is current and first on the path; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    (tmp_path / "hello.py").write_text(HELLO)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    sys.path_importer_cache.pop(str(tmp_path), None)


def refusal(target: str, worker_class: str = "sync") -> BootError:
    with pytest.raises(BootError) as raised:
        load(target, worker_class)
    return raised.value


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("hello", [b"app"]),
        ("hello:app", [b"app"]),
        ("hello:instance", [b"object"]),
        ("hello:create_app()", ["default", False]),
        ("hello:create_app('prod')", ["prod", False]),
        ('hello:create_app("prod", debug=True)', ["prod", True]),
        (
            "hello:create_app(name=('a', 1, None, {'k': [b'v']}))",
            [("a", 1, None, {"k": [b"v"]}), False],
        ),
        ("hello:create_app(-1)", [-1, False]),
    ],
)
def test_loads(target: str, expected: list[Any]) -> None:
    assert load(target)({}, None) == expected


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("hello:a.b", "Failed to parse 'a.b' as an attribute name or function call."),
        ("hello:1+1", "Failed to parse '1+1' as an attribute name or function call."),
        ("hello:(", "Failed to parse '(' as an attribute name or function call."),
        ("hello:", "Failed to parse '' as an attribute name or function call."),
        ("hello:a.b()", "Function reference must be a simple name: 'a.b()'"),
        ("hello:create_app(x)", "Failed to parse arguments as literal values: 'create_app(x)'"),
        (
            "hello:create_app(*'ab')",
            "Failed to parse arguments as literal values: \"create_app(*'ab')\"",
        ),
        (
            "hello:create_app(**{})",
            "Failed to parse arguments as literal values: 'create_app(**{})'",
        ),
        ("hello:nothing", "Failed to find application object: 'nothing'"),
        ("hello:no_app()", "Failed to find application object: 'no_app()'"),
        (
            "hello:not_callable",
            "Application object must be callable. 'hello:not_callable' is an object of type 'int'.",
        ),
        (":app", "':app' names no module: write MODULE:NAME, as in app:app"),
    ],
)
def test_refuses_with_4_what_is_not_as_it_was_named(target: str, text: str) -> None:
    error = refusal(target)
    assert (error.code, error.text) == (4, text)


def test_a_missing_attribute_lists_what_there_is(folder: Path) -> None:
    (folder / "shop.py").write_text(
        "from json import dumps\nfrom threading import Thread\nimport os\n"
        "VERSION = 3\n_hidden = len\nfrom time import sleep\nrenamed = print\n"
        "class Model:\n    pass\n"
        "def helper():\n    pass\n"
        "def create_app():\n    return helper\n"
        "class App:\n    def __call__(self, e, s): return []\n"
        "site = App()\n"
    )
    error = refusal("shop")
    assert error.code == 4
    assert error.text == (
        "Failed to find attribute 'application' in 'shop'. "
        "Its callables are: site, create_app, helper, renamed, App, Model. Try 'shop:site'."
    )


def test_a_missing_attribute_suggests_a_factory_as_a_call(folder: Path) -> None:
    (folder / "shop.py").write_text("def create_app():\n    return None\n")
    assert refusal("shop:app").text.endswith("Try 'shop:create_app()'.")


def test_a_missing_attribute_where_nothing_is_callable(folder: Path) -> None:
    (folder / "empty.py").write_text("x = 1\n")
    (folder / "package").mkdir()
    assert refusal("empty:app").text.endswith("It has no callables of its own.")
    assert "no __init__.py" in refusal("package:app").text


def test_a_factory_called_wrongly_is_4_and_failing_inside_is_3() -> None:
    wrong = refusal("hello:create_app(1, 2)")
    assert wrong.code == 4
    assert wrong.text.startswith("TypeError: create_app() takes from 0 to 1 positional arguments")
    inside = refusal("hello:type_error()")
    assert inside.code == 3
    lines = inside.text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "hello.py" in lines[1] and "type_error" in lines[1]
    assert lines[-1].startswith("TypeError: unsupported operand")


def test_a_missing_module_names_folder_and_interpreter(folder: Path) -> None:
    error = refusal("helo:app")
    assert error.code == 3
    assert error.text.startswith("ModuleNotFoundError: No module named 'helo'")
    assert str(folder) in error.text
    assert sys.executable in error.text
    assert error.text.endswith("Did you mean 'hello:app'?")
    assert "\n" not in error.text


def test_a_missing_submodule(folder: Path) -> None:
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    assert "No module named 'package.wsgi'" in refusal("package.wsgi:app").text


def test_a_file_name_in_place_of_a_module() -> None:
    error = refusal("hello.py:app")
    assert (error.code, error.text) == (3, "Failed to find application, did you mean 'hello:app'?")


def test_a_relative_module_name() -> None:
    assert refusal(".hello:app").code == 3
    assert "relative" in refusal(".hello:app").text


def test_a_missing_dependency_shows_the_users_line_and_the_interpreter(folder: Path) -> None:
    (folder / "shop.py").write_text("import hello\nimport no_such_package\n")
    error = refusal("shop:app")
    lines = error.text.splitlines()
    assert error.code == 3
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].strip() == f'File "{folder}/shop.py", line 2, in <module>'
    assert lines[-1].startswith(
        "ModuleNotFoundError: No module named 'no_such_package' (this is Py"
    )
    assert sys.executable in lines[-1]


def test_a_traceback_begins_at_the_users_code(folder: Path) -> None:
    (folder / "inner.py").write_text("raise ValueError('inner')\n")
    (folder / "shop.py").write_text(
        "try:\n    import inner\nexcept ValueError as e:\n    raise RuntimeError('outer') from e\n"
    )
    error = refusal("shop:app")
    assert error.code == 3
    assert "importlib" not in error.text
    assert "app_loader" not in error.text
    assert "ValueError: inner" in error.text
    assert error.text.splitlines()[-1] == "RuntimeError: outer"


def test_a_syntax_error_shows_its_place(folder: Path) -> None:
    (folder / "broken.py").write_text("def app(:\n")
    error = refusal("broken:app")
    assert error.code == 3
    assert f'File "{folder}/broken.py", line 1' in error.text
    assert error.text.splitlines()[-1].startswith("SyntaxError: ")


def test_an_application_that_exits_while_it_is_loaded(folder: Path) -> None:
    (folder / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    error = refusal("leaves:app")
    assert error.code == 3
    assert "leaves.py" in error.text
    assert error.text.splitlines()[-1] == (
        "SystemExit: 0 (leaves ended the program while it was loaded)"
    )


def test_an_interrupt_is_not_kept(folder: Path) -> None:
    (folder / "interrupted.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load("interrupted:app")


# ---- ASGI


async def asgi3(scope: Any, receive: Any, send: Any) -> None:
    pass


class AsyncObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        pass


class SyncAsgiObject:
    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return asgi3(scope, receive, send)


class TwoStep:
    def __init__(self, scope: Any) -> None:
        pass

    async def __call__(self, receive: Any, send: Any) -> None:
        pass


class WsgiClass:
    def __init__(self, environ: Any, start_response: Any) -> None:
        pass

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


class Bound:
    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        pass

    def wsgi(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


@pytest.mark.parametrize(
    "application",
    [asgi3, AsyncObject(), SyncAsgiObject(), TwoStep, Bound().asgi, functools.partial(asgi3)],
)
def test_knows_asgi(application: Any) -> None:
    assert is_asgi(application)


@pytest.mark.parametrize(
    "application",
    [wsgi, WsgiClass, Bound().wsgi, functools.partial(wsgi), len, lambda e, s: [], lambda *a: []],
)
def test_knows_what_is_not_asgi(application: Any) -> None:
    assert not is_asgi(application)


def test_an_asgi_application_is_refused_by_name(folder: Path) -> None:
    (folder / "fast.py").write_text(
        "class FastAPI:\n    async def __call__(self, scope, receive, send):\n        pass\n"
        "app = FastAPI()\n"
        "async def plain(scope, receive, send):\n    pass\n"
    )
    error = refusal("fast:app", "gthread")
    assert (error.code, error.text) == (
        4,
        "'fast:app' is an ASGI application (fast.FastAPI), and a gthread worker serves WSGI "
        "applications. It needs -k asgi, which is not supported yet.",
    )
    assert "(fast.plain)" in refusal("fast:plain").text


def test_real_frameworks() -> None:
    flask = pytest.importorskip("flask")
    assert not is_asgi(flask.Flask("x"))
    wsgi_module = pytest.importorskip("django.core.handlers.wsgi")
    asgi_module = pytest.importorskip("django.core.handlers.asgi")
    assert not is_asgi(wsgi_module.WSGIHandler.__new__(wsgi_module.WSGIHandler))
    assert is_asgi(asgi_module.ASGIHandler.__new__(asgi_module.ASGIHandler))


def test_a_flask_proxy_is_not_asked_out_of_season(folder: Path) -> None:
    pytest.importorskip("flask")
    (folder / "site_.py").write_text(
        "from flask import Flask, request, g, current_app\nweb = Flask(__name__)\n"
    )
    error = refusal("site_:app")
    assert error.text.endswith("Its callables are: web. Try 'site_:web'.")


# ---- what a worker does first


def test_a_worker_prepares_what_the_application_expects(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "src").mkdir()
    (folder / "lib").mkdir()
    (folder / "lib" / "from_lib.py").write_text("value = 1\n")
    (folder / "src" / "prepared.py").write_text(
        "import os, from_lib\nseen = os.environ['WINGHORN_TEST_SEEN'], os.getcwd()\n"
        "def app(environ, start_response):\n    return seen\n"
    )
    monkeypatch.setenv("WINGHORN_TEST_SEEN", "before")
    settings = _core.make_settings(
        [
            ("wsgi_app", "prepared:app", "command line", ""),
            ("chdir", "src", "command line", ""),
            ("pythonpath", "../lib", "command line", ""),
            ("raw_env", ["WINGHORN_TEST_SEEN=after"], "command line", ""),
        ],
        str(folder),
        "",
        [],
    )
    assert load_application(settings)({}, None) == ("after", str(folder / "src"))
    assert sys.path[0] == str(folder / "lib")
    assert os.environ["WINGHORN_TEST_SEEN"] == "after"
