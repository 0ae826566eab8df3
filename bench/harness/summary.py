# SPDX-License-Identifier: MIT
"""From runs to figures, from figures to tables. The same text for a terminal and for Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.harness.load import Run
from bench.harness.scenarios import SCENARIOS, Scenario
from bench.harness.servers import SERVERS

RIVALS = tuple(server.name for server in SERVERS if server.rival)
FIGURES = ("cpu_us", "rps", "p50_us", "p99_us")
DEADLINES_GOAL = 1.03  # of hello: what armed deadlines may cost

Figures = Mapping[str, Mapping[str, Any]]


def median_run(runs: Sequence[Run]) -> dict[str, Any]:
    """The median of each figure over the runs that answered; every problem once, with its count."""
    good = [run for run in runs if run.requests]
    result: dict[str, Any] = {
        name: statistics.median(getattr(run, name) for run in good) if good else None
        for name in FIGURES
    }
    cpu = [run.cpu_us for run in good]
    result["cpu_spread"] = (max(cpu) - min(cpu)) / statistics.median(cpu) if cpu else None
    problems = [problem for run in runs for problem in run.problems]
    result["problems"] = [
        f"{text} ({problems.count(text)} of {len(runs)} runs)" for text in dict.fromkeys(problems)
    ]
    result["runs"] = [run.as_json() for run in runs]
    return result


def value(figures: Figures, server: str, figure: str) -> float | None:
    """One figure of one server, or None where it was not measured."""
    found = figures.get(server, {}).get(figure)
    return float(found) if found is not None else None


def best_rival(scenario: Scenario, figures: Figures) -> tuple[str, float] | None:
    """The peer with the smallest figure among those that made no mistake."""
    known = [
        (amount, name)
        for name in RIVALS
        if (amount := value(figures, name, scenario.figure)) and not figures[name]["problems"]
    ]
    return (min(known)[1], min(known)[0]) if known else None


def ratio(figures: Figures, server: str, base: str | None, figure: str) -> str:
    """One server's figure over another's: the median of the rounds' ratios, or a dash.

    A machine that was slow in a round was slow for both, so a ratio is better known than what it is
    made of.
    """
    if base is None or server not in figures or base not in figures:
        return "-"
    rounds = zip(figures[server]["runs"], figures[base]["runs"], strict=False)
    found = [a[figure] / b[figure] for a, b in rounds if a["requests"] and b["requests"]]
    return f"{statistics.median(found):.2f}" if found else "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns padded so that it can be read as it is."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * (w - 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def scenario_table(scenario: Scenario, figures: Figures) -> str:
    """One scenario, a line for each server, with its ratios to the best peer and to the floor."""
    best = (best_rival(scenario, figures) or (None,))[0]
    rows = []
    for server, measured in figures.items():
        amounts = [value(figures, server, name) for name in FIGURES]
        digits = (1, 0, 1, 0)
        cells = ["-" if a is None else f"{a:.{d}f}" for a, d in zip(amounts, digits, strict=True)]
        ratios = [ratio(figures, server, base, scenario.figure) for base in (best, "floor")]
        rows.append([server, *cells, *ratios, "; ".join(measured["problems"])])
    head = ["server", "CPU µs", "requests/s", "p50 µs", "p99 µs", "/ best peer", "/ floor", "wrong"]
    return f"\n### {scenario.title}\n\n{table(head, rows)}\n"


def overview(results: Mapping[str, Any]) -> str:
    """All scenarios in one table: the figure of every server, and our two ratios with goals."""
    names = [s.name for s in SERVERS if any(s.name in f for f in results["scenarios"].values())]
    rows = []
    for scenario in (s for s in SCENARIOS if s.name in results["scenarios"]):
        figures = results["scenarios"][scenario.name]
        best = (best_rival(scenario, figures) or (None,))[0]
        cells = [_cell(figures, name, scenario) for name in names]
        to_best = ratio(figures, "winghorn", best, scenario.figure) + _goal(scenario.peer_goal)
        to_floor = ratio(figures, "winghorn", "floor", scenario.figure) + _goal(scenario.floor_goal)
        armed = ratio(figures, "winghorn-deadlines", "winghorn", scenario.figure)
        rows.append([scenario.title, *cells, to_best, to_floor, armed])
    ratios = ["/ best peer (at most)", "/ floor (at most)", f"deadlines / none ({DEADLINES_GOAL})"]
    return table(["µs a request", *names, *ratios], rows)


def _cell(figures: Figures, server: str, scenario: Scenario) -> str:
    amount = value(figures, server, scenario.figure)
    mark = " !" if figures.get(server, {}).get("problems") else ""
    return ("-" if amount is None else f"{amount:.1f}") + mark


def _goal(goal: float | None) -> str:
    return f" ({goal:.2f})" if goal else ""


EXTRA_COLUMNS = (
    ("idle", "bytes_each", "an idle connection, bytes", 0),
    ("bare", "rss_kib", "bare worker's RSS, KiB", 0),
    ("bare", "private_kib", "of it private, KiB", 0),
    ("bare", "tree_pss_kib", "all processes' PSS, KiB", 0),
    ("start", "median_ms", "start to first answer, ms", 0),
    ("balance64", "largest_over_mean", "4 workers, 64 connections: largest share / mean", 2),
    ("balance400", "largest_over_mean", "4 workers, 400 connections: largest share / mean", 2),
)


def extras_table(results: Mapping[str, Any]) -> str:
    """Memory, start-up and sharing: a line for each figure, a column for each server."""
    extras = results["extras"]
    names = [s.name for s in SERVERS if any(s.name in (f or {}) for f in extras.values())]
    rows = []
    for kind, field, title, digits in EXTRA_COLUMNS:
        if kind in extras:
            found = [(extras[kind].get(name) or {}) for name in names]
            cells = [
                f"{one[field]:.{digits}f}" if field in one else ("!" if one else "-")
                for one in found
            ]
            rows.append([title, *cells])
    return table(["", *names], rows) if rows else ""


def problems(results: Mapping[str, Any]) -> list[str]:
    """Everything that went wrong or was left out, one sentence each."""
    lines = [f"{name} was left out: {why}" for name, why in results["left_out"].items()]
    for load, figures in results["scenarios"].items():
        for server, measured in figures.items():
            lines += [f"{server}, {load}: {problem}" for problem in measured["problems"]]
    for kind, by_server in results["extras"].items():
        for server, measured in by_server.items():
            if measured and "problem" in measured:
                lines.append(f"{server}, {kind}: {measured['problem']}")
    return lines


def details(results: Mapping[str, Any]) -> str:
    """The table of every scenario, one below the other."""
    tables = [
        scenario_table(scenario, results["scenarios"][scenario.name])
        for scenario in SCENARIOS
        if scenario.name in results["scenarios"]
    ]
    return "".join(tables).strip()


def sections(results: Mapping[str, Any]) -> str:
    """The overview, the extras and the problems, as Markdown."""
    parts = [overview(results)] if results["scenarios"] else []
    if results["extras"]:
        parts.append(extras_table(results))
    wrong = problems(results)
    if wrong:
        parts.append("\n".join(f"- ! {line}" for line in wrong))
    return "\n\n".join(parts)
