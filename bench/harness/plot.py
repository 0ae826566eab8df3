# SPDX-License-Identifier: MIT
"""Bars as SVG, from a results file; light and dark pages alike, no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from bench.harness.scenarios import SCENARIOS
from bench.harness.summary import value

SHOWN = ("floor", "winghorn", "winghorn-gthread", "bjoern", "fastwsgi", "granian")
COLOURS = ("#9aa0a6", "#c2410c", "#ea9a6c", "#2563eb", "#0d9488", "#7c3aed")
LEFT, WIDTH, RIGHT = 215, 560, 70
BAR, GAP, TOP = 13, 16, 58


def cpu_plot(results: Mapping[str, Any]) -> str:
    """One group of bars for each scenario: µs of CPU a request (p50 where that is the figure).

    Each group has its own scale, the longest bar filling the width: what is to be seen is the
    ratio within a scenario. gunicorn is left out, its bars would be ten times as long.
    """
    parts: list[str] = []
    y = TOP
    for scenario in (s for s in SCENARIOS if s.name in results["scenarios"]):
        figures = results["scenarios"][scenario.name]
        bars = [
            (name, colour, amount)
            for name, colour in zip(SHOWN, COLOURS, strict=True)
            if (amount := value(figures, name, scenario.figure)) is not None
        ]
        if not bars:
            continue
        longest = max(amount for _, _, amount in bars)
        middle = y + len(bars) * BAR / 2 + 4
        parts.append(_text(LEFT - 10, middle, scenario.title, anchor="end"))
        for name, colour, amount in bars:
            length = max(amount / longest * WIDTH, 1)
            tip = f"{name}: {amount:.1f} µs"
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" '
                f'fill="{colour}"><title>{escape(tip)}</title></rect>'
            )
            parts.append(_text(LEFT + length + 5, y + BAR - 4, f"{amount:.1f}", size=10))
            y += BAR
        y += GAP
    title = "µs of CPU a request, shorter is better; a scale for each scenario"
    return _page(y, parts, title, list(zip(SHOWN, COLOURS, strict=True)))


QUANTILES = (("p99_ms", "p99", "#c2410c"), ("p99.9_ms", "p99.9", "#ea9a6c"))
IDEAL = "#9aa0a6"


def latency_plot(results: Mapping[str, Any]) -> str:
    """bench/queueing.py: for each server what its short requests took, behind that the ideal.

    One scale for all, cut at four times the longest ideal: who is beyond it is written out.
    """
    rows = [
        (f"{name}, {connections} connections", figures)
        for connections, by_name in results["connections"].items()
        for name, figures in by_name.items()
    ]
    scale = 4 * max(figures["ideal"][key] for _, figures in rows for key, _, _ in QUANTILES)
    parts: list[str] = []
    y = TOP
    for title, figures in rows:
        parts.append(_text(LEFT - 10, y + BAR + 2, title, anchor="end"))
        for key, name, colour in QUANTILES:
            amount, best = figures[key], figures["ideal"][key]
            length = max(min(amount / scale, 1) * WIDTH, 1)
            tip = escape(f"{title}: {name} {amount:.1f} ms, ideal {best:.1f} ms")
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" '
                f'fill="{colour}"><title>{tip}</title></rect>'
            )
            mark = LEFT + best / scale * WIDTH
            parts.append(
                f'<rect x="{mark:.1f}" y="{y - 1}" width="2" height="{BAR}" fill="{IDEAL}"/>'
            )
            parts.append(_text(LEFT + length + 5, y + BAR - 4, f"{amount:.0f}", size=10))
            y += BAR
        y += GAP
    legend = [(name, colour) for _, name, colour in QUANTILES]
    title = "ms from when a short request was due to its answer; the line is the ideal queue"
    return _page(y, parts, title, [*legend, ("ideal", IDEAL)])


def _page(height: float, parts: list[str], title: str, entries: Sequence[tuple[str, str]]) -> str:
    width = LEFT + WIDTH + RIGHT
    legend, x = [], float(LEFT)
    for name, colour in entries:
        legend.append(f'<rect x="{x:.0f}" y="32" width="10" height="10" fill="{colour}"/>')
        legend.append(_text(x + 14, 41, name))
        x += 30 + 6.6 * len(name)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12">\n'
        "<style>text{fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>"
    )
    return "\n".join([head, _text(LEFT, 18, title, 14), *legend, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, size: int = 12, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
