// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"

namespace ravelin {

/// What observing tunnels may do, as far as a reload may change it.
struct TunnelOptions {
    bool observe = true;
    /// A confirmed tunnel's connection lives as long as its keepalives need (design.md, section 5);
    /// off: the protocol's own timeouts hold for it too.
    bool adaptive_timeouts = true;
    Duration unknown_rhythm = 300s;  ///< until the keepalives' interval is known
    Duration longest = 3600s;        ///< however slow the keepalives are
    /// So long after the start a session that nobody has seen begin goes on with declared services.
    Duration pickup = 60s;
    bool operator==(const TunnelOptions&) const noexcept = default;
};

}  // namespace ravelin
