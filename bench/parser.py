#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long a request head takes to read, beside llhttp: runs bench/parser.cc, keeps its word."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.harness import machine
from bench.harness.servers import BENCH, ROOT
from bench.harness.summary import table

BUILD = ROOT / "build" / "bench"
RESULTS = BENCH / "results" / "parser.json"
GOALS = {"small": 0.3, "browser": 0.6}


def build() -> Path:
    """The program, compiled as a wheel's extension is."""
    llhttp = subprocess.run([ROOT / "tools" / "llhttp"], check=True, stdout=subprocess.PIPE)
    options = [
        f"-DPython_EXECUTABLE={ROOT}/.venv/bin/python",
        f"-DWINGHORN_LLHTTP={llhttp.stdout.decode().strip()}",
        "-DWINGHORN_TESTS=OFF",
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
    ]
    cmake = ["cmake", "-G", "Ninja", "-B", str(BUILD), "-S", str(ROOT), *options]
    subprocess.run(cmake, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "--quiet", "-C", str(BUILD), "parser"], check=True)
    return BUILD / "bench" / "parser"


def measure(program: Path, turns: int) -> dict[str, dict[str, float]]:
    """Medians by head, in ns."""
    told = subprocess.run([program, str(turns)], check=True, stdout=subprocess.PIPE, text=True)
    heads = {}
    for line in told.stdout.splitlines():
        name, size, ours, theirs = line.split()
        heads[name] = {"bytes": int(size), "winghorn_ns": float(ours), "llhttp_ns": float(theirs)}
    return heads


def result_table(results: dict[str, Any]) -> str:
    rows = [
        [
            f"{name}, {head['bytes']:,} bytes",
            f"{head['winghorn_ns']:.0f}",
            f"{head['llhttp_ns']:.0f}",
            f"{head['winghorn_ns'] / head['llhttp_ns']:.2f} ({GOALS[name]:.2f})",
        ]
        for name, head in results["heads"].items()
    ]
    return table(["ns to read a head", "winghorn", "llhttp", "winghorn / llhttp (at most)"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=301, help="of 10,000 heads, each parser's")
    arguments = parser.parse_args()
    about = machine.describe(lambda text: print(text, file=sys.stderr))
    results = {"machine": about, "heads": measure(build(), arguments.turns)}
    print(result_table(results))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
