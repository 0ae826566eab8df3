# SPDX-License-Identifier: MIT
"""fastwsgi with its log off: python serve_fastwsgi.py MODULE:NAME PORT."""

from __future__ import annotations

import importlib
import sys

import fastwsgi

module, _, name = sys.argv[1].partition(":")
app = getattr(importlib.import_module(module), name)
fastwsgi.run(wsgi_app=app, host="127.0.0.1", port=int(sys.argv[2]), loglevel=0)
