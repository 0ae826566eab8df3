# SPDX-License-Identifier: MIT
"""The bench: how fast, how small, and how that is known."""
