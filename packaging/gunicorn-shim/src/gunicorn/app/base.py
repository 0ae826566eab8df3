# SPDX-License-Identifier: MIT
"""``BaseApplication`` and ``Application``: Winghorn's own."""

from winghorn.app.base import Application, BaseApplication

__all__ = ["Application", "BaseApplication"]
