# SPDX-License-Identifier: MIT
"""The command as a class: for programs that change a part of what ``winghorn APP`` does."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from winghorn import app_loader, cli, paste
from winghorn._core import SettingsError
from winghorn.app.base import Application


class WSGIApplication(Application):
    """Serves what the command line names, else the setting wsgi_app, or a PasteDeploy file.

    A subclass with a ``load_config`` of its own may set ``app_uri`` (MODULE[:EXPR]) by itself.
    """

    app_uri: str | None = None

    def init(self, parser: cli.Parser, opts: argparse.Namespace, args: list[str]) -> None:
        """Remember what is to be served."""
        self.app_uri = args[0] if args and not opts.paste else None
        self.cfg.warn(cli.ignored(args))
        if self.app_uri is not None:
            self.cfg.set("default_proc_name", self.app_uri)

    def load_config(self) -> None:
        """Raises SettingsError also when there is nothing to serve."""
        super().load_config()
        if self.app_uri is None and not self.cfg.paste:
            self.app_uri = self.cfg.wsgi_app
            if not self.app_uri:
                raise SettingsError(cli.NO_APPLICATION)
        self.cfg.set("wsgi_app", self.app_uri)  # for hooks, which know it by this name

    def load_wsgiapp(self) -> Any:
        """The application that app_uri names. Raises BootError."""
        settings = self.cfg.checked().settings
        return app_loader.load(self.app_uri or settings.wsgi_app, settings.worker_class)

    def load_pasteapp(self) -> Any:
        """The application of the PasteDeploy file. Raises BootError."""
        return paste.load(self.cfg.checked().settings)

    def load(self) -> Any:
        """One of these two."""
        return self.load_pasteapp() if self.cfg.paste else self.load_wsgiapp()


def run(prog: str | None = None) -> NoReturn:
    """The command, by its class; `prog` is its name where that is not the program's."""
    sys.exit(run_class(WSGIApplication, prog))


def run_class(command: type[WSGIApplication], prog: str | None) -> int:
    """Run one of these; returns the exit status."""

    def run_it() -> int:
        command(cli.USAGE, prog).run()
        return 0

    return cli.guarded(run_it)


if __name__ == "__main__":
    run()
