# SPDX-License-Identifier: MIT
"""``Worker``: what hooks are given."""

from winghorn.server import Worker

__all__ = ["Worker"]
