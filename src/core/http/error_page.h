// error_page.h: the page that the server itself answers with, to the byte as gunicorn's (parity 5.7).
//
// `reason` goes out as it is; `message` is escaped for HTML here.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/bytes.h"
#include "core/http/reply.h"

namespace winghorn {

struct ErrorPage {
  ReplyHead head;  // marked as an error page, Content-Type set, asks for close
  std::string body;
};

ErrorPage make_error_page(int status, Bytes reason, Bytes message);

// The standard reason phrase (RFC 9110 15), "Unknown" for others.
Bytes reason_phrase(int status);

}  // namespace winghorn
