# SPDX-License-Identifier: MIT
"""Requests of every shape, good and bad, and every way in which an application answers them."""

from __future__ import annotations

from collections.abc import Iterable

from tests.parity.scenario import Exchange, Group, Job
from tests.support import uwsgi

SETTINGS = {
    # No connection is kept: so does gunicorn's sync worker, and the logs come in one order.
    "gunicorn.conf.py": "keepalive = 0\n",
}


def request(
    target: str = "/environ",
    *fields: str,
    method: str = "GET",
    version: str = "HTTP/1.1",
    host: str | None = "test",
    body: bytes = b"",
) -> bytes:
    """A request; each field is a whole line without its end."""
    lines = [f"{method} {target} {version}", *([f"Host: {host}"] if host is not None else [])]
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1") + body


def post(target: str, body: bytes, *fields: str) -> bytes:
    """A POST with its length."""
    return request(target, f"Content-Length: {len(body)}", *fields, method="POST", body=body)


def chunked(target: str, body: bytes, *fields: str) -> bytes:
    """A POST whose chunks are given as they go over the wire."""
    return request(target, "Transfer-Encoding: chunked", *fields, method="POST", body=body)


Row = tuple[str, bytes]


def exchanges(section: str, rows: Iterable[Row]) -> tuple[Exchange, ...]:
    """One request each."""
    return tuple(Exchange(name, section, (data,)) for name, data in rows)


GET = b"GET /environ HTTP/1.1\r\nHost: test\r\n"

ENVIRON: list[Row] = [
    ("plain", request()),
    ("query", request("/environ?a=1&b=2")),
    ("empty query", request("/environ?")),
    ("two question marks", request("/environ?a?b")),
    ("fragment", request("/environ?a=1#part")),
    ("fragment without query", request("/environ#part")),
    ("percent", request("/a%20b%2Fc%3F")),
    ("percent of UTF-8", request("/%C3%A0")),
    ("percent of Latin-1", request("/%E0")),
    ("percent of NUL", request("/a%00b")),
    ("percent unfinished", request("/a%2")),
    ("percent of no number", request("/a%zzb")),
    ("percent in the query", request("/?a=%20%C3%A0")),
    ("plus", request("/a+b?c+d")),
    ("two slashes first", request("//a//b")),
    ("three slashes first", request("///a")),
    ("dots", request("/a/../b/./c")),
    ("semicolon", request("/a;b=1/c")),
    ("root", request("/")),
    ("absolute form", request("http://other.test/a?b=1")),
    ("absolute form with a port", request("http://other.test:81/a?b=1")),
    ("absolute form without a path", request("http://other.test")),
    ("absolute form, https", request("https://other.test/a")),
    ("asterisk", request("*", method="OPTIONS")),
    ("authority", request("test:443", method="CONNECT")),
    ("braces and quotes", request('/a{b}"c"|d^e`f')),
    ("backslash", request("/a\\b")),
    ("brackets", request("/a[b]")),
    ("brackets first", request("//[b/a")),
    ("tilde", request("/~user")),
    ("a colon in the path", request("/a:b")),
    ("an @ in the path", request("/a@b")),
    ("long query", request("/?" + "a" * 3000)),
    ("HTTP/1.0", request(version="HTTP/1.0")),
    ("HTTP/1.0 without Host", request(version="HTTP/1.0", host=None)),
    ("HTTP/1.1 without Host", request(host=None)),
    ("empty Host", request(host="")),
    ("Host with a port", request(host="test:8080")),
    ("Host of IPv6", request(host="[::1]:8080")),
    ("HEAD", request(method="HEAD")),
    ("PUT", request(method="PUT")),
    ("DELETE", request(method="DELETE")),
    ("PATCH", request(method="PATCH")),
    ("OPTIONS", request(method="OPTIONS")),
    ("TRACE", request(method="TRACE")),
    ("method of one's own", request(method="PROPFIND")),
    ("method with a dash", request(method="M-SEARCH")),
    ("method with signs", request(method="A!B$C")),
    ("POST without a length", request(method="POST")),
    ("POST", post("/environ", b"a=1", "Content-Type: text/plain")),
    ("POST of nothing", post("/environ", b"")),
    ("GET with a body", request("/environ", "Content-Length: 3", body=b"abc")),
    ("Content-Length with zeros before", request("/environ", "Content-Length: 003", body=b"abc")),
    ("empty Content-Type", request("/environ", "Content-Type:")),
    ("cookies", request("/environ", "Cookie: a=1", "Cookie: b=2")),
    ("field twice", request("/environ", "X-Two: a", "X-Two: b")),
    ("field twice in different case", request("/environ", "X-TWO: a", "x-two: b")),
    ("field twice, apart", request("/environ", "X-Two: a", "X-Other: c", "X-Two: b")),
    ("empty field", request("/environ", "X-Empty:")),
    ("field without space", request("/environ", "X-Tight:a")),
    ("field with much space", request("/environ", "X-Loose:  \t a b \t ")),
    ("field of Latin-1", request("/environ", "X-Latin: \xe4\xff")),
    ("field with a colon", request("/environ", "X-Colon: a:b: c")),
    ("field name with signs", request("/environ", "X!#$%&'*+.^`|~: a")),
    ("field name with a number", request("/environ", "1-2: a")),
    ("name with an underscore", request("/environ", "X_Under: a")),
    ("dash and underscore", request("/environ", "X-Under: a", "X_Under: b")),
    ("Accept and User-Agent", request("/environ", "Accept: */*", "User-Agent: parity/1")),
    ("Authorization", request("/environ", "Authorization: Basic dTpw")),
    ("proxy, https", request("/environ", "X-Forwarded-Proto: https")),
    ("proxy, http", request("/environ", "X-Forwarded-Proto: http")),
    ("proxy, capitals", request("/environ", "X-Forwarded-Proto: HTTPS")),
    ("proxy, ssl on", request("/environ", "X-Forwarded-Ssl: on")),
    ("proxy, protocol ssl", request("/environ", "X-Forwarded-Protocol: ssl")),
    ("proxy, all agree", request("/environ", "X-Forwarded-Ssl: on", "X-Forwarded-Proto: https")),
    ("proxy, contradiction", request("/environ", "X-Forwarded-Ssl: off", "X-Forwarded-Proto: https")),
    ("proxy, twice", request("/environ", "X-Forwarded-Proto: https", "X-Forwarded-Proto: https")),
    ("proxy, twice with contradiction", request("/environ", "X-Forwarded-Proto: https", "X-Forwarded-Proto: http")),
    ("forwarded for", request("/environ", "X-Forwarded-For: 10.0.0.1")),
    ("forwarded", request("/environ", "Forwarded: for=10.0.0.1;proto=https")),
    ("script name", request("/shop/environ", "SCRIPT_NAME: /shop")),
    ("script name with a percent", request("/sh%6Fp/environ", "SCRIPT_NAME: /shop")),
    ("script name, whole path", request("/shop", "SCRIPT_NAME: /shop")),
    ("script name, part of a word", request("/shopping/environ", "SCRIPT_NAME: /shop")),
    ("script name, other path", request("/environ", "SCRIPT_NAME: /shop")),
    ("script name, empty", request("/environ", "SCRIPT_NAME:")),
    ("script name with a dash", request("/shop/environ", "Script-Name: /shop")),
    ("path info", request("/environ", "PATH_INFO: /other")),
    ("remote user with an underscore", request("/environ", "REMOTE_USER: me")),
    ("remote user with a dash", request("/environ", "Remote-User: me")),
    ("Upgrade", request("/environ", "Connection: Upgrade", "Upgrade: websocket")),
    ("Upgrade to h2c", request("/environ", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")),
    ("TE", request("/environ", "TE: trailers")),
    ("Keep-Alive", request("/environ", "Keep-Alive: timeout=5")),
    ("Proxy", request("/environ", "Proxy: http://evil.test")),
    ("Expect, 1.0", request("/environ", "Expect: 100-continue", version="HTTP/1.0")),
    ("empty line first", b"\r\n" + request()),
    ("chunked", chunked("/environ", b"0\r\n\r\n")),
]  # fmt: skip

BODIES: list[Row] = [
    ("length", post("/body", b"hello")),
    ("length, binary", post("/body", bytes(range(256)))),
    ("length, long", post("/body", b"x" * 20000)),
    ("pieces", post("/pieces", b"abcline one\nline two\nrest\nmore")),
    ("pieces, chunked", chunked("/pieces", b"5\r\nabcli\r\n14\r\nne one\nline two\nrest\r\n0\r\n\r\n")),
    ("lines", post("/lines", b"one\ntwo\r\n\nthree")),
    ("lines, chunked", chunked("/lines", b"3\r\non\n\r\n5\r\n\ntwo\n\r\n0\r\n\r\n")),
    ("readlines with a hint", post("/readlines", b"one\ntwo\nthree\n")),
    ("read with a wrong size", post("/bad_size", b"hello")),
    ("not read", post("/no_read", b"hello")),
    ("none", request("/body")),
    ("chunks", chunked("/body", b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")),
    ("chunks, capital size", chunked("/body", b"A\r\n0123456789\r\n0\r\n\r\n")),
    ("chunks, small size", chunked("/body", b"a\r\n0123456789\r\n0\r\n\r\n")),
    ("chunks, zeros before the size", chunked("/body", b"0005\r\nhello\r\n000\r\n\r\n")),
    ("chunks, extension", chunked("/body", b"5;a=b\r\nhello\r\n0;c\r\n\r\n")),
    ("chunks, extension quoted", chunked("/body", b'5;a="b;c\\""\r\nhello\r\n0\r\n\r\n')),
    ("chunks, extension with spaces", chunked("/body", b"5 ; a = b\r\nhello\r\n0\r\n\r\n")),
    ("chunks, trailer", chunked("/body", b"5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n")),
    ("chunks, two trailers", chunked("/body", b"5\r\nhello\r\n0\r\nX-A: a\r\nX-B: b\r\n\r\n")),
    ("chunks, capitals of the coding", request("/body", "Transfer-Encoding: Chunked", method="POST", body=b"2\r\nhi\r\n0\r\n\r\n")),
    ("identity before chunked", request("/body", "Transfer-Encoding: identity, chunked", method="POST", body=b"2\r\nhi\r\n0\r\n\r\n")),
    ("gzip before chunked", request("/body", "Transfer-Encoding: gzip, chunked", method="POST", body=b"2\r\nhi\r\n0\r\n\r\n")),
    ("codings on two lines", request("/body", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked", method="POST", body=b"2\r\nhi\r\n0\r\n\r\n")),
    ("empty chunk size", chunked("/body", b"\r\nhello\r\n0\r\n\r\n")),
    ("chunk size of no number", chunked("/body", b"xyz\r\nhello\r\n0\r\n\r\n")),
    ("chunk size below zero", chunked("/body", b"-1\r\nhello\r\n0\r\n\r\n")),
    ("chunk size with 0x", chunked("/body", b"0x5\r\nhello\r\n0\r\n\r\n")),
    ("chunk size with an underscore", chunked("/body", b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n")),
    ("chunk size with a space", chunked("/body", b"5 \r\nhello\r\n0\r\n\r\n")),
    ("chunk size with a space before", chunked("/body", b" 5\r\nhello\r\n0\r\n\r\n")),
    ("chunk size behind a plus", chunked("/body", b"+5\r\nhello\r\n0\r\n\r\n")),
    ("chunk without its end", chunked("/body", b"5\r\nhelloXX0\r\n\r\n")),
    ("chunk that is longer", chunked("/body", b"3\r\nhello\r\n0\r\n\r\n")),
    ("chunk line with bare LF", chunked("/body", b"5\nhello\r\n0\r\n\r\n")),
    ("chunk extension with a control", chunked("/body", b"5;a\x01\r\nhello\r\n0\r\n\r\n")),
    ("chunk extension without a name", chunked("/body", b"5;\r\nhello\r\n0\r\n\r\n")),
    ("chunk extension, open quote", chunked("/body", b'5;a="b\r\nhello\r\n0\r\n\r\n')),
    ("chunk extension with CR", chunked("/body", b"5;a\rb\r\nhello\r\n0\r\n\r\n")),
    ("trailer that is forbidden", chunked("/body", b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n")),
    ("trailer without a colon", chunked("/body", b"5\r\nhello\r\n0\r\nX-Trailer\r\n\r\n")),
    ("trailer with a space in the name", chunked("/body", b"5\r\nhello\r\n0\r\nX Trailer: a\r\n\r\n")),
    ("expect", request("/body", "Content-Length: 2", "Expect: 100-continue", method="POST", body=b"hi")),
]  # fmt: skip

BAD: list[Row] = [
    ("no version", b"GET /\r\n\r\n"),
    ("only a word", b"GET\r\n\r\n"),
    ("two empty lines first", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("space at the end", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("space first", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("tab", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("four words", b"GET / / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("small method", request(method="get")),
    ("short method", request(method="GO")),
    ("long method", request(method="A" * 21)),
    ("method with a slash", request(method="G/T")),
    ("method with a hash", request(method="GE#T")),
    ("method in quotes", request(method='"GET"')),
    ("empty method", b" / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("target without a slash", request("environ")),
    ("target of a question mark", request("?a=1")),
    ("asterisk with GET", request("*")),
    ("empty target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("authority with GET", request("test:443")),
    ("control in the target", request("/a\x01b")),
    ("DEL in the target", request("/a\x7fb")),
    ("Latin-1 in the target", request("/\xe4")),
    ("Latin-1 in the query", request("/?\xe4")),
    ("brackets that do not match", request("http://[::1/a")),
    ("HTTP/0.9", request(version="HTTP/0.9")),
    ("HTTP/1.2", request(version="HTTP/1.2")),
    ("HTTP/1.10", request(version="HTTP/1.10")),
    ("HTTP/2.0", request(version="HTTP/2.0")),
    ("HTTP/3.0", request(version="HTTP/3.0")),
    ("HTTP/1", request(version="HTTP/1")),
    ("HTTP/1.x", request(version="HTTP/1.x")),
    ("http/1.1", request(version="http/1.1")),
    ("HTTPS/1.1", request(version="HTTPS/1.1")),
    ("FTP", request(version="FTP/1.1")),
    ("markup in the version", request(version="<b>HTTP</b>/1.1")),
    ("bare LF in the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ("bare LF behind a field", b"GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n"),
    ("bare LF everywhere", b"GET / HTTP/1.1\nHost: a\n\n"),
    ("bare CR in the request line", b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 30 + b"\r\n\r\n"),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("field without a colon", request("/environ", "X-A b")),
    ("field without a name", request("/environ", ": b")),
    ("space before the colon", request("/environ", "X-A : b")),
    ("tab before the colon", request("/environ", "X-A\t: b")),
    ("space in the name", request("/environ", "X A: b")),
    ("name with a control", request("/environ", "X\x01A: b")),
    ("name of Latin-1", request("/environ", "X\xe4: b")),
    ("name with a bracket", request("/environ", "X(A): b")),
    ("name with markup", request("/environ", "<b>: b")),
    ("name in quotes", request("/environ", '"X": b')),
    ("value with NUL", request("/environ", "X-A: a\x00b")),
    ("value with a control", request("/environ", "X-A: a\x01b")),
    ("value with DEL", request("/environ", "X-A: a\x7fb")),
    ("value with bare CR", request("/environ", "X-A: a\rb")),
    ("value with a tab", request("/environ", "X-A: a\tb")),
    ("folded", request("/environ", "X-A: a", " b")),
    ("folded with a tab", request("/environ", "X-A: a", "\tb")),
    ("first field folded", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("Host twice", request("/environ", "Host: other")),
    ("Host twice, alike", request("/environ", "Host: test")),
    ("Host with a slash", request(host="a/b")),
    ("Host with an at", request(host="a@b")),
    ("Content-Type twice", request("/environ", "Content-Type: a", "Content-Type: b")),
    ("Content-Length twice", request("/body", "Content-Length: 2", "Content-Length: 2", body=b"hi")),
    ("Content-Length twice, unlike", request("/body", "Content-Length: 2", "Content-Length: 3", body=b"hi")),
    ("Content-Length list", request("/body", "Content-Length: 2, 2", body=b"hi")),
    ("Content-Length below zero", request("/body", "Content-Length: -1")),
    ("Content-Length with a plus", request("/body", "Content-Length: +2", body=b"hi")),
    ("Content-Length with an underscore", request("/body", "Content-Length: 1_0", body=b"0123456789")),
    ("Content-Length of a word", request("/body", "Content-Length: two", body=b"hi")),
    ("Content-Length of hex", request("/body", "Content-Length: 0x2", body=b"hi")),
    ("Content-Length of a fraction", request("/body", "Content-Length: 2.0", body=b"hi")),
    ("Content-Length, empty", request("/body", "Content-Length:")),
    ("Content-Length of superscript", request("/body", "Content-Length: \xb2", body=b"hi")),
    ("Content-Length beyond 64 bits", request("/no_read", "Content-Length: 99999999999999999999")),
    ("both lengths", request("/body", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST", body=b"0\r\n\r\n")),
    ("chunked twice", request("/body", "Transfer-Encoding: chunked, chunked", method="POST", body=b"0\r\n\r\n")),
    ("chunked on two lines", request("/body", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", method="POST", body=b"0\r\n\r\n")),
    ("chunked before gzip", request("/body", "Transfer-Encoding: chunked, gzip", method="POST", body=b"0\r\n\r\n")),
    ("chunked before identity", request("/body", "Transfer-Encoding: chunked, identity", method="POST", body=b"0\r\n\r\n")),
    ("only gzip", request("/body", "Transfer-Encoding: gzip", method="POST")),
    ("only identity", request("/body", "Transfer-Encoding: identity", method="POST")),
    ("unknown coding", request("/body", "Transfer-Encoding: xyz", method="POST")),
    ("unknown coding before chunked", request("/body", "Transfer-Encoding: xyz, chunked", method="POST")),
    ("empty coding", request("/body", "Transfer-Encoding:", method="POST")),
    ("coding with a comma at the end", request("/body", "Transfer-Encoding: chunked,", method="POST", body=b"0\r\n\r\n")),
    ("coding with a parameter", request("/body", "Transfer-Encoding: chunked;q=1", method="POST", body=b"0\r\n\r\n")),
    ("coding in quotes", request("/body", 'Transfer-Encoding: "chunked"', method="POST", body=b"0\r\n\r\n")),
    ("coding with a control before", request("/body", "Transfer-Encoding: \x0bchunked", method="POST", body=b"0\r\n\r\n")),
    ("chunked with HTTP/1.0", request("/body", "Transfer-Encoding: chunked", method="POST", version="HTTP/1.0", body=b"0\r\n\r\n")),
    ("Expect of something else", request("/body", "Expect: 200-ok")),
    ("Expect, empty", request("/environ", "Expect:")),
    ("request line too long", request("/" + "a" * 4100)),
    ("request line too long without an end", b"GET /" + b"a" * 5000),
    ("field too long", request("/environ", "X-Long: " + "a" * 8200)),
    ("too many fields", request("/environ", *(f"X-{n}: a" for n in range(100)))),
    ("as many fields as there may be", request("/environ", *(f"X-{n}: a" for n in range(99)))),
]  # fmt: skip

ANSWERS: list[Row] = [
    ("status alone", request("/status?200")),
    ("status with a reason", request("/status?200+Fine")),
    ("status of one's own", request("/status?299+Own+Words")),
    ("status 404", request("/status?404+Not+Found")),
    ("status 500", request("/status?500+Oh+No")),
    ("status of two digits", request("/status?20+OK")),
    ("status of four digits", request("/status?2000+OK")),
    ("status of a word", request("/status?OK")),
    ("status with two spaces", request("/status?200++OK")),
    ("status with a space at the end", request("/status?200+")),
    ("status 204", request("/bare_status?204+No+Content")),
    ("status 204 with a body", request("/status?204+No+Content")),
    ("status 304", request("/bare_status?304+Not+Modified")),
    ("status 304 with a body", request("/status?304+Not+Modified")),
    ("status 101", request("/bare_status?101+Switching")),
    ("headers of one's own", request("/headers?X-A=1&x-b=2&X-A=3")),
    ("header Server", request("/headers?Server=mine")),
    ("header Date", request("/headers?Date=today")),
    ("header Connection: keep-alive", request("/headers?Connection=keep-alive")),
    ("header Connection: close", request("/headers?Connection=close")),
    ("header Connection: upgrade", request("/headers?Connection=upgrade&Upgrade=websocket")),
    ("header Upgrade: other", request("/headers?Upgrade=other")),
    ("header Keep-Alive", request("/headers?Keep-Alive=timeout")),
    ("header Transfer-Encoding", request("/headers?Transfer-Encoding=chunked")),
    ("header TE", request("/headers?TE=trailers")),
    ("header Trailer", request("/headers?Trailer=X-A")),
    ("header Trailers", request("/headers?Trailers=X-A")),
    ("header Proxy-Authenticate", request("/headers?Proxy-Authenticate=Basic")),
    ("streamed", request("/streamed")),
    ("streamed to HTTP/1.0", request("/streamed", version="HTTP/1.0")),
    ("streamed to HEAD", request("/streamed", method="HEAD")),
    ("written", request("/written")),
    ("empty", request("/empty")),
    ("empty without a length", request("/bare_status?200+OK")),
    ("more than announced", request("/too_long")),
    ("less than announced", request("/too_short")),
    ("raises", request("/raises")),
    ("raises with POST", post("/raises", b"hi")),
    ("raises behind the first part", request("/raises_later")),
    ("raises before the first part", request("/raises_before_part")),
    ("raises in close", request("/raises_in_close")),
    ("exits", request("/exits")),
    ("exc_info", request("/exc_info")),
    ("start_response twice", request("/twice")),
    ("no start_response", request("/no_start")),
    ("status that is a number", request("/wrong_type?status")),
    ("header name that is a number", request("/wrong_type?name")),
    ("header value that is a number", request("/wrong_type?value")),
    ("part that is text", request("/wrong_type?item")),
    ("result that is None", request("/wrong_type?none")),
    ("length that is a word", request("/wrong_type?length")),
    ("newline in a header", request("/wrong_type?newline")),
    ("colon in a header name", request("/wrong_type?colon")),
    ("space in a header name", request("/wrong_type?space")),
    ("header of Latin-1", request("/wrong_type?latin")),
    ("header beyond Latin-1", request("/wrong_type?wide")),
    ("header with spaces around", request("/wrong_type?padded")),
    ("header of bytes", request("/wrong_type?bytes")),
    ("headers as a tuple", request("/wrong_type?tuple")),
    ("header without a value", request("/wrong_type?empty")),
    ("header with a control", request("/wrong_type?control")),
    ("HEAD", request("/headers?X-A=1", method="HEAD")),
    ("HEAD that raises", request("/raises", method="HEAD")),
    ("file", request("/file?")),
    ("file from the middle", request("/file?4")),
    ("file, part of it", request("/file?2,5")),
    ("file, length beyond its end", request("/file?8,2")),
    ("file to HEAD", request("/file?", method="HEAD")),
    ("file to HTTP/1.0", request("/file?", version="HTTP/1.0")),
    ("file in memory", request("/memory_file")),
    ("early hints", request("/hints")),
    ("early hints to HTTP/1.0", request("/hints", version="HTTP/1.0")),
    ("early hints that are bad", request("/bad_hints")),
    ("wsgi.errors", request("/errors")),
]  # fmt: skip

# Options that change how requests are read; each has a server of its own.
LENIENT: list[tuple[str, str, tuple[str, ...], list[Row]]] = [
    ("folding permitted", "permit_obsolete_folding", ("--permit-obsolete-folding",), [
        ("folded", request("/environ", "X-A: a", "  b")),
        ("folded twice", request("/environ", "X-A: a", "\tb ", " c")),
        ("folded from nothing", request("/environ", "X-A:", " b")),
    ]),
    ("header spaces stripped", "strip_header_spaces", ("--strip-header-spaces",), [
        ("space", request("/environ", "X-A : b")),
        ("tab", request("/environ", "X-A\t : b")),
    ]),
    ("methods permitted", "permit_unconventional_http_method", ("--permit-unconventional-http-method",), [
        ("small", request(method="get")),
        ("short", request(method="G")),
        ("hash", request(method="GE#T")),
        ("slash", request(method="G/T")),
        ("long", request(method="A" * 30)),
    ]),
    ("methods casefolded", "casefold_http_method", ("--permit-unconventional-http-method", "--casefold-http-method"), [
        ("small", request(method="get")),
        ("mixed", request(method="gEt")),
    ]),
    ("versions permitted", "permit_unconventional_http_version", ("--permit-unconventional-http-version",), [
        ("0.9", request(version="HTTP/0.9")),
        ("1.9", request(version="HTTP/1.9")),
        ("2.0", request(version="HTTP/2.0")),
        ("9.9", request(version="HTTP/9.9")),
        ("1", request(version="HTTP/1")),
    ]),
    ("header map refuse", "header_map", ("--header-map", "refuse"), [
        ("underscore", request("/environ", "X_A: b")),
        ("forwarder", request("/shop/environ", "SCRIPT_NAME: /shop")),
    ]),
    ("header map dangerous", "header_map", ("--header-map", "dangerous"), [
        ("underscore", request("/environ", "X_A: b")),
        ("underscore and dash", request("/environ", "X_A: b", "X-A: c")),
        ("Content_Length", request("/environ", "Content_Length: 5")),
    ]),
    ("forwarder headers", "forwarder_headers", ("--forwarder-headers", "REMOTE_USER"), [
        ("listed", request("/environ", "REMOTE_USER: me")),
        ("script name is not listed", request("/environ", "SCRIPT_NAME: /environ")),
    ]),
    ("forwarder headers, any", "forwarder_headers", ("--forwarder-headers", "*"), [
        ("any", request("/environ", "X_ANY: me")),
    ]),
    ("untrusted peer", "forwarded_allow_ips", ("--forwarded-allow-ips", "10.0.0.0/8"), [
        ("scheme", request("/environ", "X-Forwarded-Proto: https")),
        ("contradiction", request("/environ", "X-Forwarded-Ssl: off", "X-Forwarded-Proto: https")),
        ("script name", request("/shop/environ", "SCRIPT_NAME: /shop")),
    ]),
    ("trusted network", "forwarded_allow_ips", ("--forwarded-allow-ips", "127.0.0.0/8"), [
        ("scheme", request("/environ", "X-Forwarded-Proto: https")),
    ]),
    ("trusted anybody", "forwarded_allow_ips", ("--forwarded-allow-ips", "*"), [
        ("scheme", request("/environ", "X-Forwarded-Proto: https")),
    ]),
    ("line limit", "limit_request_line", ("--limit-request-line", "30"), [
        ("at the limit", b"GET /" + b"a" * 16 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("one beyond", b"GET /" + b"a" * 17 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]),
    ("line limit off", "limit_request_line", ("--limit-request-line", "0"), [
        ("5000 bytes", request("/" + "a" * 5000)),
        ("9000 bytes", request("/empty?" + "a" * 9000)),
    ]),
    ("field limit", "limit_request_fields", ("--limit-request-fields", "3"), [
        ("at the limit", request("/environ", "X-A: a", "X-B: b")),
        ("one beyond", request("/environ", "X-A: a", "X-B: b", "X-C: c")),
        ("dropped ones do not count", request("/environ", "X-A: a", "X-B: b", "X_C: c")),
    ]),
    ("field size limit", "limit_request_field_size", ("--limit-request-field_size", "20"), [
        ("at the limit", request("/environ", "X-A: " + "a" * 13)),
        ("one beyond", request("/environ", "X-A: " + "a" * 14)),
    ]),
    ("field size limit off", "limit_request_field_size", ("--limit-request-field_size", "0"), [
        ("8000 bytes", request("/environ", "X-A: " + "a" * 8000)),
        ("9000 bytes", request("/environ", "X-A: " + "a" * 9000)),
    ]),
    ("PROXY version 1", "proxy_protocol", ("--proxy-protocol=v1",), [
        ("TCP4", b"PROXY TCP4 10.0.0.1 10.0.0.2 1111 2222\r\n" + request()),
        ("TCP6", b"PROXY TCP6 fe80::1 fe80::2 1111 2222\r\n" + request()),
        ("UNKNOWN", b"PROXY UNKNOWN\r\n" + request()),
        ("bad address", b"PROXY TCP4 10.0.0.300 10.0.0.2 1111 2222\r\n" + request()),
        ("bad port", b"PROXY TCP4 10.0.0.1 10.0.0.2 99999 2222\r\n" + request()),
        ("too few words", b"PROXY TCP4 10.0.0.1 10.0.0.2 1111\r\n" + request()),
        ("none", request()),
    ]),
    ("PROXY from elsewhere", "proxy_allow_ips", ("--proxy-protocol=auto", "--proxy-allow-from", "10.0.0.1"), [
        ("TCP4", b"PROXY TCP4 10.0.0.1 10.0.0.2 1111 2222\r\n" + request()),
        ("none", request()),
    ]),
    ("PROXY version 2", "proxy_protocol", ("--proxy-protocol=v2",), [
        ("TCP4", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\1\x0a\0\0\2\4\x57\x08\xae" + request()),
        ("TCP6", b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + bytes(15) + b"\1" + bytes(15) + b"\2\4\x57\x08\xae" + request()),
        ("LOCAL", b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c\x0a\0\0\1\x0a\0\0\2\4\x57\x08\xae" + request()),
        ("version 3", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\x0a\0\0\1\x0a\0\0\2\4\x57\x08\xae" + request()),
        ("text", b"PROXY TCP4 10.0.0.1 10.0.0.2 1111 2222\r\n" + request()),
    ]),
    ("PROXY off", "proxy_protocol", (), [
        ("text", b"PROXY TCP4 10.0.0.1 10.0.0.2 1111 2222\r\n" + request()),
    ]),
]  # fmt: skip

# Packets of the uwsgi protocol, as nginx sends them; their replies are those of HTTP.
UWSGI: list[Row] = [
    ("GET", uwsgi.get("/environ")),
    ("query", uwsgi.get("/environ?a=1&b=%20")),
    ("HEAD", uwsgi.get("/empty", method="HEAD")),
    ("field", uwsgi.get("/environ", ("HTTP_HOST", "test"), ("HTTP_X_TWO", "a"))),
    ("content type", uwsgi.get("/environ", ("CONTENT_TYPE", "text/plain"))),
    ("https", uwsgi.get("/environ", ("HTTPS", "on"))),
    ("POST", uwsgi.post("/body", b"hello")),
    ("POST of nothing", uwsgi.post("/body", b"")),
    ("streamed", uwsgi.get("/streamed")),
    ("raises", uwsgi.get("/raises")),
    ("script name", uwsgi.get("/environ", ("SCRIPT_NAME", "/shop"))),
    ("client's address", uwsgi.get("/environ", ("REMOTE_ADDR", "10.0.0.1"))),
    ("variable of one's own", uwsgi.get("/environ", ("SHOP", "a"))),
    ("percent in the path", uwsgi.packet([("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/a%2520b"), ("PATH_INFO", "/a%20b")])),
    ("no method", uwsgi.packet([("REQUEST_URI", "/environ"), ("PATH_INFO", "/environ")])),
    ("length that is no number", uwsgi.get("/body", ("CONTENT_LENGTH", "x"))),
    ("other modifier", uwsgi.packet_of(b"", 5)),
    ("a variable that is cut", uwsgi.packet_of(b"\5\0ab")),
]  # fmt: skip

ACCESS: list[tuple[str, str]] = [
    ("default", ""),
    (
        "fixed atoms",
        "%(h)s %(l)s %(u)s %(r)s %(m)s %(U)s %(q)s %(H)s %(s)s %(B)s %(b)s %(f)s %(a)s %(p)s",
    ),
    ("time", "%(t)s"),
    ("header in", "%({host}i)s %({X-Two}i)s %({x-missing}i)s"),
    ("header out", "%({content-type}o)s %({X-A}o)s %({server}o)s %({date}o)s %({x-missing}o)s"),
    (
        "environ",
        "%({raw_uri}e)s %({REMOTE_ADDR}e)s %({SERVER_PROTOCOL}e)s %({wsgi.url_scheme}e)s %({missing}e)s",
    ),
    ("unknown atoms", "%(x)s %(hh)s %({a}z)s"),
    ("percent", "100%% %(s)s"),
    ("numbers", "%(T)d %(B)05d"),
    ("widths", "[%(s)10s] [%(m)-10s] [%(U).3s]"),
    ("quotes", '"%(f)s" "%(a)s" %(q)s'),
    ("text of one's own", "served: %(m)s"),
]

LOGGED: list[Row] = [
    ("plain", request("/headers?X-A=1")),
    ("query", request("/empty?a=1&b=2", "Referer: http://a.test/", "User-Agent: parity/1")),
    ("quotes", request('/empty?"', 'User-Agent: a "b" c')),
    ("backslash", request("/empty", "User-Agent: a\\b")),
    ("Latin-1", request("/empty", "User-Agent: \xe4")),
    ("percent", request("/%C3%A0%20?%20")),
    ("user", request("/empty", "Authorization: Basic dXNlcjpwYXNz")),
    ("user without a password", request("/empty", "Authorization: Basic dXNlcg==")),
    ("user that is no base64", request("/empty", "Authorization: Basic !!!")),
    ("other authorization", request("/empty", "Authorization: Bearer abc")),
    ("two fields", request("/empty", "X-Two: a", "X-Two: b")),
    ("HEAD", request("/headers?X-A=1", method="HEAD")),
    ("204", request("/bare_status?204+No+Content")),
    ("streamed", request("/streamed")),
    ("raises", request("/raises")),
    ("bad request", request(method="get")),
    ("bad length", request("/", "Content-Length: x")),
    ("HTTP/1.0", request("/empty", version="HTTP/1.0")),
    ("absolute", request("http://other.test/empty?a")),
    ("script name", request("/shop/empty", "SCRIPT_NAME: /shop")),
]


def keeping() -> tuple[Exchange, ...]:
    """Whether the connection is kept, with a worker that keeps connections."""
    one = request("/headers?X-A=1")
    rows: list[tuple[str, tuple[bytes, ...]]] = [
        ("two requests", (one, one)),
        ("close", (request("/empty", "Connection: close"),)),
        ("close in capitals", (request("/empty", "Connection: CLOSE"),)),
        ("keep-alive", (request("/empty", "Connection: keep-alive"), one)),
        ("HTTP/1.0", (request("/empty", version="HTTP/1.0"),)),
        ("HTTP/1.0 and keep-alive", (request("/empty", "Connection: keep-alive", version="HTTP/1.0"),)),
        ("HTTP/1.0 and Keep-Alive", (request("/empty", "Connection: Keep-Alive", version="HTTP/1.0"),)),
        ("close in a list", (request("/empty", "Connection: x, close"),)),
        ("another word", (request("/empty", "Connection: x"), one)),
        ("two in one write", (one + one, b"")),
        ("three in one write", (one + one + one, b"", b"")),
        ("the second is bad", (one + b"get / HTTP/1.1\r\n\r\n", b"")),
        ("body that is not read", (post("/no_read", b"hello"), one)),
        ("body that is read", (post("/body", b"hello"), one)),
        ("chunked body that is not read", (chunked("/no_read", b"5\r\nhello\r\n0\r\n\r\n"), one)),
        ("chunked body and another", (chunked("/body", b"5\r\nhello\r\n0\r\n\r\n"), one)),
        ("bad body that is not read", (chunked("/no_read", b"x\r\nhello\r\n0\r\n\r\n"),)),
        ("streamed", (request("/streamed"), one)),
        ("streamed to HTTP/1.0 with keep-alive", (request("/streamed", "Connection: keep-alive", version="HTTP/1.0"),)),
        ("HEAD", (request("/headers?X-A=1", method="HEAD"), one)),
        ("204", (request("/bare_status?204+No+Content"), one)),
        ("304", (request("/bare_status?304+Not+Modified"), one)),
        ("raises", (request("/raises"),)),
        ("bad request", (request(method="get"),)),
        ("connect", (request("test:443", method="CONNECT"),)),
        ("less than announced", (request("/too_short"),)),
        ("more than announced", (request("/too_long"), one)),
        ("empty line between", (one, b"\r\n" + one)),
        ("application says close", (request("/headers?Connection=close"),)),
        ("file", (request("/file?2,5"), one)),
        ("expect", (request("/body", "Content-Length: 2", "Expect: 100-continue", method="POST", body=b"hi"), one)),
        ("gzip coding", (request("/body", "Transfer-Encoding: gzip, chunked", method="POST", body=b"2\r\nhi\r\n0\r\n\r\n"),)),
        ("early hints", (request("/hints"), one)),
        ("exits", (request("/exits"),)),
    ]  # fmt: skip
    kept = [Exchange(name, "5.5", sends) for name, sends in rows]
    cut = [
        ("nothing", b""),
        ("half a request line", b"GET / HT"),
        ("half a head", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        ("half a body", post("/body", b"hello")[:-2]),
        ("half a chunk", chunked("/body", b"5\r\nhel")),
        ("chunks without an end", chunked("/body", b"5\r\nhello\r\n0\r\n")),
        ("whole request", one),
    ]
    ended = [
        Exchange(f"client ends: {name}", "5.7", (data,), half_close=True) for name, data in cut
    ]
    return (*kept, *ended)


def jobs() -> list[Job]:
    """One server for each group."""
    found: list[Job] = [
        Group("environ", exchanges("5.1", ENVIRON), files=SETTINGS, settings=("secure_scheme_headers",)),
        Group("body", exchanges("5.1", BODIES), files=SETTINGS, logs=True),
        Group("bad request", exchanges("5.7", BAD), files=SETTINGS, logs=True, settings=("errorlog",)),
        Group("answer", exchanges("5.3", ANSWERS), files=SETTINGS, logs=True),
        Group("connection", keeping(), ("--threads", "4", "--keep-alive", "2"), settings=("keepalive", "threads")),
        Group(
            "under a script name",
            exchanges("5.1", [
                ("below", request("/shop/environ")),
                ("beside", request("/environ")),
                ("header wins", request("/other/environ", "SCRIPT_NAME: /other")),
            ]),
            env={"SCRIPT_NAME": "/shop"},
            files=SETTINGS,
        ),
        Group(
            "schemes of one's own",
            exchanges("5.2", [
                ("listed", request("/environ", "X-Scheme: secure")),
                ("not listed any more", request("/environ", "X-Forwarded-Proto: https")),
            ]),
            files={"gunicorn.conf.py": "keepalive = 0\nsecure_scheme_headers = {'X-SCHEME': 'secure'}\n"},
        ),
        Group(
            "with threads",
            exchanges("5.1", [("environ", request()), ("raises", request("/raises"))]),
            ("--threads", "2", "--keep-alive", "0"),
        ),
        Group("uwsgi", exchanges("6.4", UWSGI), ("--protocol", "uwsgi"), files=SETTINGS, settings=("protocol",)),
        Group("uwsgi from elsewhere", exchanges("6.4", UWSGI[:1]), ("--protocol", "uwsgi", "--uwsgi-allow-from", "10.0.0.1"), files=SETTINGS, settings=("uwsgi_allow_ips",)),
        Group("without sendfile", exchanges("5.4", [("file", request("/file?2,5"))]), ("--no-sendfile",),
              files=SETTINGS, settings=("sendfile",)),
    ]  # fmt: skip
    for name, setting, args, rows in LENIENT:
        section = "6.3" if "PROXY" in name else "6.1"
        group = Group(
            name, exchanges(section, rows), args, files=SETTINGS, settings=(setting,), logs=True
        )
        found.append(group)
    path = ("--access-logformat", "%({path_info}e)s @%(r)s")
    found.append(
        Group(
            "access log, path of the environ",
            exchanges("9.2", LOGGED[1:2]),
            path,
            files=SETTINGS,
            logs=True,
        )
    )
    for name, form in ACCESS:
        # What stands behind the @ tells the mark of one exchange from those of others.
        args = ("--access-logformat", f"{form} @%(r)s") if form else ()
        settings = ("accesslog", "access_log_format")
        group = Group(
            f"access log, {name}",
            exchanges("9.2", LOGGED),
            args,
            files=SETTINGS,
            settings=settings,
            logs=True,
        )
        found.append(group)
    return found
