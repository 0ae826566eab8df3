# SPDX-License-Identifier: MIT
"""A config file is Python and is read once, by the arbiter: winghorn -c winghorn.conf.py"""

import os

wsgi_app = "hello:application"

# Two workers for small machines, one for each processor on larger ones.
workers = max(2, os.cpu_count() or 1)
threads = 4

# A worker without progress for this long is replaced; its client gets 504.
timeout = 30
graceful_timeout = 20

# One line for each request, on stdout.
accesslog = "-"

raw_env = ["SITE=example"]
