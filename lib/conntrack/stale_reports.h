// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"
#include "conntrack/record.h"
#include "conntrack/tombstones.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// The late packets that one shard has met, one report for each connection that they were late for.
/// A ring: the oldest report gives way to a new one.
class StaleReports {
  public:
    static constexpr uint32_t kCapacity = 512;

    explicit StaleReports(uint32_t capacity = kCapacity);

    /// The report of this tombstone; an empty one (packets 0) when there is none yet. Needs room.
    [[nodiscard]] StaleRecord& of(Tombstone& tombstone) noexcept;

    /// Copies reports from place `cursor` on, looking at no more than `budget` places, and moves
    /// `cursor`. True when the last place was looked at.
    bool dump(uint32_t& cursor, uint32_t budget, std::span<StaleRecord> out,
              uint32_t& written) const noexcept;

    [[nodiscard]] uint32_t capacity() const noexcept {
        return static_cast<uint32_t>(reports_.size());
    }
    [[nodiscard]] size_t memory_bytes() const noexcept { return reports_.bytes(); }

  private:
    struct Report {
        uint64_t hash = 0;  ///< of the tombstone
        Tick ended{};       ///< likewise: the same ports may have been used and closed again
        StaleRecord record{};
    };
    PageArray<Report> reports_;
    uint32_t next_ = 0;
};

}  // namespace ravelin
