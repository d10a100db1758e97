// SPDX-License-Identifier: BSD-3-Clause
#include "policy/policy.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ravelin {
namespace {

Address address(std::string_view text) {
    const Result<Address> parsed = Address::parse(text);
    EXPECT_TRUE(parsed.has_value()) << text;
    return parsed.value_or(Address{});
}

std::vector<Prefix> prefixes(const std::vector<std::string_view>& texts) {
    std::vector<Prefix> list;
    for (const std::string_view text : texts) {
        const Result<Prefix> parsed = Prefix::parse(text);
        EXPECT_TRUE(parsed.has_value()) << text;
        list.push_back(parsed.value_or(Prefix{}));
    }
    return list;
}

constexpr uint8_t kOutside = 0;
constexpr uint8_t kInside = 1;

Query udp(std::string_view source, uint16_t source_port, std::string_view destination,
          uint16_t destination_port, uint8_t from_port = kOutside) {
    return {from_port,   ip_protocol::kUdp, address(source), address(destination),
            source_port, destination_port};
}

/// Whether a policy of this one allowing rule takes the query.
bool takes(Rule rule, const Query& query) {
    rule.allow = true;
    Policy policy;
    policy.rules.push_back(std::move(rule));
    return policy.judge(query).rule == 0;
}

TEST(Policy, the_first_rule_that_matches_decides) {
    Policy policy;
    policy.rules = {
        {.name = "tcp", .protocol = ip_protocol::kTcp, .allow = true},
        {.name = "deny_host", .source = prefixes({"198.51.100.9"}), .allow = false},
        {.name = "udp", .protocol = ip_protocol::kUdp, .allow = true},
        {.name = "all", .allow = false},
    };
    const Judgement denied = policy.judge(udp("198.51.100.9", 1, "192.0.2.20", 2));
    EXPECT_FALSE(denied.allow);
    EXPECT_EQ(denied.rule, 1);
    EXPECT_EQ(denied.reason, DropReason::PolicyRule);

    const Judgement allowed = policy.judge(udp("198.51.100.8", 1, "192.0.2.20", 2));
    EXPECT_TRUE(allowed.allow);
    EXPECT_EQ(allowed.rule, 2);
    EXPECT_EQ(allowed.reason, DropReason::None);

    Query esp = udp("198.51.100.8", 0, "192.0.2.20", 0);
    esp.protocol = ip_protocol::kEsp;
    EXPECT_EQ(policy.judge(esp).rule, 3);
}

TEST(Policy, without_a_matching_rule_the_entry_port_decides) {
    Policy policy;
    policy.default_allow[kInside] = true;
    policy.rules.push_back({.name = "tcp", .protocol = ip_protocol::kTcp, .allow = true});

    const Judgement outside = policy.judge(udp("198.51.100.9", 1, "192.0.2.20", 2));
    EXPECT_FALSE(outside.allow);
    EXPECT_EQ(outside.rule, Policy::kDefaultRule);
    EXPECT_EQ(outside.reason, DropReason::PolicyDefault);

    const Judgement inside = policy.judge(udp("192.0.2.20", 1, "198.51.100.9", 2, kInside));
    EXPECT_TRUE(inside.allow);
    EXPECT_EQ(inside.rule, Policy::kDefaultRule);
    EXPECT_EQ(inside.reason, DropReason::None);
}

TEST(Policy, a_port_number_beyond_the_last_possible_port_is_refused) {
    Policy policy;
    policy.default_allow.fill(true);
    Query query = udp("198.51.100.9", 1, "192.0.2.20", 2);
    query.from_port = kMaxPorts;
    EXPECT_EQ(policy.judge(query).reason, DropReason::PolicyDefault);
}

TEST(Policy, an_empty_rule_takes_everything) {
    EXPECT_TRUE(takes({}, udp("198.51.100.9", 1, "192.0.2.20", 2)));
    EXPECT_TRUE(takes({}, udp("2001:db8::1", 1, "2001:db8::2", 2, kInside)));
}

TEST(Policy, the_entry_port_must_be_the_one_named) {
    const Query query = udp("198.51.100.9", 1, "192.0.2.20", 2, kInside);
    EXPECT_TRUE(takes({.from_port = kInside}, query));
    EXPECT_FALSE(takes({.from_port = kOutside}, query));
}

TEST(Policy, every_protocol_matches_its_own_number_only) {
    for (int wanted = 0; wanted < 256; ++wanted) {
        for (int actual = 0; actual < 256; ++actual) {
            Query query = udp("198.51.100.9", 0, "192.0.2.20", 0);
            query.protocol = static_cast<uint8_t>(actual);
            Policy policy;
            policy.rules.push_back({.protocol = static_cast<uint8_t>(wanted), .allow = true});
            ASSERT_EQ(policy.judge(query).allow, wanted == actual) << wanted << " " << actual;
        }
    }
}

TEST(Policy, ports_match_tcp_udp_and_sctp_only) {
    for (int protocol = 0; protocol < 256; ++protocol) {
        Query query = udp("198.51.100.9", 1194, "192.0.2.20", 1194);
        query.protocol = static_cast<uint8_t>(protocol);
        const bool has_ports = protocol == 6 || protocol == 17 || protocol == 132;
        EXPECT_EQ(takes({.source_ports = {{0, 65535}}}, query), has_ports) << protocol;
        EXPECT_EQ(takes({.destination_ports = {{1194, 1194}}}, query), has_ports) << protocol;
    }
}

TEST(Policy, port_ranges_include_both_of_their_ends) {
    const std::vector<PortRange> ranges{{500, 500}, {4500, 4502}};
    for (int port = 0; port <= 65535; ++port) {
        const auto number = static_cast<uint16_t>(port);
        const bool inside = port == 500 || (port >= 4500 && port <= 4502);
        ASSERT_EQ(takes({.destination_ports = ranges}, udp("10.0.0.1", 7, "10.0.0.2", number)),
                  inside)
            << port;
        ASSERT_EQ(takes({.source_ports = ranges}, udp("10.0.0.1", number, "10.0.0.2", 7)), inside)
            << port;
    }
}

TEST(Policy, source_ports_and_destination_ports_are_not_mixed_up) {
    const Rule rule{.source_ports = {{1, 10}}, .destination_ports = {{20, 30}}};
    EXPECT_TRUE(takes(rule, udp("10.0.0.1", 5, "10.0.0.2", 25)));
    EXPECT_FALSE(takes(rule, udp("10.0.0.1", 25, "10.0.0.2", 5)));
    EXPECT_FALSE(takes(rule, udp("10.0.0.1", 5, "10.0.0.2", 5)));
    EXPECT_FALSE(takes(rule, udp("10.0.0.1", 25, "10.0.0.2", 25)));
}

TEST(Policy, source_and_destination_are_not_mixed_up) {
    const Rule rule{.source = prefixes({"198.51.100.0/24"}),
                    .destination = prefixes({"192.0.2.20"})};
    EXPECT_TRUE(takes(rule, udp("198.51.100.255", 1, "192.0.2.20", 2)));
    EXPECT_FALSE(takes(rule, udp("192.0.2.20", 1, "198.51.100.255", 2)));
    EXPECT_FALSE(takes(rule, udp("198.51.101.0", 1, "192.0.2.20", 2)));
    EXPECT_FALSE(takes(rule, udp("198.51.100.255", 1, "192.0.2.21", 2)));
}

TEST(Policy, any_prefix_of_a_list_is_enough) {
    const Rule rule{.source = prefixes({"198.51.100.0/25", "2001:db8:1::/48", "203.0.113.7"})};
    EXPECT_TRUE(takes(rule, udp("198.51.100.127", 1, "192.0.2.20", 2)));
    EXPECT_FALSE(takes(rule, udp("198.51.100.128", 1, "192.0.2.20", 2)));
    EXPECT_TRUE(takes(rule, udp("203.0.113.7", 1, "192.0.2.20", 2)));
    EXPECT_TRUE(takes(rule, udp("2001:db8:1:ffff::1", 1, "2001:db8::2", 2)));
    EXPECT_FALSE(takes(rule, udp("2001:db8:2::1", 1, "2001:db8::2", 2)));
}

TEST(Policy, a_prefix_takes_only_the_family_it_was_written_in) {
    const Query v4 = udp("198.51.100.9", 1, "192.0.2.20", 2);
    const Query v6 = udp("2001:db8::1", 1, "2001:db8::2", 2);
    EXPECT_TRUE(takes({.source = prefixes({"0.0.0.0/0"})}, v4));
    EXPECT_FALSE(takes({.source = prefixes({"0.0.0.0/0"})}, v6));
    EXPECT_FALSE(takes({.source = prefixes({"::/0"})}, v4));
    EXPECT_TRUE(takes({.source = prefixes({"::/0"})}, v6));
    EXPECT_FALSE(takes({.destination = prefixes({"::/0"})}, v4));
    EXPECT_TRUE(takes({.destination = prefixes({"0.0.0.0/0", "::/0"})}, v6));
}

}  // namespace
}  // namespace ravelin
