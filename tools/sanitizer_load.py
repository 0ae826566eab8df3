# SPDX-License-Identifier: MIT
"""Serve the demo application from a sanitizer's build under wrk, and fail on any report.

Usage: sanitizer_load.py SITE SECONDS. SITE is a build folder's site/, the sanitizer's library is
preloaded by whoever calls (LD_PRELOAD), since the interpreter itself is not instrumented.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

REPORT = re.compile(r"(Address|Leak|Thread)Sanitizer|runtime error: ")
SERVE = (
    "winghorn.demo:app --bind 127.0.0.1:0 --workers 2 --threads 2 --access-logfile /dev/null "
    # /sleep is answered, stopped and given up; its thread is replaced, and then its worker.
    "--request-timeout 1 --request-timeout-grace 0.2 --stuck-slots-limit 2"
)
PATHS = (
    "/",
    "/stream?items=20&delay=0.001",
    "/big?bytes=300000",
    "/raise",
    "/sleep?seconds=2",
    "/echo",
)
POST = 'wrk.method = "POST"; wrk.body = string.rep("winghorn", 20000)'
PATIENCE_S = 60


def wrk(url: str, seconds: int, script: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    words = ["-s", str(script)] if url.endswith("/echo") else []
    done = subprocess.run(
        ["wrk", "-t2", "-c16", f"-d{seconds}s", *words, url],
        capture_output=True,
        text=True,
        env=clean,
        timeout=seconds + PATIENCE_S,
        check=True,
    )
    return done.stdout


def main() -> int:
    site, seconds = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        script = Path(folder) / "post.lua"
        script.write_text(POST)
        with log.open("w") as stream:
            server = subprocess.Popen(
                [sys.executable, "-m", "winghorn", *SERVE.split()],
                stdout=stream,
                stderr=stream,
                env=os.environ | {"PYTHONPATH": site},
            )
        try:
            url = listening_at(log, server)
            for path in PATHS:
                text = wrk(url + path, seconds // len(PATHS), script)
                print(path, *re.findall(r"\d+ requests in.*|Non-2xx.*|Socket errors.*", text))
            server.send_signal(signal.SIGTERM)
            status = server.wait(PATIENCE_S)
        finally:
            server.kill()
            server.wait()
        said = log.read_text(errors="replace")
    if status != 0 or REPORT.search(said):
        print(said)
        print(f"the server's exit status: {status}")
        return 1
    return 0


def listening_at(log: Path, server: "subprocess.Popen[bytes]") -> str:
    """Where the server says it listens, within PATIENCE_S."""
    tick = threading.Event()
    for _ in range(PATIENCE_S * 10):
        text = log.read_text(errors="replace")
        found = re.search(r"Listening at: (http://\S+)", text)
        if found:
            return found[1]
        if server.poll() is not None:
            break
        tick.wait(0.1)
    raise SystemExit("the server did not start:\n" + log.read_text(errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
