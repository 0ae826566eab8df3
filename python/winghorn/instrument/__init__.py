# SPDX-License-Identifier: MIT
"""Measures that are sent elsewhere."""
