// SPDX-License-Identifier: BSD-3-Clause
// What is written up about packets that were denied.
#include "support/fragmenter.h"
#include "support/lab.h"
#include "support/openvpn_packets.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

constexpr const char* kStranger = "203.0.113.9";
constexpr const char* kServer = "192.0.2.20";

PacketBuilder from_outside() {
    return PacketBuilder{}.ipv4(kStranger, kServer);
}
PacketBuilder from_inside() {
    return PacketBuilder{}.ipv4(kServer, kStranger);
}

/// What the worker has written up.
std::vector<DenialRecord> reports(Lab& lab) {
    std::vector<DenialRecord> out(DenialReports::kCapacity);
    Request request;
    request.kind = Request::Kind::Denials;
    request.denials = out;
    EXPECT_TRUE(lab.links[0]->requests.push(&request));
    lab.run();
    EXPECT_TRUE(request.done);
    EXPECT_TRUE(request.at_end);
    out.resize(request.written);
    return out;
}

DenialRecord only_report(Lab& lab) {
    const std::vector<DenialRecord> all = reports(lab);
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? DenialRecord{} : all.front();
}

std::string address(const char* text) {
    return Address::parse(text)->to_string();
}

Runtime with_rule() {
    Runtime runtime = Lab::open_policy();
    Rule rule;
    rule.name = "no-dns";
    rule.destination_ports = {{53, 53}};
    runtime.policy.rules.push_back(rule);
    runtime.policy.compile();
    runtime.generation = 7;
    return runtime;
}

TEST(Denials, a_new_connection_that_a_rule_drops_is_written_up_with_its_ends_and_the_rule) {
    Lab lab{1, with_rule()};
    lab.clock.advance(5s);
    lab.pass(kOutside, from_outside().udp(5353, 53).build());
    const DenialRecord report = only_report(lab);
    EXPECT_EQ(keyword(report.info.reason), "policy_rule");
    EXPECT_EQ(report.info.ct_class, CtClass::New);
    EXPECT_EQ(report.info.direction, Direction::Original);
    EXPECT_FALSE(report.info.from_inside);
    EXPECT_FALSE(report.info.has_connection);
    EXPECT_FALSE(report.info.is_icmp_error);
    EXPECT_TRUE(report.info.looked_back);
    EXPECT_EQ(report.info.packets, 1U);
    EXPECT_EQ(report.info.sender.to_string(), address(kStranger));
    EXPECT_EQ(report.flow.source.to_string(), address(kStranger));
    EXPECT_EQ(report.flow.destination.to_string(), address(kServer));
    EXPECT_EQ(report.flow.source_port, 5353);
    EXPECT_EQ(report.flow.destination_port, 53);
    EXPECT_EQ(report.flow.rule, 0);
    EXPECT_EQ(report.flow.policy_generation, 7);
    EXPECT_EQ(report.first, lab.clock.now());
    EXPECT_EQ(report.last, lab.clock.now());
}

TEST(Denials, what_no_rule_allows_names_the_default) {
    Lab lab{1, with_rule()};
    lab.pass(kOutside, from_outside().tcp(5353, 443, "S").build());
    const DenialRecord report = only_report(lab);
    EXPECT_EQ(keyword(report.info.reason), "policy_default");
    EXPECT_EQ(report.flow.rule, Policy::kDefaultRule);
}

TEST(Denials, what_is_forwarded_is_not_written_up) {
    Lab lab;
    lab.pass(kInside, from_inside().udp(4000, 53).build());
    lab.pass(kOutside, from_outside().udp(53, 4000).build());
    EXPECT_TRUE(reports(lab).empty());
}

TEST(Denials, packets_that_differ_in_the_senders_port_alone_share_a_report) {
    Lab lab;
    const Instant first = lab.clock.now();
    for (uint16_t port = 1000; port < 1010; ++port) {
        lab.pass(kOutside, from_outside().udp(port, 53).build());
        lab.wait(1s);
    }
    const DenialRecord report = only_report(lab);
    EXPECT_EQ(report.info.packets, 10U);
    EXPECT_EQ(report.flow.source_port, 1009) << "the last one's";
    EXPECT_EQ(report.first, first);
    EXPECT_EQ(report.last, first + 9s);
    lab.pass(kOutside, from_outside().udp(1000, 54).build());
    EXPECT_EQ(reports(lab).size(), 2U) << "another service";
    lab.pass(kOutside, PacketBuilder{}.ipv4("203.0.113.8", kServer).udp(1000, 54).build());
    EXPECT_EQ(reports(lab).size(), 3U) << "another sender";
    lab.pass(kOutside, from_outside().tcp(1000, 54, "S").build());
    EXPECT_EQ(reports(lab).size(), 4U) << "another protocol";
    lab.pass(kOutside, from_outside().tcp(1000, 54, "A").build());
    EXPECT_EQ(reports(lab).size(), 5U) << "another reason";
}

TEST(Denials, pings_of_one_sender_share_a_report_whatever_their_identifier) {
    Lab lab;
    for (uint16_t id = 1; id < 4; ++id)
        lab.pass(kOutside, from_outside().icmp_echo(id, 1).build());
    EXPECT_EQ(only_report(lab).info.packets, 3U);
}

TEST(Denials, a_packet_that_does_not_fit_its_connection_is_told_with_it) {
    Lab lab;
    lab.pass(kInside, from_inside().tcp(4000, 443, "S").seq(100).build());
    lab.pass(kOutside, from_outside().tcp(443, 4000, "SA").seq(500).ack(101).build());
    lab.pass(kInside, from_inside().tcp(4000, 443, "A").seq(101).ack(501).build());
    lab.wait(65s);
    lab.pass(kOutside, from_outside().tcp(443, 4000, "A").seq(900'000'000).ack(101).build());
    const DenialRecord report = only_report(lab);
    EXPECT_EQ(keyword(report.info.reason), "tcp_window");
    EXPECT_EQ(report.info.ct_class, CtClass::Invalid);
    EXPECT_EQ(report.info.direction, Direction::Reply);
    EXPECT_FALSE(report.info.from_inside);
    EXPECT_TRUE(report.info.has_connection);
    EXPECT_FALSE(report.info.looked_back);
    EXPECT_EQ(report.info.sender.to_string(), address(kStranger));
    EXPECT_EQ(report.flow.source.to_string(), address(kServer)) << "its opener";
    EXPECT_EQ(report.flow.source_port, 4000);
    EXPECT_NE(report.flow.flags & connection_flag::kFromInside, 0);
    EXPECT_EQ(report.flow.age, 65s);
    EXPECT_EQ(report.flow.packets, (std::array<uint64_t, 2>{2, 1}));
}

TEST(Denials, a_segment_of_no_connection_says_whether_an_ended_one_was_looked_for) {
    for (const StalePolicy policy : {StalePolicy::Drop, StalePolicy::AsNew}) {
        Runtime runtime = Lab::open_policy();
        runtime.tracking.tombstones.policy = policy;
        Lab lab{1, runtime};
        lab.pass(kInside, from_inside().tcp(4000, 443, "A").seq(1).ack(1).build());
        const DenialRecord report = only_report(lab);
        EXPECT_EQ(keyword(report.info.reason), "tcp_no_connection");
        EXPECT_TRUE(report.info.from_inside);
        EXPECT_EQ(report.info.looked_back, policy == StalePolicy::Drop);
    }
}

TEST(Denials, a_handshake_that_a_services_budget_has_no_room_for_is_told_with_its_connection) {
    Runtime runtime = Lab::allow_all();
    VpnService service;
    service.protocol = VpnProtocol::OpenVpn;
    service.address = {*Prefix::parse(std::string{kServer} + "/32")};
    service.ports = {{1194, 1194}};
    service.handshakes_per_source = 1;
    runtime.services.push_back(service);
    Lab lab{1, std::move(runtime)};
    for (const uint64_t session : {1U, 2U, 3U})
        lab.pass(kOutside, from_outside()
                               .udp(40000, 1194)
                               .payload(testing::openvpn_packet::plain(7, 0, session, 0, 0, 0, 0))
                               .build());
    const DenialRecord report = only_report(lab);
    EXPECT_EQ(keyword(report.info.reason), "vpn_source_limit");
    EXPECT_EQ(report.info.ct_class, CtClass::New);
    EXPECT_EQ(report.info.packets, 2U);
    EXPECT_TRUE(report.info.has_connection);
}

TEST(Denials, late_packets_have_reports_of_their_own) {
    Lab lab;
    lab.pass(kInside, from_inside().udp(4000, 53).build());
    lab.wait(31s);
    EXPECT_EQ(lab.pass(kOutside, from_outside().udp(53, 4000).build()).ct_class, CtClass::Stale);
    EXPECT_TRUE(reports(lab).empty());
}

TEST(Denials, an_icmp_error_is_told_by_what_it_quotes_and_who_sent_it) {
    Lab lab;
    const Bytes quoted = from_inside().udp(4000, 53).build();
    lab.pass(kOutside,
             PacketBuilder{}.ipv4("198.51.100.77", kServer).icmp_error(3, 3, quoted, 28).build());
    DenialRecord report = only_report(lab);
    EXPECT_EQ(keyword(report.info.reason), "icmp_error_unmatched");
    EXPECT_TRUE(report.info.is_icmp_error);
    EXPECT_FALSE(report.info.has_connection);
    EXPECT_EQ(report.info.sender.to_string(), address("198.51.100.77"));
    EXPECT_EQ(report.flow.source.to_string(), address(kServer));
    EXPECT_EQ(report.flow.source_port, 4000);
    EXPECT_EQ(report.flow.destination_port, 53);

    Lab other;
    const Bytes segment = from_inside().tcp(4000, 443, "S").seq(100).build();
    other.pass(kInside, segment);
    const Bytes blind = from_inside().tcp(4000, 443, "S").seq(70'000'000).build();
    other.pass(kOutside,
               PacketBuilder{}.ipv4("198.51.100.77", kServer).icmp_error(3, 3, blind, 28).build());
    report = only_report(other);
    EXPECT_EQ(keyword(report.info.reason), "icmp_error_sequence");
    EXPECT_TRUE(report.info.is_icmp_error);
    EXPECT_TRUE(report.info.has_connection);
    EXPECT_EQ(report.info.direction, Direction::Reply);
    EXPECT_EQ(report.flow.source.to_string(), address(kServer));
}

TEST(Denials, ipv6_is_told_with_whole_addresses) {
    Lab lab;
    lab.pass(kOutside, PacketBuilder{}.ipv6("2001:db8::9", "2001:db8:1::20").udp(5, 53).build());
    const DenialRecord report = only_report(lab);
    EXPECT_EQ(report.info.sender.to_string(), "2001:db8::9");
    EXPECT_EQ(report.flow.source.to_string(), "2001:db8::9");
    EXPECT_EQ(report.flow.destination.to_string(), "2001:db8:1::20");
    EXPECT_EQ(report.flow.family, Family::Ipv6);
}

TEST(Denials, a_datagram_in_fragments_is_one_denial) {
    Lab lab;
    const Bytes whole = from_outside().udp(5353, 53).payload(Bytes(64)).build();
    lab.offer(kOutside, testing::fragment_of(whole, {.offset = 0, .length = 32}, 9));
    lab.offer(kOutside,
              testing::fragment_of(whole, {.offset = 32, .length = 40, .more = false}, 9));
    lab.run();
    EXPECT_EQ(only_report(lab).info.packets, 1U);
}

TEST(Denials, the_report_that_has_been_quiet_for_longest_gives_way) {
    Lab lab;
    constexpr uint32_t kSenders = 4 * DenialReports::kCapacity;
    for (uint32_t i = 0; i < kSenders; ++i) {
        const std::string sender = "10.0." + std::to_string(i >> 8) + "." + std::to_string(i & 255);
        lab.pass(kOutside, PacketBuilder{}.ipv4(sender.c_str(), kServer).udp(5, 53).build());
        // The first one never falls silent.
        lab.pass(kOutside, PacketBuilder{}.ipv4("10.0.0.0", kServer).udp(5, 53).build());
        lab.clock.advance(1ms);
    }
    const std::vector<DenialRecord> all = reports(lab);
    EXPECT_GT(all.size(), DenialReports::kCapacity * 9U / 10U);
    uint32_t packets = 0;
    for (const DenialRecord& report : all)
        if (report.flow.source.to_string() == "10.0.0.0") packets = report.info.packets;
    EXPECT_EQ(packets, kSenders + 1);
    EXPECT_EQ(lab.links[0]->counters.denials_skipped.value(), 0U);
}

TEST(Denials, a_flood_is_written_up_in_part_and_the_rest_is_counted) {
    Lab lab;
    const Bytes frame = from_outside().udp(5, 53).build();
    constexpr uint32_t kMore = 50;
    for (uint32_t i = 0; i < DenialReports::kPerSecond + kMore; ++i)
        lab.offer(kOutside, frame);
    lab.run();
    EXPECT_EQ(lab.links[0]->counters.denials_skipped.value(), kMore);
    EXPECT_EQ(only_report(lab).info.packets, DenialReports::kPerSecond);
    lab.wait(1s);
    lab.pass(kOutside, frame);
    EXPECT_EQ(only_report(lab).info.packets, DenialReports::kPerSecond + 1);
}

TEST(Denials, whoever_listens_is_told_of_the_first_the_second_the_fourth_and_so_on) {
    Lab lab;
    const Bytes frame = from_outside().udp(5, 53).build();
    lab.pass(kOutside, frame);
    lab.links[0]->events_wanted = true;
    for (int i = 0; i < 8; ++i)
        lab.pass(kOutside, frame);
    std::vector<uint32_t> packets;
    FlowEvent event;
    while (lab.links[0]->events.pop(&event, 1) != 0) {
        EXPECT_EQ(event.kind, EventKind::Denied);
        EXPECT_EQ(event.at, lab.clock.now());
        EXPECT_EQ(event.flow.destination_port, 53);
        packets.push_back(event.denial.packets);
    }
    EXPECT_EQ(packets, (std::vector<uint32_t>{2, 4, 8}));
    EXPECT_EQ(lab.links[0]->counters.events_emitted[static_cast<size_t>(EventKind::Denied)].value(),
              3U);
}

}  // namespace
}  // namespace ravelin
