// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "sync/counter.h"
#include "vpn/protocol.h"

#include <array>

namespace ravelin {

/// What one shard counts about tunnels. Written by the worker alone.
struct TunnelCounters {
    Counter inspected;  ///< packets that an observer looked at
    std::array<Counter, kVpnProtocolCount> confirmed;
    std::array<Counter, kVpnProtocolCount> rejected;  ///< looked like one and was none
    Counter tunnels;                                  ///< now kept, candidates included (a gauge)
    Counter displaced;  ///< candidates that had to go because the table was full
    Counter refused;    ///< not even a candidate could go
    Counter events_lost;
};

}  // namespace ravelin
