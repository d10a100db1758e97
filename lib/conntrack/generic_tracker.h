// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "conntrack/tracker.h"

namespace ravelin {

/// Every other protocol (ESP, AH, GRE, ...), as netfilter's generic tracker; GRE with its two
/// timeouts. What tells two connections between the same ends apart is the key's business.
struct GenericTracker {
    static TrackStep update(uint8_t protocol, bool seen_reply,
                            const TrackingOptions& options) noexcept;
};

}  // namespace ravelin
