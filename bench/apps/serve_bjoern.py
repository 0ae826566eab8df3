# SPDX-License-Identifier: MIT
"""bjoern has no command of its own: python serve_bjoern.py MODULE:NAME PORT."""

from __future__ import annotations

import importlib
import sys

import bjoern

module, _, name = sys.argv[1].partition(":")
bjoern.run(getattr(importlib.import_module(module), name), "127.0.0.1", int(sys.argv[2]))
