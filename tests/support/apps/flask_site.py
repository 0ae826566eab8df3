# SPDX-License-Identifier: MIT
"""A small Flask site: a session, a form, a file upload, a stream, logging by the usual recipe."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator

from flask import Flask, Response, abort, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = "only for tests"

# The usual recipe: the application writes where the server writes.
_borrowed = logging.getLogger("gunicorn.error")
app.logger.handlers = _borrowed.handlers
app.logger.setLevel(_borrowed.level)


@app.get("/")
def hello() -> str:
    return "<p>Hello, World!</p>"


@app.get("/sleep/<float:seconds>")
def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


@app.post("/login")
def login() -> Response:
    session["name"] = request.form["name"]
    session["visits"] = 0
    return redirect(url_for("visits"))  # type: ignore[return-value]


@app.get("/visits")
def visits() -> dict[str, object]:
    if "name" not in session:
        abort(403)
    session["visits"] += 1
    return {"name": session["name"], "visits": session["visits"]}


@app.post("/upload")
def upload() -> dict[str, object]:
    file = request.files["file"]
    content = file.read()
    return {
        "name": file.filename,
        "note": request.form["note"],
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@app.get("/stream")
def stream() -> Response:
    def produce() -> Iterator[str]:
        for number in range(100):
            yield f"{number}\n"

    return Response(produce(), mimetype="text/plain")


@app.get("/fail")
def fail() -> str:
    raise RuntimeError("flask view failed")


@app.get("/log")
def log() -> str:
    app.logger.info("flask says %s", "hello")
    return "logged"
