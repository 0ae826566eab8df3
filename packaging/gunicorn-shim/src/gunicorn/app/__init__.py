# SPDX-License-Identifier: MIT
"""Applications that gunicorn runs, and programs that run by themselves."""
