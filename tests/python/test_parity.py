# SPDX-License-Identifier: MIT
"""What `make parity` stands on, without gunicorn: normalisers, verdicts, and tables in order."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase

import pytest

from tests.parity import documented, normalise, report
from tests.parity.documented import BadTable, Difference
from tests.parity.normalise import Run
from tests.parity.report import SECTIONS
from tests.parity.scenario import Group, Scenario
from tests.parity.tables import all_jobs
from winghorn import _core

OURS = Run("winghorn", "0.1.0", "/tmp/parity-a/work", "/venv/bin/winghorn", 41, (8123,))
THEIRS = Run("gunicorn", "27.0.1", "/tmp/parity-b/work", "/other/bin/gunicorn", 52, (9456,))
ALIKE = [
    (
        "Error: Value must be positive: -1 (setting 'workers', from --workers on the command line)",
        "\nInvalid value for workers: -1\n\nError: Value must be positive: -1\n",
    ),
    ("winghorn (version 0.1.0)", "gunicorn (version 27.0.1)"),
    ("Listening at: http://127.0.0.1:8123 (41)", "Listening at: http://127.0.0.1:9456 (52)"),
    ("Booting worker with pid: 44", "Booting worker with pid: 57"),
    ("Worker (pid:44) was sent SIGHUP!", "Worker (pid:57) was sent SIGHUP!"),
    ("in /tmp/parity-a/work/app.py", "in /tmp/parity-b/work/app.py"),
    ("./winghorn.conf.py", "./gunicorn.conf.py"),
    ("[27/Nov/2026:08:00:00 +0000]", "[28/Nov/2026:09:10:11 +0100]"),
    ("Date: Fri, 27 Nov 2026 08:00:00 GMT", "Date: Sat, 28 Nov 2026 09:10:11 GMT"),
    ("<function hook at 0x7f58ff926e80>", "<function hook at 0x7f0ed18dab60>"),
    (
        'Traceback (most recent call last):\n  File "a.py", line 1, in x\n    x()\nKeyError: 1',
        'Traceback (most recent call last):\n  File "b.py", line 9, in y\nKeyError: 1',
    ),
    (
        "Failed to find attribute 'x' in 'app'. Its callables are: app. Try 'app:app'.",
        "Traceback (most recent call last):\nAttributeError: x\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        "gunicorn.errors.AppImportError: Failed to find attribute 'x' in 'app'.",
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), ALIKE)
def test_what_says_the_same_becomes_the_same(ours: str, theirs: str) -> None:
    made = normalise.program_text(ours, OURS)
    assert made == normalise.program_text(theirs, THEIRS)
    assert made


DIFFERENT = [
    ("Error: Value must be positive: -1", "Error: Value must be positive: -2"),
    ("[INFO] Handling signal: term", "[INFO] Handling signal: int"),
    ("KeyError: 1", "KeyError: 2"),
    ("worker exited with code 3", "worker exited with code 4"),
    ('"GET / HTTP/1.1" 200 5', '"GET / HTTP/1.1" 200 6'),
]


@pytest.mark.parametrize(("ours", "theirs"), DIFFERENT)
def test_what_differs_still_differs(ours: str, theirs: str) -> None:
    assert normalise.program_text(ours, OURS) != normalise.program_text(theirs, THEIRS)


LOG = """\
[2026-11-27 08:00:00 +0000] [41] [INFO] Starting winghorn 0.1.0
[2026-11-27 08:00:00 +0000] [45] [INFO] Booting worker with pid: 45
[2026-11-27 08:00:01 +0000] [44] [ERROR] Error handling request GET /
Traceback (most recent call last):
  File "app.py", line 1, in app
RuntimeError: as asked
[2026-11-27 08:00:02 +0000] [41] [INFO] Handling signal: term
"""


def test_a_log_is_told_apart_by_process() -> None:
    assert normalise.arbiter_log(LOG, OURS).splitlines() == [
        "[INFO] Starting <product> <version>",
        "[INFO] Handling signal: term",
    ]
    assert normalise.workers_log(LOG, OURS).splitlines() == [
        "[ERROR] Error handling request GET /",
        "Traceback (most recent call last):",
        "RuntimeError: as asked",
        "[INFO] Booting worker with pid:<pid>",
    ]


def test_only_the_size_of_an_error_page_is_left_out() -> None:
    line = '127.0.0.1 - - [t] "GET / HTTP/1.1" {} {} "-" "-"'
    page = normalise.without_page_sizes
    assert page(line.format(500, 141)) == page(line.format(500, 0))
    assert page(line.format(200, 141)) != page(line.format(200, 0))


MEANT = Difference("open *", ("exit",), "words", bug=False)
SLIP = Difference("open *", ("exit",), "what", bug=True)


def test_a_difference_is_documented_part_by_part() -> None:
    def outcome(name: str, ours: dict[str, str], entry: Difference) -> str:
        return report.judge(name, "1.1", {"exit": "0", "log": "a"}, ours, [entry]).outcome

    assert outcome("open it", {"exit": "0", "log": "a"}, MEANT) == "agreed"
    assert outcome("open it", {"exit": "1", "log": "a"}, MEANT) == "documented"
    assert outcome("open it", {"exit": "1", "log": "b"}, MEANT) == "differs"
    assert outcome("shut it", {"exit": "1", "log": "a"}, MEANT) == "differs"
    assert outcome("open it", {"exit": "1"}, MEANT) == "differs"
    assert outcome("open it", {"exit": "1", "log": "a"}, SLIP) == "differs"


def test_two_failures_to_perform_are_no_agreement() -> None:
    failed = {"failure": "it does not end"}
    assert report.judge("open it", "1.1", failed, failed, []).outcome == "differs"


def test_the_last_line_counts_outcomes() -> None:
    verdicts = [
        report.judge("a", "1.1", {"exit": "0"}, {"exit": "0"}, []),
        report.judge("open a", "1.1", {"exit": "0"}, {"exit": "1"}, [MEANT]),
        report.judge("b", "1.1", {"exit": "0"}, {"exit": "1"}, []),
    ]
    assert report.total(verdicts) == "agreed 1 / differs as documented 1 / differs 1"


@pytest.mark.parametrize(
    "text",
    [
        "[[other]]\nscenario = 'a'",
        "[[difference]]\nscenario = 'a'\nparts = ['exit']",
        "[[difference]]\nscenario = 'a'\nparts = []\nwords = 'w'",
        "[[bug]]\nscenario = 'a'\nparts = ['exit']\nwords = 'w'",
    ],
)
def test_a_table_that_is_not_in_order_is_refused(text: str) -> None:
    with pytest.raises(BadTable):
        documented.differences(text)


def test_every_documented_difference_stands_on_the_page() -> None:
    assert documented.undocumented(documented.differences(), documented.page()) == []
    entry = Difference("a", ("exit",), "words that nobody wrote", bug=False)
    assert documented.undocumented([entry], documented.page()) == [entry.words]


def test_every_entry_has_a_scenario() -> None:
    names = [name for job in all_jobs() for name, _ in job.names()]
    assert documented.without_scenario(documented.differences(), names) == []


def test_entry_for_many_scenarios_says_which_lines_differ() -> None:
    """So that it cannot hide another difference."""
    names = [name for job in all_jobs() for name, _ in job.names()]
    for entry in documented.differences():
        many = sum(fnmatchcase(name, entry.scenario) for name in names) > 5
        assert not many or entry.lines, entry.scenario


def test_entry_with_lines_explains_no_others() -> None:
    entry = Difference("open *", ("log",), "words", bug=False, lines=(r"-told: \d", r"\+said"))
    assert entry.explains("a\ntold: 1\nb", "a\nsaid\nb")
    assert not entry.explains("a\ntold: 1\nb", "a\nsaid\nc")
    assert not entry.explains("told: one", "said")
    verdict = report.judge("open it", "1.1", {"log": "a"}, {"log": "b"}, [entry])
    assert verdict.outcome == "differs"


def test_names_are_unique_and_sections_known() -> None:
    pairs = [pair for job in all_jobs() for pair in job.names()]
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    assert twice == []
    assert {section.partition(".")[0] for _, section in pairs} <= set(SECTIONS)


def test_every_setting_of_gunicorn_has_a_scenario_or_a_reason() -> None:
    own = {"Request Deadlines", "Clocks and Buffers"}
    ours = {
        "limit_request_body",
        "limit_peer_connections",
        "require_host",
        "forwarded",
        "log_format",
    }
    rows = _core.settings()
    names = {row["name"] for row in rows if row["section"] not in own} - ours
    covered = {name for job in all_jobs() for name in job.settings}
    waiting = {name for entry in documented.waits() for name in entry.settings}
    assert names - covered - waiting == set()
    assert covered - names == set()


def test_served_scenarios_compare_no_raw_log() -> None:
    """Standard error of one that serves holds times of day."""
    for job in all_jobs():
        if isinstance(job, Scenario) and job.steps:
            assert "stderr" not in job.compare, job.name
        elif isinstance(job, Group):
            assert job.exchanges, job.name
