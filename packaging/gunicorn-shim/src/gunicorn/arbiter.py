# SPDX-License-Identifier: MIT
"""``Arbiter``: what hooks are given as the server, and what some programs run by themselves."""

from __future__ import annotations

import sys
from typing import NoReturn

from winghorn.app.base import BaseApplication, server_parts
from winghorn.cli import serve
from winghorn.server import Server


class _AnyServer(type):
    # What hooks are given was made by others, and is an Arbiter all the same.
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Server)


class Arbiter(Server, metaclass=_AnyServer):
    """The arbiter of an application. Raises SettingsError if its configuration is wrong."""

    def __init__(self, app: BaseApplication) -> None:
        super().__init__(*server_parts(app))
        self.app = app

    def run(self) -> NoReturn:
        """Serve until told to stop; ends the program with the server's exit status."""
        sys.exit(serve(self))
