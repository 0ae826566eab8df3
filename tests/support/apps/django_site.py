# SPDX-License-Identifier: MIT
"""A Django project in one file: sessions in signed cookies, a CSRF form, uploads, a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import django  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import (  # type: ignore[import-untyped]
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.middleware.csrf import get_token  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()


def hello(request: Any) -> Any:
    return HttpResponse("<p>Hello, world.</p>")


def form(request: Any) -> Any:
    if request.method == "POST":
        request.session["name"] = request.POST["name"]
        return JsonResponse({"saved": request.POST["name"]})
    return HttpResponse(get_token(request))


def whoami(request: Any) -> Any:
    return JsonResponse({"name": request.session.get("name")})


def upload(request: Any) -> Any:
    file = request.FILES["file"]
    found = hashlib.sha256()
    for block in file.chunks():
        found.update(block)
    return JsonResponse({"name": file.name, "bytes": file.size, "sha256": found.hexdigest()})


def stream(request: Any) -> Any:
    def produce() -> Iterator[str]:
        for number in range(100):
            yield f"{number}\n"

    return StreamingHttpResponse(produce(), content_type="text/plain")


urlpatterns = [
    path("", hello),
    path("form", form),
    path("whoami", whoami),
    path("upload", upload),
    path("stream", stream),
]
application = get_wsgi_application()
