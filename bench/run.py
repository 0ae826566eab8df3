#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures winghorn, the floor and the peers in turn; prints a table, writes bench/results/."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.harness import extras, install, machine
from bench.harness.load import Cpus, Run, measure
from bench.harness.plot import cpu_plot
from bench.harness.process import ServerError
from bench.harness.scenarios import SCENARIOS, Scenario
from bench.harness.servers import BENCH, SERVERS, Server, ours_program
from bench.harness.summary import median_run, scenario_table, sections

RESULTS = BENCH / "results"
EXTRAS = ("idle", "bare", "start", "balance")
NO_BALANCE = ("gunicorn-sync", "floor", "bjoern", "fastwsgi")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    names = [server.name for server in SERVERS]
    loads = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of everything")
    parser.add_argument("-n", "--repetitions", type=int, help="runs of each pair (default 7)")
    parser.add_argument("--seconds", type=int, help="length of a run (default 1)")
    parser.add_argument("--only", action="append", choices=names, help="only these servers")
    parser.add_argument(
        "--scenario", action="append", choices=[*loads, *EXTRAS], help="only these loads"
    )
    parser.add_argument("--no-install", action="store_true", help="take the peers as they are")
    parser.add_argument("--list", action="store_true", help="print what there is, and end")
    arguments = parser.parse_args()
    arguments.repetitions = arguments.repetitions or (1 if arguments.quick else 7)
    # Many starts rather than long runs: how well a process lies in memory is luck, and lasts.
    arguments.seconds = arguments.seconds or 1
    arguments.scenario = arguments.scenario or [*loads, *EXTRAS]
    return arguments


def say(text: str) -> None:
    """Progress goes to stderr, so that the table can be piped."""
    print(text, file=sys.stderr, flush=True)


def choose_servers(only: Sequence[str] | None, left_out: dict[str, str]) -> list[Server]:
    """The servers to measure; adds what cannot be measured, and why, to `left_out`."""
    have = install.installed()
    chosen = []
    for server in SERVERS:
        if only and server.name not in only:
            continue
        if server.package and server.package not in have:
            left_out.setdefault(server.package, "it is not installed")
        elif server.name.startswith("winghorn") and not ours_program().exists():
            left_out[server.name] = f"{ours_program()} is not there"
        else:
            chosen.append(server)
    return chosen


def choose_cpus() -> Cpus:
    """The first two CPUs we may use; with only one, client and server share it."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        say("warning: one CPU only: the client's work disturbs the server's")
    return Cpus(str(allowed[0]), str(allowed[min(1, len(allowed) - 1)]))


def measure_scenario(
    scenario: Scenario, servers: list[Server], cpus: Cpus, arguments: argparse.Namespace
) -> dict[str, Any]:
    """All runs of one load. The servers take turns, each round in another order."""
    runs: dict[str, list[Run]] = {}
    for turn in range(arguments.repetitions):
        shift = turn % len(servers)
        for server in servers[shift:] + servers[:shift]:
            run = measure(server, scenario, arguments.seconds, cpus)
            if run is None:
                continue
            runs.setdefault(server.name, []).append(run)
            trouble = f"  ! {'; '.join(run.problems)}" if run.problems else ""
            say(
                f"  {turn + 1}/{arguments.repetitions} {server.name:17} "
                f"{run.cpu_us:7.1f} µs CPU {run.rps:9.0f}/s p50 {run.p50_us:6.0f} µs{trouble}"
            )
    order = {server.name: place for place, server in enumerate(servers)}
    return {name: median_run(runs[name]) for name in sorted(runs, key=order.__getitem__)}


def measure_extras(
    servers: list[Server], cpus: Cpus, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Memory, sharing and start-up of every server that can show them."""
    connections = 1000 if arguments.quick else 10000
    peers = [server for server in servers if server.name != "floor"]
    many = [server for server in peers if server.name not in NO_BALANCE]
    plan: dict[str, tuple[list[Server], dict[str, Callable[[Server], dict[str, float] | None]]]]
    plan = {
        "idle": (
            [server for server in peers if server.name != "gunicorn-sync"],
            {"idle": lambda s: extras.idle_connections(s, cpus, connections)},
        ),
        "bare": (peers, {"bare": lambda s: extras.bare_worker(s, cpus)}),
        "start": (
            peers,
            {"start": lambda s: extras.start_to_first_answer(s, cpus, arguments.repetitions)},
        ),
        "balance": (
            many,
            {
                "balance64": lambda s: extras.balance(s, cpus, 64),
                "balance400": lambda s: extras.balance(s, cpus, 400),
            },
        ),
    }
    results: dict[str, Any] = {}
    for kind in (name for name in EXTRAS if name in arguments.scenario):
        who, figures = plan[kind]
        for figure, look in figures.items():
            results[figure] = {server.name: attempt(look, server) for server in who}
            say(f"{figure}: {json.dumps(results[figure])}")
    return results


def attempt(
    look: Callable[[Server], dict[str, float] | None], server: Server
) -> dict[str, Any] | None:
    """What `look` sees, or {"problem": why not}."""
    try:
        return look(server)
    except ServerError as error:
        return {"problem": str(error)}
    except OSError as error:
        return {"problem": f"{type(error).__name__}: {error}"}


def save(results: dict[str, Any], stamp: str) -> Path:
    """Writes after every step, so that an interrupted run has left what it measured."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{stamp}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "latest.json").write_text(path.read_text())
    return path


def main() -> int:
    """Installs, measures, prints; 1 when something that every run needs is missing."""
    arguments = parse_arguments()
    if arguments.list:
        print("servers:  ", ", ".join(server.name for server in SERVERS))
        print("scenarios:", ", ".join([*(s.name for s in SCENARIOS), *EXTRAS]))
        return 0
    try:
        install.check_tools()
        install.build_floor()
        left_out = {} if arguments.no_install else install.install_peers(say)
    except install.MissingTool as missing:
        say(f"bench: {missing}")
        return 1
    servers = choose_servers(arguments.only, left_out)
    for name, reason in left_out.items():
        say(f"left out: {name}: {reason}")
    if not servers:
        return 1
    cpus = choose_cpus()
    results: dict[str, Any] = {
        "machine": machine.describe(say),
        "settings": {"repetitions": arguments.repetitions, "seconds": arguments.seconds},
        "left_out": left_out,
        "scenarios": {},
        "extras": {},
    }
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for scenario in SCENARIOS:
        if scenario.name in arguments.scenario:
            say(f"{scenario.title}:")
            figures = measure_scenario(scenario, servers, cpus, arguments)
            results["scenarios"][scenario.name] = figures
            save(results, stamp)
            print(scenario_table(scenario, figures), flush=True)
    results["extras"] = measure_extras(servers, cpus, arguments)
    path = save(results, stamp)
    print(sections(results))
    plot = path.with_suffix(".svg")
    plot.write_text(cpu_plot(results))
    say(f"written: {path} and {plot.name}; bench/report.py puts them into docs/performance.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
