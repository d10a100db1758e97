// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dpdk/port_plan.h"
#include "flow/hash.h"

#include <cstdint>
#include <string>
#include <vector>

struct rte_eth_conf;
struct rte_eth_dev_info;

namespace ravelin {

/// Whether a card with these RSS types (RTE_ETH_RSS_*) can hash what `steering` names.
[[nodiscard]] bool rss_can_steer(uint64_t types, Steering steering) noexcept;

/// Asks for RSS in a port's configuration. `key` has to outlive it.
void ask_for_rss(rte_eth_conf& configuration, const rte_eth_dev_info& info, Steering steering,
                 SteeringHash::CardKey& key);

/// Makes a started device spread over `queues` receive queues as SteeringHash and Indirection do,
/// and reads back what it took. A line for each thing that isn't as it should be: then packets are
/// handed over between workers.
[[nodiscard]] std::vector<std::string> program_rss(uint16_t device, const rte_eth_dev_info& info,
                                                   Steering steering, uint16_t queues);

/// Whether so many packets of whole datagrams that came by queues that a card had chosen,
/// `misdirected` of them to workers that don't own them, show that it spreads otherwise than it was
/// told. Packets that cards and software see differently for good reasons are few: IPv6 behind
/// extension headers, tunnels that a card looks into.
[[nodiscard]] constexpr bool spreads_otherwise(uint64_t received, uint64_t misdirected) noexcept {
    constexpr uint64_t kEnough = 4096;  // no accident: of two queues the wrong one gets half
    return received >= kEnough && misdirected > received / 8;
}

}  // namespace ravelin
