# SPDX-License-Identifier: MIT
"""Flask's and Django's hello projects with sessions, forms, uploads and streams, by httpx."""

from __future__ import annotations

import hashlib
import os

import httpx
import pytest

from tests.conftest import Serve
from tests.support.server import Server, run_to_end

UPLOAD = os.urandom(3_000_000)
STREAM = "".join(f"{number}\n" for number in range(100))


@pytest.fixture(params=["1", "4"])
def flask(request: pytest.FixtureRequest, serve: Serve) -> Server:
    pytest.importorskip("flask")
    return serve("flask_site:app", "--threads", request.param, "--workers", "2", workers=2)


@pytest.fixture(params=["1", "4"])
def django(request: pytest.FixtureRequest, serve: Serve) -> Server:
    pytest.importorskip("django")
    return serve("django_site", "--threads", request.param, "--workers", "2", workers=2)


def test_flask_hello(flask: Server) -> None:
    """Flask's hello world."""
    assert httpx.get(flask.url).text == "<p>Hello, World!</p>"


def test_flask_session(flask: Server) -> None:
    """A form logs in, a redirect is followed, the session counts visits over all workers."""
    with httpx.Client(base_url=flask.url, follow_redirects=True) as client:
        assert client.get("/visits").status_code == 403
        reply = client.post("/login", data={"name": "Zo\xeb & Co"})
        assert reply.json() == {"name": "Zo\xeb & Co", "visits": 1}
        for visit in range(2, 8):
            assert client.get("/visits").json()["visits"] == visit


def test_flask_upload(flask: Server) -> None:
    """A multipart form with a file of three megabytes."""
    reply = httpx.post(
        flask.url + "/upload", data={"note": "h\xf6"}, files={"file": ("pic.png", UPLOAD)}
    )
    assert reply.json() == {
        "name": "pic.png",
        "note": "h\xf6",
        "bytes": len(UPLOAD),
        "sha256": hashlib.sha256(UPLOAD).hexdigest(),
    }


def test_flask_stream(flask: Server) -> None:
    """A generator's items arrive whole."""
    assert httpx.get(flask.url + "/stream").text == STREAM


def test_flask_errors(flask: Server) -> None:
    """Flask answers its own 404 and 500; its traceback is in our log."""
    assert httpx.get(flask.url + "/nowhere").status_code == 404
    assert httpx.get(flask.url + "/fail").status_code == 500
    flask.wait_for_log(r"RuntimeError: flask view failed")


def test_django_hello(django: Server) -> None:
    """Django's hello world; MODULE alone finds `application`."""
    assert httpx.get(django.url).text == "<p>Hello, world.</p>"


def test_django_form_and_session(django: Server) -> None:
    """A form with a CSRF token; the session survives from request to request."""
    with httpx.Client(base_url=django.url) as client:
        token = client.get("/form").text
        assert client.post("/form", data={"name": "Ada"}).status_code == 403
        reply = client.post("/form", data={"name": "Ada", "csrfmiddlewaretoken": token})
        assert reply.json() == {"saved": "Ada"}
        assert client.get("/whoami").json() == {"name": "Ada"}
    assert httpx.get(django.url + "/whoami").json() == {"name": None}


def test_django_upload(django: Server) -> None:
    """A file of three megabytes, which Django puts into a temporary file."""
    with httpx.Client(base_url=django.url) as client:
        token = client.get("/form").text
        reply = client.post(
            "/upload", data={"csrfmiddlewaretoken": token}, files={"file": ("a.bin", UPLOAD)}
        )
    assert reply.json() == {
        "name": "a.bin",
        "bytes": len(UPLOAD),
        "sha256": hashlib.sha256(UPLOAD).hexdigest(),
    }


def test_django_stream(django: Server) -> None:
    """A StreamingHttpResponse arrives whole."""
    assert httpx.get(django.url + "/stream").text == STREAM


def test_fastapi_is_refused_by_name() -> None:
    """FastAPI is an ASGI framework: refused at boot, by name, with what it needs."""
    pytest.importorskip("fastapi")
    done = run_to_end("--bind", "127.0.0.1:0", "fastapi_site:app")
    assert done.returncode == 4
    assert "fastapi_site:app" in done.stderr
    assert "FastAPI" in done.stderr
    assert "-k asgi" in done.stderr
