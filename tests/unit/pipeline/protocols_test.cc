// SPDX-License-Identifier: BSD-3-Clause
// Protocols that are neither TCP, UDP nor ICMP, and pick-up after a start, seen from the ports.
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
constexpr const char* kRouter = "192.0.2.1";

PacketBuilder from_client() {
    return PacketBuilder{}.ipv4(kClient, kServer);
}
PacketBuilder from_server() {
    return PacketBuilder{}.ipv4(kServer, kClient);
}

void expect_forwarded(const Fate& fate, CtClass ct_class) {
    EXPECT_EQ(fate.action, Action::Forward);
    EXPECT_EQ(fate.ct_class, ct_class);
}
void expect_dropped(const Fate& fate, CtClass ct_class, DropReason reason) {
    EXPECT_EQ(fate.action, Action::Drop);
    EXPECT_EQ(fate.ct_class, ct_class);
    EXPECT_EQ(keyword(fate.reason), keyword(reason));
}

// ------------------------------------------------------------------------------------------
// ESP and AH (ADR 13).

TEST(Ipsec, each_spi_is_a_connection_and_needs_a_rule_for_its_own_direction) {
    for (const bool ah : {false, true}) {
        const auto packet = [ah](PacketBuilder builder, uint32_t spi) {
            return (ah ? builder.ah(spi) : builder.esp(spi)).payload(Bytes(32)).build();
        };
        Lab closed;  // nothing from outside
        expect_forwarded(closed.pass(kInside, packet(from_client(), 0x11112222)), CtClass::New);
        expect_dropped(closed.pass(kOutside, packet(from_server(), 0x33334444)), CtClass::New,
                       DropReason::PolicyDefault);
        expect_dropped(closed.pass(kOutside, packet(from_server(), 0x11112222)), CtClass::New,
                       DropReason::PolicyDefault);

        Lab open{1, Lab::allow_all()};
        expect_forwarded(open.pass(kInside, packet(from_client(), 0x11112222)), CtClass::New);
        expect_forwarded(open.pass(kOutside, packet(from_server(), 0x33334444)), CtClass::New);
        expect_forwarded(open.pass(kInside, packet(from_client(), 0x11112223)), CtClass::New);
        EXPECT_EQ(open.flows().size(), 3U) << "a new SPI after a rekey";
        expect_forwarded(open.pass(kInside, packet(from_client(), 0x11112222)), CtClass::New);
        EXPECT_EQ(open.flows().size(), 3U);
        for (const FlowRecord& flow : open.flows())
            EXPECT_EQ(flow.remaining, 600s);
    }
}

TEST(Ipsec, an_error_must_quote_an_spi_that_is_in_use_and_ends_nothing) {
    Lab lab;
    const Bytes sent = from_client().esp(0x11112222).payload(Bytes(1400)).build();
    const Bytes forged = from_client().esp(0x11112223).payload(Bytes(1400)).build();
    lab.pass(kInside, sent);
    const auto too_big = [](const Bytes& quoted) {
        return PacketBuilder{}.ipv4(kRouter, kClient).icmp_error(3, 4, quoted, 28, 1300).build();
    };
    expect_dropped(lab.pass(kOutside, too_big(forged)), CtClass::Invalid,
                   DropReason::IcmpErrorUnmatched);
    expect_forwarded(lab.pass(kOutside, too_big(sent)), CtClass::Related);
    EXPECT_EQ(lab.flows().size(), 1U);
}

TEST(Ipsec, with_profile_linux_addresses_alone_count) {
    Lab lab{1, Lab::open_policy(TrackingOptions::linux_profile())};
    expect_forwarded(lab.pass(kInside, from_client().esp(1).payload(Bytes(32)).build()),
                     CtClass::New);
    expect_forwarded(lab.pass(kOutside, from_server().esp(2).payload(Bytes(32)).build()),
                     CtClass::Established);
    ASSERT_EQ(lab.flows().size(), 1U);
    EXPECT_EQ(lab.flows()[0].remaining, 600s);
}

// ------------------------------------------------------------------------------------------
// GRE.

TEST(Gre, plain_gre_is_one_connection_between_two_hosts) {
    Lab lab;
    expect_forwarded(lab.pass(kInside, from_client().gre().payload(Bytes(32)).build()),
                     CtClass::New);
    EXPECT_EQ(lab.flows()[0].remaining, 30s);
    expect_forwarded(lab.pass(kOutside, from_server().gre().payload(Bytes(32)).build()),
                     CtClass::Established);
    lab.pass(kInside, from_client().gre().payload(Bytes(32)).build());
    EXPECT_EQ(lab.flows()[0].remaining, 180s);
}

TEST(Gre, a_call_of_pptp_is_known_by_its_call_id_and_its_direction_as_in_a_kernel_without_helper) {
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        Lab lab{1, Lab::allow_all(options)};
        expect_forwarded(lab.pass(kInside, from_client().pptp(7).payload("ppp").build()),
                         CtClass::New);
        expect_forwarded(lab.pass(kInside, from_client().pptp(8).payload("ppp").build()),
                         CtClass::New);
        expect_forwarded(lab.pass(kOutside, from_server().pptp(7).payload("ppp").build()),
                         CtClass::New);
        expect_forwarded(lab.pass(kInside, from_client().pptp(7).payload("ppp").build()),
                         CtClass::New);
        EXPECT_EQ(lab.flows().size(), 3U);
        // Call id 0 is no key: plain GRE between the same hosts is the same connection.
        expect_forwarded(lab.pass(kInside, from_client().pptp(0).payload("ppp").build()),
                         CtClass::New);
        expect_forwarded(lab.pass(kOutside, from_server().gre().payload("ip").build()),
                         CtClass::Established);
        EXPECT_EQ(lab.flows().size(), 4U);
    }
}

TEST(Gre, version_1_without_ppp_is_invalid) {
    Lab lab;
    Bytes frame = from_client().pptp(7).payload("ppp").build();
    frame[14 + 20 + 3] ^= 1;
    expect_dropped(lab.pass(kInside, frame), CtClass::Invalid, DropReason::L4Malformed);
}

// ------------------------------------------------------------------------------------------
// SCTP.

PacketBuilder sctp(bool reply, uint32_t tag) {
    return reply ? from_server().sctp(7000, 40000).tag(tag)
                 : from_client().sctp(40000, 7000).tag(tag);
}

TEST(SctpPath, an_association_is_followed_from_init_to_shutdown) {
    constexpr uint32_t kOurs = 0x1111;
    constexpr uint32_t kTheirs = 0x2222;
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        Lab lab{1, Lab::open_policy(options)};
        const auto phase = [&] { return static_cast<SctpPhase>(lab.flows().at(0).state); };
        expect_dropped(lab.pass(kInside, sctp(false, kTheirs).chunk(0, Bytes(12)).build()),
                       CtClass::Invalid, DropReason::ProtocolInvalid);
        expect_forwarded(lab.pass(kInside, sctp(false, 0).sctp_init(1, kOurs).build()),
                         CtClass::New);
        EXPECT_EQ(phase(), SctpPhase::Closed);
        EXPECT_EQ(lab.flows()[0].remaining, 10s);
        expect_forwarded(lab.pass(kOutside, sctp(true, kOurs).sctp_init(2, kTheirs).build()),
                         CtClass::Established);
        EXPECT_EQ(phase(), SctpPhase::CookieWait);
        EXPECT_EQ(lab.flows()[0].remaining, 3s);
        lab.pass(kInside, sctp(false, kTheirs).chunk(10, Bytes(40)).build());
        EXPECT_EQ(phase(), SctpPhase::CookieEchoed);
        lab.pass(kOutside, sctp(true, kOurs).chunk(11).build());
        EXPECT_EQ(phase(), SctpPhase::Established);
        EXPECT_NE(lab.flows()[0].flags & connection_flag::kAssured, 0);
        EXPECT_EQ(lab.flows()[0].remaining, 210s);
        expect_dropped(lab.pass(kOutside, sctp(true, 0x3333).chunk(0, Bytes(12)).build()),
                       CtClass::Invalid, DropReason::ProtocolInvalid);
        lab.pass(kInside, sctp(false, kTheirs).chunk(7, Bytes(4)).build());
        EXPECT_EQ(phase(), SctpPhase::ShutdownSent);
        lab.pass(kOutside, sctp(true, kOurs).chunk(8).build());
        EXPECT_EQ(phase(), SctpPhase::ShutdownAckSent);
        lab.pass(kInside, sctp(false, kTheirs).chunk(14).build());
        EXPECT_EQ(phase(), SctpPhase::Closed);
        lab.wait(10s);
        EXPECT_TRUE(lab.flows().empty());
    }
}

TEST(SctpPath, a_wrong_crc_is_invalid_unless_checksums_are_not_verified) {
    const Bytes bad = sctp(false, 0).sctp_init(1, 5).l4_checksum(1).build();
    Lab lab;
    expect_dropped(lab.pass(kInside, bad), CtClass::Invalid, DropReason::L4Checksum);
    TrackingOptions trusting = TrackingOptions::strict();
    trusting.parse.verify_checksums = false;
    Lab other{1, Lab::open_policy(trusting)};
    expect_forwarded(other.pass(kInside, bad), CtClass::New);
}

// ------------------------------------------------------------------------------------------
// Pick-up, threats T22.

Bytes segment(bool reply, const char* flags, uint32_t seq, uint32_t ack) {
    PacketBuilder builder = reply ? from_server() : from_client();
    builder.tcp(reply ? 443 : 40000, reply ? 40000 : 443, flags);
    return builder.seq(seq).ack(ack).build();
}

Runtime picking_up(Duration time) {
    TrackingOptions options = TrackingOptions::strict();
    options.tcp_pickup = time;
    return Lab::open_policy(options);
}

TEST(PickUp, is_possible_until_its_time_after_the_start_is_over) {
    Lab lab{1, picking_up(60s)};
    lab.wait(60s - kTick);
    expect_forwarded(lab.pass(kInside, segment(false, "A", 1000, 2000)), CtClass::New);
    EXPECT_EQ(lab.flows().at(0).remaining, 300s);
    EXPECT_NE(lab.flows()[0].flags & connection_flag::kPickedUp, 0);
    expect_forwarded(lab.pass(kOutside, segment(true, "A", 2000, 1000)), CtClass::Established);

    Lab late{1, picking_up(60s)};
    late.wait(60s);
    expect_dropped(late.pass(kInside, segment(false, "A", 1000, 2000)), CtClass::Invalid,
                   DropReason::TcpNoConnection);
    expect_forwarded(late.pass(kInside, segment(false, "S", 1000, 0)), CtClass::New);
}

TEST(PickUp, asks_the_rules_and_takes_bare_acknowledgements_only) {
    Lab lab{1, picking_up(60s)};
    expect_dropped(lab.pass(kOutside, segment(true, "A", 2000, 1000)), CtClass::New,
                   DropReason::PolicyDefault);
    for (const char* flags : {"SA", "FA", "R", "RA"}) {
        expect_dropped(lab.pass(kInside, segment(false, flags, 1000, 2000)), CtClass::Invalid,
                       DropReason::TcpNoConnection);
    }
    EXPECT_TRUE(lab.flows().empty());
}

TEST(PickUp, no_reset_closes_before_both_sides_are_in_step) {
    Lab lab{1, picking_up(60s)};
    const auto phase = [&] { return static_cast<TcpPhase>(lab.flows().at(0).state); };
    lab.pass(kInside, segment(false, "A", 1000, 2000));
    for (const uint32_t number : {4242U, 2000U}) {
        expect_forwarded(lab.pass(kOutside, segment(true, "R", number, 0)), CtClass::Established);
        EXPECT_EQ(phase(), TcpPhase::Established);
    }
    lab.pass(kOutside, segment(true, "A", 2000, 1000));
    lab.pass(kOutside, segment(true, "R", 2000, 0));
    EXPECT_EQ(phase(), TcpPhase::Established);
    lab.pass(kInside, segment(false, "A", 1000, 2000));
    lab.pass(kOutside, segment(true, "R", 4242, 0));
    EXPECT_EQ(phase(), TcpPhase::Established);
    lab.pass(kOutside, segment(true, "R", 2000, 0));
    EXPECT_EQ(phase(), TcpPhase::Close);
}

}  // namespace
}  // namespace ravelin
