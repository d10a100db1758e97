// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/appliance.h"

#include <string>
#include <vector>

namespace ravelin {

/// One named part of "is it forwarding?".
struct HealthCheck {
    std::string name;  ///< a metric label
    bool ok = false;
    std::string detail;  ///< why not; empty when ok
    /// Worth an operator's look, but no reason to stop forwarding: it changes no readiness.
    bool advisory = false;
};

/// The checks behind /readyz, `ravelinctl health` and ravelin_ready: workers (each iterated within
/// the last two seconds), ports (each has a link); then, where clocks are watched, two advisory
/// ones, timer_clock and wall_clock. Always the same ones in the same order.
std::vector<HealthCheck> check_health(const Appliance& appliance);

/// Whether it forwards: all but the advisory ones.
[[nodiscard]] bool all_ok(const std::vector<HealthCheck>& checks);

}  // namespace ravelin
