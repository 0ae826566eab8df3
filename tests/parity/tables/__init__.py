# SPDX-License-Identifier: MIT
"""Every scenario there is, by theme."""

from __future__ import annotations

from tests.parity.scenario import Job
from tests.parity.tables import command_line, config_files, requests


def all_jobs() -> list[Job]:
    """All of them, in the order of the report."""
    return [*command_line.jobs(), *config_files.jobs(), *requests.jobs()]
