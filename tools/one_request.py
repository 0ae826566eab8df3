# SPDX-License-Identifier: MIT
"""Start the winghorn of this interpreter outside the tree, get one page from it, stop it.

For a wheel in an empty virtualenv: only the standard library is used. Exit status 0 when the page
came, TERM ended the server with status 0, and the package did not come from the working tree.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

PATIENCE_S = 30
APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served by " + environ["SERVER_SOFTWARE"].encode()]
"""


def served_page(folder: str, command: list[str]) -> bytes:
    """The body of GET / from a server started with the command, which is stopped after it."""
    server = subprocess.Popen(
        [*command, "app:application", "--bind", "127.0.0.1:0"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PORT"}},
    )
    # Ends the read below when the server neither speaks nor goes.
    alarm = threading.Timer(PATIENCE_S, server.kill)
    alarm.start()
    log: list[str] = []
    try:
        assert server.stderr is not None
        for line in server.stderr:
            log.append(line)
            found = re.search(r"Listening at: (http://\S+)", line)
            if found:
                break
        else:
            raise SystemExit("the server did not say where it listens:\n" + "".join(log))
        with urllib.request.urlopen(found[1] + "/", timeout=PATIENCE_S) as reply:
            page: bytes = reply.read()
        server.terminate()
        log += server.stderr.readlines()
        if server.wait(PATIENCE_S) != 0:
            raise SystemExit(f"exit status {server.returncode} after TERM:\n" + "".join(log))
        return page
    finally:
        alarm.cancel()
        server.kill()
        server.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.py").write_text(APP)
        starter = Path(sys.executable).parent / "winghorn"
        for command in ([str(starter)], [sys.executable, "-m", "winghorn"]):
            page = served_page(folder, command)
            if not page.startswith(b"served by winghorn/"):
                raise SystemExit(f"not our page: {page!r}")
        said = subprocess.check_output(
            [
                sys.executable,
                "-c",
                "import winghorn; print(winghorn.__version__, winghorn.__file__)",
            ],
            cwd=folder,
            text=True,
        )
    print(f"{sys.version.split()[0]}: one request each served by {said.strip()}")


if __name__ == "__main__":
    main()
