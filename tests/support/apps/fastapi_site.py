# SPDX-License-Identifier: MIT
"""An ASGI application, which a WSGI worker cannot serve."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    return {"hello": "world"}
