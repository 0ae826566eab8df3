#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts a run's figures into docs/performance.md and README.md, and draws docs/plots/.

Only this writes figures there, between markers, and only from a results file, so that no number in
the pages is one that nobody measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import parser as heads
from bench import queueing
from bench.harness.plot import cpu_plot, latency_plot
from bench.harness.servers import ROOT
from bench.harness.summary import details, sections

LATEST = ROOT / "bench" / "results" / "latest.json"
PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
KEPT = ROOT / "docs" / "plots" / "latest.json"
PLOT = ROOT / "docs" / "plots" / "cpu.svg"
QUEUES = ROOT / "docs" / "queueing.md"
QUEUE_PLOT = ROOT / "docs" / "plots" / "queueing.svg"
BEGIN = "<!-- figures: written by bench/report.py -->"
END = "<!-- end of figures -->"


def without_runs(results: dict[str, Any]) -> dict[str, Any]:
    """The medians alone: what is worth keeping in the repository."""
    for figures in results["scenarios"].values():
        for measured in figures.values():
            measured.pop("runs", None)
    return results


def heading(results: dict[str, Any]) -> str:
    """On what, with what, how often: one paragraph."""
    machine, settings = results["machine"], results["settings"]
    versions = machine["versions"]
    names = ("bjoern", "fastwsgi", "granian", "gunicorn", "flask")
    peers = ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
    return (
        f"{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}; "
        f"{machine['python']}; {peers}. Median of {settings['repetitions']} interleaved runs of "
        f"{settings['seconds']} s each; load average before the first run: "
        f"{machine['load_before']}."
    )


def fill(page: Path, *parts: str) -> None:
    """Replaces what stands between a page's markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(before + "\n\n".join([BEGIN, *parts, END]) + after)


def reading_heads() -> list[str]:
    """What it costs to read a request head, when that was measured."""
    if not heads.RESULTS.exists():
        return []
    results = json.loads(heads.RESULTS.read_text())
    about = (
        "Reading a request head that has arrived whole, copying it to where it stays included, "
        "beside llhttp 9 with callbacks that keep each span (`bench/parser.py`; medians of "
        "interleaved turns):"
    )
    return [about, heads.result_table(results)]


def report_queueing() -> list[Path]:
    """The page about queues, when its load was measured; what was written."""
    if not queueing.RESULTS.exists():
        return []
    results = json.loads(queueing.RESULTS.read_text())
    known = results["machine"]
    about = (
        f"{known['cpu']}, {known['cpus']} CPUs, Linux {known['kernel']}; {known['python']}. "
        f"{results['seconds']} s for each line; CPU µs a request over all processes. To hand a "
        f"request to another worker costs {results['handover_cpu_us']:.0f} µs of CPU in both "
        f"({results['handover_cpu_us_asleep']:.0f} when the machine is idle but for that: waking a "
        "processor that sleeps is most of it)."
    )
    plot = f"![Latency of short requests](plots/{QUEUE_PLOT.name})"
    fill(QUEUES, about, queueing.result_table(results), plot)
    QUEUE_PLOT.write_text(latency_plot(results))
    return [QUEUES, QUEUE_PLOT]


def main() -> int:
    """Writes the pages and the plot; 1 when there is nothing to write them from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, default=LATEST)
    path = parser.parse_args().results
    if not path.exists():
        print(f"no {path}: run bench/run.py first", file=sys.stderr)
        return 1
    results = json.loads(path.read_text())
    plot = "![CPU a request, by scenario]({})"
    more = "<details>\n<summary>Requests/s and latencies</summary>\n\n" + details(results)
    more += "\n\n</details>"
    fill(
        PAGE,
        heading(results),
        sections(results),
        plot.format("plots/cpu.svg"),
        *reading_heads(),
        more,
    )
    fill(README, plot.format(PLOT.relative_to(ROOT)), sections(results), heading(results))
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(cpu_plot(results))
    KEPT.write_text(json.dumps(without_runs(results), indent=1) + "\n")
    for written in (PAGE, README, PLOT, KEPT, *report_queueing()):
        print(f"written: {written.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
