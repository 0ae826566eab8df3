# SPDX-License-Identifier: MIT
"""Hold the test results against tests/promises.toml: what we say of Winghorn, and who shows it.

Usage: check_promises.py RESULT.xml ... (JUnit files of pytest and ctest). Fails when a named test
did not run, failed, or was skipped without a reason given in the table.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

TABLE = Path(__file__).parent.parent / "tests" / "promises.toml"


@dataclass
class Promise:
    """One sentence, the tests that show it, and for which tests a skip is allowed, and why."""

    says: str
    tests: list[str]
    may_skip: dict[str, str] = field(default_factory=dict)


def read_promises(text: str) -> list[Promise]:
    """The rows. ValueError names one without a test, or with a skip that nobody explains."""
    promises = []
    for row in tomllib.loads(text).get("promise", []):
        promise = Promise(row["says"], row["tests"], row.get("may_skip", {}))
        if not promise.tests:
            raise ValueError(f"no test is named for: {promise.says}")
        for test, reason in promise.may_skip.items():
            if test not in promise.tests or not reason.strip():
                raise ValueError(f"{test} may be skipped, but is not named or has no reason")
        promises.append(promise)
    return promises


def test_keys(case: ElementTree.Element) -> list[str]:
    """A test's name as the table may spell it: without its parameter, in C++ also with it."""
    name = case.get("name", "").partition("  # GetParam")[0]
    place = case.get("classname", "")
    if not place.startswith("tests."):
        every_parameter, slash, _ = name.rpartition("/")
        keys = [name, every_parameter] if slash and "." in every_parameter else [name]
        return [f"ctest:{key}" for key in keys]
    # tests.process.test_x or tests.process.test_x.TestGroup: the file is the part up to test_*.
    parts = place.split(".")
    at = next((i for i, part in enumerate(parts) if part.startswith("test_")), len(parts) - 1)
    file = "/".join(parts[: at + 1]) + ".py"
    return ["::".join([file, *parts[at + 1 :], name.partition("[")[0]])]


def case_verdict(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") in {"notrun", "disabled"}:
        return "skipped"
    return "passed"


def read_results(files: Iterable[Path]) -> dict[str, set[str]]:
    """For each test the verdicts of its runs (a parametrised test has several)."""
    results: dict[str, set[str]] = {}
    for file in files:
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            for key in test_keys(case):
                results.setdefault(key, set()).add(case_verdict(case))
    return results


def faults(promises: Iterable[Promise], results: dict[str, set[str]]) -> list[str]:
    """What keeps the promises from being shown, one line each."""
    found = []
    for promise in promises:
        for test in promise.tests:
            verdicts = results.get(test, {"missing"})
            if verdicts & {"failed", "missing"}:
                trouble = "failed" if "failed" in verdicts else "did not run"
                found.append(f"{test} {trouble}: {promise.says}")
            elif "passed" not in verdicts and test not in promise.may_skip:
                found.append(f"{test} was skipped: {promise.says}")
    return found


def main() -> int:
    promises = read_promises(TABLE.read_text(encoding="utf-8"))
    broken = faults(promises, read_results(map(Path, sys.argv[1:])))
    for line in broken:
        print(f"promises: {line}")
    print(f"promises: {len(promises)} made, {len(broken)} tests do not show theirs")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
