// request_rows.h: shows the world which requests this worker has, in the request rows of its seat.
//
// A request gets a row when its head is complete and keeps it until its exchange is given back; one that finds
// none free goes without, and is counted. Whoever runs the loop calls this.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "core/http/exchange.h"
#include "core/scoreboard/scoreboard.h"

namespace winghorn {

class RequestRows {
 public:
  RequestRows(Scoreboard& board, unsigned seat)
      : seat_(board.seat(seat)),
        rows_(&board.request(seat, 0)),
        count_(board.request_rows_per_seat()) {}

  // Again, when it could run: only the moment changes.
  void hold(Exchange& exchange, Instant since);
  void free(Exchange& exchange);
  // Part of a reply has gone out, so much of its body. Async-signal-safe: whoever stops the owner may call it.
  void note_reply(const Exchange& exchange, int status, std::uint64_t body_bytes) {
    if (exchange.board_row == kNoRequestRow) return;
    rows_[exchange.board_row].note_reply(status, body_bytes);
  }
  // For the exchange's access line; null when it has no row.
  RingMark* line_mark(const Exchange& exchange) {
    return exchange.board_row == kNoRequestRow ? nullptr : &rows_[exchange.board_row].line_mark();
  }

 private:
  std::uint32_t take();

  SeatRow& seat_;
  RequestRow* const rows_;
  const std::uint32_t count_;
  std::vector<std::uint32_t> free_;  // the last one freed first: its lines are in the cache
  std::uint32_t used_ = 0;           // rows from here on were never held
};

}  // namespace winghorn
