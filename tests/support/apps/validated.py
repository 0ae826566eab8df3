# SPDX-License-Identifier: MIT
"""The demo application behind wsgiref's validator, which checks the server on every call."""

from wsgiref.validate import validator

from winghorn.demo import app as demo

app = validator(demo)
