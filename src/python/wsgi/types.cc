// SPDX-License-Identifier: MIT
#include "python/wsgi/types.h"

#include "python/gil/interrupts.h"
#include "python/gil/names.h"
#include "python/wsgi/client_socket.h"
#include "python/wsgi/deadline_object.h"
#include "python/wsgi/error_stream.h"
#include "python/wsgi/exceptions.h"
#include "python/wsgi/file_wrapper.h"
#include "python/wsgi/input.h"
#include "python/wsgi/request_callable.h"

namespace winghorn::wsgi {

bool set_up(const gil::Gil& gil) {
  return gil::make_names(gil) && gil::make_interrupts(gil) && make_exception_classes(gil) &&
         ready_request_callables(gil) && ready_input(gil) && ready_file_wrapper(gil) &&
         ready_error_stream(gil) && ready_client_socket(gil) && ready_deadline_object(gil);
}

PyObject* make_exceptions(const gil::Gil& gil, PyObject* module) {
  return make_exception_classes(gil) && add_exceptions_to(gil, module) ? module : nullptr;
}

}  // namespace winghorn::wsgi
