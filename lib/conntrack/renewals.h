// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/options.h"

#include <algorithm>

namespace ravelin {

/// Until when established connections live that have a packet now, by the general timeouts: worked
/// out once for a burst.
struct Renewals {
    Renewals(const TrackingOptions& options, Instant at) noexcept
        : now{Tick::at(at)},
          udp{Tick::not_before(at + options.timeouts.udp_replied)},
          tcp{Tick::not_before(at + options.timeouts.tcp_established)},
          tcp_unacknowledged{Tick::not_before(at + std::min(options.timeouts.tcp_established,
                                                            options.timeouts.tcp_unacknowledged))},
          // Netfilter's other timeouts of ESTABLISHED then hold for every segment.
          counts_retransmissions{options.tcp_max_retransmissions != 0} {}

    Tick now;
    Tick udp;
    Tick tcp;
    Tick tcp_unacknowledged;
    bool counts_retransmissions;
};

}  // namespace ravelin
