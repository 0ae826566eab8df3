// request_cases.h: what comes in and what must be made of it, as data.
//
// An event is a request that the application saw ("METHOD target body"), or a refusal ("status text of
// the log line"). "kept" or "closed" is what must have become of the connection at the end.
// SPDX-License-Identifier: MIT
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "wire/driver.h"

namespace winghorn::wire {

enum class Then : std::uint8_t { Nothing, EndOfInput, IdleClock, HeadClock, BodyClock, Drain };

struct Case {
  std::string name;
  std::string bytes;
  std::vector<std::string> events;
  std::string end = "closed";
  void (*change)(Terms&) = nullptr;
  Then then = Then::Nothing;
  bool whole_only = false;  // the outcome depends on how the bytes arrive, rightly
};

inline std::ostream& operator<<(std::ostream& out, const Case& each) { return out << each.name; }

std::vector<Case> grammar_cases();
std::vector<Case> framing_cases();
std::vector<Case> policy_cases();
std::vector<Case> body_limit_cases();
std::vector<Case> hostile_cases();
std::vector<Case> uwsgi_cases();

}  // namespace winghorn::wire
