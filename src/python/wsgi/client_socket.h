// client_socket.h: gunicorn.socket, the client's connection as a socket.socket, made only if looked
// at.
//
// The first attribute asked of it duplicates the descriptor and makes a real socket, which it then
// stands in for. Whoever talks through it talks beside the server: meant for asking (getpeername)
// and for libraries that take a connection over, after which the request ends without an answer of
// ours. Never looked at while its request ran, it raises OSError (EBADF) afterwards.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/ref.h"
#include "python/wsgi/call.h"

namespace winghorn::wsgi {

bool ready_client_socket(const gil::Gil& gil);
gil::Ref make_client_socket(const gil::Gil& gil, Call* call);
// True while it may stand for another request's connection too: nobody has made a socket of it.
bool is_untouched(PyObject* client_socket);
void detach_client_socket(PyObject* client_socket);

}  // namespace winghorn::wsgi
