// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/generic_tracker.h"

#include "packet/headers.h"

namespace ravelin {

TrackStep GenericTracker::update(uint8_t protocol, bool seen_reply,
                                 const TrackingOptions& options) noexcept {
    const Timeouts& timeouts = options.timeouts;
    if (protocol != ip_protocol::kGre) return {.timeout = timeouts.generic};
    // netfilter nf_conntrack_gre_packet(): ASSURED as soon as a packet follows a reply.
    if (!seen_reply) return {.timeout = timeouts.gre_unreplied};
    return {.assured = true, .timeout = timeouts.gre_replied};
}

}  // namespace ravelin
