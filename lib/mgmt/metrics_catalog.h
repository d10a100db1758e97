// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "metrics/registry.h"
#include "mgmt/appliance.h"
#include "mgmt/config_state.h"
#include "mgmt/management_counters.h"

#include <atomic>
#include <string>
#include <vector>

namespace ravelin {

/// Where the catalogue's values come from. All of it outlives the registry.
struct MetricSources {
    const Appliance& appliance;
    const ConfigState& config;
    const ManagementCounters& management;
};

/// Registers every metric that Ravelin has, each with all its label values from the start.
void register_metrics(Registry& registry, const MetricSources& sources);

// The parts of the catalogue, in its order.
void register_config_metrics(Registry& registry, const MetricSources& sources);
void register_port_metrics(Registry& registry, const MetricSources& sources);
void register_packet_metrics(Registry& registry, const MetricSources& sources);
void register_conntrack_metrics(Registry& registry, const MetricSources& sources);
void register_rule_metrics(Registry& registry, const MetricSources& sources);
void register_tunnel_metrics(Registry& registry, const MetricSources& sources);
void register_worker_metrics(Registry& registry, const MetricSources& sources);
void register_clock_metrics(Registry& registry, const MetricSources& sources);
void register_management_metrics(Registry& registry, const MetricSources& sources);
void register_process_metrics(Registry& registry);

/// One series.
inline Sample sample(std::vector<std::string> labels, double value) {
    Sample result;
    result.label_values = std::move(labels);
    result.value = value;
    return result;
}

inline double value(const std::atomic<uint64_t>& count) noexcept {
    return static_cast<double>(count.load(std::memory_order_relaxed));
}

/// Sum over all workers of what `read(counters)` returns.
uint64_t sum_workers(const Appliance& appliance, const auto& read) {
    uint64_t sum = 0;
    for (const WorkerHandle& worker : appliance.workers)
        sum += read(worker.link->counters);
    return sum;
}

}  // namespace ravelin
