// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"
#include "packet/ntp.h"
#include "pipeline/ntp_record.h"

#include <cstdint>
#include <span>

namespace ravelin {

struct Packet;
struct Shard;

/// Who asks whom for the time through one shard, one entry for each client and server. The one that
/// has asked nothing for longest gives way to a new one.
class NtpTable {
  public:
    static constexpr uint32_t kWays = 4;
    static constexpr uint32_t kCapacity = 64;

    struct Entry {
        uint64_t key = 0;  ///< of the two addresses; 0: the place is free
        NtpRecord record{};
        NtpPacket request{};  ///< the last one
        Instant asked{};      ///< when that passed
        bool waits = false;   ///< for its answer
    };

    NtpTable() : entries_{kCapacity} {}

    /// The entry of this key; an empty one (no requests) when there is none yet.
    [[nodiscard]] Entry& of(uint64_t key) noexcept;

    /// Copies records from place `cursor` on, looking at no more than `budget` places, and moves
    /// `cursor`. True when the last place was looked at.
    bool dump(uint32_t& cursor, uint32_t budget, std::span<NtpRecord> out,
              uint32_t& written) const noexcept;

  private:
    PageArray<Entry> entries_;  ///< sets of kWays
};

/// A packet of a UDP connection to port 123: a request is written down, an answer that fits it,
/// too. False when it is neither.
bool observe_ntp(const Packet& packet, std::span<const uint8_t> payload, Shard& shard,
                 Instant now) noexcept;

}  // namespace ravelin
