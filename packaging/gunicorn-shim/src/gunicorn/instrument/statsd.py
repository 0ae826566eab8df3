# SPDX-License-Identifier: MIT
"""The logger that sends metrics: Winghorn's own."""

from winghorn.instrument.statsd import (
    GAUGE_TYPE,
    HISTOGRAM_TYPE,
    METRIC_VAR,
    MTYPE_VAR,
    VALUE_VAR,
    Statsd,
)

__all__ = ["GAUGE_TYPE", "HISTOGRAM_TYPE", "METRIC_VAR", "MTYPE_VAR", "VALUE_VAR", "Statsd"]
