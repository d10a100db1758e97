// SPDX-License-Identifier: BSD-3-Clause
// IPsec where no NAT stands between the gateways, seen from the ports.
#include "support/openvpn_session.h"
#include "support/tunnel_packets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ravelin {
namespace {

namespace ike = testing::ike;
using testing::Bytes;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Fate;
using ::testing::IsEmpty;
using testing::kClientAddress;
using testing::kInside;
using testing::kOutside;
using testing::kServerAddress;
using testing::Lab;
using ::testing::Not;
using testing::PacketBuilder;

constexpr uint64_t kI = 0xd4fc6ad5e14ccd2e;
constexpr uint64_t kR = 0xda0537cdd93c81f2;
constexpr uint32_t kToServer = 0xc0de0001;
constexpr uint32_t kToClient = 0xbeef0002;

/// Two gateways, the client's outside, that speak IKE and ESP through the appliance.
class Gateways {
  public:
    explicit Gateways(TrackingOptions tracking = TrackingOptions::strict(), uint32_t tunnels = 64)
        : lab{1, Lab::allow_all(tracking), 1024, false, {}, 1024, tunnels} {}

    Fate client(PacketBuilder packet) { return lab.pass(kOutside, packet.build()); }
    Fate server(PacketBuilder packet) { return lab.pass(kInside, packet.build()); }
    static PacketBuilder from_client() {
        return PacketBuilder{}.ipv4(kClientAddress, kServerAddress);
    }
    static PacketBuilder from_server() {
        return PacketBuilder{}.ipv4(kServerAddress, kClientAddress);
    }
    static PacketBuilder esp(PacketBuilder packet, uint32_t spi, uint32_t sequence) {
        return packet.esp(spi, sequence).payload(Bytes(112, 0xe5));
    }
    Fate client_esp(uint32_t sequence, uint32_t spi = kToServer) {
        return client(esp(from_client(), spi, sequence));
    }
    Fate server_esp(uint32_t sequence, uint32_t spi = kToClient) {
        return server(esp(from_server(), spi, sequence));
    }
    /// `count` packets each way, from sequence number `first` on.
    void esp_both_ways(uint32_t first, uint32_t count) {
        for (uint32_t i = first; i < first + count; ++i) {
            client_esp(i);
            server_esp(i);
        }
    }
    Fate client_ike(const ike::Message& message) {
        return client(from_client().udp(500, 500).payload(ike::bare(message)));
    }
    Fate server_ike(const ike::Message& message) {
        return server(from_server().udp(500, 500).payload(ike::bare(message)));
    }
    static ike::Message exchange(uint8_t type, uint32_t id, uint8_t flags) {
        return {
            .initiator_spi = kI, .responder_spi = kR, .exchange = type, .flags = flags, .id = id};
    }
    /// IKE_SA_INIT and IKE_AUTH, both begun by the client.
    void handshake() {
        client_ike(ike::sa_init(kI));
        server_ike(ike::sa_init_answer(kI, kR));
        client_ike(exchange(35, 1, 0x08));
        server_ike(exchange(35, 1, 0x20));
    }
    std::vector<std::string> told() { return testing::take_told(lab, last); }
    TunnelTable& tunnels() { return lab.workers[0]->shard().tunnels; }
    std::vector<TunnelRecord> list() {
        std::vector<TunnelRecord> out(tunnels().capacity());
        uint32_t cursor = 0;
        uint32_t written = 0;
        tunnels().dump(cursor, UINT32_MAX, out, written, lab.clock.now());
        out.resize(written);
        return out;
    }

    Lab lab;
    TunnelEvent last;
};

TEST(BareIpsec, ike_and_esp_both_ways_are_one_tunnel) {
    Gateways gateways;
    gateways.handshake();
    EXPECT_THAT(gateways.told(), ElementsAre("started client", "answered server"));
    gateways.client_esp(1);
    gateways.server_esp(1);
    EXPECT_THAT(gateways.told(), ElementsAre("established server"));
    gateways.esp_both_ways(2, 10);
    EXPECT_THAT(gateways.told(), IsEmpty());
    EXPECT_EQ(gateways.lab.flows().size(), 3U);  // IKE, and each SPI
    const auto tunnels = gateways.list();
    ASSERT_EQ(tunnels.size(), 1U);
    EXPECT_EQ(tunnels[0].protocol, VpnProtocol::Esp);
    EXPECT_EQ(tunnels[0].stage, TunnelStage::Established);
    EXPECT_EQ(tunnels[0].session, (std::array<uint64_t, 2>{kI, kR}));
    EXPECT_EQ(tunnels[0].peer_id, (std::array<uint32_t, 2>{kToServer, kToClient}));
    EXPECT_EQ(tunnels[0].data_packets, (std::array<uint64_t, 2>{11, 11}));
    EXPECT_EQ(tunnels[0].address[0].to_string(), kClientAddress);
    EXPECT_FALSE(tunnels[0].picked_up);
}

TEST(BareIpsec, a_gateway_inside_may_begin) {
    Gateways gateways;
    gateways.server_ike(ike::sa_init(kI));
    gateways.client_ike(ike::sa_init_answer(kI, kR));
    gateways.client_esp(1);
    gateways.server_esp(1);
    EXPECT_THAT(gateways.told(),
                ElementsAre("started client", "answered server", "established client"));
    EXPECT_TRUE(gateways.last.tunnel.client_inside);
    EXPECT_EQ(gateways.last.tunnel.peer_id, (std::array<uint32_t, 2>{kToClient, kToServer}));
}

TEST(BareIpsec, esp_alone_is_a_tunnel_once_both_ends_have_counted_up) {
    Gateways gateways;
    gateways.esp_both_ways(100, 2);
    gateways.client_esp(102);
    EXPECT_THAT(gateways.told(), IsEmpty());
    gateways.server_esp(102);
    EXPECT_THAT(gateways.told(), Contains("picked_up server"));
    EXPECT_TRUE(gateways.last.tunnel.picked_up);
    EXPECT_EQ(gateways.last.tunnel.ip_protocol, ip_protocol::kEsp);
    EXPECT_EQ(gateways.last.tunnel.port, (std::array<uint16_t, 2>{0, 0}));
    EXPECT_EQ(gateways.list().size(), 1U);
}

TEST(BareIpsec, esp_that_began_inside_has_its_client_outside) {
    Gateways gateways;
    for (uint32_t i = 100; i < 103; ++i) {
        gateways.server_esp(i);
        gateways.client_esp(i);
    }
    const auto tunnels = gateways.list();
    ASSERT_EQ(tunnels.size(), 1U);
    EXPECT_EQ(tunnels[0].stage, TunnelStage::Established);
    EXPECT_FALSE(tunnels[0].client_inside);
    EXPECT_EQ(tunnels[0].address[0].to_string(), kClientAddress);
    EXPECT_EQ(tunnels[0].peer_id, (std::array<uint32_t, 2>{kToServer, kToClient}));
    EXPECT_EQ(tunnels[0].data_packets, (std::array<uint64_t, 2>{3, 3}));
}

TEST(BareIpsec, esp_one_way_is_no_tunnel) {
    Gateways gateways;
    for (uint32_t i = 1; i < 300; ++i)
        EXPECT_EQ(gateways.client_esp(i).action, Action::Forward);
    EXPECT_THAT(gateways.told(), IsEmpty());
    EXPECT_TRUE(gateways.list().empty());
}

TEST(BareIpsec, ah_is_as_esp_whatever_it_protects) {
    for (const size_t length : {8U, 50U, 51U, 52U, 53U, 1400U}) {
        Gateways gateways;
        const auto ah = [&](PacketBuilder packet, uint32_t spi, uint32_t sequence) {
            return packet.ah(spi, sequence).payload(Bytes(length, 4));
        };
        for (uint32_t i = 1; i < 4; ++i) {
            gateways.client(ah(Gateways::from_client(), kToServer, i));
            gateways.server(ah(Gateways::from_server(), kToClient, i));
        }
        EXPECT_THAT(gateways.told(), Contains("picked_up server")) << length;
        EXPECT_EQ(gateways.last.tunnel.ip_protocol, ip_protocol::kAh);
        EXPECT_EQ(gateways.last.tunnel.peer_id, (std::array<uint32_t, 2>{kToServer, kToClient}));
    }
}

TEST(BareIpsec, over_ipv6_as_well) {
    Gateways gateways;
    for (uint32_t i = 1; i < 4; ++i) {
        gateways.client(
            Gateways::esp(PacketBuilder{}.ipv6("2001:db8::7", "2001:db8:1::1"), kToServer, i));
        gateways.server(
            Gateways::esp(PacketBuilder{}.ipv6("2001:db8:1::1", "2001:db8::7"), kToClient, i));
    }
    EXPECT_THAT(gateways.told(), Contains("picked_up server"));
}

// Profile linux has no SPI in the key: one connection for both ways.
TEST(BareIpsec, without_spis_in_the_key_as_well) {
    Gateways gateways{TrackingOptions::linux_profile()};
    gateways.handshake();
    gateways.esp_both_ways(1, 3);
    EXPECT_EQ(gateways.lab.flows().size(), 2U);
    EXPECT_THAT(gateways.told(), Contains("established server"));
    EXPECT_EQ(gateways.last.tunnel.peer_id, (std::array<uint32_t, 2>{kToServer, kToClient}));
}

TEST(BareIpsec, other_gateways_have_other_tunnels) {
    Gateways gateways;
    gateways.handshake();
    gateways.esp_both_ways(1, 3);
    constexpr const char* kOther = "198.51.100.8";
    for (uint32_t i = 1; i < 4; ++i) {
        gateways.client(Gateways::esp(PacketBuilder{}.ipv4(kOther, kServerAddress), kToServer, i));
        gateways.server(Gateways::esp(PacketBuilder{}.ipv4(kServerAddress, kOther), kToClient, i));
    }
    EXPECT_EQ(gateways.list().size(), 2U);
}

// IKE renews an SA after hours, and says nothing in between: the responder's rekey finds the way.
TEST(BareIpsec, ike_s_connection_waits_while_esp_flows) {
    Gateways gateways;
    gateways.handshake();
    gateways.esp_both_ways(1, 3);
    for (uint32_t sequence = 4; sequence < 20; ++sequence) {
        gateways.lab.wait(250s);
        gateways.esp_both_ways(sequence, 1);
        gateways.lab.wait(1s);
    }
    EXPECT_EQ(gateways.lab.flows().size(), 3U);
    gateways.told();
    EXPECT_EQ(gateways.server_ike(Gateways::exchange(36, 0, 0x00)).action, Action::Forward);
    EXPECT_EQ(gateways.client_ike(Gateways::exchange(36, 0, 0x28)).action, Action::Forward);
    EXPECT_THAT(gateways.told(), ElementsAre("renegotiating server"));
    // Without ESP it ends as any UDP does.
    gateways.lab.wait(310s);
    EXPECT_EQ(gateways.lab.flows().size(), 2U);
}

TEST(BareIpsec, without_adaptive_timeouts_ike_s_connection_ends_when_it_would) {
    Gateways gateways;
    Runtime runtime = Lab::allow_all();
    runtime.tunnels.adaptive_timeouts = false;
    const auto old = gateways.lab.runtime.publish(std::make_unique<const Runtime>(runtime));
    gateways.handshake();
    for (uint32_t sequence = 1; sequence < 10; ++sequence) {
        gateways.esp_both_ways(sequence, 1);
        gateways.lab.wait(60s);
    }
    EXPECT_EQ(gateways.lab.flows().size(), 2U);
    EXPECT_EQ(gateways.list().size(), 1U);
}

TEST(BareIpsec, it_outlives_ike_s_connection_and_every_spi) {
    Gateways gateways;
    gateways.handshake();
    gateways.esp_both_ways(1, 3);
    gateways.lab.wait(500s);
    gateways.esp_both_ways(4, 1);
    EXPECT_EQ(gateways.lab.flows().size(), 2U);  // IKE's is gone
    ASSERT_EQ(gateways.list().size(), 1U);
    gateways.told();

    // A rekey in a new connection, and other SPIs.
    gateways.client_ike(Gateways::exchange(36, 2, 0x08));
    gateways.server_ike(Gateways::exchange(36, 2, 0x20));
    EXPECT_THAT(gateways.told(), ElementsAre("renegotiating client"));
    for (uint32_t i = 1; i < 15; ++i) {
        gateways.client_esp(i, kToServer + 0x100);
        gateways.server_esp(i, kToClient + 0x100);
        gateways.lab.wait(60s);
    }
    EXPECT_EQ(gateways.lab.flows().size(), 2U);  // the new SPIs
    const auto tunnels = gateways.list();
    ASSERT_EQ(tunnels.size(), 1U);
    EXPECT_EQ(tunnels[0].session, (std::array<uint64_t, 2>{kI, kR}));
    EXPECT_EQ(tunnels[0].peer_id[0], kToServer + 0x100);
    EXPECT_EQ(tunnels[0].renegotiations, 1U);
    EXPECT_THAT(gateways.told(), Not(Contains("ended client")));

    gateways.lab.wait(700s);
    EXPECT_TRUE(gateways.lab.flows().empty());
    EXPECT_TRUE(gateways.list().empty());
    EXPECT_THAT(gateways.told(), Contains("ended client"));
}

TEST(BareIpsec, ike_that_comes_later_belongs_to_the_esp_that_was_there) {
    Gateways gateways;
    gateways.esp_both_ways(100, 3);
    gateways.told();
    gateways.client_ike(Gateways::exchange(37, 5, 0x08));
    gateways.server_ike(Gateways::exchange(37, 5, 0x20));
    const auto tunnels = gateways.list();
    ASSERT_EQ(tunnels.size(), 1U);
    EXPECT_EQ(tunnels[0].session, (std::array<uint64_t, 2>{kI, kR}));
}

TEST(BareIpsec, a_new_ike_sa_is_a_new_tunnel_which_new_spis_join) {
    Gateways gateways;
    gateways.handshake();
    gateways.esp_both_ways(1, 3);
    // IKE's own connection ends before the gateway restarts.
    gateways.lab.wait(400s);
    gateways.esp_both_ways(4, 1);
    gateways.client_ike(ike::sa_init(77));
    gateways.server_ike(ike::sa_init_answer(77, 88));
    EXPECT_EQ(gateways.list().size(), 2U);
    gateways.told();
    gateways.client_esp(1, kToServer + 1);
    gateways.server_esp(1, kToClient + 1);
    EXPECT_THAT(gateways.told(), ElementsAre("established server"));
    EXPECT_EQ(gateways.last.tunnel.session, (std::array<uint64_t, 2>{77, 88}));
    // The old one's SPIs stay the old one's.
    gateways.client_esp(5);
    EXPECT_THAT(gateways.told(), IsEmpty());
    const auto tunnels = gateways.list();
    EXPECT_EQ(tunnels[0].data_packets[0], 5U);
    EXPECT_EQ(tunnels[1].data_packets[0], 1U);
}

// The first byte of an SPI may be that of IKE's.
TEST(BareIpsec, no_ike_is_taken_for_data) {
    Gateways gateways;
    gateways.client_ike(ike::sa_init(uint64_t{kToServer} << 32 | 5));
    gateways.server_ike(ike::sa_init_answer(uint64_t{kToServer} << 32 | 5, kR));
    gateways.esp_both_ways(1, 3);
    gateways.told();
    ike::Message rekey = Gateways::exchange(36, 2, 0x08);
    rekey.initiator_spi = uint64_t{kToServer} << 32 | 5;
    gateways.client_ike(rekey);
    EXPECT_THAT(gateways.told(), ElementsAre("renegotiating client"));
    EXPECT_EQ(gateways.list()[0].data_packets, (std::array<uint64_t, 2>{3, 3}));
}

TEST(BareIpsec, what_esp_carries_is_no_handshake_of_a_declared_service) {
    Gateways gateways;
    Runtime runtime = Lab::allow_all();
    runtime.services = {{.name = "gateway",
                         .protocol = VpnProtocol::Ike,
                         .address = {Prefix::parse(kServerAddress).value()},
                         .ports = {{500, 500}, {4500, 4500}},
                         .handshakes_per_second = 1,
                         .handshakes_per_source = 1}};
    const auto old = gateways.lab.runtime.publish(std::make_unique<const Runtime>(runtime));
    gateways.client_ike(ike::sa_init(kI));
    for (uint32_t i = 2; i < 10; ++i) {
        const Bytes looks_like_ike = ike::bare(ike::sa_init(kI + i));
        EXPECT_EQ(
            gateways.client(Gateways::from_client().esp(0x1000 + i, 1).payload(looks_like_ike))
                .action,
            Action::Forward);
        EXPECT_EQ(
            gateways.client(Gateways::from_client().esp(0x1000 + i, 2).payload(looks_like_ike))
                .action,
            Action::Forward);
    }
    EXPECT_EQ(gateways.lab.drops(DropReason::VpnServiceLimit), 0U);
}

TEST(BareIpsec, an_icmp_error_is_told_with_its_side) {
    Gateways gateways;
    gateways.handshake();
    gateways.esp_both_ways(1, 3);
    gateways.told();
    const Bytes large =
        Gateways::from_server().esp(kToClient, 4).payload(Bytes(1440, 0xe5)).build();
    gateways.client(PacketBuilder{}
                        .ipv4("203.0.113.1", kServerAddress)
                        .icmp_error(3, 4, large, SIZE_MAX, 1400));
    EXPECT_THAT(gateways.told(), ElementsAre("path_mtu client"));
    EXPECT_EQ(gateways.last.tunnel.path_mtu, 1400);
    EXPECT_EQ(gateways.last.tunnel.icmp_errors, (std::array<uint32_t, 2>{1, 0}));
}

TEST(BareIpsec, a_displaced_candidate_leaves_its_addresses) {
    Gateways gateways{TrackingOptions::strict(), 1};
    gateways.client_esp(1);  // a candidate
    // Others take the only slot, one after the other.
    gateways.client(Gateways::esp(PacketBuilder{}.ipv4("198.51.100.9", kServerAddress), 0x900, 1));
    EXPECT_EQ(gateways.list()[0].address[0].to_string(), "198.51.100.9");
    gateways.server_esp(1);
    EXPECT_EQ(gateways.list()[0].address[0].to_string(), kClientAddress);
    gateways.esp_both_ways(2, 3);
    EXPECT_EQ(gateways.list().size(), 1U);
}

TEST(BareIpsec, late_esp_is_explained_by_its_tunnel) {
    Gateways gateways;
    gateways.esp_both_ways(1, 3);
    gateways.lab.wait(700s);
    EXPECT_TRUE(gateways.list().empty());
    gateways.told();
    Runtime closed = Lab::open_policy();
    const auto old = gateways.lab.runtime.publish(std::make_unique<const Runtime>(closed));
    const Fate fate = gateways.client_esp(4);
    EXPECT_EQ(fate.ct_class, CtClass::Stale);
    EXPECT_THAT(gateways.told(), ElementsAre("late client"));
}

// vpn.md F: by SPI and a sequence number that goes on.
TEST(BareIpsec, late_esp_that_counts_on_is_taken_up_again) {
    Runtime runtime = Lab::allow_all();
    runtime.tracking.tombstones.policy = StalePolicy::Resurrect;
    Gateways gateways;
    const auto old = gateways.lab.runtime.publish(std::make_unique<const Runtime>(runtime));
    gateways.lab.wait(1s);
    gateways.handshake();
    gateways.esp_both_ways(1, 3);
    gateways.lab.wait(700s);
    EXPECT_TRUE(gateways.list().empty());
    gateways.told();
    EXPECT_EQ(gateways.server_esp(4).action, Action::Forward);
    EXPECT_THAT(gateways.told(), Contains("resumed server"));
    ASSERT_EQ(gateways.list().size(), 1U);
    gateways.client_esp(4);
    gateways.client_esp(5);
    ASSERT_EQ(gateways.list().size(), 1U);
    EXPECT_EQ(gateways.list()[0].data_packets[0], 5U);
    EXPECT_EQ(gateways.list()[0].session, (std::array<uint64_t, 2>{kI, kR}));
}

}  // namespace
}  // namespace ravelin
