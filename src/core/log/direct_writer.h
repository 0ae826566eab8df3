// direct_writer.h: lines written by whoever says them, without ever waiting for a pipe's reader.
//
// What a full pipe does not take is kept, up to a bound, for the next flush(); beyond it lines are
// dropped and counted, and a WARNING says how many once there is room again. For the arbiter and for
// processes without a ring. One thread at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/base/log_ring.h"
#include "core/log/outlets.h"

namespace winghorn::log {

class DirectWriter {
 public:
  static constexpr std::size_t kMostKept =
      512 * 1024;  // of each kind: more than a dead worker's ring

  explicit DirectWriter(Outlets& outlets) : outlets_(outlets) {}

  void write(LogKind kind, Bytes lines);
  bool pending() const;
  bool flush();  // true: nothing is left
  // What a process that is gone had finished and not written.
  void write_out(LogRing& ring);

 private:
  std::string& kept(LogKind kind) { return kept_[kind == LogKind::Access ? 1 : 0]; }
  bool flush(LogKind kind);
  bool owes_report() const { return dropped_ > 0 && !report_failed_; }
  bool report_drops();
  std::uint64_t end_of_written(const LogRing& ring);

  Outlets& outlets_;
  std::array<std::string, 2> kept_;
  std::uint64_t dropped_ = 0;
  bool report_failed_ = false;
};

}  // namespace winghorn::log
