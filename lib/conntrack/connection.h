// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/close_reason.h"
#include "conntrack/options.h"
#include "conntrack/tracker.h"
#include "flow/key.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace ravelin {

namespace connection_flag {
inline constexpr uint8_t kUsed = 0x01;             ///< the entry holds a connection
inline constexpr uint8_t kOriginalSwapped = 0x02;  ///< the opener is the key's second end
inline constexpr uint8_t kSeenReply = 0x04;        ///< netfilter IPS_SEEN_REPLY
inline constexpr uint8_t kAssured = 0x08;          ///< netfilter IPS_ASSURED
inline constexpr uint8_t kFromInside = 0x10;  ///< the opener sits behind the wire's inside port
inline constexpr uint8_t kPickedUp = 0x20;    ///< TCP taken up in mid-stream
inline constexpr uint8_t kWatched = 0x40;     ///< UDP that is, or could be, a VPN tunnel
inline constexpr uint8_t kPutOff = 0x80;      ///< the wheel has moved it by itself: `armed` is past
}  // namespace connection_flag

/// One tracked connection: two cache lines.
///
/// Layout. A packet of an established UDP connection touches the first line only (besides its
/// bucket): key, deadline, state, counters. TCP needs the second line too, for its windows; both
/// are prefetched together. So does UDP that is a tunnel. IPv6 addresses stand in a parallel array
/// of the shard.
struct alignas(64) Connection {
    // first line
    FlowKey key{};
    uint32_t hash = 0;  ///< so that deleting needs no hashing
    Tick deadline{};    ///< when it ends unless renewed
    uint8_t state = 0;  ///< of the protocol's tracker
    uint8_t flags = 0;  ///< connection_flag
    uint16_t rule = 0;  ///< which rule allowed it; Policy::kDefaultRule: the default
    std::array<uint64_t, 2> packets{};  ///< by Direction
    std::array<uint64_t, 2> bytes{};    ///< IP length, as nf_conntrack_acct counts
    // second line
    Tick created{};
    Tick armed{};  ///< where the wheel has it unless kPutOff: no later than the deadline
    uint16_t policy_generation = 0;           ///< of the policy that allowed it
    ClosedBy closed_by = ClosedBy::Unknown;   ///< who began to close it, or has ended it
    StalePolicy late = StalePolicy::General;  ///< for packets that come after its end
    ProtocolState protocol{};

    [[nodiscard]] bool has(uint8_t flag) const noexcept { return (flags & flag) != 0; }
};
static_assert(sizeof(Connection) == 128);
static_assert(offsetof(Connection, created) == 64);

}  // namespace ravelin
