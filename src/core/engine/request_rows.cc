// SPDX-License-Identifier: MIT
#include "core/engine/request_rows.h"

namespace winghorn {

void RequestRows::hold(Exchange& exchange, Instant since) {
  if (exchange.board_row != kNoRequestRow) {
    return rows_[exchange.board_row].set_since(since);
  }
  exchange.board_row = take();
  if (exchange.board_row == kNoRequestRow) return;
  const RequestHead& head = exchange.head;
  rows_[exchange.board_row].hold(
      exchange.id(), {head.method, head.target, head.version, exchange.client().address}, since);
}

std::uint32_t RequestRows::take() {
  if (!free_.empty()) {
    const std::uint32_t row = free_.back();
    free_.pop_back();
    return row;
  }
  Word& used = seat_.engine.request_rows;
  if (used_ == count_) {
    Word& rowless = seat_.engine.rowless;
    rowless.set(rowless.get() + 1);
    return kNoRequestRow;
  }
  // Before it is held: whoever reads a dead worker's rows must not stop short of it.
  used.set(used_ + 1);
  return used_++;
}

void RequestRows::free(Exchange& exchange) {
  if (exchange.board_row == kNoRequestRow) return;
  rows_[exchange.board_row].free();
  free_.push_back(exchange.board_row);
  exchange.board_row = kNoRequestRow;
}

}  // namespace winghorn
