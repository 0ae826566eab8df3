# SPDX-License-Identifier: MIT
"""The same scenarios against gunicorn and Winghorn, and what they did compared: `make parity`.

Not part of the test suite: it installs gunicorn's newest release and takes minutes. What is checked
without it (normalisers, tables) is in tests/python/test_parity.py.
"""
