// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"
#include "base/time.h"
#include "conntrack/record.h"
#include "vpn/budget.h"

#include <cstdint>
#include <span>

namespace ravelin {

struct Packet;
struct Runtime;
struct Shard;

/// The packets that one shard has denied, one report for all that one sender has sent to one
/// address and port and that were dropped for the same reason: which ports the sender used says
/// nothing. The report that has been quiet for longest gives way to a new one.
class DenialReports {
  public:
    static constexpr uint32_t kWays = 4;
    static constexpr uint32_t kCapacity = 512;
    /// So many denied packets a second are written up, at some 100 ns each; the rest is counted
    /// only. A flood makes nothing slower.
    static constexpr uint32_t kPerSecond = 10'000;

    DenialReports() : reports_{kCapacity} {}

    /// Whether one more packet may be written up now.
    [[nodiscard]] bool admits(Instant now) noexcept { return budget_.take(kPerSecond, now); }

    /// The report of this key; an empty one (packets 0) when there is none yet.
    [[nodiscard]] DenialRecord& of(uint64_t key) noexcept;

    /// Copies reports from place `cursor` on, looking at no more than `budget` places, and moves
    /// `cursor`. True when the last place was looked at.
    bool dump(uint32_t& cursor, uint32_t budget, std::span<DenialRecord> out,
              uint32_t& written) const noexcept;

    [[nodiscard]] size_t memory_bytes() const noexcept { return reports_.bytes(); }

  private:
    struct Report {
        uint64_t key = 0;  ///< 0: the place is free
        DenialRecord record{};
    };
    PageArray<Report> reports_;  ///< sets of kWays
    Budget budget_{};
};

/// Writes up a packet that was dropped for what it is, and tells whoever listens: of the first one
/// of a report, the second, the fourth and so on. Its identity must be known; late packets have
/// reports of their own (StaleReports).
void report_denied(const Packet& packet, Shard& shard, const Runtime& runtime,
                   Instant now) noexcept;

}  // namespace ravelin
