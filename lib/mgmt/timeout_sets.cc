// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/timeout_sets.h"

#include "base/check.h"

#include <algorithm>

namespace ravelin {

std::vector<TrackingOptions> TimeoutSets::assign(std::vector<Rule>& rules,
                                                 const TrackingOptions& general) {
    ++assignment_;
    // Those that stay first: none of theirs is free for another.
    for (const Rule& rule : rules) {
        const auto known = std::find_if(sets_.begin(), sets_.end(), [&](const Set& set) {
            return rule.timeouts && set.rule == rule.name;
        });
        if (known != sets_.end()) known->used = assignment_;
    }
    for (Rule& rule : rules)
        rule.timeout_set = rule.timeouts ? static_cast<uint8_t>(take(rule.name) + 1) : uint8_t{0};
    std::vector<TrackingOptions> options(sets_.size(), general);
    for (const Rule& rule : rules)
        if (rule.timeouts) options[rule.timeout_set - 1U].timeouts = *rule.timeouts;
    return options;
}

size_t TimeoutSets::take(const std::string& rule) {
    const auto known =
        std::find_if(sets_.begin(), sets_.end(), [&](const Set& set) { return set.rule == rule; });
    if (known != sets_.end()) return static_cast<size_t>(known - sets_.begin());
    if (sets_.size() < TrackingSets::kMost) {
        sets_.push_back({rule, assignment_});
        return sets_.size() - 1;
    }
    const auto oldest = std::min_element(
        sets_.begin(), sets_.end(), [](const Set& a, const Set& b) { return a.used < b.used; });
    CHECK(oldest->used < assignment_);
    *oldest = {rule, assignment_};
    return static_cast<size_t>(oldest - sets_.begin());
}

}  // namespace ravelin
