# SPDX-License-Identifier: MIT
"""Bars as SVG, from a results file; light and dark pages alike, no library."""

from __future__ import annotations

from collections.abc import Mapping
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
    return _page(y, parts)


def _page(height: float, parts: list[str]) -> str:
    width = LEFT + WIDTH + RIGHT
    legend, x = [], float(LEFT)
    for name, colour in zip(SHOWN, COLOURS, strict=True):
        legend.append(f'<rect x="{x:.0f}" y="32" width="10" height="10" fill="{colour}"/>')
        legend.append(_text(x + 14, 41, name))
        x += 30 + 6.6 * len(name)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12">\n'
        "<style>text{fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>"
    )
    title = _text(LEFT, 18, "µs of CPU a request, shorter is better; a scale for each scenario", 14)
    return "\n".join([head, title, *legend, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, size: int = 12, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
