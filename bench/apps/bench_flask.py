# SPDX-License-Identifier: MIT
"""Flask's smallest application: what a framework adds to a request."""

from __future__ import annotations

from flask import Flask, Response

app = Flask(__name__)


@app.get("/")
def hello() -> Response:
    """The same fourteen bytes as the plain application's."""
    return Response("Hello, world!\n", content_type="text/plain; charset=utf-8")
