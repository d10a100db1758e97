// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/rss.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <span>

namespace ravelin {
namespace {

/// What a card must be able to hash at least: it may not tell the other kinds below apart.
constexpr uint64_t kNeededForAddresses = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
constexpr uint64_t kPorts = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                            RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
/// All kinds of packets that cards tell apart and hash over addresses only.
constexpr uint64_t kAddresses = kNeededForAddresses | RTE_ETH_RSS_FRAG_IPV4 |
                                RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_FRAG_IPV6 |
                                RTE_ETH_RSS_NONFRAG_IPV6_OTHER | RTE_ETH_RSS_IPV6_EX;

uint64_t wanted_types(Steering steering) noexcept {
    return steering == Steering::Ports ? kAddresses | kPorts : kAddresses;
}

using Groups = std::vector<rte_eth_rss_reta_entry64>;

/// Groups of RTE_ETH_RETA_GROUP_SIZE entries, all of them selected.
Groups groups_of(const std::vector<uint16_t>& table) {
    Groups groups((table.size() + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE);
    for (size_t entry = 0; entry < table.size(); ++entry) {
        rte_eth_rss_reta_entry64& group = groups[entry / RTE_ETH_RETA_GROUP_SIZE];
        group.mask |= uint64_t{1} << (entry % RTE_ETH_RETA_GROUP_SIZE);
        group.reta[entry % RTE_ETH_RETA_GROUP_SIZE] = table[entry];
    }
    return groups;
}

bool has_table(uint16_t device, const std::vector<uint16_t>& table) {
    Groups groups = groups_of(table);
    for (rte_eth_rss_reta_entry64& group : groups)
        std::fill(std::begin(group.reta), std::end(group.reta), uint16_t{UINT16_MAX});
    if (rte_eth_dev_rss_reta_query(device, groups.data(), static_cast<uint16_t>(table.size())) != 0)
        return false;
    for (size_t entry = 0; entry < table.size(); ++entry) {
        const rte_eth_rss_reta_entry64& group = groups[entry / RTE_ETH_RETA_GROUP_SIZE];
        if (group.reta[entry % RTE_ETH_RETA_GROUP_SIZE] != table[entry]) return false;
    }
    return true;
}

rte_eth_rss_conf hash_of(const rte_eth_dev_info& info, Steering steering,
                         SteeringHash::CardKey& key) noexcept {
    constexpr uint8_t kUsual = 40;  // of whoever doesn't say
    key = SteeringHash::card_key();
    return {.rss_key = key.data(),
            .rss_key_len = std::min(info.hash_key_size != 0 ? info.hash_key_size : kUsual,
                                    static_cast<uint8_t>(key.size())),
            .rss_hf = wanted_types(steering) & info.flow_type_rss_offloads};
}

/// Types that we didn't ask for are as bad as missing ones: the card would look at more fields.
bool has_hash(uint16_t device, const rte_eth_rss_conf& wanted) {
    SteeringHash::CardKey key{};
    rte_eth_rss_conf found{.rss_key = key.data(), .rss_key_len = wanted.rss_key_len, .rss_hf = 0};
    if (rte_eth_dev_rss_hash_conf_get(device, &found) != 0) return false;
    const std::span<const uint8_t> asked{wanted.rss_key, wanted.rss_key_len};
    return (found.rss_hf & (kAddresses | kPorts)) == wanted.rss_hf &&
           std::equal(asked.begin(), asked.end(), key.begin());
}

}  // namespace

bool rss_can_steer(uint64_t types, Steering steering) noexcept {
    const uint64_t needed =
        steering == Steering::Ports ? kNeededForAddresses | kPorts : kNeededForAddresses;
    return (types & needed) == needed;
}

void ask_for_rss(rte_eth_conf& configuration, const rte_eth_dev_info& info, Steering steering,
                 SteeringHash::CardKey& key) {
    configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    configuration.rx_adv_conf.rss_conf = hash_of(info, steering, key);
    // Who doesn't say how long its key is may not take one here.
    if (info.hash_key_size == 0) configuration.rx_adv_conf.rss_conf.rss_key = nullptr;
}

std::vector<std::string> program_rss(uint16_t device, const rte_eth_dev_info& info,
                                     Steering steering, uint16_t queues) {
    std::vector<std::string> notes;
    SteeringHash::CardKey key{};
    rte_eth_rss_conf hash = hash_of(info, steering, key);
    // Some drivers take it from the port's configuration, others only here.
    if (!has_hash(device, hash)) {
        static_cast<void>(rte_eth_dev_rss_hash_update(device, &hash));
        if (!has_hash(device, hash))
            notes.emplace_back("the driver doesn't confirm the RSS key and the fields to hash");
    }
    std::vector<uint16_t> table = indirection_table(Indirection{queues}, info.reta_size, queues);
    Groups groups = groups_of(table);
    static_cast<void>(rte_eth_dev_rss_reta_update(device, groups.data(), info.reta_size));
    if (!has_table(device, table))
        notes.emplace_back("the driver doesn't confirm the RSS indirection table");
    for (std::string& note : notes)
        note += ": packets may have to be handed over between workers";
    return notes;
}

}  // namespace ravelin
