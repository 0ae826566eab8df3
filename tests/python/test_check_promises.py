# SPDX-License-Identifier: MIT
"""The table of promises is held against what really ran."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tools import check_promises
from tools.check_promises import Promise, faults, read_promises, read_results

PYTEST = """<testsuites><testsuite>
  <testcase classname="tests.process.test_a" name="test_good"/>
  <testcase classname="tests.process.test_a" name="test_many[one]"/>
  <testcase classname="tests.process.test_a" name="test_many[two]"><failure/></testcase>
  <testcase classname="tests.process.test_a.TestGroup" name="test_in"><skipped/></testcase>
</testsuite></testsuites>"""
CTEST = """<testsuite>
  <testcase name="Fd.Closes" classname="Fd.Closes" status="run"/>
  <testcase name="Fd.Never" classname="Fd.Never" status="disabled"/>
  <testcase name="All/Fd.Each/Small  # GetParam() = 8-byte object" status="run"/>
</testsuite>"""


@pytest.fixture
def results(tmp_path: Path) -> dict[str, set[str]]:
    (tmp_path / "p.xml").write_text(PYTEST)
    (tmp_path / "c.xml").write_text(CTEST)
    return read_results([tmp_path / "p.xml", tmp_path / "c.xml"])


@pytest.mark.parametrize(
    ("test", "trouble"),
    [
        ("tests/process/test_a.py::test_good", None),
        ("tests/process/test_a.py::test_many", "failed"),
        ("tests/process/test_a.py::TestGroup::test_in", "was skipped"),
        ("tests/process/test_a.py::test_gone", "did not run"),
        ("ctest:Fd.Closes", None),
        ("ctest:Fd.Never", "was skipped"),
        ("ctest:All/Fd.Each/Small", None),
        ("ctest:All/Fd.Each", None),
        ("ctest:Fd.Gone", "did not run"),
    ],
)
def test_each_verdict(results: dict[str, set[str]], test: str, trouble: str | None) -> None:
    found = faults([Promise("it works", [test])], results)
    assert found == ([] if trouble is None else [f"{test} {trouble}: it works"])


def test_a_skip_may_be_allowed_with_a_reason(results: dict[str, set[str]]) -> None:
    test = "tests/process/test_a.py::TestGroup::test_in"
    assert faults([Promise("it works", [test], {test: "needs root"})], results) == []


def test_a_promise_names_a_test() -> None:
    with pytest.raises(ValueError, match="no test is named for: it flies"):
        read_promises('[[promise]]\nsays = "it flies"\ntests = []\n')


@pytest.mark.parametrize("skip", ['{ "ctest:A.B" = " " }', '{ "ctest:A.C" = "needs root" }'])
def test_a_skip_has_a_reason_and_is_of_this_promise(skip: str) -> None:
    row = f'[[promise]]\nsays = "it flies"\ntests = ["ctest:A.B"]\nmay_skip = {skip}\n'
    with pytest.raises(ValueError, match="may be skipped, but"):
        read_promises(row)


def run_tool(*results: Path) -> subprocess.CompletedProcess[str]:
    """The tool as `make test` and the gate run it, on the real table."""
    return subprocess.run(
        [sys.executable, check_promises.__file__, *map(str, results)],
        capture_output=True,
        text=True,
        check=False,
    )


def everything_passed(folder: Path) -> tuple[Path, list[str]]:
    """Results in which each test of the real table passed, and the names of the tests."""
    rows = read_promises(check_promises.TABLE.read_text(encoding="utf-8"))
    tests = sorted({test for row in rows for test in row.tests})
    suite = ElementTree.Element("testsuite")
    for test in tests:
        file, _, name = test.removeprefix("ctest:").rpartition("::")
        place = file.replace(".py::", ".").removesuffix(".py").replace("/", ".")
        ElementTree.SubElement(suite, "testcase", name=name, classname=place or name)
    path = folder / "results.xml"
    ElementTree.ElementTree(suite).write(path)
    return path, tests


def test_the_tool_fails_for_each_promise_whose_test_did_not_run(tmp_path: Path) -> None:
    path, tests = everything_passed(tmp_path)
    done = run_tool(path)
    assert done.returncode == 0, done.stdout
    suite = ElementTree.parse(path)
    gone = suite.getroot()[len(tests) // 2]
    suite.getroot().remove(gone)
    suite.write(path)
    done = run_tool(path)
    assert done.returncode == 1
    assert f"{tests[len(tests) // 2]} did not run" in done.stdout


def test_the_tool_fails_without_any_result() -> None:
    assert run_tool().returncode == 1
