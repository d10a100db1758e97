// SPDX-License-Identifier: BSD-3-Clause
#include "policy/policy.h"

#include <algorithm>
#include <cstddef>

namespace ravelin {
namespace {

/// The protocols whose headers carry the ports that rules speak of.
constexpr bool has_ports(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp ||
           protocol == ip_protocol::kSctp;
}

/// A prefix speaks of the family it was written in. Addresses are v4-mapped, so bits alone would
/// let `::/0` take every IPv4 packet.
bool matches(const std::vector<Prefix>& prefixes, const Address& address) noexcept {
    if (prefixes.empty()) return true;
    const Family family = address.is_ipv4() ? Family::Ipv4 : Family::Ipv6;
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& prefix) {
        return prefix.family == family && prefix.contains(address);
    });
}

bool matches(const std::vector<PortRange>& ranges, uint16_t port) noexcept {
    return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const PortRange& range) {
               return range.first <= port && port <= range.last;
           });
}

/// Cheapest comparisons first; a rule with ports never takes a packet that has none.
bool matches(const Rule& rule, const Query& query) noexcept {
    if (rule.from_port && *rule.from_port != query.from_port) return false;
    if (rule.protocol && *rule.protocol != query.protocol) return false;
    if (!rule.source_ports.empty() || !rule.destination_ports.empty()) {
        if (!has_ports(query.protocol)) return false;
        if (!matches(rule.destination_ports, query.destination_port)) return false;
        if (!matches(rule.source_ports, query.source_port)) return false;
    }
    return matches(rule.destination, query.destination) && matches(rule.source, query.source);
}

}  // namespace

Judgement Policy::judge(const Query& query) const noexcept {
    for (size_t index = 0; index < rules.size(); ++index) {
        const Rule& rule = rules[index];
        if (!matches(rule, query)) continue;
        return {rule.allow, static_cast<uint16_t>(index),
                rule.allow ? DropReason::None : DropReason::PolicyRule};
    }
    const bool allow = query.from_port < kMaxPorts && default_allow[query.from_port];
    return {allow, kDefaultRule, allow ? DropReason::None : DropReason::PolicyDefault};
}

}  // namespace ravelin
