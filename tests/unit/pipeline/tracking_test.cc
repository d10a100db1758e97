// SPDX-License-Identifier: BSD-3-Clause
// What the customer's problem statements ask of tracking, seen from the ports.
#include "support/lab.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::Fate;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

constexpr const char* kClient = "10.0.0.2";
constexpr const char* kServer = "192.0.2.20";

Bytes request() {
    return PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).payload("hello").build();
}
Bytes answer() {
    return PacketBuilder{}.ipv4(kServer, kClient).udp(1194, 40000).payload("world").build();
}
Bytes tcp(const char* flags, uint32_t seq, uint32_t ack, bool reply = false) {
    PacketBuilder builder;
    if (reply) {
        builder.ipv4(kServer, kClient).tcp(443, 40000, flags);
    } else {
        builder.ipv4(kClient, kServer).tcp(40000, 443, flags);
    }
    return builder.seq(seq).ack(ack).build();
}

void expect_forwarded(const Fate& fate, CtClass ct_class) {
    EXPECT_EQ(fate.action, Action::Forward);
    EXPECT_EQ(fate.ct_class, ct_class);
    EXPECT_EQ(fate.reason, DropReason::None);
}
void expect_dropped(const Fate& fate, CtClass ct_class, DropReason reason) {
    EXPECT_EQ(fate.action, Action::Drop);
    EXPECT_EQ(fate.ct_class, ct_class);
    EXPECT_EQ(keyword(fate.reason), keyword(reason));
}

TEST(Udp, is_unreplied_for_30_s_then_established_for_180_s_then_assured) {
    Lab lab;
    expect_forwarded(lab.pass(kInside, request()), CtClass::New);
    ASSERT_EQ(lab.flows().size(), 1U);
    EXPECT_EQ(lab.flows()[0].remaining, 30s);
    EXPECT_EQ(lab.flows()[0].flags & connection_flag::kSeenReply, 0);

    expect_forwarded(lab.pass(kOutside, answer()), CtClass::Established);
    EXPECT_EQ(lab.flows()[0].remaining, 180s);
    EXPECT_NE(lab.flows()[0].flags & connection_flag::kSeenReply, 0);
    EXPECT_EQ(lab.flows()[0].flags & connection_flag::kAssured, 0);

    expect_forwarded(lab.pass(kInside, request()), CtClass::Established);
    EXPECT_NE(lab.flows()[0].flags & connection_flag::kAssured, 0);
    EXPECT_EQ(lab.flows()[0].packets[0], 2U);
    EXPECT_EQ(lab.flows()[0].packets[1], 1U);
    EXPECT_EQ(lab.flows()[0].bytes[1], 33U);
}

TEST(Udp, every_packet_renews_the_time) {
    Lab lab;
    lab.pass(kInside, request());
    lab.pass(kOutside, answer());
    for (int i = 0; i < 20; ++i) {
        lab.wait(170s);
        expect_forwarded(
            lab.pass(i % 2 == 0 ? kInside : kOutside, i % 2 == 0 ? request() : answer()),
            CtClass::Established);
    }
}

TEST(Udp, lives_until_its_deadline_and_not_a_tick_longer) {
    Lab lab;
    lab.pass(kInside, request());
    lab.wait(30s - 1ms);
    EXPECT_EQ(lab.flows().size(), 1U);
    lab.wait(1ms);
    EXPECT_EQ(lab.flows().size(), 0U);
    EXPECT_EQ(lab.deleted(EndReason::Timeout), 1U);
    expect_dropped(lab.pass(kOutside, answer()), CtClass::Stale, DropReason::Stale);
}

TEST(Udp, a_deadline_counts_at_look_up_even_before_the_wheel_comes_to_it) {
    Lab lab;
    lab.pass(kInside, request());
    lab.clock.advance(30s);
    expect_dropped(lab.pass(kOutside, answer()), CtClass::Stale, DropReason::Stale);
}

TEST(Ping, a_request_is_new_its_reply_established_and_the_entry_is_gone_after_it) {
    for (const bool v6 : {false, true}) {
        Lab lab;
        const auto echo = [&](bool reply) {
            PacketBuilder builder;
            v6 ? builder.ipv6(reply ? "2001:db8::2" : "2001:db8::1",
                              reply ? "2001:db8::1" : "2001:db8::2")
               : builder.ipv4(reply ? kServer : kClient, reply ? kClient : kServer);
            return builder.icmp_echo(77, 1, reply).build();
        };
        expect_forwarded(lab.pass(kInside, echo(false)), CtClass::New);
        ASSERT_EQ(lab.flows().size(), 1U);
        EXPECT_EQ(lab.flows()[0].remaining, 30s);
        expect_forwarded(lab.pass(kOutside, echo(true)), CtClass::Established);
        EXPECT_EQ(lab.flows().size(), 0U);
        EXPECT_EQ(lab.deleted(EndReason::Answered), 1U);
        EXPECT_EQ(lab.pass(kOutside, echo(true)).ct_class, CtClass::Stale) << "a second reply";
    }
}

TEST(Ping, two_requests_need_two_replies) {
    Lab lab;
    const Bytes ping = PacketBuilder{}.ipv4(kClient, kServer).icmp_echo(77, 1).build();
    const Bytes pong = PacketBuilder{}.ipv4(kServer, kClient).icmp_echo(77, 1, true).build();
    lab.pass(kInside, ping);
    lab.pass(kInside, ping);
    expect_forwarded(lab.pass(kOutside, pong), CtClass::Established);
    EXPECT_EQ(lab.flows().size(), 1U);
    expect_forwarded(lab.pass(kOutside, pong), CtClass::Established);
    EXPECT_EQ(lab.flows().size(), 0U);
}

TEST(Ping, with_profile_linux_the_entry_stays_for_30_s) {
    Lab lab{1, Lab::open_policy(TrackingOptions::linux_profile())};
    lab.pass(kInside, PacketBuilder{}.ipv4(kClient, kServer).icmp_echo(77, 1).build());
    lab.pass(kOutside, PacketBuilder{}.ipv4(kServer, kClient).icmp_echo(77, 1, true).build());
    ASSERT_EQ(lab.flows().size(), 1U);
    EXPECT_EQ(lab.flows()[0].remaining, 30s);
}

TEST(Tcp, walks_through_its_states_with_netfilters_timeouts) {
    Lab lab;
    struct Step {
        uint8_t port;
        Bytes frame;
        CtClass ct_class;
        TcpPhase phase;
        Duration remaining;
    };
    const std::vector<Step> steps{
        {kInside, tcp("S", 100, 0), CtClass::New, TcpPhase::SynSent, 120s},
        {kOutside, tcp("SA", 500, 101, true), CtClass::Established, TcpPhase::SynRecv, 60s},
        {kInside, tcp("A", 101, 501), CtClass::Established, TcpPhase::Established, 5 * 24h},
        {kInside, tcp("FA", 101, 501), CtClass::Established, TcpPhase::FinWait, 120s},
        {kOutside, tcp("A", 501, 102, true), CtClass::Established, TcpPhase::CloseWait, 60s},
        {kOutside, tcp("FA", 501, 102, true), CtClass::Established, TcpPhase::LastAck, 30s},
        {kInside, tcp("A", 102, 502), CtClass::Established, TcpPhase::TimeWait, 120s},
    };
    for (const Step& step : steps) {
        expect_forwarded(lab.pass(step.port, step.frame), step.ct_class);
        ASSERT_EQ(lab.flows().size(), 1U);
        EXPECT_EQ(lab.flows()[0].state, static_cast<uint8_t>(step.phase));
        EXPECT_EQ(lab.flows()[0].remaining, step.remaining);
    }
    expect_forwarded(lab.pass(kInside, tcp("S", 90'000, 0)), CtClass::New);
    EXPECT_EQ(lab.deleted(EndReason::Replaced), 1U) << "reuse of the ports in TIME_WAIT";
}

TEST(Tcp, a_time_that_got_shorter_counts_whatever_the_wheel_made_of_the_longer_one) {
    // The opening's 120 s stand in a slot that comes 2.24 s early; by then they are days.
    for (const Duration age : {117s, 118s, 121s, 700s}) {
        Lab lab;
        lab.pass(kInside, tcp("S", 1000, 0));
        lab.pass(kOutside, tcp("SA", 5000, 1001, true));
        lab.pass(kInside, tcp("A", 1001, 5001));
        lab.wait(age);
        expect_forwarded(lab.pass(kInside, tcp("R", 1001, 0)), CtClass::Established);
        ASSERT_EQ(lab.flows().at(0).remaining, 10s);
        lab.wait(9990ms);
        EXPECT_EQ(lab.deleted(EndReason::Timeout), 0U);
        lab.wait(10ms);
        EXPECT_EQ(lab.deleted(EndReason::Timeout), 1U) << age / 1s;
    }
}

TEST(Tcp, a_mid_stream_packet_is_invalid_in_strict_and_new_in_linux) {
    Lab strict;
    expect_dropped(strict.pass(kInside, tcp("A", 1, 1)), CtClass::Invalid,
                   DropReason::TcpNoConnection);
    Lab loose{1, Lab::open_policy(TrackingOptions::linux_profile())};
    expect_forwarded(loose.pass(kInside, tcp("A", 1, 1)), CtClass::New);
    EXPECT_EQ(loose.flows()[0].remaining, 300s);
}

TEST(Tcp, an_rst_that_answers_a_syn_ends_the_entry_at_once) {
    Lab lab;
    lab.pass(kInside, tcp("S", 100, 0));
    expect_forwarded(lab.pass(kOutside, tcp("RA", 0, 101, true)), CtClass::Established);
    EXPECT_EQ(lab.flows().size(), 0U);
    EXPECT_EQ(lab.deleted(EndReason::TcpReset), 1U);
}

TEST(Related, a_valid_unreachable_ends_a_syn_that_nobody_answered_and_is_forwarded) {
    Lab lab;
    const Bytes syn = tcp("S", 100, 0);
    lab.pass(kInside, syn);
    const Bytes error =
        PacketBuilder{}.ipv4("198.51.100.1", kClient).icmp_error(3, 1, syn, 28).build();
    expect_forwarded(lab.pass(kOutside, error), CtClass::Related);
    EXPECT_EQ(lab.flows().size(), 0U);
    EXPECT_EQ(lab.deleted(EndReason::IcmpError), 1U);
    expect_dropped(lab.pass(kOutside, error), CtClass::Stale, DropReason::Stale);
}

TEST(Related, an_error_changes_nothing_of_a_connection_that_was_answered) {
    Lab lab;
    const Bytes sent = request();
    lab.pass(kInside, sent);
    lab.pass(kOutside, answer());
    lab.wait(10s);
    const FlowRecord before = lab.flows()[0];
    expect_forwarded(
        lab.pass(kOutside,
                 PacketBuilder{}.ipv4("198.51.100.1", kClient).icmp_error(3, 3, sent, 28).build()),
        CtClass::Related);
    const FlowRecord after = lab.flows()[0];
    EXPECT_EQ(after.remaining, before.remaining);
    EXPECT_EQ(after.packets, before.packets);
}

TEST(Related, forged_errors_are_invalid_each_with_its_reason) {
    Lab lab;
    const Bytes syn = tcp("S", 100, 0);
    lab.pass(kInside, syn);
    const auto error = [](const char* to, const Bytes& quoted, size_t bytes) {
        return PacketBuilder{}.ipv4("198.51.100.1", to).icmp_error(3, 1, quoted, bytes).build();
    };
    expect_dropped(lab.pass(kOutside, error("10.0.0.3", syn, 28)), CtClass::Invalid,
                   DropReason::IcmpErrorDestination);
    expect_dropped(lab.pass(kOutside, error(kClient, syn, 27)), CtClass::Invalid,
                   DropReason::IcmpErrorMalformed);
    expect_dropped(lab.pass(kOutside, error(kClient, tcp("S", 0x40000000, 0), 28)),
                   CtClass::Invalid, DropReason::IcmpErrorSequence);
    const Bytes other = PacketBuilder{}.ipv4(kClient, kServer).tcp(40001, 443, "S").build();
    expect_dropped(lab.pass(kOutside, error(kClient, other, 28)), CtClass::Invalid,
                   DropReason::IcmpErrorUnmatched);
    expect_dropped(
        lab.pass(kOutside,
                 PacketBuilder{}.ipv4("198.51.100.1", kClient).icmp_error(5, 1, syn, 28).build()),
        CtClass::Invalid, DropReason::IcmpTypeRefused);
    EXPECT_EQ(lab.flows().size(), 1U);
}

TEST(Related, path_mtu_reports_reach_the_sender_over_both_families) {
    Lab lab;
    const Bytes big =
        PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).payload(Bytes(1400)).build();
    lab.pass(kInside, big);
    lab.pass(kOutside, answer());
    expect_forwarded(
        lab.pass(
            kOutside,
            PacketBuilder{}.ipv4("198.51.100.1", kClient).icmp_error(3, 4, big, 28, 1280).build()),
        CtClass::Related);
    const Bytes big6 = PacketBuilder{}
                           .ipv6("2001:db8::1", "2001:db8::2")
                           .udp(40000, 1194)
                           .payload(Bytes(1400))
                           .build();
    lab.pass(kInside, big6);
    expect_forwarded(lab.pass(kOutside, PacketBuilder{}
                                            .ipv6("2001:db8:1::9", "2001:db8::1")
                                            .icmp_error(2, 0, big6, 200, 1280)
                                            .build()),
                     CtClass::Related);
}

TEST(Untracked, neighbour_discovery_passes_without_a_connection) {
    Lab lab;
    Bytes solicitation(20);
    expect_forwarded(lab.pass(kOutside, PacketBuilder{}
                                            .ipv6("fe80::1", "ff02::1:ff00:2")
                                            .ttl(255)
                                            .icmp(135, 0)
                                            .payload(std::move(solicitation))
                                            .build()),
                     CtClass::Untracked);
    EXPECT_TRUE(lab.flows().empty());
}

TEST(NonIp, arp_passes_and_lldp_does_not) {
    Lab lab;
    expect_forwarded(lab.pass(kOutside, PacketBuilder{}.arp("10.0.0.1", "10.0.0.2").build()),
                     CtClass::None);
    expect_dropped(
        lab.pass(kOutside, PacketBuilder{}.ether_type(0x88cc).payload(Bytes(46)).build()),
        CtClass::None, DropReason::EthertypeUnsupported);
}

}  // namespace
}  // namespace ravelin
