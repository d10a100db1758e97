// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/tracker.h"
#include "packet/address.h"

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

/// netfilter's events; conntrack -E prints [NEW], [UPDATE] and [DESTROY].
enum class EventKind : uint8_t { New, Update, Destroy };

struct FlowEvent {
    EventKind kind = EventKind::New;
    EndReason end_reason = EndReason::None;  ///< for Destroy
    Instant at{};
    FlowRecord flow{};
};

}  // namespace ravelin
