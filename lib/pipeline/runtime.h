// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "flow/hash.h"
#include "policy/policy.h"
#include "vpn/options.h"
#include "vpn/service.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace ravelin {

/// What a reload may change: one immutable value that every worker reads afresh each iteration.
struct Runtime {
    uint16_t generation = 1;
    TrackingOptions tracking{};
    /// The same with the timeouts of rules that have their own: Rule::timeout_set, from 1 on. Sets
    /// that connections may still name stay when their rule goes.
    std::vector<TrackingOptions> tracking_of_rules{};
    TunnelOptions tunnels{};
    std::vector<VpnService> services{};  ///< VpnService::kMost at most
    Policy policy{};
    std::vector<uint16_t> pass_ethertypes{};

    [[nodiscard]] TrackingSets tracking_sets() const noexcept {
        return {tracking, tracking_of_rules};
    }
    [[nodiscard]] bool passes(uint16_t ether_type) const noexcept {
        return std::find(pass_ethertypes.begin(), pass_ethertypes.end(), ether_type) !=
               pass_ethertypes.end();
    }
};

/// Where a port's packets go; fixed at start.
struct PortRole {
    uint8_t peer = 0;  ///< the port at the wire's other end
    uint8_t wire = 0;
    bool inside = false;
};

struct Topology {
    uint32_t port_count = 0;
    uint32_t worker_count = 1;
    Steering steering = Steering::Addresses;
    std::array<PortRole, kMaxPorts> ports{};
    /// transmitter[port][worker]: which worker sends on that port for this worker. A worker that
    /// has a transmit queue of its own on the port names itself.
    std::array<std::vector<uint8_t>, kMaxPorts> transmitter{};
};

}  // namespace ravelin
