// SPDX-License-Identifier: BSD-3-Clause
#include "support/openvpn_packets.h"
#include "support/tunnel_packets.h"
#include "vpn/tunnels.h"

#include <gtest/gtest.h>

#include <utility>

// The table before the observers of WireGuard and IPsec; with OpenVPN it is tested in the pipeline.

namespace ravelin {
namespace {

using namespace testing;

/// One tunnel's packets, each way, as the table gets them.
struct Wire {
    explicit Wire(uint16_t server) : server_port{server} {}

    uint32_t begin(uint32_t connection, std::string_view client, const Bytes& payload) {
        return first(connection, {*Address::parse(client), *Address::parse("192.0.2.20")},
                     {40000, server_port}, false, payload);
    }
    uint32_t begin_from_inside(uint32_t connection, const Bytes& payload) {
        return first(connection, {*Address::parse("192.0.2.20"), *Address::parse("198.51.100.2")},
                     {server_port, 40000}, true, payload);
    }
    void original(uint32_t handle, uint32_t connection, const Bytes& payload) {
        send(handle, connection, Direction::Original, payload);
    }
    void reply(uint32_t handle, uint32_t connection, const Bytes& payload) {
        send(handle, connection, Direction::Reply, payload);
    }
    const Tunnel& tunnel(uint32_t handle) { return *table.find(handle); }
    /// Lets time pass, with a look at all tunnels at its end.
    void wait(Duration time) {
        now += time;
        const auto carries = [this](uint32_t connection) { return carried[connection]; };
        const auto passed = [](uint32_t, bool) { return std::array<uint32_t, 2>{}; };
        table.tend(now, 64, {}, carries, passed, [](uint32_t, const TunnelTable::Effect&) {});
    }

    uint16_t server_port;
    Instant now = Instant{} + 100s;
    TunnelCounters counters;
    std::array<uint32_t, 4> carried{};  ///< handles, by connection
    TunnelTable table{64, HashSecret{}, 0, counters, nullptr};

  private:
    uint32_t first(uint32_t connection, std::array<Address, 2> address,
                   std::array<uint16_t, 2> port, bool from_inside, const Bytes& payload) {
        carried[connection] = table.begin({.connection = connection,
                                           .address = address,
                                           .port = port,
                                           .ip_protocol = ip_protocol::kUdp,
                                           .from_inside = from_inside,
                                           .payload = payload},
                                          now);
        return carried[connection];
    }
    void send(uint32_t handle, uint32_t connection, Direction direction, const Bytes& payload) {
        now += 10ms;
        table.observe(handle,
                      {.connection = connection, .direction = direction, .payload = payload}, {},
                      now);
    }
};

// People put their VPN where firewalls let it pass.
TEST(TunnelTable, whatever_shows_its_handshake_is_known_on_any_port) {
    constexpr uint64_t kSession = 0xa2d7ad0826c573ef;
    ike::Message ask{.responder_spi = 0, .exchange = 34, .flags = 0x08, .id = 0};
    struct Case {
        const char* name;
        Bytes first;
        std::array<VpnProtocol, 4> found;  ///< on ports 1194, 53, 500, 4500
    };
    constexpr auto kNone = VpnProtocol::None;
    constexpr auto kOpenVpn = VpnProtocol::OpenVpn;
    constexpr auto kWireGuard = VpnProtocol::WireGuard;
    constexpr auto kIke = VpnProtocol::Ike;
    constexpr auto kEsp = VpnProtocol::Esp;
    const std::vector<Case> cases{
        {"openvpn",
         openvpn_packet::plain(7, 0, kSession, 0, 0, 0, 0),
         {kOpenVpn, kOpenVpn, kOpenVpn, kOpenVpn}},
        {"openvpn, tls-crypt",
         openvpn_packet::tls_crypt(7, 0, kSession, 1, 1700000000, 54),
         {kOpenVpn, kOpenVpn, kOpenVpn, kOpenVpn}},
        {"openvpn in mid-stream, or esp",
         openvpn_packet::data(0, 3, 7, 120),
         {kOpenVpn, kOpenVpn, kNone, kEsp}},
        {"wireguard", wg::initiation(5), {kWireGuard, kWireGuard, kWireGuard, kWireGuard}},
        {"ike", ike::bare(ask), {kNone, kNone, kIke, kNone}},
        {"ike behind a marker", ike::marked(ask), {kNone, kNone, kNone, kIke}},
        {"esp", esp(0x62da69a7, 1), {kNone, kNone, kNone, kEsp}},
        {"nothing", {}, {kNone, kNone, kNone, kNone}},
    };
    constexpr std::array<uint16_t, 4> kPorts{1194, 53, 500, 4500};
    for (const Case& each : cases) {
        for (size_t i = 0; i < kPorts.size(); ++i) {
            Wire wire{kPorts[i]};
            const Tunnel* tunnel = wire.table.find(wire.begin(1, "198.51.100.2", each.first));
            EXPECT_EQ(tunnel == nullptr ? kNone : tunnel->protocol, each.found[i])
                << each.name << " on " << kPorts[i];
        }
    }
}

TEST(TunnelTable, keeps_a_wireguard_tunnel_whose_client_moves) {
    Wire wire{51820};
    const uint32_t handle = wire.begin(1, "198.51.100.2", wg::initiation(11));
    ASSERT_NE(handle, TunnelTable::kNoTunnel);
    wire.reply(handle, 1, wg::response(22, 11));
    wire.original(handle, 1, wg::data(22, 0));
    wire.reply(handle, 1, wg::data(11, 0));
    EXPECT_EQ(wire.tunnel(handle).stage, TunnelStage::Established);

    EXPECT_EQ(wire.begin(2, "198.51.100.3", wg::data(22, 1)), handle);
    wire.reply(handle, 2, wg::data(11, 1));
    EXPECT_EQ(wire.tunnel(handle).moves, 1U);
    EXPECT_EQ(wire.tunnel(handle).small, (std::array<uint16_t, 2>{32, 32}));
}

TEST(TunnelTable, keeps_a_tunnel_of_esp_whose_client_moves) {
    Wire wire{4500};
    ike::Message ask{.responder_spi = 0xb2, .exchange = 35, .flags = 0x08, .id = 1};
    const uint32_t handle = wire.begin(1, "198.51.100.2", ike::marked(ask));
    ask.flags = 0x20;
    wire.reply(handle, 1, ike::marked(ask));
    wire.original(handle, 1, esp(0x62da69a7, 1));
    wire.reply(handle, 1, esp(0xf2055ee2, 1));
    wire.original(handle, 1, {0xff});
    EXPECT_EQ(wire.tunnel(handle).stage, TunnelStage::Established);

    EXPECT_EQ(wire.begin(2, "198.51.100.3", esp(0x62da69a7, 2)), handle);
    wire.reply(handle, 2, esp(0xf2055ee2, 2));
    EXPECT_EQ(wire.tunnel(handle).small, (std::array<uint16_t, 2>{16, 16}));
}

TEST(TunnelTable, nobody_owes_an_answer_to_esp_but_to_a_request_of_ike_that_is_sent_again) {
    Wire wire{4500};
    ike::Message ask{.responder_spi = 0xb2, .exchange = 35, .flags = 0x08, .id = 1};
    const uint32_t handle = wire.begin(1, "198.51.100.2", ike::marked(ask));
    ask.flags = 0x20;
    wire.reply(handle, 1, ike::marked(ask));
    wire.original(handle, 1, esp(0x62da69a7, 1));
    wire.reply(handle, 1, esp(0xf2055ee2, 1));
    wire.wait(60s);
    EXPECT_FALSE(wire.tunnel(handle).silent[0]);
    EXPECT_FALSE(wire.tunnel(handle).silent[1]);

    ask = {.responder_spi = 0xb2, .exchange = 37, .flags = 0x08, .id = 2};
    wire.original(handle, 1, ike::marked(ask));
    wire.wait(4s);
    wire.original(handle, 1, ike::marked(ask));
    wire.wait(13s);
    EXPECT_FALSE(wire.tunnel(handle).silent[0]);
    EXPECT_TRUE(wire.tunnel(handle).silent[1]);
}

TEST(TunnelTable, a_tunnel_that_the_server_continues_has_its_client_outside) {
    Wire wire{51820};
    const uint32_t handle = wire.begin_from_inside(1, wg::data(11, 7));
    for (uint64_t counter = 8; counter < 11; ++counter) {
        wire.original(handle, 1, wg::data(11, counter));
        wire.reply(handle, 1, wg::data(22, counter));
    }
    EXPECT_EQ(wire.tunnel(handle).stage, TunnelStage::Established);
    EXPECT_EQ(wire.tunnel(handle).session, (std::array<uint64_t, 2>{11, 22}));
    EXPECT_EQ(wire.tunnel(handle).port[1], 51820);
}

TEST(TunnelTable, a_server_that_asks_first_is_answered_all_the_same) {
    Wire wire{4500};
    ike::Message ask{.responder_spi = 0xb2, .exchange = 37, .flags = 0, .id = 1};
    const uint32_t handle = wire.begin_from_inside(1, ike::marked(ask));
    ask.flags = 0x28;
    wire.reply(handle, 1, ike::marked(ask));
    EXPECT_EQ(wire.tunnel(handle).stage, TunnelStage::Established);
    EXPECT_EQ(wire.tunnel(handle).session, (std::array<uint64_t, 2>{0xa1, 0xb2}));
}

TEST(TunnelTable, knows_a_late_packet_by_its_index) {
    Wire wire{51820};
    const uint32_t handle = wire.begin(1, "198.51.100.2", wg::initiation(11));
    wire.reply(handle, 1, wg::response(22, 11));
    const Bytes known = wg::data(11, 5);
    const Bytes other = wg::data(12, 5);
    EXPECT_TRUE(wire.table.late(
        handle, {.connection = 1, .direction = Direction::Reply, .payload = known}, 0, wire.now));
    EXPECT_FALSE(wire.table.late(
        handle, {.connection = 1, .direction = Direction::Reply, .payload = other}, 0, wire.now));
}

}  // namespace
}  // namespace ravelin
