// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/health.h"

#include "mgmt/clock_health.h"

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

constexpr Duration kHeartbeatPatience = 2s;

HealthCheck check_workers(const Appliance& appliance) {
    HealthCheck check;
    check.name = "workers";
    const Instant now = appliance.now();
    for (const WorkerHandle& worker : appliance.workers) {
        const Instant beat = worker.link->last_heartbeat();
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

HealthCheck advice(const char* name, std::string finding) {
    HealthCheck check;
    check.name = name;
    check.ok = finding.empty();
    check.detail = std::move(finding);
    check.advisory = true;
    return check;
}

}  // namespace

std::vector<HealthCheck> check_health(const Appliance& appliance) {
    std::vector<HealthCheck> checks{check_workers(appliance), check_ports(appliance)};
    if (appliance.clocks == nullptr) return checks;
    const TimerClock timer = appliance.timer_clock ? appliance.timer_clock() : TimerClock{};
    checks.push_back(advice("timer_clock", appliance.clocks->timer_finding(timer)));
    checks.push_back(advice("wall_clock", appliance.clocks->wall_finding()));
    return checks;
}

bool all_ok(const std::vector<HealthCheck>& checks) {
    return std::all_of(checks.begin(), checks.end(),
                       [](const auto& check) { return check.ok || check.advisory; });
}

}  // namespace ravelin
