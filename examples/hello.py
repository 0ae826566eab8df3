# SPDX-License-Identifier: MIT
"""The smallest WSGI application (PEP 3333): winghorn hello:application"""


def application(environ, start_response):
    body = b"Hello, world!\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
