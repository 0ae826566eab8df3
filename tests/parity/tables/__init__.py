# SPDX-License-Identifier: MIT
"""Every scenario there is, by theme."""

from __future__ import annotations

from tests.parity.scenario import Job
from tests.parity.tables import (
    applications,
    command_line,
    config_files,
    processes,
    python_logging,
    requests,
    surroundings,
)

THEMES = (
    command_line,
    config_files,
    applications,
    processes,
    python_logging,
    surroundings,
    requests,
)


def all_jobs() -> list[Job]:
    """All of them, in the order of the report."""
    return [job for theme in THEMES for job in theme.jobs()]
