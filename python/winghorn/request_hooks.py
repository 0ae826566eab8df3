# SPDX-License-Identifier: MIT
"""pre_request and post_request, and the request and response that they receive.

Made from the environ, and only when one of the two hooks is set. They show what has happened:
changing them changes nothing, but for Request.force_close().
"""

from __future__ import annotations

import traceback
from functools import cached_property
from typing import TYPE_CHECKING, Any

from winghorn.config import Config, Hook, positional_count

if TYPE_CHECKING:
    from winghorn.hook_objects import Worker

Environ = dict[str, Any]
Headers = list[tuple[str, str]]


class Request:
    """A request as hooks see it: gunicorn's attributes."""

    pid: int  # of the worker, in records of the log

    def __init__(self, environ: Environ, cfg: Config, number: int) -> None:
        self._environ = environ
        self.cfg = cfg
        self.req_number = number
        self.method: str = environ["REQUEST_METHOD"]
        self.uri: str = environ["RAW_URI"]
        self.query: str = environ["QUERY_STRING"]
        self.scheme: str = environ.get("wsgi.url_scheme", "http")
        self.body = environ.get("wsgi.input")  # not in what is logged of a request
        self.remote_addr = (environ.get("REMOTE_ADDR", ""), environ.get("REMOTE_PORT", ""))
        self.peer_addr = self.remote_addr
        self.trailers: Headers = []  # the body is not read yet
        self.must_close = False

    @cached_property
    def path(self) -> str:
        """The target's path, as it was received."""
        target = self.uri.partition("#")[0].partition("?")[0]
        if target.startswith("/") or "://" not in target:
            return target
        _, slash, path = target.partition("://")[2].partition("/")
        return slash + path

    @cached_property
    def fragment(self) -> str:
        """What stands behind a # in the target, which no client should send."""
        return self.uri.partition("#")[2]

    @cached_property
    def version(self) -> tuple[int, ...]:
        """(1, 1) for HTTP/1.1."""
        number: str = self._environ["SERVER_PROTOCOL"].partition("/")[2]
        return tuple(int(part) for part in number.split(".") if part.isdigit())

    @cached_property
    def headers(self) -> Headers:
        """(NAME, value), names in upper case; what came several times is joined."""
        plain = {"CONTENT_TYPE": "CONTENT-TYPE", "CONTENT_LENGTH": "CONTENT-LENGTH"}
        found = [(plain[key], self._environ[key]) for key in plain if key in self._environ]
        for key, value in self._environ.items():
            if key.startswith("HTTP_"):
                found.append((key[5:].replace("_", "-"), value))
        return found

    @cached_property
    def proxy_protocol_info(self) -> dict[str, Any] | None:
        """What a PROXY header has said of the two ends; None without one."""
        environ = self._environ
        if "PROXY_PROTOCOL" not in environ:
            return None
        return {
            "proxy_protocol": environ["PROXY_PROTOCOL"],
            "client_addr": self.remote_addr[0],
            "client_port": int(self.remote_addr[1]),
            "proxy_addr": environ["PROXY_ADDR"],
            "proxy_port": int(environ["PROXY_PORT"]),
        }

    def force_close(self) -> None:
        """In pre_request: have the connection closed behind the answer."""
        self.must_close = True

    def should_close(self) -> bool:
        """Whether the connection ends with this request, as far as the client and hooks go."""
        if self.must_close:
            return True
        asked = self._environ.get("HTTP_CONNECTION", "").lower().strip(" \t")
        if asked in {"close", "keep-alive"}:
            return bool(asked == "close")
        return self.version <= (1, 0)


class Response:
    """What was answered, as hooks see it; `status` is None if the application gave none."""

    def __init__(self, req: Request, status: str | None, headers: Headers, sent: int) -> None:
        self.req = req
        self.cfg = req.cfg
        self.status = status
        self.headers = headers
        self.sent = sent
        self.headers_sent = status is not None

    @cached_property
    def response_length(self) -> int | None:
        """The Content-Length that the application gave, if it gave one."""
        given = [value for name, value in self.headers if name.lower() == "content-length"]
        return int(given[-1]) if given else None

    @property
    def status_code(self) -> int | None:
        """The status as a number."""
        return None if self.status is None else int(self.status[:3])


def log_request(worker: Worker, req: Request) -> None:
    """What pre_request is by default."""
    worker.log.debug("%s %s", req.method, req.path)


class RequestHooks:
    """Calls the two hooks of one worker; the engine calls before() and after()."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._pre_request: Hook = worker.cfg.pre_request or log_request
        self._post_request: Hook | None = worker.cfg.post_request
        self._arguments = positional_count(self._post_request) if self._post_request else 0
        self._number = 0

    def before(self, environ: Environ) -> Request:
        """Before the application: what pre_request raises is the application's error."""
        self._number += 1
        req = Request(environ, self._worker.cfg, self._number)
        self._pre_request(self._worker, req)
        self._worker.begun += 1
        return req

    def after(self, req: Request, environ: Environ, status: Any, headers: Any, sent: int) -> None:
        """After the answer; `status` is None when the application gave none. Never raises."""
        if self._post_request is None:
            return
        resp = Response(req, status, list(headers or ()), sent)
        arguments = (self._worker, req, environ, resp)[: self._arguments]
        try:
            self._post_request(*arguments)
        except Exception:
            text = traceback.format_exc().rstrip()
            self._worker.log.error("Exception in %s hook\n%s", "post_request", text)
