// SPDX-License-Identifier: BSD-3-Clause
// VPN tunnels, seen from the ports.
#include "support/fragmenter.h"
#include "support/openvpn_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ravelin {
namespace {

namespace openvpn_packet = testing::openvpn_packet;
using testing::Bytes;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Fate;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kClientAddress;
using testing::kInside;
using testing::kOutside;
using testing::kServer;
using testing::kServerAddress;
using testing::Lab;
using ::testing::Not;
using testing::PacketBuilder;
using Session = testing::OpenVpnSession;

constexpr const char* kOtherAddress = "198.51.100.8";

/// Clients outside may open to the concentrator inside, which may only answer: the configuration
/// in which a timeout shorter than the keepalive kills tunnels.
Runtime concentrator(Duration udp_timeout) {
    Runtime runtime = Lab::allow_all();
    runtime.policy.default_allow[kInside] = false;
    runtime.tracking.timeouts.udp_unreplied = udp_timeout;
    runtime.tracking.timeouts.udp_replied = udp_timeout;
    return runtime;
}

TEST(Tunnels, a_session_is_told_from_its_first_packet) {
    Session session{concentrator(30s)};
    session.connect();
    EXPECT_THAT(session.told(),
                ElementsAre("started client", "answered server", "established server"));
    EXPECT_EQ(session.last.tunnel.protocol, VpnProtocol::OpenVpn);
    EXPECT_EQ(session.last.tunnel.address[0].to_string(), kClientAddress);
    EXPECT_EQ(session.last.tunnel.address[1].to_string(), kServerAddress);
    EXPECT_EQ(session.last.tunnel.port, (std::array<uint16_t, 2>{50000, 1194}));
    EXPECT_EQ(session.last.tunnel.session, (std::array{kClient, kServer}));
    EXPECT_FALSE(session.last.tunnel.client_inside);
}

TEST(Tunnels, a_finished_handshake_assures_the_connection) {
    Runtime runtime = concentrator(30s);
    runtime.tracking.udp_assured_packets = 1000;
    Session session{std::move(runtime)};
    session.client(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0));
    session.server(openvpn_packet::plain(8, 0, kServer, 1, kClient, 0, 0));
    session.client_data();
    EXPECT_EQ(session.lab.flows()[0].flags & connection_flag::kAssured, 0);
    session.server_data();
    EXPECT_NE(session.lab.flows()[0].flags & connection_flag::kAssured, 0);
}

// vpn.md 0.1: both ends ping every 8 s, the server always first; a timeout of 4 s loses every one
// of its pings, and the client gives up.
TEST(Tunnels, a_timeout_shorter_than_the_keepalive_loses_no_ping) {
    Session session{concentrator(4s)};
    session.connect();
    for (int i = 0; i < 40; ++i) {
        session.lab.wait(8s);
        EXPECT_EQ(session.server_data(40).action, Action::Forward) << i;
        session.lab.wait(56ms);
        EXPECT_EQ(session.client_data(40).action, Action::Forward) << i;
    }
    EXPECT_EQ(session.lab.flows().size(), 1U);
}

TEST(Tunnels, without_adaptive_timeouts_it_does) {
    Runtime runtime = concentrator(4s);
    runtime.tunnels.adaptive_timeouts = false;
    Session session{std::move(runtime)};
    session.connect();
    session.lab.wait(8s);
    const Fate fate = session.server_data(40);
    EXPECT_EQ(fate.action, Action::Drop);
    EXPECT_EQ(fate.ct_class, CtClass::Stale);
    EXPECT_THAT(session.told(), Contains("late server"));
}

TEST(Tunnels, the_timeout_follows_the_keepalive) {
    Session session{concentrator(4s)};
    session.connect();
    session.told();
    EXPECT_GT(session.lab.flows()[0].remaining, 299s) << "the rhythm is unknown";
    for (int i = 0; i < 6; ++i) {
        session.lab.wait(8s);
        session.server_data(40);
        session.client_data(40);
    }
    EXPECT_THAT(session.told(), ElementsAre("keepalive server", "keepalive client"));
    EXPECT_LE(session.lab.flows()[0].remaining, 34s);
    EXPECT_GT(session.lab.flows()[0].remaining, 33s);
    session.lab.wait(35s);
    EXPECT_EQ(session.lab.flows().size(), 0U);
    session.lab.wait(1s);
    EXPECT_THAT(session.told(), Contains("ended client"));
    EXPECT_EQ(session.last.reason, CloseReason::Idle);
}

TEST(Tunnels, a_flush_is_told_as_what_it_is) {
    Session session{concentrator(180s)};
    session.connect();
    session.lab.wait(1s);
    Request request;
    request.kind = Request::Kind::Flush;
    ASSERT_TRUE(session.lab.links[0]->requests.push(&request));
    for (int turn = 0; turn < 20 && !request.done; ++turn)
        session.lab.workers[0]->run_once();
    session.lab.wait(1s);
    EXPECT_THAT(session.told(), Contains("ended client"));
    EXPECT_EQ(session.last.reason, CloseReason::Operator);

    // What begins afterwards ends for reasons of its own.
    session.connect();
    session.lab.wait(310s);
    EXPECT_THAT(session.told(), Contains("ended client"));
    EXPECT_EQ(session.last.reason, CloseReason::Idle);
}

TEST(Tunnels, nothing_from_a_client_alone_prolongs_anything) {
    Session session{concentrator(30s)};
    session.client(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0));
    for (int i = 0; i < 6; ++i)
        session.client(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0));
    for (int i = 0; i < 20; ++i)
        session.client_data();
    EXPECT_LE(session.lab.flows()[0].remaining, 30s);
    EXPECT_THAT(session.told(), Not(Contains("answered server")));
}

TEST(Tunnels, an_exit_notice_ends_the_connection_and_explains_what_comes_later) {
    Session session{concentrator(30s)};
    session.connect();
    session.lab.wait(20s);
    EXPECT_EQ(session.client(openvpn_packet::plain(4, 0, kClient, 4, kServer, 9, 27)).action,
              Action::Forward);
    EXPECT_EQ(session.lab.flows().size(), 0U);
    EXPECT_EQ(session.lab.deleted(EndReason::Exit), 1U);
    session.lab.wait(1s);
    const Fate late = session.server_data(40);
    EXPECT_EQ(late.action, Action::Drop);
    EXPECT_EQ(late.ct_class, CtClass::Stale);
    EXPECT_THAT(session.told(),
                ElementsAre("started client", "answered server", "established server",
                            "exit client", "ended client", "late server"));
    std::vector<StaleRecord> reports(8);
    uint32_t cursor = 0;
    uint32_t written = 0;
    session.lab.workers[0]->shard().conntrack.reports().dump(cursor, UINT32_MAX, reports, written);
    ASSERT_EQ(written, 1U);
    EXPECT_EQ(reports[0].info.reason, CloseReason::Exit);
    EXPECT_EQ(reports[0].info.closed_by, ClosedBy::Opener);
    EXPECT_EQ(reports[0].info.certainty, Certainty::Exact);
    EXPECT_EQ(reports[0].info.tunnel, session.last.tunnel.id);
}

TEST(Tunnels, a_late_packet_of_another_session_is_matched_by_ports_only) {
    Session session{concentrator(30s)};
    session.connect();
    session.lab.wait(20s);
    session.client(openvpn_packet::plain(4, 0, kClient, 4, kServer, 9, 27));
    session.server(openvpn_packet::data(0, 99, 1, 40));
    std::vector<StaleRecord> reports(8);
    uint32_t cursor = 0;
    uint32_t written = 0;
    session.lab.workers[0]->shard().conntrack.reports().dump(cursor, UINT32_MAX, reports, written);
    ASSERT_EQ(written, 1U);
    EXPECT_EQ(reports[0].info.certainty, Certainty::Tuple);
}

TEST(Tunnels, a_client_that_moves_keeps_its_tunnel) {
    Session session{concentrator(30s)};
    session.connect();
    session.told();
    session.port = 50001;
    EXPECT_EQ(session.client_data().action, Action::Forward);
    EXPECT_THAT(session.told(), ElementsAre("moved client"));
    EXPECT_EQ(session.last.port, 50000);
    EXPECT_EQ(session.last.tunnel.port[0], 50001);
    EXPECT_EQ(session.last.tunnel.moves, 1U);
    EXPECT_EQ(session.lab.flows().size(), 2U) << "the old one stays until the server has followed";
    EXPECT_EQ(session.server_data().action, Action::Forward);
    EXPECT_EQ(session.lab.flows().size(), 1U);
    EXPECT_EQ(session.lab.deleted(EndReason::Moved), 1U);
    // What the server sent to the old port meanwhile is late, and known.
    const Fate late = session.server(openvpn_packet::data(0, 3, 90, 40), kClientAddress, 50000);
    EXPECT_EQ(late.ct_class, CtClass::Stale);
    EXPECT_EQ(session.tunnels().find(static_cast<uint32_t>(session.last.tunnel.id))->stage,
              TunnelStage::Established);
}

TEST(Tunnels, keepalives_that_move_the_client_each_time_are_keepalives_and_data) {
    Session session{concentrator(30s)};
    session.connect();
    session.told();
    for (uint16_t i = 0; i < 4; ++i) {
        session.lab.wait(15s);
        session.server_data(40);
        ++session.port;
        session.client_data(40);
    }
    EXPECT_THAT(session.told(), Contains("keepalive client"));
    session.client_data(40);
    EXPECT_THAT(session.told(), IsEmpty());
    const TunnelRecord record = session.last.tunnel;
    EXPECT_EQ(record.moves, 4U);
    EXPECT_NEAR(static_cast<double>(record.keepalive[0] / 1ms), 15000, 100);
    EXPECT_EQ(record.data_packets[0], record.data_packets[1]);
}

TEST(Tunnels, a_client_that_comes_back_before_the_server_has_followed_is_where_it_was) {
    Session session{concentrator(30s)};
    session.connect();
    session.told();
    session.address = kOtherAddress;
    session.port = 50001;
    session.client_data();
    session.address = kClientAddress;
    session.port = 50000;
    session.client_data();
    EXPECT_THAT(session.told(), ElementsAre("moved client", "moved client"));
    EXPECT_EQ(session.last.address.to_string(), kOtherAddress);
    EXPECT_EQ(session.last.port, 50001);
    EXPECT_EQ(session.last.tunnel.address[0].to_string(), kClientAddress);
    EXPECT_EQ(session.last.tunnel.port[0], 50000);
    EXPECT_EQ(session.last.tunnel.moves, 2U);
    EXPECT_EQ(session.server_data().action, Action::Forward);
    EXPECT_EQ(session.lab.flows().size(), 1U) << "the other address is history";
    EXPECT_EQ(session.client_data().action, Action::Forward);
    EXPECT_THAT(session.told(), IsEmpty());
}

TEST(Tunnels, a_server_that_answers_the_old_address_is_told) {
    Session session{concentrator(30s)};
    session.connect();
    session.port = 50001;
    session.client_data();
    session.told();
    session.lab.wait(2s);
    session.server(openvpn_packet::data(0, 3, 90, 40), kClientAddress, 50000);
    session.server(openvpn_packet::data(0, 3, 91, 40), kClientAddress, 50000);
    EXPECT_THAT(session.told(), ElementsAre("answers_old server"));
}

TEST(Tunnels, a_strangers_counter_moves_nothing) {
    for (const uint32_t counter : {0U, 1U, 2U + (1U << 20), UINT32_MAX}) {
        Session session{concentrator(30s)};
        session.connect();
        session.told();
        session.address = kOtherAddress;
        session.client(openvpn_packet::data(0, 3, counter, 100));
        EXPECT_THAT(session.told(), IsEmpty()) << counter;
    }
    Session session{concentrator(30s)};
    session.connect();
    session.told();
    session.address = kOtherAddress;
    session.client(openvpn_packet::data(0, 4, 2, 100));
    EXPECT_THAT(session.told(), IsEmpty()) << "another peer id";
}

TEST(Tunnels, silence_of_one_side_is_told_and_its_end_too) {
    Session session{concentrator(300s)};
    session.connect();
    for (int i = 0; i < 6; ++i) {
        session.lab.wait(8s);
        session.server_data(40);
        session.client_data(40);
    }
    session.told();
    Duration silent{};
    for (int i = 0; i < 30 && silent == Duration{}; ++i) {
        session.lab.wait(1s);
        if (i % 8 == 7) session.client_data(40);
        if (!session.told().empty()) silent = session.last.at - session.last.tunnel.last_seen[1];
    }
    EXPECT_EQ(session.last.kind, TunnelEventKind::Silent);
    EXPECT_EQ(session.last.from, Side::Server);
    EXPECT_GE(silent, 20s);
    EXPECT_LE(silent, 21s) << "2.5 keepalives and a second";
    session.server_data(40);
    session.lab.wait(500ms);
    EXPECT_THAT(session.told(), ElementsAre("heard server"));
}

TEST(Tunnels, both_silent_is_no_sides_silence) {
    Session session{concentrator(300s)};
    session.connect();
    for (int i = 0; i < 6; ++i) {
        session.lab.wait(8s);
        session.server_data(40);
        session.client_data(40);
    }
    session.told();
    for (int i = 0; i < 25; ++i)
        session.lab.wait(1s);
    EXPECT_THAT(session.told(), IsEmpty());
}

TEST(Tunnels, look_alikes_give_way_to_each_other_and_never_take_a_tunnels_place) {
    constexpr uint32_t kSlots = 4;
    Session session{concentrator(30s), kSlots};
    session.connect();
    for (uint16_t port = 1; port <= 100; ++port) {
        session.port = port;
        session.client(openvpn_packet::plain(7, 0, kClient + port, 0, 0, 0, 0));
    }
    const TunnelCounters& counters = session.lab.links[0]->counters.tunnels;
    EXPECT_EQ(counters.displaced.value(), 97U);
    EXPECT_EQ(counters.tunnels.value(), kSlots);
    session.told();
    session.port = 50000;
    session.client(openvpn_packet::plain(4, 0, kClient, 4, kServer, 9, 200));
    session.lab.wait(20s);
    session.client(openvpn_packet::plain(4, 0, kClient, 4, kServer, 9, 27));
    EXPECT_THAT(session.told(), Contains("exit client"));
    // A look-alike whose slot is gone is a connection like any other.
    session.port = 1;
    EXPECT_EQ(session.client(openvpn_packet::plain(7, 0, kClient + 1, 0, 0, 0, 0)).action,
              Action::Forward);
}

TEST(Tunnels, slots_come_back) {
    constexpr uint32_t kSlots = 2;
    Session session{concentrator(30s), kSlots};
    for (uint16_t round = 1; round <= 20; ++round) {
        session.port = static_cast<uint16_t>(40000 + round);
        session.connect();
        EXPECT_THAT(session.told(), Contains("established server")) << round;
        session.lab.wait(301s);
        session.lab.wait(1s);
        EXPECT_THAT(session.told(), Contains("ended client")) << round;
    }
    EXPECT_EQ(session.lab.links[0]->counters.tunnels.tunnels.value(), 0U);
}

TEST(Tunnels, fragments_say_nothing_about_a_tunnel) {
    Session session{concentrator(30s)};
    session.connect();
    session.told();
    session.lab.wait(20s);
    // An exit notice that comes in pieces is no exit notice.
    const Bytes whole = PacketBuilder{}
                            .ipv4(kClientAddress, kServerAddress)
                            .udp(50000, 1194)
                            .payload(openvpn_packet::plain(4, 0, kClient, 4, kServer, 9, 27))
                            .build();
    for (const Bytes& piece : testing::fragments_of(whole, 48, 7))
        session.lab.pass(kOutside, piece);
    EXPECT_THAT(session.told(), IsEmpty());
    EXPECT_EQ(session.lab.flows().size(), 1U);
}

TEST(Tunnels, icmp_errors_about_it_are_told_with_the_mtu) {
    Session session{concentrator(30s)};
    session.connect();
    session.told();
    const Bytes quoted = PacketBuilder{}
                             .ipv4(kServerAddress, kClientAddress)
                             .udp(1194, 50000)
                             .payload(openvpn_packet::data(0, 3, 9, 1450))
                             .build();
    const auto error = [&](uint8_t code, uint16_t mtu) {
        return PacketBuilder{}
            .ipv4("198.51.100.1", kServerAddress)
            .icmp_error(3, code, quoted, 28, mtu)
            .build();
    };
    EXPECT_EQ(session.lab.pass(kOutside, error(4, 1300)).ct_class, CtClass::Related);
    EXPECT_THAT(session.told(), ElementsAre("path_mtu client"));
    EXPECT_EQ(session.last.value, 1300U);
    session.lab.pass(kOutside, error(4, 1400));
    EXPECT_THAT(session.told(), IsEmpty()) << "it was smaller before";
    session.lab.pass(kOutside, error(3, 0));
    EXPECT_THAT(session.told(), ElementsAre("icmp_error client"));
    EXPECT_EQ(session.last.value, 3U << 8 | 3U);
}

TEST(Tunnels, other_udp_is_left_alone) {
    Session session{concentrator(30s)};
    session.client(Bytes{'h', 'e', 'l', 'l', 'o'});
    session.client(Bytes{});
    EXPECT_EQ(session.lab.links[0]->counters.tunnels.tunnels.value(), 0U);
    EXPECT_EQ(session.lab.links[0]->counters.tunnels.inspected.value(), 0U);
}

TEST(Tunnels, observing_can_be_switched_off) {
    Runtime runtime = concentrator(30s);
    runtime.tunnels.observe = false;
    Session session{std::move(runtime)};
    session.connect();
    EXPECT_THAT(session.told(), IsEmpty());
}

}  // namespace
}  // namespace ravelin
