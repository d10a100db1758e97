// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/close_reason.h"
#include "conntrack/tracker.h"
#include "flow/key.h"
#include "packet/address.h"
#include "packet/drop_reason.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// Why a connection ended; the label of ravelin_conntrack_deleted_total.
enum class EndReason : uint8_t {
    None,
    Timeout,
    Answered,   ///< every ICMP request was answered
    TcpReset,   ///< an RST answered an unreplied SYN
    IcmpError,  ///< an ICMP error ended an unanswered one
    Replaced,   ///< reopened on the same addresses and ports
    Operator,
    Exit,   ///< one end of a VPN tunnel said good-bye
    Moved,  ///< a VPN client goes on from another address or port
    Count
};
inline constexpr size_t kEndReasonCount = static_cast<size_t>(EndReason::Count);
[[nodiscard]] const char* keyword(EndReason reason) noexcept;

/// A plain copy of one connection, in the opener's view: what leaves a shard for management.
struct FlowRecord {
    uint64_t id = 0;
    Address source{};  ///< of the original direction
    Address destination{};
    uint16_t source_port = 0;       ///< ICMP query: identifier
    uint16_t destination_port = 0;  ///< ICMP query: request type << 8 | code
    uint16_t outer_vlan = 0;
    uint16_t inner_vlan = 0;
    uint8_t protocol = 0;
    Family family = Family::None;
    uint8_t wire = 0;
    uint8_t shard = 0;
    uint8_t state = 0;  ///< TcpPhase for TCP, SctpPhase for SCTP
    uint8_t flags = 0;  ///< connection_flag
    uint16_t rule = 0;
    uint16_t policy_generation = 0;
    std::array<uint64_t, 2> packets{};  ///< by Direction
    std::array<uint64_t, 2> bytes{};
    Duration remaining{};  ///< until it ends unless renewed; never negative
    Duration age{};
};

/// What is known of a connection that has ended, and of the packet that came too late for it.
struct StaleInfo {
    Instant ended{};
    CloseReason reason = CloseReason::None;
    ClosedBy closed_by = ClosedBy::Unknown;
    Certainty certainty = Certainty::Tuple;
    Direction direction = Direction::Original;  ///< of the late packet
    DropReason drop = DropReason::None;         ///< what it was dropped for
    uint32_t packets = 0;                       ///< late ones so far, of this connection
    uint64_t tunnel = 0;  ///< TunnelRecord::id of the tunnel that it was; 0: none
};

/// All late packets of one ended connection. `flow` has its ends in the opener's view, its state
/// and flags at its end, and as its age how long it lasted; id, rule and counters aren't kept.
struct StaleRecord {
    FlowRecord flow{};
    StaleInfo info{};  ///< of the last one
    Instant first{};
    Instant last{};
};

/// What is known of a packet that was denied: dropped for what it is.
struct DenialInfo {
    DropReason reason = DropReason::None;
    CtClass ct_class = CtClass::New;
    Direction direction = Direction::Original;  ///< of the packet, in its connection
    bool from_inside = false;                   ///< the packet came in by the inside port
    bool is_icmp_error = false;   ///< an ICMP error: the ends are those that it quotes
    bool has_connection = false;  ///< it belongs to a connection, which didn't take it
    bool looked_back = false;     ///< nor was it late for one that is remembered
    uint32_t packets = 0;         ///< such ones so far
    Address sender{};             ///< of the packet itself
};

/// All packets that one sender has had denied for one reason towards one address and port. `flow`
/// is their connection when there is one; otherwise it has the ends of the last one, from its
/// sender to its receiver, the rule and the policy's generation.
struct DenialRecord {
    FlowRecord flow{};
    DenialInfo info{};
    Instant first{};
    Instant last{};
};

/// netfilter's events, of which conntrack -E prints [NEW], [UPDATE] and [DESTROY]; late packets,
/// and those that were denied.
enum class EventKind : uint8_t { New, Update, Destroy, Stale, Denied, Count };
inline constexpr size_t kEventKindCount = static_cast<size_t>(EventKind::Count);
[[nodiscard]] const char* keyword(EventKind kind) noexcept;

struct FlowEvent {
    EventKind kind = EventKind::New;
    EndReason end_reason = EndReason::None;  ///< for Destroy
    Instant at{};
    FlowRecord flow{};
    StaleInfo stale{};    ///< for Stale
    DenialInfo denial{};  ///< for Denied
};

/// The ends of a connection in its opener's view; `ipv6` counts for IPv6 only.
void set_ends(FlowRecord& record, const FlowKey& key, const Ipv6Ends& ipv6, bool swapped) noexcept;

}  // namespace ravelin
