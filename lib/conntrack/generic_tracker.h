// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "conntrack/tracker.h"

namespace ravelin {

/// Every other protocol (ESP, AH, GRE, SCTP, ...): addresses and protocol, nothing more, as
/// netfilter's generic tracker; GRE with its two timeouts.
struct GenericTracker {
    static TrackStep update(uint8_t protocol, bool seen_reply,
                            const TrackingOptions& options) noexcept;
};

}  // namespace ravelin
