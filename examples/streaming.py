# SPDX-License-Identifier: MIT
"""Answers made while they are sent, bodies read as they come: winghorn streaming:app --threads 4

GET /     counts to ten, a line every 200 ms
POST /    gives the body back in capitals, block by block; it may be larger than memory
"""

import time


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["REQUEST_METHOD"] == "POST":
        return capitals(environ["wsgi.input"])
    return count()


def count():
    for number in range(1, 11):
        yield f"{number}\n".encode()
        time.sleep(0.2)


def capitals(body):
    while block := body.read(65536):
        yield block.upper()
