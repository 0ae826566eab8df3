// SPDX-License-Identifier: MIT
#include "python/wsgi/failure.h"

#include <fmt/format.h>

#include <string>

#include "core/http/error_page.h"
#include "python/gil/compat.h"
#include "python/gil/error_text.h"
#include "python/gil/interrupts.h"
#include "python/wsgi/application.h"
#include "python/wsgi/exceptions.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;

bool is_a(const Ref& exception, PyObject* type) {
  return PyErr_GivenExceptionMatches(exception.get(), type) != 0;
}

void tell(const std::function<void(Bytes)>& listener, const std::string& text) {
  if (listener) listener(text);
}

std::string request_line(const Call& call) {
  const RequestHead& head = call.exchange().head;
  return fmt::format("{} {}", head.method, head.target);
}

// Logs at the weight of the answer that is given.
void page_or_cut(const Gil&, Call& call, int status, Bytes message) {
  if (call.head_state() == HeadState::Out) {
    call.cut();
  } else {
    call.answer_page(status, reason_phrase(status), message);
  }
}

void invalid_request(const Gil& gil, Call& call, int status, const std::string& what) {
  tell(call.config().reports.warning,
       fmt::format("Invalid request from ip={}: {}", call.exchange().client().address, what));
  page_or_cut(gil, call, status, status == 408 ? Bytes() : Bytes(what));
}

void client_went(const Gil& gil, Call& call, const Ref& exception) {
  tell(call.config().reports.debug,
       fmt::format("Ignored premature client disconnection in {}: {}", request_line(call),
                   gil::text_of(gil, exception.get())));
  call.cut();
}

// At its deadline: the record of that has been written.
bool was_stopped(const Call& call, const Ref& exception) {
  return call.overdue() && is_a(exception, gil::request_timeout_class());
}

void log_traceback(const Gil& gil, const Call& call, const Ref& exception) {
  if (!call.config().reports.error) return;
  call.config().reports.error(fmt::format("Error handling request {}\n{}", request_line(call),
                                          gil::traceback_text(gil, exception.get())));
}

}  // namespace

void answer_failure(const Gil& gil, Call& call) {
  const Ref exception = gil::take_error(gil);
  if (!exception) return call.cut();
  if (call.socket_taken() && is_a(exception, PyExc_StopIteration)) return call.hang_up();
  if (was_stopped(call, exception)) return call.cut();
  if (call.gone() || is_a(exception, exceptions.client_disconnected)) {
    return client_went(gil, call, exception);
  }
  if (is_a(exception, exceptions.bad_request_body)) {
    return invalid_request(gil, call, 400, gil::text_of(gil, exception.get()));
  }
  if (is_a(exception, exceptions.request_body_timeout)) {
    return invalid_request(gil, call, 408, gil::text_of(gil, exception.get()));
  }
  if (is_a(exception, exceptions.request_body_too_large)) {
    return invalid_request(gil, call, 413, gil::text_of(gil, exception.get()));
  }
  log_traceback(gil, call, exception);
  page_or_cut(gil, call, is_a(exception, exceptions.request_body_not_stored) ? 507 : 500, {});
}

void log_failure(const Gil& gil, const Call& call) {
  const Ref exception = gil::take_error(gil);
  if (exception && !was_stopped(call, exception)) log_traceback(gil, call, exception);
}

void answer_refusal(const Gil&, Call& call, Bytes why) {
  const std::string text = fmt::format("Configuration problem: {}", why);
  tell(call.config().reports.warning,
       fmt::format("Invalid request from ip={}: {}", call.exchange().client().address, text));
  // gunicorn's own pairing of 500 with this reason.
  call.answer_page(500, "Bad Request", text);
}

}  // namespace winghorn::wsgi
