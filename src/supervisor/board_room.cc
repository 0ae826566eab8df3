// SPDX-License-Identifier: MIT
#include "supervisor/board_room.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/config/settings_table.h"

namespace winghorn::supervisor {
namespace {

Failure too_many(std::string_view what, unsigned asked, unsigned most) {
  return Failure{
      fmt::format("{} = {} is more than the {} that this server has made room for; "
                  "more needs a restart",
                  what, asked, most)};
}

}  // namespace

unsigned most_workers(const Scoreboard& board) {
  const auto most = static_cast<unsigned>(config::find_setting("workers")->most);
  return std::min(most, std::max(board.seats() / 2, 1U));
}

Status check_room(const ArbiterSettings& settings, const Scoreboard& board) {
  if (settings.workers > most_workers(board)) {
    return too_many("workers", settings.workers, most_workers(board));
  }
  const unsigned slots = settings.threads + settings.stuck_slots_limit;
  if (slots > board.slots_per_seat()) {
    return too_many("threads + stuck_slots_limit", slots, board.slots_per_seat());
  }
  return Nothing{};
}

}  // namespace winghorn::supervisor
