# SPDX-License-Identifier: MIT
"""What the reloader takes for a modified file, with either engine, and how it begins and ends.

What is modified is asked of the engines themselves, which need no thread and no time for an answer;
the thread has tests of its own.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest

from tests.support import processes
from tests.support.waiting import FACTOR, PATIENCE, Stopwatch, wait_until
from winghorn import reloader
from winghorn.reloader import Engine, InotifyEngine, PollEngine, Reloader, WatchedFiles

Look = Callable[[], str | None]
Watch = Callable[..., Look]
EngineName = Literal["poll", "inotify"]

SOON = 2.0 * FACTOR
NO_INOTIFY = "this system has none"


@pytest.fixture(params=[PollEngine, InotifyEngine])
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Begins to watch extra files; what it returns says what is modified by now."""
    engines: list[Engine] = []

    def begin(*extra_files: Path | str) -> Look:
        engine: Engine = request.param(WatchedFiles(map(str, extra_files)))
        engines.append(engine)
        assert engine.look_at_all() is None
        return lambda: engine.news() or engine.look_at_all()

    yield begin
    for engine in engines:
        engine.close()


@pytest.fixture
def told_at_once() -> Iterator[Watch]:
    """As `watch`, by what the kernel tells alone: no file is looked at without."""
    engines: list[InotifyEngine] = []

    def begin(*extra_files: Path | str) -> Look:
        engine = InotifyEngine(WatchedFiles(map(str, extra_files)))
        engines.append(engine)
        assert engine.look_at_all() is None
        return engine.news

    yield begin
    for engine in engines:
        engine.close()


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What a test imports is not imported any more afterwards."""
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def new(path: Path, text: str = "one") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def edit(path: Path) -> None:
    """Another size: a clock that ticks slowly may give the same time."""
    path.write_text(path.read_text() + " and more")


def import_file(path: Path, name: str = "watched_by_the_reloader") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# ---- what is modified ------------------------------------------------------------------------


def test_a_file_that_is_written(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "settings.ini")
    look = watch(path)
    assert look() is None
    edit(path)
    assert look() == str(path)


def test_a_file_with_another_time_and_the_same_contents(tmp_path: Path, watch: Watch) -> None:
    """An earlier time too, as a backup that is put back has."""
    path = new(tmp_path / "settings.ini")
    look = watch(path)
    os.utime(path, (1, 1))
    assert look() == str(path)


def test_mode_and_reading_are_no_modification(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "settings.ini")
    look = watch(path)
    path.chmod(0o600)
    path.read_text()
    with path.open("a"):
        pass
    assert look() is None


def test_editors_that_put_a_new_file_in_place(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "settings.ini")
    look = watch(path)
    new(tmp_path / ".settings.ini.swp", "two").replace(path)
    assert look() == str(path)


def test_editors_that_keep_the_old_file_by_rename(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "settings.ini")
    look = watch(path)
    path.rename(tmp_path / "settings.ini~")
    assert look() is None, "a file that is gone is not modified yet"
    new(path, "two, and more")
    assert look() == str(path)


def test_a_file_that_comes_back_as_it_was(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "settings.ini")
    look = watch(path)
    aside = path.rename(tmp_path / "aside")
    assert look() is None
    aside.rename(path)
    assert look() is None


def test_other_files_of_the_folder_do_not_count(tmp_path: Path, watch: Watch) -> None:
    """A log in the application's folder would else reload for ever."""
    path = new(tmp_path / "settings.ini")
    log = new(tmp_path / "error.log")
    look = watch(path)
    edit(log)
    new(tmp_path / "another.ini")
    log.unlink()
    assert look() is None
    edit(path)
    assert look() == str(path)


def test_a_log_that_stays_open_wakes_nobody(tmp_path: Path) -> None:
    log = new(tmp_path / "error.log")
    engine = InotifyEngine(WatchedFiles([str(new(tmp_path / "settings.ini"))]))
    engine.look_at_all()
    with log.open("a", buffering=1) as stream:
        stream.write("line\n")
        watch = Stopwatch()
        engine.wait(0.1)
        assert watch.seconds >= 0.1
    engine.close()


def test_a_named_file_that_appears(tmp_path: Path, watch: Watch) -> None:
    look = watch(tmp_path / "later" / ".env")
    new(tmp_path / "later" / ".env")
    assert look() == str(tmp_path / "later" / ".env")


def test_a_folder_that_is_removed_and_made_anew(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "package" / "data.txt")
    look = watch(path)
    shutil.rmtree(path.parent)
    assert look() is None
    new(path, "another")
    assert look() == str(path)


def test_a_folder_that_another_replaces(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "package" / "data.txt")
    other = new(tmp_path / "next" / "data.txt", "another")
    look = watch(path)
    path.parent.rename(tmp_path / "previous")
    assert look() is None
    edit(tmp_path / "previous" / "data.txt")
    assert look() is None, "the folder that has moved away is watched no more"
    other.parent.rename(path.parent)
    assert look() == str(path)


def test_a_file_below_what_is_no_folder(tmp_path: Path, watch: Watch) -> None:
    """As modules have it that were imported from a zip file."""
    archive = new(tmp_path / "library.zip")
    look = watch(archive / "package" / "module.py")
    edit(archive)
    assert look() is None


def test_a_folder_is_no_file(tmp_path: Path, watch: Watch) -> None:
    look = watch(tmp_path, tmp_path / "**")
    (tmp_path / "folder").mkdir()
    assert look() is None


def test_relative_names_do_not_follow_chdir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    """Nor does a sign of a pattern in the folder's own name mean anything."""
    here, there = tmp_path / "a[bc]*", tmp_path / "ab"
    settings, template = new(here / "settings.ini"), new(here / "page.html")
    others = [new(there / "settings.ini"), new(there / "page.html")]
    monkeypatch.chdir(here)
    look = watch("settings.ini", "*.html")
    monkeypatch.chdir(there)
    for other in others:
        edit(other)
    assert look() is None
    edit(template)
    assert look() == str(template)
    edit(settings)
    template.unlink()
    assert look() == str(settings)


# ---- links -----------------------------------------------------------------------------------


def test_the_target_of_a_link(tmp_path: Path, watch: Watch) -> None:
    """Over a second link, too; the name that is watched is told."""
    target = new(tmp_path / "store" / "v1.ini")
    between = tmp_path / "between" / "current.ini"
    between.parent.mkdir()
    between.symlink_to("../store/v1.ini")
    link = tmp_path / "settings.ini"
    link.symlink_to(between)
    look = watch(link)
    edit(target)
    assert look() == str(link)


@pytest.mark.parametrize("is_renamed", [True, False])
def test_a_link_that_is_set_anew(tmp_path: Path, watch: Watch, is_renamed: bool) -> None:
    link = tmp_path / "settings.ini"
    link.symlink_to(new(tmp_path / "store" / "v1.ini"))
    new(tmp_path / "store" / "v2.ini", "two, and more")
    look = watch(link)
    if is_renamed:
        (tmp_path / "new").symlink_to("store/v2.ini")
        (tmp_path / "new").replace(link)
    else:
        link.unlink()
        link.symlink_to("store/v2.ini")
    assert look() == str(link)


def test_a_link_to_a_folder_that_is_set_anew(tmp_path: Path, watch: Watch) -> None:
    """As deployments switch to the next release."""
    new(tmp_path / "releases" / "1" / "app.ini")
    new(tmp_path / "releases" / "2" / "app.ini", "two, and more")
    current = tmp_path / "current"
    current.symlink_to("releases/1")
    look = watch(current / "app.ini")
    (tmp_path / "new").symlink_to("releases/2")
    (tmp_path / "new").replace(current)
    assert look() == str(current / "app.ini")


def test_a_link_whose_new_target_is_the_same_file(tmp_path: Path, told_at_once: Watch) -> None:
    """What is watched then is the new place, where the next one may be put."""
    link, first, second = (tmp_path / n / "settings.ini" for n in ("here", "first", "second"))
    new(first)
    second.parent.mkdir()
    second.hardlink_to(first)
    link.parent.mkdir()
    link.symlink_to(first)
    news = told_at_once(link, new(second.parent / "beside"))
    (tmp_path / "new").symlink_to(second)
    (tmp_path / "new").replace(link)
    assert news() is None
    new(tmp_path / "new", "another").replace(second)
    assert news() == str(link)


def test_links_in_a_circle(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    look = watch(tmp_path / "a")
    assert look() is None


# ---- patterns --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.html", "page.html"),
        ("page.htm?", "page.html"),
        ("[op]age.html", "page.html"),
        ("*/page.html", "one/page.html"),
        ("**/*.html", "page.html"),
        ("**/*.html", "one/two/page.html"),
        (".e*", ".env"),
    ],
)
def test_what_a_pattern_matches(tmp_path: Path, watch: Watch, pattern: str, name: str) -> None:
    path = new(tmp_path / name)
    look = watch(tmp_path / pattern)
    edit(path)
    assert look() == str(path)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.html", "one/page.html"),
        ("*.html", ".page.html"),
        ("**/*.html", ".git/page.html"),
        ("**", "one/.page.html"),
    ],
)
def test_what_a_pattern_does_not_match(
    tmp_path: Path, watch: Watch, pattern: str, name: str
) -> None:
    path = new(tmp_path / name)
    look = watch(tmp_path / pattern)
    edit(path)
    assert look() is None


def test_a_file_that_a_pattern_finds_later(tmp_path: Path, watch: Watch) -> None:
    """Its creation is no modification, the next edit is; in a new folder too."""
    look = watch(tmp_path / "**" / "*.html")
    path = new(tmp_path / "one" / "page.html")
    assert look() is None
    edit(path)
    assert look() == str(path)


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path, watch: Watch) -> None:
    path = new(tmp_path / "[id].html")
    look = watch(path)
    edit(path)
    assert look() == str(path)


# ---- modules ---------------------------------------------------------------------------------


def test_a_loaded_module(tmp_path: Path, watch: Watch, forgotten: None) -> None:
    path = new(tmp_path / "module.py", "value = 1")
    import_file(path)
    look = watch()
    edit(path)
    assert look() == str(path)


def test_a_module_that_is_imported_later(tmp_path: Path, watch: Watch, forgotten: None) -> None:
    path = new(tmp_path / "module.py", "value = 1")
    look = watch()
    edit(path)
    path.write_text("value = 2")
    import_file(path)
    assert look() is None
    edit(path)
    assert look() == str(path)


@pytest.mark.parametrize("suffix", [".pyc", ".pyo"])
def test_a_compiled_module_is_watched_by_its_source(
    tmp_path: Path, watch: Watch, forgotten: None, suffix: str
) -> None:
    path = new(tmp_path / "module.py", "value = 1")
    import_file(path).__file__ = str(new(path.with_suffix(suffix)))
    look = watch()
    edit(path.with_suffix(suffix))
    assert look() is None
    edit(path)
    assert look() == str(path)


def test_a_compiled_module_without_source(tmp_path: Path, watch: Watch, forgotten: None) -> None:
    path = new(tmp_path / "module.pyc")
    module = ModuleType("compiled_only")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    look = watch()
    edit(path)
    assert look() == str(path)


def test_a_module_whose_file_is_relative(
    tmp_path: Path, watch: Watch, forgotten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the main program's may be; where that was is where it stays."""
    path = new(tmp_path / "module.py", "value = 1")
    import_file(path).__file__ = "module.py"
    monkeypatch.chdir(tmp_path)
    look = watch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    edit(path)
    assert look() == str(path)


def test_modules_with_odd_files_and_what_is_no_module(
    tmp_path: Path, watch: Watch, forgotten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hostile:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            sys.modules["imported_by_another_thread"] = ModuleType("meanwhile")
            raise RuntimeError("nobody may look")

    things: list[Any] = [None, object(), 5, Hostile(), Hostile, len]
    for file in (
        None,
        5,
        "",
        "\0",
        "\ud800",
        "/\ud800/a.py",
        "<string>",
        b"bytes",
        Path("path"),
        ["list"],
    ):
        module = ModuleType("odd")
        module.__dict__["__file__"] = file
        things.append(module)
    for number, thing in enumerate(things):
        monkeypatch.setitem(sys.modules, f"odd_{number}", thing)
    path = new(tmp_path / "module.py", "value = 1")
    import_file(path)
    look = watch()
    edit(path)
    assert look() == str(path)


def test_modules_are_not_loaded_by_a_look(tmp_path: Path, watch: Watch, forgotten: None) -> None:
    """Nor is their own __getattr__ asked."""
    path = new(tmp_path / "lazy.py", "import loaded_by_the_reloader_test")
    spec = importlib.util.spec_from_file_location("lazy_one", path)
    assert spec is not None
    assert spec.loader is not None
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["lazy_one"] = module
    loader.exec_module(module)
    strange = ModuleType("strange")
    asked: list[str] = []
    strange.__dict__["__getattr__"] = asked.append
    sys.modules["strange"] = strange
    look = watch()
    edit(path)
    assert look() == str(path)
    assert not asked


def test_a_relative_module_whose_folder_is_gone(
    tmp_path: Path, watch: Watch, forgotten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new(tmp_path / "settings.ini")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    module = ModuleType("relative")
    module.__file__ = "relative.py"
    sys.modules["relative"] = module
    look = watch(path)
    edit(path)
    assert look() == str(path)


# ---- what the kernel tells -------------------------------------------------------------------


@pytest.mark.parametrize("is_new", [True, False])
def test_a_file_is_told_when_it_is_whole(tmp_path: Path, told_at_once: Watch, is_new: bool) -> None:
    path = new(tmp_path / "settings.ini")
    news = told_at_once(path)
    if is_new:
        path.unlink()
    with path.open("w") as stream:
        stream.write("half of it")
        stream.flush()
        assert news() is None
        stream.write(", and the rest")
    assert news() == str(path)


def test_events_that_the_kernel_had_to_drop(tmp_path: Path, told_at_once: Watch) -> None:
    """Then every file is looked at."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 50_000:
        pytest.skip("the kernel keeps too many events to fill its queue")
    path = new(tmp_path / "settings.ini")
    others = [new(tmp_path / "a"), new(tmp_path / "b")]
    news = told_at_once(path)
    for _ in range(most // 2 + 1):  # by turns: what is the same as the last one is one event
        for other in others:
            os.utime(other)
    edit(path)
    wait_until(lambda: news() == str(path), "the file is told")


def test_a_folder_that_the_kernel_does_not_watch(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that this user may enter but not list, say: its files are looked at."""
    monkeypatch.setattr(reloader.Inotify, "watch", lambda _self, _folder: None)
    path = new(tmp_path / "settings.ini")
    look = watch(path)
    edit(path)
    assert look() == str(path)


def test_watches_of_folders_that_have_moved_away_are_given_back(tmp_path: Path) -> None:
    path = new(tmp_path / "package" / "data.txt")
    before = processes.descriptors()
    engine = InotifyEngine(WatchedFiles([str(path)]))
    engine.look_at_all()
    opened = {number for number in processes.descriptors() if number not in before}

    def watches() -> int:
        texts = [Path(f"/proc/self/fdinfo/{number}").read_text() for number in opened]
        return sum(text.count("inotify wd:") for text in texts)

    many = watches()
    assert many > 1
    path.parent.rename(tmp_path / "previous")
    engine.look_at_all()
    assert watches() == many - 1
    engine.close()


def test_two_names_of_one_folder(tmp_path: Path, told_at_once: Watch) -> None:
    one, two = new(tmp_path / "real" / "one"), new(tmp_path / "real" / "two")
    (tmp_path / "link").symlink_to("real")
    news = told_at_once(one, tmp_path / "link" / "two")
    edit(two)
    assert news() == str(tmp_path / "link" / "two")
    edit(one)
    assert news() == str(one)


# ---- the thread ------------------------------------------------------------------------------


class Told:
    """A callback that keeps what it was told, and a place for warnings."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.warnings: list[str] = []
        self._arrived = threading.Event()

    def __call__(self, path: str) -> None:
        self.paths.append(path)
        self._arrived.set()

    def wait(self) -> list[str]:
        assert self._arrived.wait(PATIENCE)
        return self.paths


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def begin(told: Told) -> Iterator[Callable[..., Reloader]]:
    """Starts reloaders, which are stopped at the end."""
    begun: list[Reloader] = []

    def start(*extra_files: Path, **options: Any) -> Reloader:
        options = {"interval": 0.02, "warn": told.warnings.append, **options}
        begun.append(Reloader(told, [str(path) for path in extra_files], **options))
        begun[-1].start()
        return begun[-1]

    yield start
    for one in begun:
        one.stop()
        one.join(PATIENCE)
        assert not one.is_alive()


engines = pytest.mark.parametrize("engine", ["poll", "inotify"])


@pytest.fixture
def noticed(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as inotify knows of a modified file, which is told when quiet has come."""
    seen = threading.Event()
    news = InotifyEngine.news

    def notice(self: InotifyEngine) -> str | None:
        path = news(self)
        if path is not None:
            seen.set()
        return path

    monkeypatch.setattr(InotifyEngine, "news", notice)
    return seen


@engines
def test_a_change_is_told_once(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader], engine: EngineName
) -> None:
    """And on a daemon thread, which is over then, with nothing left open."""
    paths = [new(tmp_path / name) for name in "abc"]
    before = processes.descriptors()
    one = begin(*paths, engine=engine)
    assert one.engine_name == engine
    assert one.daemon
    edit(paths[1])
    assert told.wait() == [str(paths[1])]
    for path in paths:
        edit(path)
    one.join(PATIENCE)
    assert not one.is_alive()
    assert told.paths == [str(paths[1])]
    assert processes.descriptors() == before
    assert told.warnings == []
    assert one.fallback_reason is None


def test_inotify_does_not_wait_for_its_interval(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader]
) -> None:
    path = new(tmp_path / "settings.ini")
    begin(path, engine="inotify", interval=600)
    edit(path)
    assert told.wait() == [str(path)]


def test_a_checkout_of_many_files_is_told_at_its_end(
    tmp_path: Path, noticed: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that follows would else import some files as they were before."""
    monkeypatch.setattr(reloader, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(reloader, "SETTLE_SECONDS", PATIENCE)
    first, last = new(tmp_path / "first.ini"), new(tmp_path / "last.ini")
    arrived = threading.Event()
    seen: list[str] = []

    def read(_path: str) -> None:
        seen.append(last.read_text())
        arrived.set()

    one = Reloader(read, [str(first), str(last)], "inotify")
    one.start()
    watch = Stopwatch()
    edit(first)
    assert noticed.wait(PATIENCE)
    edit(last)
    assert arrived.wait(PATIENCE)
    assert watch.seconds >= 0.5
    assert seen == ["one and more"]
    one.join(PATIENCE)


def test_a_folder_without_quiet_does_not_hold_it_up(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloader, "QUIET_SECONDS", PATIENCE)
    monkeypatch.setattr(reloader, "SETTLE_SECONDS", 0.05)
    path, noise = new(tmp_path / "settings.ini"), new(tmp_path / "noise")
    begin(path, engine="inotify")
    edit(path)

    def make_noise() -> bool:
        os.utime(noise)
        return bool(told.paths)

    wait_until(make_noise, "the change is told")


@engines
def test_stop_is_prompt(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader], engine: EngineName
) -> None:
    """Whatever the interval is; nothing is told afterwards, and nothing is open."""
    path = new(tmp_path / "settings.ini")
    before = processes.descriptors()
    one = begin(path, engine=engine, interval=600)
    watch = Stopwatch()
    one.stop()
    assert processes.descriptors() == before
    one.join(PATIENCE)
    assert watch.seconds < SOON
    edit(path)
    one.stop()
    assert not one.is_alive()
    assert told.paths == []


def test_stop_when_a_change_is_noticed_and_not_told(
    tmp_path: Path,
    told: Told,
    begin: Callable[..., Reloader],
    noticed: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reloader, "QUIET_SECONDS", PATIENCE)
    path = new(tmp_path / "settings.ini")
    one = begin(path, engine="inotify", interval=600)
    edit(path)
    assert noticed.wait(PATIENCE)
    watch = Stopwatch()
    one.stop()
    one.join(PATIENCE)
    assert watch.seconds < SOON
    assert told.paths == []


@engines
def test_stop_in_the_callback(tmp_path: Path, engine: EngineName) -> None:
    path = new(tmp_path / "settings.ini")
    watch = Stopwatch()
    one = Reloader(lambda _path: one.stop(), [str(path)], engine, interval=0.02)
    one.start()
    edit(path)
    one.join(PATIENCE)
    assert not one.is_alive()
    assert watch.seconds < SOON


@engines
def test_stop_while_the_callback_waits(tmp_path: Path, engine: EngineName) -> None:
    """For the thread that calls stop(), say."""
    path = new(tmp_path / "settings.ini")
    begun, may_end = threading.Event(), threading.Event()

    def wait(_path: str) -> None:
        begun.set()
        may_end.wait(PATIENCE)

    one = Reloader(wait, [str(path)], engine, interval=0.02)
    one.start()
    edit(path)
    assert begun.wait(PATIENCE)
    watch = Stopwatch()
    one.stop()
    assert watch.seconds < SOON
    may_end.set()
    one.join(PATIENCE)


@engines
def test_stop_before_start(told: Told, engine: EngineName) -> None:
    Reloader(told, engine=engine).stop()
    one = Reloader(told, engine=engine, interval=600)
    one.stop()
    one.start()
    one.join(PATIENCE)
    assert not one.is_alive()


@engines
def test_add_extra_file(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader], engine: EngineName
) -> None:
    """From the call on; by inotify whatever the interval is; patterns too."""
    path, page = new(tmp_path / "settings.ini"), new(tmp_path / "page.html")
    one = begin(engine=engine, interval=600 if engine == "inotify" else 0.02)
    one.add_extra_file(str(path))
    one.add_extra_file(str(tmp_path / "*.html"))
    edit(page)
    assert told.wait() == [str(page)]


@engines
def test_what_changes_between_making_and_starting(
    tmp_path: Path, told: Told, engine: EngineName
) -> None:
    path = new(tmp_path / "settings.ini")
    one = Reloader(told, [str(path)], engine, interval=600)
    edit(path)
    one.start()
    assert told.wait() == [str(path)]
    one.join(PATIENCE)


def test_a_second_start_is_refused(begin: Callable[..., Reloader]) -> None:
    one = begin()
    with pytest.raises(RuntimeError, match="only be started once"):
        one.start()


def test_no_thread_leaves_nothing_open(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    before = processes.descriptors()
    with pytest.raises(RuntimeError, match="new thread"):
        Reloader(told, engine="inotify").start()
    assert processes.descriptors() == before


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_intervals_that_are_none(told: Told, interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        Reloader(told, interval=interval)


def test_engines_that_are_none(told: Told) -> None:
    with pytest.raises(ValueError, match="no reload engine 'kqueue'"):
        Reloader(told, engine="kqueue")  # type: ignore[arg-type]


@engines
def test_names_that_no_file_can_have(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader], engine: EngineName
) -> None:
    path = new(tmp_path / "settings.ini")
    begin(tmp_path / ("x" * 300), tmp_path / ("x" * 300 + "*"), Path("\ud800"), path, engine=engine)
    edit(path)
    assert told.wait() == [str(path)]


def test_a_named_folder_is_warned_of(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader]
) -> None:
    begin(tmp_path)
    (warning,) = told.warnings
    assert f"{tmp_path} is a folder" in warning


@pytest.mark.parametrize("name", ["auto", "poll", "inotify"])
def test_engines_by_name(tmp_path: Path, told: Told, name: reloader.EngineName) -> None:
    one = reloader.Reloader(told, [str(new(tmp_path / "settings.ini"))], engine=name)
    one.start()
    assert one.engine_name == ("poll" if name == "poll" else "inotify")
    one.stop()


# ---- without inotify -------------------------------------------------------------------------


@pytest.fixture
def no_inotify(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object) -> None:
        raise OSError(NO_INOTIFY)

    monkeypatch.setattr(reloader.Inotify, "__init__", refuse)


def test_auto_without_inotify(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader], no_inotify: None
) -> None:
    path = new(tmp_path / "settings.ini")
    one = begin(path)
    assert (one.engine_name, one.fallback_reason, told.warnings) == ("poll", NO_INOTIFY, [])
    edit(path)
    assert told.wait() == [str(path)]


def test_inotify_without_inotify(
    tmp_path: Path, told: Told, begin: Callable[..., Reloader], no_inotify: None
) -> None:
    """Who asked for it by name is told that it is not."""
    path = new(tmp_path / "settings.ini")
    one = begin(path, engine="inotify")
    assert (one.engine_name, one.fallback_reason) == ("poll", NO_INOTIFY)
    (warning,) = told.warnings
    assert NO_INOTIFY in warning
    edit(path)
    assert told.wait() == [str(path)]


def test_the_limit_of_instances_is_named(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    import ctypes

    class Full:
        """A C library whose inotify_init1() finds the limit reached."""

        def __init__(self, *_args: object, **_options: object) -> None:
            self.inotify_add_watch = self.inotify_rm_watch = lambda: -1
            self.inotify_init1 = lambda _flags: -1

    monkeypatch.setattr(ctypes, "CDLL", Full)
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EMFILE)
    one = Reloader(told, interval=600)
    one.start()
    assert one.engine_name == "poll"
    assert "max_user_instances" in str(one.fallback_reason)
    one.stop()


@pytest.mark.parametrize("is_early", [True, False])
def test_the_limit_of_watches(
    tmp_path: Path,
    told: Told,
    begin: Callable[..., Reloader],
    monkeypatch: pytest.MonkeyPatch,
    is_early: bool,
) -> None:
    """At the start or later, poll takes over, and misses nothing."""
    watch = reloader.Inotify.watch
    is_full = threading.Event()

    def limited(self: reloader.Inotify, folder: str) -> int | None:
        if is_full.is_set():
            # As from the kernel: none of its numbers, and what errno says.
            vars(self).update(_add=lambda *_args: -1, _errno=lambda: errno.ENOSPC)
        return watch(self, folder)

    monkeypatch.setattr(reloader.Inotify, "watch", limited)
    if is_early:
        is_full.set()
    path = new(tmp_path / "settings.ini")
    before = processes.descriptors()
    one = begin(path)
    is_full.set()
    wait_until(lambda: one.engine_name == "poll", "poll takes over")
    assert processes.descriptors() == before
    wait_until(lambda: told.warnings, "it is warned of")
    assert len(told.warnings) == 1
    assert "fs.inotify.max_user_watches" in told.warnings[0]
    assert "fs.inotify.max_user_watches" in str(one.fallback_reason)
    edit(path)
    assert told.wait() == [str(path)]
