# SPDX-License-Identifier: MIT
"""The user that a request names by Basic authentication (RFC 7617)."""

from __future__ import annotations

import base64
import binascii


def user_of(authorization: str | None) -> str | None:
    """The user's name; None when the header names none that could be read as UTF-8."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(credentials.strip()).decode()
    except (binascii.Error, ValueError):
        return None
    return text.partition(":")[0] or None
