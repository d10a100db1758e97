// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/schema.h"
#include "flow/hash.h"
#include "pipeline/runtime.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ravelin {

/// What a device says about itself, as far as it decides queues.
struct DeviceLimits {
    std::string driver;
    uint16_t receive_queues = 1;
    uint16_t transmit_queues = 1;
    uint16_t indirection_entries = 0;  ///< 0: the device spreads by no table that we could set
    bool can_steer = false;            ///< RSS over what `steering` names
};

/// The queues that one port gets.
struct QueuePlan {
    uint16_t receive = 1;
    uint16_t transmit = 1;
    bool rss = false;  ///< the device spreads as the software does

    /// Queue q's packets are worker q's.
    [[nodiscard]] bool owned_by(size_t workers) const noexcept { return rss && receive == workers; }
};

/// As many receive queues as wanted and possible; a transmit queue for every worker where the
/// device makes them by itself. Queues of memif, vhost, virtio and tap come in pairs that the
/// other end agrees to, so there are as many as `queues` says and no more.
QueuePlan plan_queues(const PortConfig& port, uint32_t workers, const DeviceLimits& limits);

/// One receive queue that a worker polls.
struct Source {
    uint8_t port = 0;
    uint16_t queue = 0;
    bool operator==(const Source&) const noexcept = default;
};

/// The sources of each worker. Queue q of a port that spreads by RSS over as many queues as there
/// are workers is worker q's; all others go round the workers, ports shifted against each other.
std::vector<std::vector<Source>> assign_sources(std::span<const QueuePlan> ports, uint32_t workers);

/// Who transmits on `port` for each worker: itself when it has a queue there, otherwise one that
/// has.
std::vector<uint8_t> assign_transmitters(const QueuePlan& port, uint32_t workers);

/// The queue for each entry of the device's indirection table, so that it spreads exactly as
/// Indirection does when it has as many queues as there are workers.
std::vector<uint16_t> indirection_table(const Indirection& indirection, uint16_t entries,
                                        uint16_t queues);

/// The wires as the workers see them.
Topology make_topology(const Config& config, std::span<const QueuePlan> ports);

}  // namespace ravelin
