// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/record.h"
#include "pipeline/recent_table.h"
#include "vpn/budget.h"

#include <cstdint>

namespace ravelin {

struct Packet;
struct Runtime;
struct Shard;

/// One report for all that one sender has sent to one address and port and that was denied for the
/// same reason: which ports the sender used says nothing.
struct DenialEntry {
    uint64_t key = 0;
    DenialRecord record{};
    [[nodiscard]] Instant last() const noexcept { return record.last; }
};

/// The packets that one shard has denied.
class DenialReports : public RecentTable<DenialEntry, 512> {
  public:
    /// So many denied packets a second are written up; the rest is counted only, so that the cost
    /// of a flood has an end.
    static constexpr uint32_t kPerSecond = 10'000;

    /// Whether one more packet may be written up now.
    [[nodiscard]] bool admits(Instant now) noexcept { return budget_.take(kPerSecond, now); }

  private:
    Budget budget_{};
};

/// Writes up a packet that was dropped for what it is, and tells whoever listens: of the first one
/// of a report, the second, the fourth and so on. Its identity must be known; late packets have
/// reports of their own (StaleReports).
void report_denied(const Packet& packet, Shard& shard, const Runtime& runtime,
                   Instant now) noexcept;

}  // namespace ravelin
