// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/ntp.h"
#include "pipeline/ntp_record.h"
#include "pipeline/recent_table.h"

#include <cstdint>
#include <span>

namespace ravelin {

struct Packet;
struct Shard;

/// What one client has asked one server, and whether it waits.
struct NtpEntry {
    uint64_t key = 0;  ///< of the two addresses
    NtpRecord record{};
    NtpPacket request{};  ///< the last one
    Instant asked{};      ///< when that passed
    bool waits = false;   ///< for its answer
    [[nodiscard]] Instant last() const noexcept { return record.last_request; }
};

/// Who asks whom for the time through one shard.
using NtpTable = RecentTable<NtpEntry, 64>;

/// A packet of a UDP connection to port 123: a request is written down, an answer that fits it,
/// too. False when it is neither.
bool observe_ntp(const Packet& packet, std::span<const uint8_t> payload, Shard& shard,
                 Instant now) noexcept;

}  // namespace ravelin
