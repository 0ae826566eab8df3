// names.h: the strings that the protocol between us and Python code names, made once.
//
// Interned, so a key that an application spells in its source is the very same object and a
// dictionary finds it by its address. make_names() once for the interpreter; names() afterwards,
// with the lock held. The strings live as long as the process.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/gil.h"

// X(member, text)
#define WINGHORN_NAMES(X)                                \
  X(empty, "")                                           \
  X(wsgi_version, "wsgi.version")                        \
  X(wsgi_url_scheme, "wsgi.url_scheme")                  \
  X(wsgi_input, "wsgi.input")                            \
  X(wsgi_input_terminated, "wsgi.input_terminated")      \
  X(wsgi_errors, "wsgi.errors")                          \
  X(wsgi_multithread, "wsgi.multithread")                \
  X(wsgi_multiprocess, "wsgi.multiprocess")              \
  X(wsgi_run_once, "wsgi.run_once")                      \
  X(wsgi_file_wrapper, "wsgi.file_wrapper")              \
  X(wsgi_early_hints, "wsgi.early_hints")                \
  X(gunicorn_socket, "gunicorn.socket")                  \
  X(deadline, "winghorn.deadline")                       \
  X(queue_time, "winghorn.queue_time")                   \
  X(client_disconnected, "winghorn.client_disconnected") \
  X(server_software, "SERVER_SOFTWARE")                  \
  X(server_name, "SERVER_NAME")                          \
  X(server_port, "SERVER_PORT")                          \
  X(server_protocol, "SERVER_PROTOCOL")                  \
  X(remote_addr, "REMOTE_ADDR")                          \
  X(remote_port, "REMOTE_PORT")                          \
  X(request_method, "REQUEST_METHOD")                    \
  X(raw_uri, "RAW_URI")                                  \
  X(path_info, "PATH_INFO")                              \
  X(query_string, "QUERY_STRING")                        \
  X(script_name, "SCRIPT_NAME")                          \
  X(content_type, "CONTENT_TYPE")                        \
  X(content_length, "CONTENT_LENGTH")                    \
  X(get, "GET")                                          \
  X(http_1_1, "HTTP/1.1")                                \
  X(http, "http")                                        \
  X(must_close, "must_close")                            \
  X(status, "status")                                    \
  X(headers, "headers")                                  \
  X(exc_info, "exc_info")                                \
  X(before, "before")                                    \
  X(after, "after")                                      \
  X(close, "close")                                      \
  X(read, "read")                                        \
  X(fileno, "fileno")                                    \
  X(tell, "tell")                                        \
  X(raw, "raw")                                          \
  X(file, "file")                                        \
  X(settimeout, "settimeout")                            \
  X(format_exception, "format_exception")

namespace winghorn::gil {

struct Names {
#define WINGHORN_NAME_MEMBER(member, text) PyObject* member;
  WINGHORN_NAMES(WINGHORN_NAME_MEMBER)
#undef WINGHORN_NAME_MEMBER
};

extern Names the_names;

bool make_names(const Gil& gil);  // false: a Python error is set
inline const Names& names() { return the_names; }

}  // namespace winghorn::gil
