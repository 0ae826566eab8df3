// last_words.h: what a worker that dies of a fault still says to its clients.
//
// Said by the signal handler, which stops the loop's owner for it (crash_table.h). First goes what was ready to be sent: it
// answers other requests than the one that failed. Then each request of which nothing has been answered gets
// a page that was made beforehand: 502 when a slot has begun it, 503 when none has (and none will). A
// reply that had begun is cut; where its end is the connection's, by a reset. Nothing is said where the
// application talks to its client by itself.
//
// Each connection is shut for writing and what its client has sent is thrown away: unread bytes would
// make the kernel reset the connection and destroy the answer on its way. What a client sends later than
// listen() may still do that. A client that does not take its answer is given the time until `end`.
//
// Every connection speaks HTTP/1 in plain text today. One that is encrypted or carries several requests
// cannot be answered from here and must be passed over: encrypting takes memory, and a session in
// the midst of a record nobody can go on with.
// All but the constructor is async-signal-safe. No child of a fork may call it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/engine/crash_table.h"
#include "core/http/error_page.h"
#include "core/http1/session.h"

namespace winghorn {

class LastWords {
 public:
  enum class Progress : std::uint8_t { All, Some, ClientIsGone };

  // `begun` and `not_begun`: the pages, with their statuses.
  LastWords(const http1::SessionConfig& config, const ErrorPage& begun, const ErrorPage& not_begun);

  void say(CrashTable& table, Instant end) const;
  // How much of its page's body a client has been sent.
  std::uint64_t body_bytes(const LastWord& word) const;
  // Once more throws away what clients have sent.
  static void listen(CrashTable& table);

 private:
  struct Page {
    std::uint16_t status = 0;
    std::string text;
    std::size_t head_bytes = 0;  // all that a HEAD request gets
  };
  static Page make_page(const http1::SessionConfig& config, const ErrorPage& page);

  void say_what_goes_at_once(CrashTable& table) const;
  void answer(Connection& connection) const;
  Progress send_page(Connection& connection) const;
  const Page& page_of(int status) const { return status == begun_.status ? begun_ : not_begun_; }

  Page begun_;
  Page not_begun_;
};

}  // namespace winghorn
