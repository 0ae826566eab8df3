# SPDX-License-Identifier: MIT
"""Say how to choose another port when the one that `make serve` wants is taken.

Asked before the build: nobody should wait minutes for that answer.
"""

import errno
import socket
import sys


def taken(host: str, port: int) -> bool:
    """Whether somebody else holds the address. The server explains every other trouble better."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as trouble:
            return trouble.errno == errno.EADDRINUSE
    return False


if __name__ == "__main__":
    host, port = sys.argv[1], sys.argv[2]
    if port.isdigit() and int(port) < 65536 and taken(host, int(port)):
        another = int(port) + 1 if int(port) < 65535 else 8000
        sys.exit(f"Port {port} on {host} is taken. Choose another one: make serve PORT={another}")
