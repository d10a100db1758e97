// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/counters.h"
#include "packet/drop_reason.h"
#include "policy/policy.h"
#include "sync/counter.h"
#include "vpn/handshake_gate.h"
#include "vpn/tunnels.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace ravelin {

struct PacketsBytes {
    Counter packets;
    Counter bytes;
};

/// Everything that one worker counts. Written by the worker alone, read by anybody at any time.
///
/// Conservation (promise P1), at every quiescent point:
///     received + handed_in = transmitted + sum(dropped) + handed_off + held
/// per worker, and without the two hand-over counters in sum over all workers.
struct alignas(64) WorkerCounters : ConntrackCounters {
    // packets through ports, by port index
    std::array<PacketsBytes, kMaxPorts> received;     ///< frames taken from the port
    std::array<PacketsBytes, kMaxPorts> transmitted;  ///< frames that the port accepted
    /// Accepted by policy and handed to the output port, by input port and family (0 none, 1 IPv4,
    /// 2 IPv6); those that the port then refused are in `dropped` too.
    std::array<std::array<PacketsBytes, 3>, kMaxPorts> forwarded;
    std::array<PacketsBytes, kDropReasonCount> dropped;
    /// Of whole datagrams, those that the port gave to a worker that doesn't own them; by port.
    std::array<Counter, kMaxPorts> misdirected;
    Counter held;        ///< now inside: bursts in flight and fragments (a gauge)
    Counter handed_off;  ///< to other workers
    Counter handed_in;   ///< from other workers
    Counter rejected;    ///< late packets that went back to their sender; also in transmitted
    Counter ring_full;   ///< refused by another worker's ring; also in dropped

    // reassembly
    std::array<Counter, 3> fragments_received;  ///< by family, each where its datagram is owned
    Counter fragment_datagrams;                 ///< incomplete ones now held (a gauge)

    // tracking
    std::array<Counter, kCtClassCount> classes;  ///< packets by CtClass
    Counter denials_skipped;  ///< denied packets that were not written up: DenialReports::admits()
    /// First packets by rule; the last one is the default rule, the one before all rules over it.
    static constexpr size_t kRuleCounters = 512;
    std::array<Counter, kRuleCounters> rule_matched;

    Counter ntp_requests;
    Counter ntp_answers;      ///< by a server whose clock follows another
    Counter ntp_bad_answers;  ///< by one that follows nobody, or wants to be left alone

    TunnelCounters tunnels;
    GateCounters handshakes;

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
