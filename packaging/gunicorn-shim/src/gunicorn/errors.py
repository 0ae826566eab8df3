# SPDX-License-Identifier: MIT
"""The exceptions that applications and programs may raise."""

from __future__ import annotations

from winghorn._core import SettingsError
from winghorn.app_loader import APP_FAILED_TO_LOAD, BootError


class HaltServer(BaseException):
    """The server is to end. In a hook it is what any exception there is."""

    def __init__(self, reason: str, exit_status: int = 1) -> None:
        super().__init__(reason, exit_status)
        self.reason = reason
        self.exit_status = exit_status

    def __str__(self) -> str:
        return f"<HaltServer {self.reason!r} {self.exit_status}>"


class ConfigError(SettingsError):
    """The configuration is wrong."""


class AppImportError(BootError):
    """The application is not where or what it was said to be; the worker ends with status 4."""

    def __init__(self, text: str = "") -> None:
        super().__init__(APP_FAILED_TO_LOAD, text)
