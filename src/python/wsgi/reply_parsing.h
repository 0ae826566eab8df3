// reply_parsing.h: status and headers, as an application gives them, into a ReplyHead.
//
// The rules of PEP 3333 and RFC 9110 with gunicorn's texts. All return false with a Python error
// set.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/http/reply.h"
#include "python/gil/gil.h"

namespace winghorn::wsgi {

// "200 OK" or "200": three digits, one space, a reason. TypeError unless str, ValueError for other
// texts.
bool parse_status(const gil::Gil& gil, PyObject* status, ReplyHead& into);

enum class HeaderText : bool { StrOnly, StrOrBytes };

// A list of (name, value). Surrounding blanks of values are dropped.
bool parse_headers(const gil::Gil& gil, PyObject* headers, HeaderText text, ReplyHead& into);

}  // namespace winghorn::wsgi
