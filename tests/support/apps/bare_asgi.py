# SPDX-License-Identifier: MIT
"""ASGI applications without any framework: a coroutine function and an object with one."""

from typing import Any


async def app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("never called")


class Site:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("never called")


site = Site()
