# SPDX-License-Identifier: MIT
"""make parity: every scenario with gunicorn's newest release and with this tree's Winghorn.

python -m tests.parity [--jobs N] [--only PATTERN] [--show NAME]

Prints each difference that no table explains, a table by section and the totals. Exit status 1 when
anything differs otherwise than documented, 2 when a program or a table is not in order.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase

from tests.parity import documented, report
from tests.parity.perform import perform
from tests.parity.products import MissingProduct, Product, gunicorn, version_of, winghorn
from tests.parity.scenario import Job, Observed, Scenario
from tests.parity.tables import all_jobs
from tests.support.processes import become_subreaper

SLOW_SECONDS = 8


def say(text: str) -> None:
    print(text, flush=True)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    # Most of a scenario is waiting for a program that starts or stops.
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--only", metavar="PATTERN", default="*", help="scenarios to perform")
    parser.add_argument("--show", action="store_true", help="what was seen of each scenario")
    parser.add_argument("--all", action="store_true", help="documented differences in full, too")
    return parser.parse_args()


def check_tables(jobs: list[Job]) -> list[documented.Difference]:
    """The entries, or the end with status 2."""
    entries = documented.differences()
    documented.waits()
    names = [name for job in jobs for name, _ in job.names()]
    wrong = [
        f"not in docs/differences.md: {w}"
        for w in documented.undocumented(entries, documented.page())
    ]
    wrong += [f"no such scenario: {p}" for p in documented.without_scenario(entries, names)]
    wrong += [f"twice: {name}" for name in sorted({n for n in names if names.count(n) > 1})]
    if wrong:
        raise documented.BadTable("\n".join(wrong))
    return entries


def chosen(jobs: list[Job], pattern: str) -> list[Job]:
    """Jobs of which any scenario's name matches."""
    return [job for job in jobs if any(fnmatchcase(name, pattern) for name, _ in job.names())]


def _needs_root(job: Job) -> bool:
    return isinstance(job, Scenario) and job.as_root


def version_number(product: Product) -> str:
    return version_of(product).rpartition(" ")[2].strip("()")


def timed(job: Job, product: Product, version: str) -> Observed:
    """perform(), with a word about what takes long."""
    began = time.monotonic()
    seen = perform(job, product, version)
    seconds = time.monotonic() - began
    if seconds > SLOW_SECONDS:
        say(f"{seconds:.0f} s: {job.name} with {product.name}")
    return seen


def run_all(jobs: list[Job], products: list[Product], at_once: int) -> list[Observed]:
    """What each product did, in the order of `products`."""
    found: list[Observed] = [{} for _ in products]
    versions = [version_number(product) for product in products]
    # Long ones first, so that the last to end is a short one.
    ordered = sorted(jobs, key=lambda job: -len(list(job.names())) - len(getattr(job, "steps", ())))
    with ThreadPoolExecutor(at_once) as pool:
        tasks = [
            (index, pool.submit(timed, job, product, versions[index]))
            for job in ordered
            for index, product in enumerate(products)
        ]
        for index, task in tasks:
            found[index].update(task.result())
    return found


def main() -> int:
    asked = options()
    become_subreaper()
    began = time.monotonic()
    jobs = all_jobs()
    try:
        entries = check_tables(jobs)
        products = [gunicorn(say), winghorn()]
    except (documented.BadTable, MissingProduct) as error:
        print(error, file=sys.stderr)
        return 2
    jobs = chosen(jobs, asked.only)
    if os.geteuid() != 0 and any(_needs_root(job) for job in jobs):
        say("not root: what needs it is left out")
        jobs = [job for job in jobs if not _needs_root(job)]
    say(" beside ".join(version_of(product) for product in products))
    theirs, ours = run_all(jobs, products, asked.jobs)
    names = [pair for job in jobs for pair in job.names() if fnmatchcase(pair[0], asked.only)]
    verdicts = report.judge_all(names, theirs, ours, entries)
    for verdict in verdicts:
        if asked.show:
            for part, text in theirs.get(verdict.name, {}).items():
                say(f"== {verdict.name}: {part}\n{text}\n-- ours\n{ours[verdict.name].get(part)}")
        if asked.all and verdict.outcome == "documented":
            verdict.unexplained = list(verdict.differing)
            say(f"documented: {report.details(verdict)}\n")
            verdict.unexplained = []
        if verdict.outcome == "differs":
            say(report.details(verdict) + "\n")
    if asked.only == "*" and (unneeded := report.idle(entries, verdicts)):
        say("documented, but seen nowhere: " + "; ".join(unneeded) + "\n")
    say(report.table(verdicts))
    say(f"{len(verdicts)} scenarios in {time.monotonic() - began:.0f} s")
    say(report.total(verdicts))
    return 1 if any(verdict.outcome == "differs" for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
