// SPDX-License-Identifier: MIT
#include "python/gil/names.h"

namespace winghorn::gil {

Names the_names{};

bool make_names(const Gil&) {
  if (the_names.empty != nullptr) return true;
  Names made{};
#define WINGHORN_MAKE_NAME(member, text)          \
  made.member = PyUnicode_InternFromString(text); \
  if (made.member == nullptr) return false;
  WINGHORN_NAMES(WINGHORN_MAKE_NAME)
#undef WINGHORN_MAKE_NAME
  the_names = made;
  return true;
}

}  // namespace winghorn::gil
