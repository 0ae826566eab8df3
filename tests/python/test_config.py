# SPDX-License-Identifier: MIT
"""Where settings come from, in which order, and how a config file is read."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from winghorn import _core
from winghorn._core import Settings, SettingsError
from winghorn.cli import load_generation, start_directory

Load = Callable[..., Settings]
VARIABLES = (
    "PORT",
    "WEB_CONCURRENCY",
    "FORWARDED_ALLOW_IPS",
    "SENDFILE",
    "WINGHORN_CMD_ARGS",
    "GUNICORN_CMD_ARGS",
)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """load_generation() in an empty folder and an environment without settings."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", sys.modules)
    before = set(sys.modules)
    yield lambda *arguments: load_generation(list(arguments), str(tmp_path)).settings
    for name in set(sys.modules) - before:
        if name == "__config__" or name.startswith("conf_"):
            del sys.modules[name]


def value(settings: Settings, name: str) -> str:
    for line in _core.print_config(settings).splitlines():
        key, _, shown = line.partition(" = ")
        if key.strip() == name:
            return shown
    raise KeyError(name)


def complaint(load: Load, *arguments: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(*arguments)
    return "\n".join(raised.value.args)


def test_all_complaints_are_told_at_once(load: Load) -> None:
    with pytest.raises(SettingsError) as raised:
        load("-w", "-1", "-b", "x:y")
    assert len(raised.value.args) == 2
    assert str(raised.value) == "\n".join(raised.value.args)


def test_each_source_outdoes_the_one_before(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert value(load(), "workers") == "1"
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    assert value(load(), "workers") == "2"
    (tmp_path / "gunicorn.conf.py").write_text("workers = 3\n")
    assert value(load(), "workers") == "3"
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 4")
    assert value(load(), "workers") == "4"
    assert value(load("-w", "5"), "workers") == "5"


def test_own_names_come_before_gunicorns(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 3\n")
    assert load().config_file == "./gunicorn.conf.py"
    (tmp_path / "winghorn.conf.py").write_text("workers = 4\n")
    settings = load()
    assert (settings.config_file, value(settings, "workers")) == ("./winghorn.conf.py", "4")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 5")
    monkeypatch.setenv("WINGHORN_CMD_ARGS", "--threads 2")
    settings = load()
    assert (value(settings, "workers"), value(settings, "threads")) == ("4", "2")


def test_lists_are_replaced_not_merged(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    assert value(load(), "bind") == "['0.0.0.0:9000']"
    shown = value(load("-b", "127.0.0.1:1", "-b", "unix:/x"), "bind")
    assert shown == "['127.0.0.1:1', 'unix:/x']"


def test_environment_defaults(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8,*")
    monkeypatch.setenv("SENDFILE", "no")
    settings = load()
    assert value(settings, "forwarded_allow_ips") == "['10.0.0.0/8', '*']"
    assert value(settings, "sendfile") == "False"


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        (
            "WEB_CONCURRENCY",
            "many",
            "'many' (setting 'workers', from the environment variable WEB_",
        ),
        ("WEB_CONCURRENCY", "", "'' (setting 'workers', from the environment variable WEB_"),
        (
            "PORT",
            "",
            "'' is not a valid port number. (setting 'bind', from the environment variable",
        ),
        ("PORT", "99999", "'99999' is not a valid port number"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("GUNICORN_CMD_ARGS", "--certfile x", "from --certfile in GUNICORN_CMD_ARGS"),
        ("GUNICORN_CMD_ARGS", "--env 'x", "GUNICORN_CMD_ARGS cannot be split into arguments"),
        ("WINGHORN_CMD_ARGS", "-c missing.py", "'missing.py' doesn't exist"),
    ],
)
def test_what_the_environment_gets_wrong(
    variable: str, text: str, expected: str, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    assert expected in complaint(load)


def test_unknown_option_in_the_variable(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--foo app:app")
    with pytest.raises(SystemExit) as stopped:
        load()
    assert stopped.value.code == 2
    shown = capsys.readouterr().err
    assert "winghorn: error: GUNICORN_CMD_ARGS: unrecognized arguments: --foo" in shown


def test_the_variable_names_no_application(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--threads 2 other:app")
    assert load("app:app").wsgi_app == "app:app"
    assert load().wsgi_app == ""


def test_config_file_from_the_variable(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("workers = 2\n")
    (tmp_path / "b.py").write_text("workers = 3\n")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "-c a.py")
    assert value(load(), "workers") == "2"
    assert value(load("-c", "file:b.py"), "workers") == "3"


def test_config_module(load: Load, tmp_path: Path) -> None:
    (tmp_path / "conf_one.py").write_text("workers = 2\n")
    settings = load("-c", "python:conf_one")
    assert (settings.config_file, value(settings, "workers")) == ("python:conf_one", "2")
    (tmp_path / "conf_one.py").write_text("import os\nworkers = 2 + 3\n")
    assert value(load("-c", "python:conf_one"), "workers") == "5", "a reload reads it again"


def test_config_file_is_executed_as_gunicorn_does(load: Load, tmp_path: Path) -> None:
    (tmp_path / "helper_of_conf.py").write_text("COUNT = 6\n")
    (tmp_path / "gunicorn.conf.py").write_text(
        "import sys, helper_of_conf\n"
        "assert __name__ == '__config__' and sys.modules['__config__'].__file__ == __file__\n"
        "workers = helper_of_conf.COUNT\n"
        "wsgi_app = 'app:app'\n"
        "bind = ('127.0.0.1:1', '127.0.0.1:2')\n"
        "raw_env = ['A=1', 'B=2']\n"
    )
    settings = load()
    assert value(settings, "workers") == "6"
    assert value(settings, "bind") == "['127.0.0.1:1', '127.0.0.1:2']"
    assert settings.wsgi_app == "app:app"
    assert settings.environment == {"A": "1", "B": "2"}


def test_an_edit_within_the_same_second_is_seen(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "winghorn.conf.py"
    path.write_text("workers = 2\n")
    stamp = path.stat()
    assert value(load(), "workers") == "2"
    path.write_text("workers = 3\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert value(load(), "workers") == "3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workers = 'x'\n", "invalid literal for int() with base 0: 'x' (setting 'workers', from"),
        ("timeout = 0.5\n", "Not a whole number: 0.5"),
        ("bind = [1]\n", "Not a string: 1"),
        ("bind = []\n", "there is no address to listen at"),
        ("def ssl_context(c, d):\n    pass\n", "setting 'ssl_context' is not supported"),
        ("post_fork = 5\n", "Value is not callable: 5 (setting 'post_fork', from"),
        ("def post_fork(server):\n    pass\n", "Value must have an arity of: 2"),
        ("dirty_workers = 1\n", "setting 'dirty_workers' (--dirty-workers) is not supported"),
        ("class worker_class:\n    pass\n", "custom worker classes cannot be used yet"),
        ("secure_scheme_headers = {'X': 1}\n", "Not a string: 1"),
        ("backlog = 10 ** 30\n", "Not a whole number: 1000000"),
    ],
)
def test_wrong_values_are_traced_to_the_file(
    text: str, expected: str, load: Load, tmp_path: Path
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(text)
    said = complaint(load)
    assert expected in said
    assert "./gunicorn.conf.py" in said


def test_a_failing_config_file_shows_its_own_lines_only(load: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("def fail():\n    return 1 / 0\n\n\nfail()\n")
    lines = complaint(load).splitlines()
    assert lines[0] == "Failed to read config file: ./gunicorn.conf.py"
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[2].strip() == f'File "{tmp_path}/gunicorn.conf.py", line 5, in <module>'
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "config_file.py" not in "\n".join(lines)


def test_a_config_file_that_exits_or_does_not_compile(load: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("raise SystemExit(5)\n")
    assert complaint(load).endswith("SystemExit: 5")
    (tmp_path / "gunicorn.conf.py").write_text("workers = \n")
    assert complaint(load).endswith("SyntaxError: invalid syntax")


def test_oddities_are_warnings(load: Load, tmp_path: Path) -> None:
    (tmp_path / "settings.txt").write_text(
        "import os\nfrom pathlib import Path\n"
        "worker = 3\nbase = Path('.')\nTIMEOUT = 9\ntmp_upload_dir = '/x'\n"
        "def post_frok(server, worker):\n    pass\n"
    )
    warnings = "\n".join(load("-c", "settings.txt").warnings)
    assert "'settings.txt' has no Python extension" in warnings
    assert "'worker' is not a setting; did you mean 'workers'? (from settings.txt)" in warnings
    assert "'post_frok' is not a setting; did you mean 'post_fork'?" in warnings
    assert "setting 'tmp_upload_dir' has no effect" in warnings
    assert warnings.count("\n") == 3


def test_names_of_its_own_are_not_looked_into(load: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "class Awkward:\n"
        "    def __str__(self):\n        raise RuntimeError('asked')\n"
        "    __repr__ = __str__\n"
        "helper = Awkward()\nworker_ = Awkward()\n"
    )
    assert load().warnings == []


def test_threads_of_a_config_file_are_counted(load: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "import threading\nstop = threading.Event()\n"
        "threading.Thread(target=stop.wait, name='metrics', daemon=True).start()\n"
    )
    try:
        warnings = load().warnings
        assert len(warnings) == 1
        assert "started a thread" in warnings[0]
        assert "metrics" in warnings[0]
    finally:
        sys.modules["__config__"].stop.set()
        for thread in threading.enumerate():
            if thread.name == "metrics":
                thread.join(10)


def test_chdir_is_taken_from_the_start_folder(load: Load, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "gunicorn.conf.py").write_text("chdir = 'src'\nworkers = 2\n")
    for _ in range(2):  # as on a reload: the default file is still found
        settings = load()
        assert settings.chdir == str(tmp_path / "src")
        assert Path.cwd() == tmp_path / "src"
        assert value(settings, "workers") == "2"
    assert sys.path[0] == str(tmp_path / "src")


def test_a_failed_load_leaves_the_process_where_it_was(load: Load, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    load("--chdir", "src")
    complaint(load, "-w", "-1")
    assert Path.cwd() == tmp_path / "src"


def test_start_directory_keeps_the_shells_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "link")
    monkeypatch.setenv("PWD", str(tmp_path / "link"))
    assert start_directory() == str(tmp_path / "link")
    monkeypatch.setenv("PWD", "/")
    assert start_directory() == str(tmp_path / "real")


def test_modes_on_the_command_line(load: Load) -> None:
    for text in ("022", "0o22", "0x12", "18"):
        assert value(load("--umask", text), "umask") == "18"


def test_options_in_all_their_spellings(load: Load) -> None:
    for words in (["-w3"], ["-w", "3"], ["-w=3"], ["--workers=3"], ["--workers", "3"]):
        if words != ["-w=3"]:
            assert value(load(*words), "workers") == "3"
    settings = load("-w", "2", "app:app", "--threads", "2", "--no-sendfile")
    assert (settings.wsgi_app, value(settings, "sendfile")) == ("app:app", "False")
    assert load("--", "app:app").wsgi_app == "app:app"


def test_bytes_that_are_no_text_survive(load: Load) -> None:
    strange = os.fsdecode(b"caf\xe9:app")
    assert load(strange).wsgi_app == strange
