// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/close_reason.h"
#include "conntrack/options.h"
#include "conntrack/record.h"
#include "sync/counter.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace ravelin {

/// The label `protocol` of metrics: never a raw number.
enum class ProtocolLabel : uint8_t { Tcp, Udp, Icmp, Icmpv6, Esp, Ah, Gre, Sctp, Other, Count };
inline constexpr size_t kProtocolLabelCount = static_cast<size_t>(ProtocolLabel::Count);
[[nodiscard]] ProtocolLabel protocol_label(uint8_t protocol) noexcept;
[[nodiscard]] const char* keyword(ProtocolLabel label) noexcept;

/// The label `state` of ravelin_conntrack_entries for whatever has no states of its own, as TCP
/// (TcpPhase) and SCTP (SctpPhase) have.
enum class ReplyLabel : uint8_t { Unreplied, Replied, Assured, Count };
inline constexpr size_t kReplyLabelCount = static_cast<size_t>(ReplyLabel::Count);
[[nodiscard]] const char* keyword(ReplyLabel label) noexcept;

/// What one shard's connection tracking counts. Written by the worker alone, read by anybody.
struct ConntrackCounters {
    Counter lookup_hits;
    Counter lookup_misses;
    std::array<Counter, kProtocolLabelCount> created;
    std::array<Counter, kEndReasonCount> deleted;
    Counter insert_failed_full;    ///< table_full
    Counter insert_failed_bucket;  ///< bucket_full
    // Gauges: connections now in the table.
    std::array<Counter, kTcpPhaseCount> tcp_entries;
    std::array<Counter, kSctpPhaseCount> sctp_entries;
    std::array<std::array<Counter, kReplyLabelCount>, kProtocolLabelCount> other_entries;
    Counter entries;
    Counter ipv6_entries;  ///< of these, those of IPv6
    Counter entries_peak;
    Counter expiry_lag_ticks;
    // Tombstones.
    Counter tombstones;                         ///< now kept, expired ones included (a gauge)
    Counter tombstone_overwritten_age_seconds;  ///< of the last that had to go (a gauge)
    Counter tombstones_overwritten;
    std::array<Counter, kCloseReasonCount> stale;  ///< late packets, by how their connection ended
    Counter resurrected;  ///< connections of tunnels that went on after their end
    // Events to management.
    std::array<Counter, kEventKindCount> events_emitted;  ///< by EventKind
    Counter events_lost;                                  ///< the ring was full
};

}  // namespace ravelin
