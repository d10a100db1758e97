// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/config_state.h"

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

constexpr size_t kDefaultCounter = WorkerCounters::kRuleCounters - 1;

bool can_match(const std::vector<Prefix>& prefixes, Family family) {
    return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(),
                                           [&](const Prefix& p) { return p.family == family; });
}

size_t count_rules(const Policy& policy, Family family) {
    return static_cast<size_t>(
        std::count_if(policy.rules.begin(), policy.rules.end(), [&](const Rule& rule) {
            return can_match(rule.source, family) && can_match(rule.destination, family);
        }));
}

size_t memory_of(const Policy& policy) {
    size_t bytes = policy.compiled_bytes() + policy.rules.capacity() * sizeof(Rule);
    for (const Rule& rule : policy.rules) {
        bytes += (rule.source.capacity() + rule.destination.capacity()) * sizeof(Prefix);
        bytes +=
            (rule.source_ports.capacity() + rule.destination_ports.capacity()) * sizeof(PortRange);
        bytes += rule.name.capacity() + rule.where.capacity();
    }
    return bytes;
}

}  // namespace

const char* keyword(ReloadResult result) noexcept {
    switch (result) {
        case ReloadResult::Applied:
            return "applied";
        case ReloadResult::Unchanged:
            return "unchanged";
        case ReloadResult::Rejected:
        case ReloadResult::Count:
            break;
    }
    return "rejected";
}

const char* keyword(ReloadPhase phase) noexcept {
    switch (phase) {
        case ReloadPhase::Parse:
            return "parse";
        case ReloadPhase::Compile:
            return "compile";
        case ReloadPhase::Publish:
            return "publish";
        case ReloadPhase::Retire:
        case ReloadPhase::Count:
            break;
    }
    return "retire";
}

void PhaseDurations::observe(Duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    ++count[static_cast<size_t>(bound - kBounds.begin())];
    sum += seconds;
}

std::string rule_name(const Policy& policy, size_t index) {
    const std::string& name = policy.rules[index].name;
    return name.empty() ? "rule-" + std::to_string(index + 1) : name;
}

ConfigState::ConfigState(const Appliance& appliance) : appliance_{appliance} {
    status_.sha256 = appliance.config.sha256;
    status_.path = appliance.config.path;
    status_.last_success_unix = appliance.now().time_since_epoch() + appliance.unix_offset();
    take_rules(appliance.config.policy);
}

ConfigStatus ConfigState::status() const {
    const std::lock_guard lock{mutex_};
    return status_;
}

void ConfigState::take_rules(const Policy& policy) {
    rules_.clear();
    status_.rule_names.clear();
    for (size_t i = 0; i < policy.rules.size(); ++i) {
        status_.rule_names.push_back(rule_name(policy, i));
        rules_.emplace_back(status_.rule_names.back(), policy.rules[i].allow ? "allow" : "drop");
    }
    status_.rules_ipv4 = count_rules(policy, Family::Ipv4);
    status_.rules_ipv6 = count_rules(policy, Family::Ipv6);
    status_.rules_bytes = memory_of(policy);
}

ConfigState::RuleCounters ConfigState::read_counters() const {
    RuleCounters sums{};
    for (const WorkerHandle& worker : appliance_.workers)
        for (size_t i = 0; i < kCounters; ++i)
            sums[i] += worker.link->counters.rule_matched[i].value();
    return sums;
}

std::map<ConfigState::RuleId, uint64_t> ConfigState::totals(const RuleCounters& counters) const {
    static const RuleId kDefault{"default", "default"};
    static const RuleId kOther{"__other__", "other"};
    std::map<RuleId, uint64_t> sums{{kDefault, 0}, {kOther, 0}};
    for (size_t i = 0; i < std::min(rules_.size(), kMaxRuleSeries); ++i)
        sums.emplace(rules_[i], 0);
    for (size_t i = 0; i < kCounters; ++i) {
        const bool named = i < std::min(rules_.size(), kMaxRuleSeries);
        const RuleId& id = named ? rules_[i] : i == kDefaultCounter ? kDefault : kOther;
        sums[id] += counters[i] - base_[i];
    }
    for (const auto& [id, matched] : carried_) {
        const auto found = sums.find(id);
        (found == sums.end() ? sums[kOther] : found->second) += matched;
    }
    return sums;
}

std::vector<ConfigState::RuleSeries> ConfigState::rule_matches() const {
    const std::lock_guard lock{mutex_};
    std::vector<RuleSeries> series;
    for (const auto& [id, matched] : totals(read_counters()))
        series.push_back({id.first, id.second, matched});
    return series;
}

void ConfigState::applied(const Config& config, uint16_t generation, Duration unix_now) {
    const std::lock_guard lock{mutex_};
    // Counters belong to places in the list, and the list is another one from here on. What a
    // worker counts between the publication and this line goes to the rule that had the place
    // before; that is a few packets at most.
    const RuleCounters counters = read_counters();
    carried_ = totals(counters);
    base_ = counters;
    take_rules(config.policy);
    status_.sha256 = config.sha256;
    status_.generation = generation;
    status_.last_success_unix = unix_now;
}

void ConfigState::count(ReloadResult result) {
    const std::lock_guard lock{mutex_};
    ++status_.reloads[static_cast<size_t>(result)];
    status_.last_reload_successful = result != ReloadResult::Rejected;
}

void ConfigState::observe(ReloadPhase phase, Duration duration) {
    const std::lock_guard lock{mutex_};
    status_.phases[static_cast<size_t>(phase)].observe(duration);
}

}  // namespace ravelin
