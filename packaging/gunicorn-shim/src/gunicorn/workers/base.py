# SPDX-License-Identifier: MIT
"""``Worker``: what hooks are given."""

from winghorn.hook_objects import Worker

__all__ = ["Worker"]
