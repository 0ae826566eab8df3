# SPDX-License-Identifier: MIT
"""The bench's arithmetic: what a median, a best peer and a ratio are, and what is never hidden."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from bench.harness.install import peer_pins
from bench.harness.load import Run
from bench.harness.plot import cpu_plot
from bench.harness.scenarios import SCENARIOS, by_name
from bench.harness.servers import SERVERS
from bench.harness.summary import best_rival, median_run, overview, problems, scenario_table

HELLO = by_name("hello")


def run(cpu_us: float, *wrong: str) -> Run:
    return Run(requests=1000, cpu_us=cpu_us, rps=1e6 / cpu_us, problems=list(wrong))


def results(**cpu_us: float) -> dict[str, Any]:
    figures = {name: median_run([run(amount)]) for name, amount in cpu_us.items()}
    return {"scenarios": {"hello": figures}, "extras": {}, "left_out": {}}


def test_median_of_the_runs_that_answered() -> None:
    """A run without an answer gives no figure, but its reason stays."""
    measured = median_run([run(10), run(30), run(11), Run(problems=["it died"])])
    assert measured["cpu_us"] == 11
    assert measured["problems"] == ["it died (1 of 4 runs)"]
    assert len(measured["runs"]) == 4


def test_no_run_gives_no_figure() -> None:
    """Nothing measured is nothing shown, not zero."""
    figures = {"bjoern": median_run([Run(problems=["not ready"])])}
    assert figures["bjoern"]["cpu_us"] is None
    assert best_rival(HELLO, figures) is None
    assert "not ready" in scenario_table(HELLO, figures)


def test_the_best_peer_has_made_no_mistake() -> None:
    """A peer that answers fast and wrongly is no measure; neither is the floor."""
    figures = results(floor=5, bjoern=15, fastwsgi=16)["scenarios"]["hello"]
    figures["granian"] = median_run([run(9, "3 status errors")])
    assert best_rival(HELLO, figures) == ("bjoern", 15.0)


def test_ratios_stand_beside_their_goals() -> None:
    """Ours to the best peer and to the floor."""
    line = overview(results(winghorn=11, floor=10, bjoern=20)).splitlines()[-1]
    assert "0.55 (0.90)" in line
    assert "1.10 (1.25)" in line


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    """A round in which the machine was slow says as much of a ratio as the others."""
    figures = {
        "winghorn": median_run([run(8), run(16), run(9), Run(problems=["it died"])]),
        "floor": median_run([run(10), run(20), run(5), run(1)]),
    }
    found = {"scenarios": {"hello": figures}, "extras": {}, "left_out": {}}
    assert "0.80 (1.25)" in overview(found)


def test_what_was_left_out_is_named() -> None:
    """Also what went wrong beside the loads."""
    found = results(winghorn=11)
    found["left_out"] = {"bjoern": "it needs libev's headers"}
    found["extras"] = {"idle": {"granian": {"problem": "closed 3"}, "fastwsgi": None}}
    assert problems(found) == [
        "bjoern was left out: it needs libev's headers",
        "granian, idle: closed 3",
    ]


def test_the_plot_is_well_formed() -> None:
    """One bar for each figure that there is."""
    tree = ElementTree.fromstring(cpu_plot(results(winghorn=11, floor=10, bjoern=20)))
    bars = [node for node in tree.iter() if node.tag.endswith("rect") and len(node)]
    assert len(bars) == 3


def test_every_peer_is_pinned() -> None:
    """Each server that needs a package has its line in peers.txt; scenario names are unique."""
    packages = {server.package for server in SERVERS if server.package}
    assert packages <= set(peer_pins())
    assert all("==" in pin for pin in peer_pins().values())
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
