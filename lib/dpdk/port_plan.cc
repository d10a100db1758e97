// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/port_plan.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ravelin {
namespace {

bool has_paired_queues(std::string_view driver) {
    constexpr std::array<std::string_view, 4> kPaired{"net_memif", "net_vhost", "net_virtio",
                                                      "net_tap"};
    return std::any_of(kPaired.begin(), kPaired.end(),
                       [&](std::string_view name) { return driver.starts_with(name); });
}

}  // namespace

QueuePlan plan_queues(const PortConfig& port, uint32_t workers, const DeviceLimits& limits) {
    QueuePlan plan;
    plan.receive =
        std::clamp<uint16_t>(port.queues, 1, std::max<uint16_t>(1, limits.receive_queues));
    const auto wanted = has_paired_queues(limits.driver) ? uint32_t{plan.receive} : workers;
    plan.transmit = static_cast<uint16_t>(
        std::clamp<uint32_t>(wanted, 1, std::max<uint16_t>(1, limits.transmit_queues)));
    plan.rss = plan.receive > 1 && limits.can_steer && limits.indirection_entries > 0;
    return plan;
}

std::vector<std::vector<Source>> assign_sources(std::span<const QueuePlan> ports,
                                                uint32_t workers) {
    std::vector<std::vector<Source>> sources(workers);
    for (size_t port = 0; port < ports.size(); ++port) {
        const bool owned = ports[port].owned_by(workers);
        for (uint16_t queue = 0; queue < ports[port].receive; ++queue) {
            const size_t worker = owned ? queue : (port + queue) % workers;
            sources[worker].push_back({static_cast<uint8_t>(port), queue});
        }
    }
    return sources;
}

std::vector<uint8_t> assign_transmitters(const QueuePlan& port, uint32_t workers) {
    std::vector<uint8_t> transmitters(workers);
    for (uint32_t worker = 0; worker < workers; ++worker)
        transmitters[worker] = static_cast<uint8_t>(worker % port.transmit);
    return transmitters;
}

std::vector<uint16_t> indirection_table(const Indirection& indirection, uint16_t entries,
                                        uint16_t queues) {
    std::vector<uint16_t> table(entries);
    for (uint16_t entry = 0; entry < entries; ++entry)
        table[entry] = static_cast<uint16_t>(indirection.owner(entry) % queues);
    return table;
}

Topology make_topology(const Config& config, std::span<const QueuePlan> ports) {
    Topology topology;
    topology.port_count = static_cast<uint32_t>(config.ports.size());
    topology.worker_count = static_cast<uint32_t>(config.cores.workers.size());
    topology.steering = config.steering;
    for (size_t index = 0; index < config.wires.size(); ++index) {
        const WireConfig& wire = config.wires[index];
        const auto number = static_cast<uint8_t>(index);
        topology.ports[wire.outside] = {wire.inside, number, false};
        topology.ports[wire.inside] = {wire.outside, number, true};
    }
    for (size_t port = 0; port < ports.size(); ++port)
        topology.transmitter[port] = assign_transmitters(ports[port], topology.worker_count);
    return topology;
}

}  // namespace ravelin
