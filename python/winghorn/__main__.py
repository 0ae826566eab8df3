# SPDX-License-Identifier: MIT
"""``python -m winghorn``: the same as the command ``winghorn``."""

import sys

from winghorn.cli import main

if __name__ == "__main__":
    sys.exit(main())
