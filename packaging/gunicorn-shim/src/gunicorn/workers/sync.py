# SPDX-License-Identifier: MIT
"""The worker class sync."""

from winghorn.worker_classes import SyncWorker

__all__ = ["SyncWorker"]
