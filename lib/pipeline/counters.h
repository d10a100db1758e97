// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "conntrack/record.h"
#include "packet/drop_reason.h"
#include "policy/policy.h"
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

/// The label `state` of ravelin_conntrack_entries for whatever isn't TCP; TCP uses TcpPhase.
enum class ReplyLabel : uint8_t { Unreplied, Replied, Assured, Count };
inline constexpr size_t kReplyLabelCount = static_cast<size_t>(ReplyLabel::Count);

struct PacketsBytes {
    Counter packets;
    Counter bytes;
};

/// Everything that one worker counts. Written by the worker alone, read by anybody at any time.
///
/// Conservation (promise P1), at every quiescent point:
///     received + handed_in = transmitted + sum(dropped) + handed_off + held
/// per worker, and without the two hand-over counters in sum over all workers.
struct alignas(64) WorkerCounters {
    // packets through ports, by port index
    std::array<PacketsBytes, kMaxPorts> received;     ///< frames taken from the port
    std::array<PacketsBytes, kMaxPorts> transmitted;  ///< frames that the port accepted
    /// Accepted by policy and handed to the output port, by input port and family (0 none, 1 IPv4,
    /// 2 IPv6); those that the port then refused are in `dropped` too.
    std::array<std::array<PacketsBytes, 3>, kMaxPorts> forwarded;
    std::array<PacketsBytes, kDropReasonCount> dropped;
    Counter held;         ///< now inside: bursts in flight (a gauge)
    Counter handed_off;   ///< to other workers
    Counter handed_in;    ///< from other workers
    Counter ring_full;    ///< refused by another worker's ring; also in dropped

    // tracking
    std::array<Counter, 7> classes;  ///< packets by CtClass
    Counter lookup_hits;
    Counter lookup_misses;
    std::array<Counter, kProtocolLabelCount> created;
    std::array<Counter, kEndReasonCount> deleted;
    Counter insert_failed_full;    ///< table_full
    Counter insert_failed_bucket;  ///< bucket_full
    /// Gauges: connections now in the table.
    std::array<Counter, kTcpPhaseCount> tcp_entries;
    std::array<std::array<Counter, kReplyLabelCount>, kProtocolLabelCount> other_entries;
    Counter entries;
    Counter entries_peak;
    Counter expiry_lag_ticks;  ///< gauge
    /// First packets by rule; the last one is the default rule, the one before all rules over it.
    static constexpr size_t kRuleCounters = 512;
    std::array<Counter, kRuleCounters> rule_matched;

    // events to management
    std::array<Counter, 3> events_emitted;  ///< by EventKind
    Counter events_lost;                    ///< the ring was full

    // the loop
    Counter iterations;
    Counter busy_nanoseconds;  ///< iterations that handled at least one packet
    Counter idle_nanoseconds;
    Counter heartbeat_nanoseconds;  ///< Instant of the last iteration
};

/// Index into rule_matched for a rule index or Policy::kDefaultRule.
[[nodiscard]] constexpr size_t rule_counter_index(uint16_t rule) noexcept {
    if (rule == Policy::kDefaultRule) return WorkerCounters::kRuleCounters - 1;
    return rule < WorkerCounters::kRuleCounters - 2 ? rule : WorkerCounters::kRuleCounters - 2;
}

}  // namespace ravelin
