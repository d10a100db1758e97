// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/timeout_sets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace ravelin {
namespace {

Rule rule(const std::string& name, std::optional<Duration> udp_replied = {}) {
    Rule made;
    made.name = name;
    made.allow = true;
    if (udp_replied) made.timeouts = Timeouts{.udp_replied = *udp_replied};
    return made;
}

TEST(TimeoutSets, are_none_while_no_rule_has_timeouts) {
    TimeoutSets sets;
    std::vector<Rule> rules{rule("a"), rule("b")};
    EXPECT_TRUE(sets.assign(rules, TrackingOptions{}).empty());
    EXPECT_EQ(rules[0].timeout_set, 0);
}

TEST(TimeoutSets, have_everything_else_from_the_general_options) {
    TimeoutSets sets;
    std::vector<Rule> rules{rule("a", 7s)};
    const auto options = sets.assign(rules, TrackingOptions::linux_profile());
    ASSERT_EQ(options.size(), 1U);
    TrackingOptions expected = TrackingOptions::linux_profile();
    expected.timeouts = *rules[0].timeouts;
    EXPECT_EQ(options[0], expected);
}

TEST(TimeoutSets, of_a_rule_that_has_gone_are_given_away_last_and_the_oldest_first) {
    TimeoutSets sets;
    std::vector<Rule> all;
    for (size_t i = 0; i < TrackingSets::kMost; ++i)
        all.push_back(rule("r" + std::to_string(i), 7s));
    EXPECT_EQ(sets.assign(all, {}).size(), TrackingSets::kMost);
    std::vector<Rule> rules{all.begin() + 2, all.end()};
    static_cast<void>(sets.assign(rules, {}));
    rules.erase(rules.begin());  // r2 goes after r0 and r1
    rules.push_back(rule("x", 9s));
    const auto options = sets.assign(rules, {});
    EXPECT_EQ(rules.back().timeout_set, 1) << "that of r0";
    EXPECT_EQ(options[0].timeouts.udp_replied, 9s);
    EXPECT_EQ(options[1].timeouts, Timeouts{}) << "r1 has gone";
    rules.push_back(rule("y", 9s));
    rules.push_back(rule("z", 9s));
    static_cast<void>(sets.assign(rules, {}));
    EXPECT_EQ(rules[rules.size() - 2].timeout_set, 2);
    EXPECT_EQ(rules.back().timeout_set, 3);
}

// Whatever comes and goes: no two rules share a set, a rule that stays keeps its own, and each set
// has its rule's timeouts.
TEST(TimeoutSets, are_each_one_rules_and_stay_so) {
    std::mt19937 random{1};
    TimeoutSets sets;
    std::map<std::string, uint8_t> before;
    for (int round = 0; round < 300; ++round) {
        std::vector<Rule> rules;
        for (int i = 0; i < 400; ++i)
            if (random() % 2 == 0 && rules.size() < TrackingSets::kMost)
                rules.push_back(rule("r" + std::to_string(i), Duration{1s} * (1 + random() % 99)));
        std::shuffle(rules.begin(), rules.end(), random);
        const auto options = sets.assign(rules, {});
        std::map<std::string, uint8_t> now;
        std::map<uint8_t, std::string> owner;
        for (const Rule& each : rules) {
            ASSERT_NE(each.timeout_set, 0);
            ASSERT_TRUE(owner.emplace(each.timeout_set, each.name).second) << each.name;
            ASSERT_EQ(options.at(each.timeout_set - 1U).timeouts, *each.timeouts);
            if (before.contains(each.name)) {
                ASSERT_EQ(each.timeout_set, before[each.name]);
            }
            now[each.name] = each.timeout_set;
        }
        before = now;
    }
}

}  // namespace
}  // namespace ravelin
