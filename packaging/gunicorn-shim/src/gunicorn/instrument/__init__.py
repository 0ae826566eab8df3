# SPDX-License-Identifier: MIT
"""Loggers that count."""
