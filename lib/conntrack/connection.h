// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "base/time.h"
#include "conntrack/close_reason.h"
#include "conntrack/options.h"
#include "conntrack/tracker.h"
#include "flow/key.h"
#include "packet/udp.h"
#include "timer/wheel.h"

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
inline constexpr uint8_t kWatched = 0x40;     ///< it is, or could be, a VPN tunnel's
}  // namespace connection_flag

/// What is known of the packets of a tunnel that say nothing new: nearly all. One that begins as
/// data of its direction does, and is longer than whatever else may begin so, passes the tunnel's
/// observer by. That is settled in the connection's first line, so that a tunnel's data costs what
/// other UDP does (ADR 19).
struct PlainData {
    static constexpr unsigned kFirstBit = 6;  ///< of `lengths`, a bit by Direction: it passes
    static constexpr uint32_t kUnit = 4;
    static constexpr uint16_t kLongest = kUnit * ((1U << kFirstBit) - 1);

    /// `lengths` has, below the two bits, the longest UDP payload that has to be looked at, in
    /// units of four bytes. The value is that of the UDP header's length field.
    [[nodiscard]] static constexpr uint32_t longest_other(uint8_t lengths) noexcept {
        return uint32_t{Udp::kLength} + kUnit * (lengths & ((1U << kFirstBit) - 1));
    }
};

/// A connection's first line has no room for both.
union RuleOrData {
    uint16_t rule = 0;                 ///< not for watched UDP: see Connection::allowed_by()
    std::array<uint8_t, 2> data_byte;  ///< for it, by Direction: what plain data begins with
};

/// Tracked::tunnel of watched TCP, which has no room for a handle: whoever watches knows it by its
/// index.
inline constexpr uint32_t kWatchedStream = UINT32_MAX;

/// Connections of these protocols have room for one.
[[nodiscard]] constexpr bool carries_handle(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kUdp || is_ipsec(protocol);
}

/// Tracked::tunnel of UDP that asks a time server (NTP): no tunnel, and no handle.
inline constexpr uint32_t kWatchedNtp = UINT32_MAX - 1;

/// One tracked connection: two cache lines.
///
/// Layout. A packet of an established UDP connection touches the first line only (besides its
/// bucket): key, deadline, state, counters, and of a tunnel what its plain data looks like; so does
/// the wheel, when it looks whether the connection's time has come. TCP
/// needs the second line too, for its windows; both are prefetched together. IPv6 addresses stand
/// in a parallel array of the shard.
struct alignas(64) Connection {
    // first line
    FlowKey key{};
    uint32_t hash = 0;  ///< so that deleting needs no hashing
    Tick deadline{};    ///< when it ends unless renewed
    /// Of the protocol's tracker. UDP has none: of watched UDP it is PlainData::lengths, of other
    /// UDP a copy of timeout_set.
    uint8_t state = 0;
    uint8_t flags = 0;  ///< connection_flag
    RuleOrData rule_or_data{};
    std::array<uint32_t, 2> low_packets{};  ///< packets() modulo 2^32, by Direction
    std::array<uint64_t, 2> bytes{};      ///< by Direction; IP length, as nf_conntrack_acct counts
    Tick armed{};                         ///< where the wheel has it: no later than the deadline
    uint32_t timer_place = Wheel::kNone;  ///< the wheel's
    // second line
    Tick created{};
    std::array<uint16_t, 2> high_packets{};       ///< packets() >> 32
    uint16_t policy_generation = 0;               ///< of the policy that allowed it
    ClosedBy closed_by : 4 = ClosedBy::Unknown;   ///< who began to close it, or has ended it
    StalePolicy late : 4 = StalePolicy::General;  ///< for packets that come after its end
    uint8_t timeout_set = 0;                      ///< TrackingSets::of()
    ProtocolState protocol{};

    [[nodiscard]] bool has(uint8_t flag) const noexcept { return (flags & flag) != 0; }

    [[nodiscard]] uint64_t packets(Direction direction) const noexcept {
        const auto side = static_cast<size_t>(direction);
        return uint64_t{high_packets[side]} << 32 | low_packets[side];
    }
    void count(Direction direction, uint32_t length) noexcept {
        const auto side = static_cast<size_t>(direction);
        bytes[side] += length;
        if (++low_packets[side] == 0) [[unlikely]]
            ++high_packets[side];
    }

    /// Handle of whoever watches it; 0: nobody.
    [[nodiscard]] uint32_t watcher() const noexcept {
        if (!has(connection_flag::kWatched)) return 0;
        return key.protocol == ip_protocol::kTcp ? kWatchedStream : protocol.udp.tunnel;
    }
    /// The same of whoever remembers it after its end.
    [[nodiscard]] uint32_t remembered_by() const noexcept {
        const uint32_t handle = watcher();
        return handle == kWatchedNtp ? 0 : handle;
    }
    /// The rule; Policy::kDefaultRule: the default.
    [[nodiscard]] uint16_t allowed_by() const noexcept {
        const bool elsewhere = has(connection_flag::kWatched) && key.protocol == ip_protocol::kUdp;
        return elsewhere ? protocol.udp.rule : rule_or_data.rule;
    }

    /// Whether the observer of a tunnel need not see this packet of it (PlainData).
    [[nodiscard]] bool is_plain_data(Direction direction, const uint8_t* udp,
                                     uint32_t present) const noexcept {
        const auto side = static_cast<unsigned>(direction);
        const uint32_t length = load_be16(udp + 4);
        return (state >> PlainData::kFirstBit >> side & 1U) != 0 &&
               length > PlainData::longest_other(state) && length <= present &&
               udp[Udp::kLength] == rule_or_data.data_byte[side];
    }
};
static_assert(sizeof(Connection) == 128);
static_assert(offsetof(Connection, created) == 64);

}  // namespace ravelin
