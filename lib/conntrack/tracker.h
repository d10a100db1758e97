// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "packet/drop_reason.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// Which way a packet goes within its connection, in netfilter's words (IP_CT_DIR_*).
enum class Direction : uint8_t { Original = 0, Reply = 1 };

[[nodiscard]] constexpr Direction opposite(Direction direction) noexcept {
    return direction == Direction::Original ? Direction::Reply : Direction::Original;
}

/// What a packet is, in netfilter's words (ctinfo); Stale is Ravelin's own: a late packet of a
/// connection that has ended. None: not IP.
enum class CtClass : uint8_t { None, New, Established, Related, Invalid, Untracked, Stale };
inline constexpr size_t kCtClassCount = 7;

/// What a tracker says about one packet of an existing connection.
enum class Outcome : uint8_t {
    Pass,        ///< belongs to it
    PassAndEnd,  ///< belongs to it and ends it (an RST that answers an unreplied SYN)
    Invalid,     ///< doesn't fit; `reason` says why
    Reopen,      ///< a new connection on the addresses and ports of this ended one
};

struct TrackStep {
    Outcome outcome = Outcome::Pass;
    DropReason reason = DropReason::None;  ///< for Invalid
    bool renew = true;                     ///< set the deadline to now + timeout
    bool assured = false;                  ///< set ASSURED if it isn't yet
    bool changed = false;                  ///< the protocol's state changed (an UPDATE event)
    bool passes = false;  ///< plain data of a tunnel: it never brings the deadline forward
    /// From now on, with `renew`; zero: the deadline stays. With Invalid: zero, or what the
    /// deadline is cut down to if it is later (netfilter nf_tcp_handle_invalid(); never in profile
    /// strict).
    Duration timeout{};
};

/// One direction's window, netfilter's ip_ct_tcp_state.
struct TcpWindow {
    uint32_t end = 0;         ///< highest sequence number + length seen (td_end)
    uint32_t max_end = 0;     ///< highest ack + window that the other side allowed (td_maxend)
    uint32_t max_window = 0;  ///< largest window that this side announced (td_maxwin)
    uint32_t max_ack = 0;     ///< highest ack sent (td_maxack)
};

/// What the TCP tracker remembers besides its phase.
struct TcpState {
    std::array<TcpWindow, 2> window{};  ///< by Direction
    uint32_t last_sequence = 0;
    uint32_t last_ack = 0;
    uint32_t last_end = 0;
    uint16_t last_window = 0;
    std::array<uint8_t, 2> scale{};  ///< by Direction; window scale option, 14 at most
    std::array<uint8_t, 2> flags{};  ///< by Direction; netfilter IP_CT_TCP_FLAG_*
    uint8_t last_direction : 1 = 0;
    uint8_t last_index : 3 = 0;  ///< TcpPacketIndex of the last packet
    uint8_t last_scale : 4 = 0;
    uint8_t last_flags : 4 = 0;
    uint8_t retransmissions : 4 = 0;
};
static_assert(sizeof(TcpState) == 52);

struct UdpState {
    Tick stream_from{};     ///< netfilter's stream_ts: replies after this make it a stream
    uint32_t tunnel = 0;    ///< with kWatched: handle of whoever watches it
    uint32_t lifetime = 0;  ///< likewise: idle timeout that it needs at least, ticks
    /// Likewise, by Direction: packets that have been looked at, or accounted for in one go.
    std::array<uint32_t, 2> seen{};
    uint16_t rule = 0;  ///< likewise: Connection::allowed_by()
};

struct IcmpState {
    uint16_t unanswered = 0;  ///< requests that have had no reply yet
};

/// What the SCTP tracker remembers besides its phase.
struct SctpState {
    std::array<uint32_t, 2> tag{};     ///< by Direction: the verification tag it must carry
    uint8_t initiated : 2 = 0;         ///< a bit per Direction: it sent the INIT
    uint8_t last_direction : 1 = 0;    ///< of the HEARTBEAT with another tag
    uint8_t heartbeat_failed : 1 = 0;  ///< such a HEARTBEAT waits for its answer
};

/// State of whichever protocol the connection's key names. Trivially copyable, zero is valid.
union ProtocolState {
    TcpState tcp{};
    SctpState sctp;
    UdpState udp;
    IcmpState icmp;
};
static_assert(sizeof(ProtocolState) == 52);

}  // namespace ravelin
