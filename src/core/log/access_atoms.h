// access_atoms.h: the atoms of an access log format: which there are, and the one whose value must be dug out.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/bytes.h"

namespace winghorn::log {

// Beside the one-letter atoms, in AccessFormat::Piece::atom.
constexpr char kUnknown = 0;
constexpr char kRequestHeader = 'i';
constexpr char kReplyHeader = 'o';
constexpr char kEnvironValue = 'e';

constexpr Bytes kAtoms = "hlutrmUqHsBbfaTMDLpQ";

// Those that %d and its like may show. (In gunicorn s and b are texts, in its asgi worker s is a number.)
constexpr bool is_number(char atom) {
  return atom != 0 && Bytes("sBbTMD").find(atom) != Bytes::npos;
}

// The user of "Basic <base64>", or Bytes() when there is none that could be read as UTF-8.
Bytes basic_auth_user(Bytes authorization, std::string& scratch);

}  // namespace winghorn::log
