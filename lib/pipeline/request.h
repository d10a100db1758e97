// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "pipeline/ntp_record.h"
#include "vpn/tunnel_record.h"

#include <atomic>
#include <cstdint>
#include <span>

namespace ravelin {

/// A question from management to one worker. Management owns the object and everything it points
/// to, posts its address, and may touch it again only when `done` is true.
struct Request {
    enum class Kind : uint8_t {
        Dump,     ///< copy connections into `out`, starting at entry `cursor`
        Stale,    ///< the same of reports about late packets, into `stale`
        Denials,  ///< ... about denied packets, into `denials`
        Tunnels,  ///< the same of tunnels, into `tunnels`
        Ntp,      ///< ... about time servers and their clients, into `ntp`
        Flush,    ///< end every connection (EndReason::Operator)
        Ping,     ///< nothing: done means that an iteration has passed
    } kind = Kind::Ping;

    std::span<FlowRecord> out{};
    std::span<StaleRecord> stale{};
    std::span<DenialRecord> denials{};
    std::span<TunnelRecord> tunnels{};
    std::span<NtpRecord> ntp{};
    uint32_t cursor = 0;   ///< in: entry to start at; out: where to go on
    uint32_t written = 0;  ///< out: records written to whichever is asked for
    bool at_end = false;   ///< out: no entries are left

    std::atomic<bool> done{false};
};

}  // namespace ravelin
