# SPDX-License-Identifier: MIT
"""Flask behind a factory: winghorn 'flask_site:create_app("Flask")' -w 2"""

import logging

from flask import Flask


def create_app(name="world"):
    app = Flask(__name__)

    # The usual recipe: Flask's logger writes where the server writes, at the server's level.
    server_log = logging.getLogger("gunicorn.error")
    app.logger.handlers = server_log.handlers
    app.logger.setLevel(server_log.level)

    @app.get("/")
    def hello():
        app.logger.info("somebody says hello")
        return f"<p>Hello, {name}!</p>"

    return app
