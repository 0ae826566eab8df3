# SPDX-License-Identifier: MIT
"""Running Winghorn from a program of one's own: see ``winghorn.app.base``."""
