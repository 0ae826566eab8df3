# SPDX-License-Identifier: MIT
"""What a worker can tell of all workers: the demo's page, and what the scoreboard reserves."""

from __future__ import annotations

import html
import re
import signal
from pathlib import Path

import httpx

from tests.conftest import Serve
from tests.support.server import Server
from tests.support.waiting import wait_until


def page_of(server: Server) -> str:
    return html.unescape(httpx.get(server.url).text)


def busy_with(page: str, path: str) -> str | None:
    """The number in the heading of the worker in one of whose slots that request runs."""
    row = rf"<th>slot \d+</th><td>running GET {re.escape(path)} from 127\.0\.0\.1, \d+\.\d s<"
    parts = re.split(row, page)
    headings: list[str] = re.findall(r"worker (\d+), pid \d+", parts[0])
    return headings[-1] if len(parts) > 1 else None


def test_page_of_one_worker_shows_what_another_does(serve: Serve) -> None:
    """Two workers, one asleep in /sleep: the other's page shows it busy, with path and age."""
    options = ["--workers", "2", "--graceful-timeout", "1"]
    server = serve("winghorn.demo:app", *options, workers=2)
    pids = server.wait_for_workers(2)
    with server.client() as sleeper:
        sleeper.get("/sleep?seconds=60")

        def shown() -> str | None:
            return busy_with(page_of(server), "/sleep?seconds=60")

        number = wait_until(shown, "the page shows the sleeper")
        page = page_of(server)
        own = re.search(r"worker (\d+), pid (\d+) \(this one\)", page)
        assert own is not None
        assert own[1] != number, "the worker that answers is the other one"
        assert {int(pid) for pid in re.findall(r"worker \d+, pid (\d+)", page)} == set(pids)
        assert busy_with(page, "/") == own[1], "and its own slot runs the page's request"
        assert page.count("ready: ") == 2


def test_slots_of_threads_are_all_there(serve: Serve) -> None:
    """A worker with three threads shows three slots, idle ones too."""
    server = serve("winghorn.demo:app", "--threads", "3")
    page = page_of(server)
    slots = re.findall(r"<th>slot (\d+)</th><td>(\w+)", page)
    assert [number for number, _ in slots] == ["0", "1", "2"]
    assert sorted(phase for _, phase in slots) == ["idle", "idle", "running"]


def test_status_follows_reloads_and_requests(serve: Serve, tmp_path: Path) -> None:
    """The rows are plain dictionaries; a new generation counts one more, the old one vanishes."""
    (tmp_path / "status_site.py").write_text(
        "import json\nfrom winghorn import _core\n"
        "def app(environ, start_response):\n"
        "    body = json.dumps(_core.status()).encode()\n"
        "    start_response('200 OK', [('Content-Length', str(len(body)))])\n"
        "    return [body]\n"
    )
    server = serve("status_site:app", cwd=tmp_path)
    before = server.wait_for_workers(1)
    wait_until(lambda: httpx.get(server.url).json()[0]["requests"] >= 2, "requests are counted")
    (worker,) = httpx.get(server.url).json()
    assert (worker["pid"], worker["number"], worker["generation"]) == (before[0], 1, 1)
    assert worker["state"] == "ready"
    (slot,) = worker["slots"]
    assert (slot["busy"], slot["phase"], slot["target"]) == (True, "running", "/")
    server.signal(signal.SIGHUP)
    after = server.wait_for_workers(1, other_than=before)
    (worker,) = wait_until(
        lambda: [w for w in [httpx.get(server.url).json()] if len(w) == 1], "the old one is gone"
    )[0]
    assert (worker["pid"], worker["generation"]) == (after[0], 2)


def reserved_mib(pid: int) -> int:
    """Shared memory without a name in the process's address space."""
    total = 0
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith("/dev/zero (deleted)"):
            begin, end = line.split()[0].split("-")
            total += int(end, 16) - int(begin, 16)
    return total >> 20


def test_little_memory_is_reserved_and_a_reload_keeps_within_it(
    serve: Serve, tmp_path: Path
) -> None:
    """A small server reserves 65 MiB, not room for the largest; a reload beyond it is refused."""
    config = tmp_path / "winghorn.conf.py"
    config.write_text("threads = 2\n")
    server = serve("trouble:app", "-c", str(config))
    before = server.wait_for_workers(1)
    assert 0 < reserved_mib(server.pid) <= 65
    for wish, said in (
        ("workers = 65", "workers = 65 is more than the 64 that this server"),
        ("threads = 61", r"threads \+ stuck_slots_limit = 65 is more than the 64 that this server"),
    ):
        config.write_text(wish + "\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log(rf"Reload failed.*: {said}")
    config.write_text("threads = 60\n")
    server.signal(signal.SIGHUP)
    server.wait_for_workers(1, other_than=before)
    assert httpx.get(server.url).status_code == 200
