// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/health.h"

#include <algorithm>

namespace ravelin {

namespace {

constexpr Duration kHeartbeatPatience = 2s;

HealthCheck check_workers(const Appliance& appliance) {
    HealthCheck check;
    check.name = "workers";
    const Instant now = appliance.now();
    for (const WorkerHandle& worker : appliance.workers) {
        const Instant beat{
            Duration{static_cast<int64_t>(worker.link->counters.heartbeat_nanoseconds.value())}};
        if (now - beat <= kHeartbeatPatience) continue;
        if (!check.detail.empty()) check.detail += ", ";
        check.detail += "worker " + worker.lcore + " has not run for " +
                        std::to_string((now - beat) / 1s) + " s";
    }
    check.ok = check.detail.empty();
    return check;
}

HealthCheck check_ports(const Appliance& appliance) {
    HealthCheck check;
    check.name = "ports";
    for (const PortStats& port : appliance.ports()) {
        if (port.up) continue;
        if (!check.detail.empty()) check.detail += ", ";
        check.detail += "port " + port.name + " has no link";
    }
    check.ok = check.detail.empty();
    return check;
}

}  // namespace

std::vector<HealthCheck> check_health(const Appliance& appliance) {
    return {check_workers(appliance), check_ports(appliance)};
}

bool all_ok(const std::vector<HealthCheck>& checks) {
    return std::all_of(checks.begin(), checks.end(), [](const auto& check) { return check.ok; });
}

}  // namespace ravelin
