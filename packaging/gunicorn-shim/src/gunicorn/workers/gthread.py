# SPDX-License-Identifier: MIT
"""The worker class gthread."""

from winghorn.worker_classes import ThreadWorker

__all__ = ["ThreadWorker"]
