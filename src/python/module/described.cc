// SPDX-License-Identifier: MIT
#include "python/module/described.h"

#include <string>

namespace nb = nanobind;

namespace winghorn {

nb::list described(const std::vector<Listener>& listeners) {
  nb::list all;
  for (const Listener& one : listeners) {
    if (one.is_reserved()) continue;
    const ListenAddress& bound = one.bound();
    const std::string& name = one.is_unix() ? bound.path : bound.host;
    all.append(nb::make_tuple(one.fd(), nb::str(one.display().c_str()),
                              nb::bytes(name.data(), name.size()),
                              static_cast<unsigned>(bound.port)));
  }
  return all;
}

}  // namespace winghorn
