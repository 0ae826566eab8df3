# SPDX-License-Identifier: MIT
"""What the application ran: trouble.py appends a line for each request as it begins to run."""

from __future__ import annotations

from pathlib import Path

from tests.support.waiting import wait_until


class Trace:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        path.chmod(0o666)

    @property
    def env(self) -> dict[str, str]:
        """For the environment of the server."""
        return {"TRACE": str(self.path)}

    def lines(self) -> list[str]:
        """METHOD TARGET of each request, in the order in which they began."""
        return [line.partition(" ")[2] for line in self.path.read_text().splitlines()]

    def count(self, text: str) -> int:
        return sum(text in line for line in self.lines())

    def wait_for(self, text: str, count: int = 1) -> None:
        """Until `count` requests whose METHOD TARGET holds `text` have begun to run."""
        wait_until(lambda: self.count(text) >= count, lambda: f"{text} in {self.lines()[-20:]}")
