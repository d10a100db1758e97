// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/icmp_tracker.h"

#include <limits>

namespace ravelin {

namespace {

enum class QueryRole : uint8_t { None, Request, ObsoleteRequest, Reply };

/// RFC 792 and RFC 950. RFC 6918 declares information and address mask requests obsolete, and
/// timestamps tell strangers the time; one option allows all three.
QueryRole role_v4(uint8_t type) noexcept {
    switch (type) {
        case 8:  // echo
            return QueryRole::Request;
        case 13:  // timestamp
        case 15:  // information
        case 17:  // address mask
            return QueryRole::ObsoleteRequest;
        case 0:
        case 14:
        case 16:
        case 18:
            return QueryRole::Reply;
        default:
            return QueryRole::None;
    }
}

/// RFC 4443, and node information (RFC 4620, experimental; the kernel tracks it).
QueryRole role_v6(uint8_t type) noexcept {
    switch (type) {
        case 128:  // echo
            return QueryRole::Request;
        case 139:  // node information
            return QueryRole::ObsoleteRequest;
        case 129:
        case 140:
            return QueryRole::Reply;
        default:
            return QueryRole::None;
    }
}

constexpr uint16_t kUncountable = std::numeric_limits<uint16_t>::max();

}  // namespace

bool IcmpTracker::open(const Headers& headers, const TrackingOptions& options, IcmpState& state,
                       DropReason& reason) noexcept {
    const QueryRole role =
        headers.family == Family::Ipv6 ? role_v6(headers.icmp_type) : role_v4(headers.icmp_type);
    if (role == QueryRole::Request ||
        (role == QueryRole::ObsoleteRequest && options.icmp_obsolete_queries)) {
        state.unanswered = 1;
        return true;
    }
    reason =
        role == QueryRole::Reply ? DropReason::IcmpReplyUnmatched : DropReason::IcmpTypeRefused;
    return false;
}

TrackStep IcmpTracker::update(IcmpState& state, Family family, Direction direction,
                              const TrackingOptions& options) noexcept {
    TrackStep step{.timeout =
                       family == Family::Ipv6 ? options.timeouts.icmpv6 : options.timeouts.icmp};
    // A count that has run over is never believed again: such a connection ends by its timeout.
    if (state.unanswered == kUncountable) return step;
    if (direction == Direction::Original) {
        ++state.unanswered;
        return step;
    }
    if (state.unanswered > 0) --state.unanswered;
    if (state.unanswered == 0 && options.icmp_end_when_answered) step.outcome = Outcome::PassAndEnd;
    return step;
}

bool IcmpTracker::refused(IcmpState& state) noexcept {
    if (state.unanswered == 0 || state.unanswered == kUncountable) return false;
    return --state.unanswered == 0;
}

}  // namespace ravelin
