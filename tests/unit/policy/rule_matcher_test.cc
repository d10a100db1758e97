// SPDX-License-Identifier: BSD-3-Clause
// The compiled rules say what the linear ones say.
#include "policy/rule_matcher.h"

#include "policy/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {
namespace {

constexpr std::array<uint8_t, 6> kSomeProtocols{1, 6, 17, 50, 58, 132};

Address address(std::string_view text) {
    return Address::parse(text).value();
}

Prefix prefix(const Address& base, uint8_t length, Family family) {
    Prefix made{base, length, family};
    for (size_t bit = length; bit < 128; ++bit)
        made.address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80U >> (bit % 8)));
    return made;
}

/// The neighbour of an address, `by` 1 or -1.
Address beside(Address address, int by) {
    for (size_t i = address.bytes.size(); i-- > 0;) {
        const int sum = address.bytes[i] + by;
        address.bytes[i] = static_cast<uint8_t>(sum);
        if (sum == static_cast<uint8_t>(sum)) break;
    }
    return address;
}

/// Compares both ways of judging; counts how often a rule decided.
class Twins {
  public:
    explicit Twins(std::vector<Rule> rules) {
        policy_.rules = std::move(rules);
        policy_.default_allow[1] = true;
        policy_.compile();
    }
    void compare(const Query& query) {
        const Judgement linear = policy_.judge_linear(query);
        const Judgement compiled = policy_.judge(query);
        ASSERT_EQ(compiled.rule, linear.rule)
            << "port " << int{query.from_port} << " protocol " << int{query.protocol} << " "
            << query.source.to_string() << ":" << query.source_port << " to "
            << query.destination.to_string() << ":" << query.destination_port;
        ASSERT_EQ(compiled.allow, linear.allow);
        ASSERT_EQ(compiled.reason, linear.reason);
        ++(linear.rule == Policy::kDefaultRule ? by_default : by_rule);
        compare_together(query, linear);
    }

    size_t by_rule = 0;
    size_t by_default = 0;

  private:
    /// Several at a time have the same answers as each by itself.
    void compare_together(const Query& query, const Judgement& expected) {
        queries_[waiting_] = query;
        expected_[waiting_] = expected;
        if (++waiting_ < queries_.size()) return;
        waiting_ = 0;
        const auto rules = policy_.match(queries_);
        for (size_t i = 0; i < queries_.size(); ++i) {
            ASSERT_EQ(rules[i], expected_[i].rule) << i;
            const Judgement found = policy_.judgement(rules[i], queries_[i]);
            ASSERT_EQ(found.allow, expected_[i].allow);
            ASSERT_EQ(found.reason, expected_[i].reason);
        }
    }

    Policy policy_;
    std::array<Query, Policy::kTogether> queries_{};
    std::array<Judgement, Policy::kTogether> expected_{};
    size_t waiting_ = 0;
};

/// Random rules that overlap in every way: few addresses, blocks of every length, few ports.
class Rules {
  public:
    explicit Rules(uint32_t seed) : random_{seed} {}

    uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
    bool one_in(uint32_t n) { return below(n) == 0; }

    Address address() {
        std::array<uint8_t, 16> bytes{};
        if (one_in(2)) {
            bytes = {10, static_cast<uint8_t>(below(2)), static_cast<uint8_t>(below(4)),
                     static_cast<uint8_t>(below(256))};
            if (one_in(16)) bytes = {255, 255, 255, 255};
            return Address::from_ipv4(bytes.data());
        }
        // Some stand right beside the v4-mapped ones.
        if (one_in(8)) return beside(Address::from_ipv4(bytes.data()), -1);
        bytes = {0x20, 0x01, 0x0d, 0xb8};
        bytes[7] = static_cast<uint8_t>(below(4));
        bytes[15] = static_cast<uint8_t>(below(256));
        if (one_in(16)) bytes.fill(static_cast<uint8_t>(one_in(2) ? 0 : 255));
        return Address::from_ipv6(bytes.data());
    }
    std::vector<Prefix> prefixes() {
        std::vector<Prefix> list;
        if (one_in(3)) return list;
        for (uint32_t n = 1 + below(one_in(10) ? 40 : 2); n > 0; --n) {
            const Address base = address();
            const bool ipv4 = base.is_ipv4();
            const uint32_t length =
                one_in(4) ? below(ipv4 ? 33 : 129) : (ipv4 ? 32 : 128) - below(one_in(4) ? 20 : 2);
            list.push_back(prefix(base, static_cast<uint8_t>(length + (ipv4 ? 96 : 0)),
                                  ipv4 ? Family::Ipv4 : Family::Ipv6));
        }
        return list;
    }
    uint16_t port() {
        if (one_in(10)) return static_cast<uint16_t>(one_in(2) ? 0 : 65535);
        return static_cast<uint16_t>(below(2000));
    }
    std::vector<PortRange> ports() {
        std::vector<PortRange> list;
        if (!one_in(3)) return list;
        for (uint32_t n = 1 + below(3); n > 0; --n) {
            const uint16_t first = port();
            const uint32_t last = first + (one_in(2) ? 0 : below(500));
            list.push_back({first, static_cast<uint16_t>(std::min(last, 65535U))});
        }
        return list;
    }
    uint8_t protocol() { return kSomeProtocols[below(kSomeProtocols.size())]; }

    Rule rule() {
        Rule rule;
        if (one_in(3)) rule.from_port = static_cast<uint8_t>(below(3));
        if (one_in(2)) rule.protocol = protocol();
        rule.source = prefixes();
        rule.destination = prefixes();
        rule.source_ports = ports();
        rule.destination_ports = ports();
        rule.allow = one_in(2);
        return rule;
    }
    std::vector<Rule> rules(uint32_t count) {
        std::vector<Rule> rules(count);
        std::generate(rules.begin(), rules.end(), [&] { return rule(); });
        return rules;
    }
    Query query() {
        return {static_cast<uint8_t>(below(3)), protocol(), address(), address(), port(), port()};
    }

  private:
    std::mt19937 random_;
};

TEST(RuleMatcher, random_rules_and_queries_get_the_same_answer_from_both) {
    constexpr uint32_t kSeed = 20260102;
    Rules make{kSeed};
    size_t by_rule = 0;
    size_t by_default = 0;
    for (int round = 0; round < 300; ++round) {
        Twins twins{make.rules(make.below(12))};
        for (int i = 0; i < 300; ++i) {
            twins.compare(make.query());
            ASSERT_FALSE(HasFatalFailure()) << "seed " << kSeed << " round " << round;
        }
        by_rule += twins.by_rule;
        by_default += twins.by_default;
    }
    EXPECT_GT(by_rule, 15000U);
    EXPECT_GT(by_default, 20000U);
}

/// The values at which a rule begins and ends, and those beside them.
std::vector<Address> ends(const std::vector<Prefix>& prefixes, const Address& other) {
    std::vector<Address> found{other};
    for (const Prefix& block : prefixes) {
        Address last = block.address;
        for (size_t bit = block.length; bit < 128; ++bit)
            last.bytes[bit / 8] |= static_cast<uint8_t>(0x80U >> (bit % 8));
        for (const Address& end : {block.address, last, beside(block.address, -1), beside(last, 1)})
            found.push_back(end);
    }
    return found;
}
std::vector<uint16_t> ends(const std::vector<PortRange>& ranges, uint16_t other) {
    std::vector<uint16_t> found{other};
    for (const PortRange& range : ranges) {
        for (const int end : {range.first - 1, int{range.first}, int{range.last}, range.last + 1})
            found.push_back(static_cast<uint16_t>(end));
    }
    return found;
}

TEST(RuleMatcher, at_and_beside_every_bound_of_hundreds_of_rules_both_say_the_same) {
    constexpr uint32_t kSeed = 20260103;
    Rules make{kSeed};
    // More than one block of rules. Few rules take everything, so that the later ones matter.
    const std::vector<Rule> rules = make.rules(1300);
    Twins twins{rules};
    for (const Rule& rule : rules) {
        Query query = make.query();
        query.from_port = rule.from_port.value_or(query.from_port);
        query.protocol = rule.protocol.value_or(query.protocol);
        for (const Address& source : ends(rule.source, query.source)) {
            query.source = source;
            for (const Address& destination : ends(rule.destination, query.destination)) {
                if (make.one_in(2) && rule.source.size() > 4) continue;
                query.destination = destination;
                query.source_port = make.port();
                query.destination_port = make.port();
                twins.compare(query);
            }
        }
        for (const uint16_t port : ends(rule.source_ports, query.source_port)) {
            query.source_port = port;
            for (const uint16_t other : ends(rule.destination_ports, query.destination_port)) {
                query.destination_port = other;
                twins.compare(query);
            }
        }
        ASSERT_FALSE(HasFatalFailure()) << "seed " << kSeed;
    }
    EXPECT_GT(twins.by_rule, 10000U);
}

TEST(RuleMatcher, every_query_of_a_small_world_gets_the_same_answer_from_both) {
    constexpr uint32_t kSeed = 20260104;
    Rules make{kSeed};
    // The four addresses of a block in both families, four ports, three protocols, two entries.
    std::vector<Address> addresses;
    for (const char* base : {"10.0.0.", "2001:db8::"}) {
        for (const char* last : {"0", "1", "2", "3"})
            addresses.push_back(address(std::string{base} + last));
    }
    const auto blocks = [&] {
        std::vector<Prefix> list;
        for (uint32_t n = make.below(3); n > 0; --n) {
            const Address& base = addresses[make.below(8)];
            list.push_back(prefix(base, static_cast<uint8_t>(126 + make.below(3)),
                                  base.is_ipv4() ? Family::Ipv4 : Family::Ipv6));
        }
        return list;
    };
    const auto ranges = [&] {
        const auto first = static_cast<uint16_t>(make.below(4));
        const auto last = static_cast<uint16_t>(first + make.below(3));
        return make.one_in(2) ? std::vector<PortRange>{} : std::vector<PortRange>{{first, last}};
    };
    for (int round = 0; round < 40; ++round) {
        std::vector<Rule> rules(make.below(9));
        for (Rule& rule : rules) {
            if (make.one_in(3)) rule.from_port = static_cast<uint8_t>(make.below(2));
            if (make.one_in(2)) rule.protocol = kSomeProtocols[1 + make.below(3)];
            rule.source = blocks();
            rule.destination = blocks();
            rule.source_ports = ranges();
            rule.destination_ports = ranges();
            rule.allow = make.one_in(2);
        }
        Twins twins{rules};
        for (uint32_t i = 0; i < 2 * 3 * 4 * 4; ++i) {
            Query query{.from_port = static_cast<uint8_t>(i % 2),
                        .protocol = kSomeProtocols[1 + i / 2 % 3],
                        .source_port = static_cast<uint16_t>(i / 6 % 4),
                        .destination_port = static_cast<uint16_t>(i / 24)};
            for (const Address& source : addresses) {
                for (const Address& destination : addresses) {
                    query.source = source;
                    query.destination = destination;
                    twins.compare(query);
                }
            }
        }
        ASSERT_FALSE(HasFatalFailure()) << "seed " << kSeed << " round " << round;
    }
}

TEST(RuleMatcher, of_thousands_of_rules_each_is_found_where_no_other_stands_before_it) {
    // One host each; the last rule of each block of 512 and the first of the next among them.
    constexpr uint32_t kCount = 3000;
    std::vector<Rule> rules(kCount);
    const auto host = [](uint32_t number) {
        const std::array<uint8_t, 4> bytes{10, static_cast<uint8_t>(number >> 16),
                                           static_cast<uint8_t>(number >> 8),
                                           static_cast<uint8_t>(number)};
        return Address::from_ipv4(bytes.data());
    };
    for (uint32_t i = 0; i < kCount; ++i)
        rules[i].source = {prefix(host(i), 128, Family::Ipv4)};
    const RuleMatcher matcher{rules};
    for (uint32_t i = 0; i < kCount; ++i)
        ASSERT_EQ(matcher.find({.protocol = 17, .source = host(i)}), i);
    EXPECT_EQ(matcher.find({.protocol = 17, .source = host(kCount)}), RuleMatcher::kNone);
}

TEST(RuleMatcher, a_range_that_ends_before_it_begins_takes_nothing) {
    Twins twins{{Rule{.destination_ports = {{10, 5}}}}};
    for (uint16_t port = 0; port < 20; ++port)
        twins.compare({.protocol = 17, .destination_port = port});
    EXPECT_EQ(twins.by_rule, 0U);
}

TEST(RuleMatcher, ipv6_blocks_around_the_mapped_addresses_leave_ipv4_alone) {
    std::vector<Rule> rules(3);
    rules[0].source = {prefix(address("::"), 64, Family::Ipv6)};
    rules[1].source = {prefix(address("::"), 0, Family::Ipv6)};
    rules[2].source = {prefix(address("0.0.0.0"), 96, Family::Ipv4)};
    Twins twins{rules};
    for (const char* text : {"::", "::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::1", "0.0.0.0",
                             "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
        twins.compare({.protocol = 17, .source = address(text)});
    EXPECT_EQ(twins.by_rule, 7U);
}

TEST(RuleMatcher, memory_grows_with_the_rules_and_not_with_their_square) {
    Rules make{20260105};
    std::vector<Rule> rules(10'000);
    for (Rule& rule : rules) {
        rule.source = {prefix(make.address(), 128, Family::Ipv6)};
        rule.source[0].address.bytes[3] = static_cast<uint8_t>(make.below(256));
        rule.destination_ports = {{make.port(), 65535}};
    }
    const RuleMatcher matcher{rules};
    EXPECT_GT(matcher.memory_bytes(), 10'000U * 20);
    EXPECT_LT(matcher.memory_bytes(), 10'000U * 500);
}

TEST(RuleMatcher, a_policy_is_copied_with_its_compiled_rules) {
    Policy policy;
    policy.rules = {Rule{.protocol = 17, .allow = true}};
    EXPECT_EQ(policy.compiled_bytes(), 0U);
    policy.compile();
    EXPECT_GT(policy.compiled_bytes(), 0U);
    const Policy copy = policy;
    EXPECT_TRUE(copy.judge({.protocol = 17}).allow);
    EXPECT_EQ(copy.compiled_bytes(), policy.compiled_bytes());
    EXPECT_FALSE(copy.judge({.protocol = 6}).allow);
}

TEST(RuleMatcher, without_rules_the_entry_port_decides) {
    Twins twins{{}};
    twins.compare({.from_port = 1, .protocol = 17});
    twins.compare({.from_port = 0, .protocol = 17});
    EXPECT_EQ(twins.by_default, 2U);
}

}  // namespace
}  // namespace ravelin
