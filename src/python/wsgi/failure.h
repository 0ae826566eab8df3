// failure.h: what happens when an application raised: which answer, which log lines.
//
// | raised                                | head not out            | head out | log              |
// |---------------------------------------|-------------------------|----------|------------------|
// | anything, the client being gone       | nothing                 | nothing  | DEBUG            |
// | ClientDisconnected                    | cut                     | cut      | DEBUG            |
// | BadRequestBody                        | 400 with what was wrong | cut      | WARNING          |
// | RequestBodyTimeout                    | 408                     | cut      | WARNING          |
// | RequestBodyTooLarge                   | 413 with how large      | cut      | WARNING          |
// | RequestBodyNotStored                  | 507                     | cut      | ERROR, traceback |
// | StopIteration, the socket being taken | cut                     | cut      | DEBUG            |
// | anything else (SystemExit too)        | 500                     | cut      | ERROR, traceback |
// SPDX-License-Identifier: MIT
#pragma once

#include "python/wsgi/call.h"

namespace winghorn::wsgi {

// Takes the pending Python error, answers for it and leaves none.
[[gnu::cold]] void answer_failure(const gil::Gil& gil, Call& call);

// The same when the reply has ended already (close() raised): nothing but the log is left.
[[gnu::cold]] void log_failure(const gil::Gil& gil, const Call& call);

// The request cannot be given to the application (gunicorn's ConfigurationProblem).
[[gnu::cold]] void answer_refusal(const gil::Gil& gil, Call& call, Bytes why);

}  // namespace winghorn::wsgi
