# SPDX-License-Identifier: MIT
"""What came out: one verdict for each scenario, a table by section, and the differences in full."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.parity.documented import Difference
from tests.parity.scenario import Observed

SECTIONS = {
    "0": "Environment variables",
    "1": "Settings and command line",
    "2": "Loading the application",
    "3": "Arbiter",
    "4": "Hooks",
    "5": "WSGI",
    "6": "Parsing requests",
    "7": "Workers",
    "9": "Logs",
    "11": "Reloader",
}
_MOST_LINES = 40


@dataclass
class Verdict:
    """How the two compare in one scenario. `differing`: part to the two texts, ours last."""

    name: str
    section: str
    differing: dict[str, tuple[str, str]] = field(default_factory=dict)
    documented: list[Difference] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if not self.differing:
            return "agreed"
        return "differs" if self.unexplained else "documented"


def judge(
    name: str,
    section: str,
    theirs: dict[str, str],
    ours: dict[str, str],
    entries: Sequence[Difference],
) -> Verdict:
    """Compares the parts of one scenario and looks up what differs."""
    verdict = Verdict(name, section)
    for part in sorted(theirs.keys() | ours.keys()):
        pair = (theirs.get(part, "(nothing)"), ours.get(part, "(nothing)"))
        # What could not be carried out on either side proves nothing, even if both failed alike.
        if pair[0] == pair[1] and part != "failure":
            continue
        verdict.differing[part] = pair
        covering = [e for e in entries if e.covers(name, part) and e.explains(*pair)]
        verdict.documented += covering
        if not covering or any(entry.bug for entry in covering):
            verdict.unexplained.append(part)
    return verdict


def judge_all(
    names: Iterable[tuple[str, str]],
    theirs: Observed,
    ours: Observed,
    entries: Sequence[Difference],
) -> list[Verdict]:
    """A verdict for each scenario."""
    none = {"failure": "not performed"}
    return [
        judge(name, section, theirs.get(name, none), ours.get(name, none), entries)
        for name, section in names
    ]


def details(verdict: Verdict) -> str:
    """The difference of one scenario, as a diff for each part that nothing explains."""
    lines = [f"{verdict.name}  ({verdict.section})"]
    lines += sorted({f"  bug: {entry.words}" for entry in verdict.documented if entry.bug})
    for part in verdict.unexplained:
        theirs, ours = verdict.differing[part]
        diff = difflib.unified_diff(
            theirs.splitlines(), ours.splitlines(), "gunicorn", "winghorn", lineterm="", n=1
        )
        shown = [line for line in diff if not line.startswith(("---", "+++", "@@"))]
        lines.append(f"  {part}:")
        lines += [f"    {line}" for line in shown[:_MOST_LINES]]
        if len(shown) > _MOST_LINES:
            lines.append(f"    ... {len(shown) - _MOST_LINES} lines more")
    return "\n".join(lines)


def table(verdicts: Sequence[Verdict]) -> str:
    """Counts by section."""
    rows = [("", "section", "agreed", "documented", "differs")]
    for number, title in SECTIONS.items():
        of_section = [v.outcome for v in verdicts if v.section.partition(".")[0] == number]
        counts = [str(of_section.count(kind)) for kind in ("agreed", "documented", "differs")]
        if of_section:
            rows.append((number, title, counts[0], counts[1], counts[2]))
    return "\n".join(f"{r[0]:>2}  {r[1]:<28}{r[2]:>8}{r[3]:>12}{r[4]:>9}" for r in rows)


def total(verdicts: Sequence[Verdict]) -> str:
    """The last line."""
    outcomes = [verdict.outcome for verdict in verdicts]
    return (
        f"agreed {outcomes.count('agreed')} / "
        f"differs as documented {outcomes.count('documented')} / "
        f"differs {outcomes.count('differs')}"
    )


def idle(entries: Iterable[Difference], verdicts: Iterable[Verdict]) -> list[str]:
    """Entries of the table that nothing needed in this run."""
    used = {entry for verdict in verdicts for entry in verdict.documented}
    return [
        f"{entry.scenario} ({', '.join(entry.parts)})" for entry in entries if entry not in used
    ]
