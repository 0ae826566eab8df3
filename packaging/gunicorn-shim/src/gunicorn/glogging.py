# SPDX-License-Identifier: MIT
"""The logger that writes by Python's logging: Winghorn's own."""

from winghorn.glogging import (
    CONFIG_DEFAULTS,
    Logger,
    SafeAtoms,
    parse_syslog_address,
)

__all__ = ["CONFIG_DEFAULTS", "Logger", "SafeAtoms", "parse_syslog_address"]
