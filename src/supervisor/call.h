// call.h: hooks that may be empty.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace winghorn::supervisor {

template <class... Parameters, class... Arguments>
void call(const std::function<void(Parameters...)>& hook, const Arguments&... arguments) {
  if (hook) hook(arguments...);
}

template <class... Parameters, class... Arguments>
bool allows(const std::function<bool(Parameters...)>& hook, const Arguments&... arguments) {
  return !hook || hook(arguments...);
}

}  // namespace winghorn::supervisor
