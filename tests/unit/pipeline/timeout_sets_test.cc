// SPDX-License-Identifier: BSD-3-Clause
// Connections of rules that have timeouts of their own.
#include "support/lab.h"
#include "support/openvpn_session.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

PacketBuilder from_inside() {
    return PacketBuilder{}.ipv4("192.0.2.20", "203.0.113.9");
}
PacketBuilder from_outside() {
    return PacketBuilder{}.ipv4("203.0.113.9", "192.0.2.20");
}

/// Connections to port 53 and to protocols without ports, each rule with its own timeouts.
Runtime with_sets(const Timeouts& first) {
    Runtime runtime = Lab::open_policy();
    Rule rule;
    rule.name = "dns";
    rule.allow = true;
    rule.destination_ports = {{53, 53}};
    rule.timeouts = first;
    rule.timeout_set = 1;
    runtime.policy.rules.push_back(rule);
    Rule other;
    other.name = "ping";
    other.allow = true;
    other.protocol = ip_protocol::kIcmp;
    other.timeouts = Timeouts{.icmp = 3s};
    other.timeout_set = 2;
    runtime.policy.rules.push_back(other);
    runtime.policy.compile();
    for (const Rule& each : runtime.policy.rules) {
        runtime.tracking_of_rules.push_back(runtime.tracking);
        runtime.tracking_of_rules.back().timeouts = *each.timeouts;
    }
    return runtime;
}

const Timeouts kOwn{.udp_unreplied = 4s,
                    .udp_replied = 600s,
                    .tcp_syn_sent = 5s,
                    .tcp_syn_recv = 6s,
                    .tcp_established = 700s};

Duration remaining(Lab& lab) {
    const std::vector<FlowRecord> flows = lab.flows();
    EXPECT_EQ(flows.size(), 1U);
    return flows.empty() ? Duration{} : flows.front().remaining;
}

TEST(TimeoutSets, of_udp_hold_from_the_first_packet_on_in_each_state) {
    Lab lab{1, with_sets(kOwn)};
    lab.pass(kInside, from_inside().udp(4000, 53).build());
    EXPECT_EQ(remaining(lab), 4s);
    lab.pass(kOutside, from_outside().udp(53, 4000).build());
    EXPECT_EQ(remaining(lab), 600s);
    lab.wait(100s);
    lab.pass(kInside, from_inside().udp(4000, 53).build());
    EXPECT_EQ(remaining(lab), 600s);
}

TEST(TimeoutSets, of_others_are_not_touched) {
    Lab lab{1, with_sets(kOwn)};
    lab.pass(kInside, from_inside().udp(4000, 54).build());
    EXPECT_EQ(remaining(lab), 30s);
    lab.pass(kOutside, from_outside().udp(54, 4000).build());
    EXPECT_EQ(remaining(lab), 180s);
}

TEST(TimeoutSets, of_tcp_hold_in_each_phase) {
    Lab lab{1, with_sets(kOwn)};
    lab.pass(kInside, from_inside().tcp(4000, 53, "S").seq(100).build());
    EXPECT_EQ(remaining(lab), 5s);
    lab.pass(kOutside, from_outside().tcp(53, 4000, "SA").seq(500).ack(101).build());
    EXPECT_EQ(remaining(lab), 6s);
    lab.pass(kInside, from_inside().tcp(4000, 53, "A").seq(101).ack(501).build());
    EXPECT_EQ(remaining(lab), 700s);
}

TEST(TimeoutSets, of_icmp_hold) {
    Lab lab{1, with_sets(kOwn)};
    lab.pass(kInside, from_inside().icmp_echo(7, 1).build());
    EXPECT_EQ(remaining(lab), 3s);
}

TEST(TimeoutSets, that_a_reload_changes_reach_connections_that_are_there) {
    Lab lab{1, with_sets(kOwn)};
    lab.pass(kInside, from_inside().udp(4000, 53).build());
    Timeouts changed = kOwn;
    changed.udp_replied = 60s;
    const auto old = lab.runtime.publish(std::make_unique<const Runtime>(with_sets(changed)));
    lab.pass(kOutside, from_outside().udp(53, 4000).build());
    EXPECT_EQ(remaining(lab), 60s);
}

TEST(TimeoutSets, shorter_than_a_tunnels_rhythm_give_way_and_longer_ones_hold_for_its_data_too) {
    for (const Duration own : {Duration{2s}, Duration{3600s}}) {
        Runtime runtime = Lab::allow_all();
        Rule rule;
        rule.name = "vpn";
        rule.allow = true;
        rule.protocol = ip_protocol::kUdp;
        rule.timeouts = Timeouts{.udp_replied = own};
        rule.timeout_set = 1;
        runtime.policy.rules.push_back(rule);
        runtime.policy.compile();
        runtime.tracking_of_rules.push_back(runtime.tracking);
        runtime.tracking_of_rules.back().timeouts = *rule.timeouts;
        testing::OpenVpnSession session{runtime};
        session.connect();
        for (int round = 0; round < 8; ++round) {
            session.client_data(40);
            session.server_data(40);
            session.lab.wait(10s);
            session.client_data(100);
            session.server_data(100);
        }
        const Duration left = remaining(session.lab);
        if (own == 2s) {
            EXPECT_GT(left, 10s);
        } else {
            EXPECT_EQ(left, own);
        }
    }
}

}  // namespace
}  // namespace ravelin
