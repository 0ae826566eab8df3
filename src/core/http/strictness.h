// strictness.h: what is refused in a request, as one struct of flags, each beside its source.
//
// True is stricter, everywhere. The defaults accept what gunicorn's users may rely on and nothing else; each
// flag names the setting that turns it. What RFC 9112 wants refused and no setting permits (bare CR or LF,
// NUL, two lengths, any doubt about framing: sections 2.2, 6 and 7.1) has no flag. How much is accepted is
// in Limits; whose word is taken for what, and names with '_', in HeaderPolicy.
// SPDX-License-Identifier: MIT
#pragma once

namespace winghorn {

struct Strictness {
  // A field value goes on in a line that begins with a blank (RFC 9112 5.2): permit_obsolete_folding.
  bool no_folding = true;
  // Blanks stand before the colon (RFC 9112 5.1): strip_header_spaces.
  bool no_space_before_colon = true;
  // Lower case, '#', shorter than 3 or longer than 20 characters (RFC 9110 9.1 allows any token):
  // permit_unconventional_http_method.
  bool conventional_method = true;
  // HTTP/0.9, 2.0 and the like in a request line (RFC 9112 2.3): permit_unconventional_http_version.
  bool conventional_version = true;
  // A method is taken as it is spelt (RFC 9110 9.1): casefold_http_method makes it upper case.
  bool case_sensitive_method = true;
  // HTTP/1.1 without Host (RFC 9112 3.2): require_host.
  bool host_required = false;
};

}  // namespace winghorn
