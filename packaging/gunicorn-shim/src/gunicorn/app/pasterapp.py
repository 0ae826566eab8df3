# SPDX-License-Identifier: MIT
"""PasteDeploy's server runner: Winghorn's own."""

from winghorn.app.pasterapp import get_wsgi_app, has_logging_config, serve

__all__ = ["get_wsgi_app", "has_logging_config", "serve"]
