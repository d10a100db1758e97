// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/handshake_gate.h"

#include "support/openvpn_packets.h"
#include "support/tunnel_packets.h"

#include <gtest/gtest.h>

#include <string>

namespace ravelin {
namespace {

using testing::Bytes;
namespace openvpn_packet = testing::openvpn_packet;

const Address kServer = *Address::parse("192.0.2.20");

Address source(uint32_t number) {
    const std::array<uint8_t, 4> bytes{198, static_cast<uint8_t>(18 + (number >> 16)),
                                       static_cast<uint8_t>(number >> 8),
                                       static_cast<uint8_t>(number)};
    return Address::from_ipv4(bytes.data());
}

Bytes reset(uint64_t session) {
    return openvpn_packet::plain(7, 0, session, 0, 0, 0, 0);
}

/// One worker's gate in front of one service.
class Gate {
  public:
    explicit Gate(VpnService declared = openvpn()) : service{std::move(declared)} {}

    static VpnService openvpn() {
        VpnService service;
        service.protocol = VpnProtocol::OpenVpn;
        service.handshakes_per_second = 8;
        service.handshakes_per_source = 4;
        service.reserved_percent = 50;
        return service;
    }
    [[nodiscard]] HandshakeGate::Attempt attempt(const Address& from, const Bytes& payload) const {
        return {.service = 0,
                .address = {from, kServer},
                .port = {40000, port},
                .payload = payload,
                .fragmented = fragmented};
    }
    DropReason admit(const Address& from, const Bytes& payload) {
        return gate.admit(service, attempt(from, payload), workers, pick_up, now);
    }
    DropReason admit(uint32_t number) { return admit(source(number), reset(number + 1)); }
    DropReason repeat(const Address& from, const Bytes& payload, bool confirmed) {
        return gate.repeat(service, attempt(from, payload), workers, confirmed, now);
    }
    /// How many of `count` addresses that nobody has seen before get through at once.
    uint32_t flood(uint32_t count) {
        uint32_t through = 0;
        for (uint32_t i = 0; i < count; ++i)
            through += admit(next_stranger++) == DropReason::None ? 1 : 0;
        return through;
    }

    VpnService service;
    GateCounters counters;
    SessionDirectory sessions{HashSecret{1, 2, 3}, 64};
    Instant now{Duration{1000s}};
    HandshakeGate gate{HashSecret{7}, HandshakeGate::kSources, counters, &sessions, now};
    uint16_t port = 1194;
    uint32_t workers = 1;
    Duration pick_up{};
    bool fragmented = false;
    uint32_t next_stranger = 1000;
};

TEST(HandshakeGate, a_budget_is_a_rate_and_a_second_of_burst) {
    Budget budget;
    Instant now{Duration{5s}};
    uint32_t taken = 0;
    while (budget.take(10, now))
        ++taken;
    EXPECT_EQ(taken, 10U);
    for (int i = 0; i < 100; ++i) {
        now += 100ms;
        EXPECT_TRUE(budget.take(10, now)) << i;
        EXPECT_FALSE(budget.take(10, now)) << i;
    }
    EXPECT_FALSE(budget.take(0, now + 1h)) << "a rate of nothing";
}

TEST(HandshakeGate, what_may_come_first) {
    struct Row {
        const char* name;
        VpnProtocol protocol;
        uint16_t port;
        Bytes payload;
        DropReason reason;
    };
    const DropReason no = DropReason::VpnNotHandshake;
    const Row rows[] = {
        {"OpenVPN's reset", VpnProtocol::OpenVpn, 1194, reset(7), DropReason::None},
        {"OpenVPN's data", VpnProtocol::OpenVpn, 1194, openvpn_packet::data(0, 3, 9, 100), no},
        {"OpenVPN's later control", VpnProtocol::OpenVpn, 1194,
         openvpn_packet::plain(4, 0, 7, 1, 8, 1, 100), no},
        {"a server's reset", VpnProtocol::OpenVpn, 1194, openvpn_packet::plain(8, 0, 7, 1, 8, 0, 0),
         no},
        {"something else", VpnProtocol::OpenVpn, 1194, Bytes(60, 0x41), no},
        {"nothing", VpnProtocol::OpenVpn, 1194, Bytes{}, no},
        {"WireGuard to OpenVPN", VpnProtocol::OpenVpn, 1194, testing::wg::initiation(5), no},
        {"WireGuard's initiation", VpnProtocol::WireGuard, 51820, testing::wg::initiation(5),
         DropReason::None},
        {"WireGuard's data", VpnProtocol::WireGuard, 51820, testing::wg::data(5, 1, 64), no},
        {"OpenVPN to WireGuard", VpnProtocol::WireGuard, 51820, reset(7), no},
        {"OpenVPN to DTLS", VpnProtocol::Dtls, 443, reset(7), no},
        {"OpenVPN to IPsec", VpnProtocol::Ike, 500, reset(7), no},
    };
    for (const Row& row : rows) {
        VpnService service;
        service.protocol = row.protocol;
        Gate gate{service};
        gate.port = row.port;
        EXPECT_EQ(keyword(gate.admit(source(1), row.payload)), keyword(row.reason)) << row.name;
        const auto vpn = static_cast<size_t>(row.protocol);
        EXPECT_EQ(gate.counters.malformed[vpn].value(), row.reason == no ? 1U : 0U) << row.name;
        EXPECT_EQ(gate.counters.forwarded[vpn].value(), row.reason == no ? 0U : 1U) << row.name;
    }
}

TEST(HandshakeGate, a_session_that_a_server_has_confirmed_may_go_on_from_anywhere) {
    Gate gate;
    Tunnel tunnel;
    tunnel.protocol = VpnProtocol::OpenVpn;
    tunnel.address[1] = kServer;
    tunnel.port[1] = 1194;
    tunnel.peer_id[0] = 3;
    gate.sessions.note(tunnel, 0, gate.now);
    const auto data = [](uint32_t peer) { return openvpn_packet::data(0, peer, 9, 100); };
    EXPECT_EQ(gate.admit(source(1), data(3)), DropReason::None);
    EXPECT_EQ(gate.admit(source(1), data(4)), DropReason::VpnNotHandshake);
    gate.port = 1195;
    EXPECT_EQ(gate.admit(source(1), data(3)), DropReason::VpnNotHandshake) << "another server";
    gate.port = 1194;
    gate.now += SessionDirectory::kLifetime;
    EXPECT_EQ(gate.admit(source(1), data(3)), DropReason::None);
    gate.now += 1s;
    EXPECT_EQ(gate.admit(source(1), data(3)), DropReason::VpnNotHandshake) << "too long ago";
    gate.sessions.note(tunnel, 0, gate.now + 5s);
    EXPECT_EQ(gate.admit(source(1), data(3)), DropReason::None) << "by a worker that never paused";
}

TEST(HandshakeGate, after_a_start_sessions_are_picked_up) {
    Gate gate;
    gate.pick_up = 60s;
    const Bytes data = openvpn_packet::data(0, 3, 9, 100);
    gate.now += 60s - Duration{1};
    EXPECT_EQ(gate.admit(source(1), data), DropReason::None);
    gate.now += Duration{1};
    EXPECT_EQ(gate.admit(source(1), data), DropReason::VpnNotHandshake);
}

TEST(HandshakeGate, one_address_has_its_own_limit) {
    Gate gate;
    gate.service.handshakes_per_second = 1000;
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(gate.admit(1), DropReason::None) << i;
    EXPECT_EQ(gate.admit(1), DropReason::VpnSourceLimit);
    EXPECT_EQ(gate.admit(2), DropReason::None) << "another one has not used anything";
    gate.now += 250ms;
    EXPECT_EQ(gate.admit(1), DropReason::None);
    EXPECT_EQ(gate.counters.limited[1].value(), 1U);
}

TEST(HandshakeGate, strangers_get_a_quarter_and_who_repeats_himself_gets_through) {
    Gate gate;
    // 8 a second: 4 for who is known, 2 for who tries again, 2 for strangers.
    EXPECT_EQ(gate.flood(100), 2U);
    EXPECT_EQ(gate.admit(1), DropReason::VpnServiceLimit);
    gate.now += 299ms;
    gate.flood(100);
    EXPECT_EQ(gate.admit(1), DropReason::VpnServiceLimit) << "too soon: it was under way already";
    gate.now += 1ms;
    EXPECT_EQ(gate.admit(1), DropReason::None) << "300 ms after the first one";
    EXPECT_EQ(gate.counters.limited[1].value(), 98U + 100U + 2U);
}

TEST(HandshakeGate, who_tries_again_after_a_minute_is_a_stranger) {
    Gate gate;
    gate.flood(100);
    EXPECT_EQ(gate.admit(1), DropReason::VpnServiceLimit);
    gate.now += 60s + Duration{1};
    gate.flood(100);
    EXPECT_EQ(gate.admit(1), DropReason::VpnServiceLimit);
}

TEST(HandshakeGate, who_has_completed_a_handshake_before_has_a_reserve) {
    Gate gate;
    gate.gate.completed(source(1), gate.now);
    gate.gate.completed(source(1), gate.now);
    gate.flood(1000);
    EXPECT_EQ(gate.admit(1), DropReason::None);
    // Its own part first, then what the others have left: 4 here, and 2 for who tries again.
    gate.service.handshakes_per_source = 100;
    uint32_t more = 0;
    while (gate.admit(1) == DropReason::None)
        ++more;
    EXPECT_EQ(more, 3U + 2U);
}

TEST(HandshakeGate, a_flood_of_forged_sources_forgets_no_known_client) {
    Gate gate;
    for (uint32_t i = 0; i < 100; ++i)
        gate.gate.completed(source(i), gate.now);
    gate.flood(100000);
    gate.now += 1s;
    uint32_t through = 0;
    for (uint32_t i = 0; i < 4; ++i)
        through += gate.admit(i) == DropReason::None ? 1 : 0;
    EXPECT_EQ(through, 4U);
}

TEST(HandshakeGate, workers_share_a_budget) {
    Gate gate;
    gate.workers = 2;
    EXPECT_EQ(gate.flood(100), 1U);
    gate.workers = 64;
    gate.now += 10s;
    EXPECT_EQ(gate.flood(100), 1U) << "never nothing at all";
}

TEST(HandshakeGate, a_first_packet_in_fragments_is_taken_where_there_are_large_ones) {
    for (const auto& [protocol, reason] :
         {std::pair{VpnProtocol::OpenVpn, DropReason::VpnNotHandshake},
          {VpnProtocol::WireGuard, DropReason::VpnNotHandshake},
          {VpnProtocol::Ike, DropReason::None},
          {VpnProtocol::Dtls, DropReason::None}}) {
        VpnService service;
        service.protocol = protocol;
        Gate gate{service};
        gate.fragmented = true;
        EXPECT_EQ(gate.admit(source(1), Bytes(1400, 0)), reason) << keyword(protocol);
    }
}

TEST(HandshakeGate, a_repetition_in_an_unanswered_connection_costs_budget) {
    Gate gate;
    EXPECT_EQ(gate.admit(1), DropReason::None);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(gate.repeat(source(1), reset(2), false),
                  i < 1 ? DropReason::None : DropReason::VpnServiceLimit)
            << i;
    EXPECT_EQ(gate.repeat(source(1), reset(2), false), DropReason::VpnSourceLimit);
    EXPECT_EQ(gate.repeat(source(1), reset(2), true), DropReason::None) << "the server knows it";
    EXPECT_EQ(gate.repeat(source(1), openvpn_packet::data(0, 3, 9, 100), false), DropReason::None)
        << "no handshake at all";
    gate.fragmented = true;
    EXPECT_EQ(gate.repeat(source(1), reset(2), false), DropReason::None);
}

TEST(HandshakeGate, mac1_is_asked_for_first_and_every_time) {
    VpnService service;
    service.protocol = VpnProtocol::WireGuard;
    service.mac1 = Mac1Key{};
    service.handshakes_per_second = 1000;
    Gate gate{service};
    gate.port = 51820;
    const Bytes forged = testing::wg::initiation(5);
    EXPECT_EQ(gate.admit(source(1), forged), DropReason::VpnMac1);
    EXPECT_EQ(gate.repeat(source(1), forged, false), DropReason::VpnMac1);
    EXPECT_EQ(gate.repeat(source(1), forged, true), DropReason::VpnMac1);
    EXPECT_EQ(gate.counters.malformed[2].value(), 3U);
    EXPECT_EQ(gate.counters.limited[2].value(), 0U);
}

TEST(HandshakeGate, without_room_for_addresses_everything_is_admitted) {
    Gate gate;
    HandshakeGate open{HashSecret{7}, 0, gate.counters, nullptr, gate.now};
    const Bytes junk(60, 0x41);
    EXPECT_EQ(open.admit(gate.service, gate.attempt(source(1), junk), 1, 0s, gate.now),
              DropReason::None);
    EXPECT_EQ(open.repeat(gate.service, gate.attempt(source(1), reset(1)), 1, false, gate.now),
              DropReason::None);
    open.completed(source(1), gate.now);
    EXPECT_EQ(open.memory_bytes(), 0U);
}

TEST(HandshakeGate, a_service_takes_its_own_family_address_and_ports) {
    VpnService service;
    service.address = {*Prefix::parse("192.0.2.0/24"), *Prefix::parse("::/0")};
    service.ports = {{500, 500}, {4500, 4510}};
    struct Row {
        const char* address;
        uint16_t port;
        bool takes;
    };
    for (const Row& row : {Row{"192.0.2.20", 500, true}, Row{"192.0.2.20", 501, false},
                           Row{"192.0.2.20", 4510, true}, Row{"192.0.2.20", 4511, false},
                           Row{"192.0.3.20", 500, false}, Row{"2001:db8::1", 500, true}})
        EXPECT_EQ(service.takes(*Address::parse(row.address), row.port), row.takes)
            << row.address << " " << row.port;
}

}  // namespace
}  // namespace ravelin
