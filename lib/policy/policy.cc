// SPDX-License-Identifier: BSD-3-Clause
#include "policy/policy.h"

#include <algorithm>
#include <cstddef>

namespace ravelin {
namespace {

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

/// Cheapest comparisons first.
bool matches(const Rule& rule, const Query& query) noexcept {
    if (rule.from_port && *rule.from_port != query.from_port) return false;
    if (rule.protocol && *rule.protocol != query.protocol) return false;
    if (rule.has_ports()) {
        if (!query.has_ports()) return false;
        if (!matches(rule.destination_ports, query.destination_port)) return false;
        if (!matches(rule.source_ports, query.source_port)) return false;
    }
    return matches(rule.destination, query.destination) && matches(rule.source, query.source);
}

}  // namespace

void Policy::compile() {
    matcher_.emplace(rules);
    speaks_of_late_ = std::any_of(rules.begin(), rules.end(), [](const Rule& rule) {
        return rule.late != StalePolicy::General;
    });
}

Judgement Policy::judgement(uint16_t rule, const Query& query) const noexcept {
    if (rule != kDefaultRule) {
        const bool allow = rules[rule].allow;
        return {allow, rule, rules[rule].late, rules[rule].timeout_set,
                allow ? DropReason::None : DropReason::PolicyRule};
    }
    const bool allow = query.from_port < kMaxPorts && default_allow[query.from_port];
    return {allow, kDefaultRule, StalePolicy::General, 0,
            allow ? DropReason::None : DropReason::PolicyDefault};
}

Judgement Policy::judge(const Query& query) const noexcept {
    if (!matcher_) return judge_linear(query);
    return judgement(number(matcher_->find(query)), query);
}

std::array<uint16_t, Policy::kTogether> Policy::match(
    const std::array<Query, kTogether>& queries) const noexcept {
    std::array<uint16_t, kTogether> found{};
    if (matcher_) {
        const std::array<size_t, kTogether> matched = matcher_->find(queries);
        std::transform(matched.begin(), matched.end(), found.begin(),
                       [this](size_t rule) { return number(rule); });
    } else {
        std::transform(queries.begin(), queries.end(), found.begin(),
                       [this](const Query& query) { return judge_linear(query).rule; });
    }
    return found;
}

Judgement Policy::judge_linear(const Query& query) const noexcept {
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const Rule& each) { return matches(each, query); });
    return judgement(number(static_cast<size_t>(rule - rules.begin())), query);
}

}  // namespace ravelin
