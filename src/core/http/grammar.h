// grammar.h: the character classes of RFC 9110 section 5, for requests and replies alike.
//
// One table look-up for each byte; the searches look at 16 bytes at a time where the machine can.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/base/ascii.h"
#include "core/base/bytes.h"

namespace winghorn {

enum ByteClass : std::uint8_t {
  kTokenByte = 1,         // tchar
  kUnderscoreByte = 2,    // '_', which CGI cannot tell from '-'
  kTargetByte = 4,        // 0x21 to 0x7E
  kHostByte = 8,          // uri-host and port (RFC 3986 3.2.2)
  kPlainMethodByte = 16,  // neither 'a'-'z' nor '#'
};

constexpr std::array<std::uint8_t, 256> make_byte_classes() {
  std::array<std::uint8_t, 256> classes{};
  constexpr Bytes kTokenMarks = "!#$%&'*+-.^_`|~";
  constexpr Bytes kHostMarks = "-._~!$&'()*+,;=%:[]";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool lower = c >= 'a' && c <= 'z';
    const bool alphanumeric = lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    unsigned value = 0;
    if (alphanumeric || (byte != 0 && kTokenMarks.find(c) != Bytes::npos)) value |= kTokenByte;
    if (c == '_') value |= kUnderscoreByte;
    if (byte > 0x20 && byte < 0x7F) value |= kTargetByte;
    if (alphanumeric || (byte != 0 && kHostMarks.find(c) != Bytes::npos)) value |= kHostByte;
    if (!lower && c != '#') value |= kPlainMethodByte;
    classes[byte] = static_cast<std::uint8_t>(value);
  }
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> kByteClasses = make_byte_classes();

inline std::uint8_t byte_class(char c) { return kByteClasses[static_cast<unsigned char>(c)]; }

// What all bytes of `text` have in common; nothing for an empty one.
inline std::uint8_t common_class(Bytes text) {
  unsigned common = text.empty() ? 0U : 0xFFU;
  for (const char c : text) common &= byte_class(c);
  return static_cast<std::uint8_t>(common);
}

inline bool is_token(Bytes text) { return (common_class(text) & kTokenByte) != 0; }

// Conventional is what gunicorn takes: no 'a'-'z', no '#', 3 to 20 characters.
inline bool is_acceptable_method(Bytes method, bool conventional) {
  if (method == "GET") return true;
  const std::uint8_t common = common_class(method);
  if ((common & kTokenByte) == 0) return false;
  return !conventional ||
         ((common & kPlainMethodByte) != 0 && method.size() >= 3 && method.size() <= 20);
}

// Nearly all bytes are above both, and need but one look.
inline bool is_blank(char c) {
  return static_cast<unsigned char>(c) <= ' ' && (c == ' ' || c == '\t');
}

inline Bytes trim_blanks(Bytes text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 1*DIGIT without overflow (RFC 9110 8.6). False if not.
inline bool parse_decimal(Bytes text, std::uint64_t& number) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  number = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (kMost - digit) / 10) return false;
    number = number * 10 + digit;
  }
  return !text.empty();
}

// ASCII only; `lower` is in lower case already.
inline bool equals_lower(Bytes text, Bytes lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower_case(text[i]) != lower[i]) return false;
  }
  return true;
}

// The same for a name of token bytes and a text of letters, digits and '-': setting bit 5 makes capitals small
// and nothing else into one of those.
template <std::size_t size>
inline bool is_token_named(Bytes name, const char (&lower)[size]) {
  if (name.size() != size - 1) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i + 1 < size; ++i) {
    difference |= static_cast<unsigned char>(name[i] | 0x20) ^ static_cast<unsigned char>(lower[i]);
  }
  return difference == 0;
}

inline bool equals_ignoring_case(Bytes one, Bytes other) {
  if (one.size() != other.size()) return false;
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (lower_case(one[i]) != lower_case(other[i])) return false;
  }
  return true;
}

// Calls visit(member) for each member of a comma-separated list, blanks around it taken off.
template <class Visit>
void each_member(Bytes list, Visit visit) {
  while (true) {
    const std::size_t comma = list.find(',');
    visit(trim_blanks(list.substr(0, comma)));
    if (comma == Bytes::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// A byte that may not stand in a field value: all controls but HTAB (RFC 9110 5.5).
inline bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7F;
}

// As far as whole blocks of 16 reach.
inline const char* whole_blocks(const char* at, const char* end) {
  return at + ((end - at) & ~std::ptrdiff_t{15});
}

// The first control byte (is_control) in [at, end), or end.
inline const char* find_control(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1F);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7F);
  for (const char* const last = whole_blocks(at, end); at != last; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block);
    const __m128i bad =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(block, tab), low), _mm_cmpeq_epi8(block, del));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(bad));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
#endif
  while (at < end && !is_control(*at)) ++at;
  return at;
}

// The first `wanted` in [at, end), or end. For short distances, where a call of memchr costs more.
inline const char* find_byte(const char* at, const char* end, char wanted) {
#if defined(__SSE2__)
  const __m128i pattern = _mm_set1_epi8(wanted);
  for (const char* const last = whole_blocks(at, end); at != last; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, pattern)));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
#endif
  while (at < end && *at != wanted) ++at;
  return at;
}

// How far a search may look that would else have to stop for what is shorter than a block.
constexpr std::size_t kReadBeyond = 16;

// The same where kReadBeyond bytes behind `end` are readable.
inline const char* find_byte_readily(const char* at, const char* end, char wanted) {
#if defined(__SSE2__)
  const __m128i pattern = _mm_set1_epi8(wanted);
  for (; at < end; at += sizeof pattern) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, pattern)));
    if (mask != 0) return std::min(at + __builtin_ctz(mask), end);
  }
  return end;
#else
  return find_byte(at, end, wanted);
#endif
}

// Calls visit(place) for each `wanted` in [at, end), in order, until it says false. True: it never did.
template <class Visit>
inline bool each_byte(const char* at, const char* end, char wanted, Visit visit) {
#if defined(__SSE2__)
  const __m128i pattern = _mm_set1_epi8(wanted);
  for (const char* const last = whole_blocks(at, end); at != last; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, pattern)));
    for (; mask != 0; mask &= mask - 1) {
      if (!visit(at + __builtin_ctz(mask))) return false;
    }
  }
#endif
  for (; at < end; ++at) {
    if (*at == wanted && !visit(at)) return false;
  }
  return true;
}

// Searches that know no end, so that they need not look for it at each step: a NUL ends them at the
// latest, and kReadBeyond bytes from there on must be readable.

// The first control byte (is_control) at or behind `at`.
inline const char* next_control(const char* at) {
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1F);
  const __m128i del = _mm_set1_epi8(0x7F);
  while (true) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block);
    const __m128i found = _mm_or_si128(low, _mm_cmpeq_epi8(block, del));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found));
    if (mask == 0) {
      at += sizeof block;
      continue;
    }
    at += __builtin_ctz(mask);
    if (*at != '\t') return at;
    ++at;  // seldom enough to look for it here and not in each block
  }
#else
  while (!is_control(*at)) ++at;
  return at;
#endif
}

// Past letters, digits and '-', of which nearly all field names consist.
inline const char* skip_plain_name(const char* at) {
#if defined(__SSE2__)
  const auto within = [](__m128i block, char first, char last) {
    const __m128i span = _mm_set1_epi8(static_cast<char>(last - first));
    const __m128i shifted = _mm_sub_epi8(block, _mm_set1_epi8(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(shifted, span), shifted);
  };
  while (true) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i letters = within(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i others =
        _mm_or_si128(within(block, '0', '9'), _mm_cmpeq_epi8(block, _mm_set1_epi8('-')));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letters, others)));
    if (mask != 0xFFFFU) return at + __builtin_ctz(~mask);
    at += sizeof block;
  }
#else
  while (is_digit(*at) || (lower_case(*at) >= 'a' && lower_case(*at) <= 'z') || *at == '-') ++at;
  return at;
#endif
}

// Past letters, digits, '-', '.' and ':', of which nearly all hosts with their ports consist.
inline const char* skip_plain_host(const char* at) {
#if defined(__SSE2__)
  const __m128i mark_span = _mm_set1_epi8(':' - '-');  // "-./0123456789:"
  const __m128i letter_span = _mm_set1_epi8('z' - 'a');
  while (true) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i mark = _mm_sub_epi8(block, _mm_set1_epi8('-'));
    const __m128i letter =
        _mm_sub_epi8(_mm_or_si128(block, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    const __m128i good = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(mark, mark_span), mark),
                                      _mm_cmpeq_epi8(_mm_min_epu8(letter, letter_span), letter));
    const __m128i plain = _mm_andnot_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('/')), good);
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(plain));
    if (mask != 0xFFFFU) return at + __builtin_ctz(~mask);
    at += sizeof block;
  }
#else
  while (is_digit(*at) || (lower_case(*at) >= 'a' && lower_case(*at) <= 'z') || *at == '-' ||
         *at == '.' || *at == ':') {
    ++at;
  }
  return at;
#endif
}

// Past bytes of 0x21 to 0x7E (kTargetByte).
inline const char* skip_visible(const char* at) {
#if defined(__SSE2__)
  const __m128i del = _mm_set1_epi8(0x7F);
  const __m128i space = _mm_set1_epi8(0x20);
  while (true) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // Signed: what is above 0x7F is below 0x20.
    const __m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(block, del), _mm_cmpgt_epi8(block, space));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(good));
    if (mask != 0xFFFFU) return at + __builtin_ctz(~mask);
    at += sizeof block;
  }
#else
  while ((byte_class(*at) & kTargetByte) != 0) ++at;
  return at;
#endif
}

// Whether all bytes are of 0x21 to 0x7E (kTargetByte).
inline bool is_visible(Bytes text) {
  const char* at = text.data();
  const char* const end = at + text.size();
#if defined(__SSE2__)
  for (const char* const last = whole_blocks(at, end); at != last; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7F));
    // Signed: what is above 0x7F is below 0x20.
    const __m128i good = _mm_andnot_si128(del, _mm_cmpgt_epi8(block, _mm_set1_epi8(0x20)));
    if (_mm_movemask_epi8(good) != 0xFFFF) return false;
  }
#endif
  while (at < end && (byte_class(*at) & kTargetByte) != 0) ++at;
  return at == end;
}

inline bool is_field_value(Bytes text) {
  return find_control(text.data(), text.data() + text.size()) == text.data() + text.size();
}

}  // namespace winghorn
