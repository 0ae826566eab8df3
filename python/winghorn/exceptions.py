# SPDX-License-Identifier: MIT
"""What Winghorn raises inside an application, to be caught by name.

Left uncaught before a response has begun, the body errors answer the request themselves:
``BadRequestBody`` with 400, ``RequestBodyTimeout`` with 408, ``RequestBodyTooLarge`` with 413,
``RequestBodyNotStored`` with 507, and ``ClientDisconnected`` not at all, since nobody is there.
``RequestTimeout`` comes when the time of the request is over and its client has been answered:
clean up, and let it pass. ``TimeoutExpired`` comes from a ``winghorn.timeout`` block whose time is
over.
"""

from winghorn._core import (
    BadRequestBody,
    ClientDisconnected,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    RequestBodyNotStored,
    RequestBodyTimeout,
    RequestBodyTooLarge,
    RequestTimeout,
    TimeoutExpired,
)

__all__ = [
    "BadRequestBody",
    "ClientDisconnected",
    "InvalidResponseHeader",
    "InvalidResponseHeaderName",
    "RequestBodyNotStored",
    "RequestBodyTimeout",
    "RequestBodyTooLarge",
    "RequestTimeout",
    "TimeoutExpired",
]
