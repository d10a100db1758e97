// SPDX-License-Identifier: BSD-3-Clause
// Declared VPN services, seen from the ports.
#include "support/lab.h"
#include "support/openvpn_packets.h"
#include "support/tunnel_packets.h"

#include <gtest/gtest.h>

#include <string>

namespace ravelin {
namespace {

namespace openvpn_packet = testing::openvpn_packet;
using testing::Bytes;
using testing::Fate;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

constexpr const char* kServer = "192.0.2.20";
constexpr uint64_t kClientSession = 0xa2d7ad0826c573ef;
constexpr uint64_t kServerSession = 0x0b228b61a2719f63;

Runtime with_service(VpnProtocol protocol, uint16_t port, Duration pickup = 0s) {
    Runtime runtime = Lab::allow_all();
    VpnService service;
    service.protocol = protocol;
    service.address = {*Prefix::parse(std::string{kServer} + "/32")};
    service.ports = {{port, port}};
    service.handshakes_per_second = 8;
    runtime.services.push_back(service);
    runtime.tunnels.pickup = pickup;
    return runtime;
}

class Service {
  public:
    explicit Service(Runtime runtime, uint32_t workers = 1) : lab{workers, std::move(runtime)} {}

    Fate client(const std::string& address, const Bytes& payload, uint16_t port = 40000) {
        return lab.pass(
            kOutside,
            PacketBuilder{}.ipv4(address, kServer).udp(port, 1194).payload(payload).build());
    }
    Fate server(const std::string& address, const Bytes& payload, uint16_t port = 40000) {
        return lab.pass(
            kInside,
            PacketBuilder{}.ipv4(kServer, address).udp(1194, port).payload(payload).build());
    }
    void connect(const std::string& address) {
        client(address, openvpn_packet::plain(7, 0, kClientSession, 0, 0, 0, 0));
        server(address, openvpn_packet::plain(8, 0, kServerSession, 1, kClientSession, 0, 0));
        client(address, openvpn_packet::data(0, 3, 1, 100));
        server(address, openvpn_packet::data(0, 3, 1, 100));
    }
    Lab lab;
};

void expect_refused(const Fate& fate, DropReason reason) {
    EXPECT_EQ(fate.action, Action::Drop);
    EXPECT_EQ(fate.ct_class, CtClass::New);
    EXPECT_EQ(keyword(fate.reason), keyword(reason));
}

TEST(Services, only_a_handshake_begins_a_connection) {
    Service service{with_service(VpnProtocol::OpenVpn, 1194)};
    expect_refused(service.client("198.51.100.7", openvpn_packet::data(0, 3, 1, 100)),
                   DropReason::VpnNotHandshake);
    expect_refused(service.client("198.51.100.7", Bytes(60, 0x41)), DropReason::VpnNotHandshake);
    EXPECT_TRUE(service.lab.flows().empty());
    service.connect("198.51.100.7");
    EXPECT_EQ(service.client("198.51.100.7", openvpn_packet::data(0, 3, 2, 100)).ct_class,
              CtClass::Established);
    // What goes elsewhere, or comes from the server, is no business of the service.
    EXPECT_EQ(
        service.lab.pass(kOutside, PacketBuilder{}.ipv4("198.51.100.7", kServer).udp(1, 53).build())
            .action,
        Action::Forward);
    EXPECT_EQ(service.server("198.51.100.99", Bytes(60, 0x41)).action, Action::Forward);
}

TEST(Services, a_client_that_moves_is_no_stranger_on_any_worker) {
    Service service{with_service(VpnProtocol::OpenVpn, 1194), 4};
    service.connect("198.51.100.7");
    uint32_t counter = 2;
    for (int host = 1; host <= 16; ++host) {
        const Fate fate = service.client("198.51.101." + std::to_string(host),
                                         openvpn_packet::data(0, 3, counter++, 100));
        EXPECT_EQ(fate.action, Action::Forward) << host;
    }
    uint32_t used = 0;
    for (const auto& link : service.lab.links)
        used += link->counters.entries.value() != 0 ? 1 : 0;
    EXPECT_GT(used, 1U) << "the addresses belong to several workers";
    expect_refused(service.client("198.51.101.99", openvpn_packet::data(0, 4, 9, 100)),
                   DropReason::VpnNotHandshake);
}

TEST(Services, a_client_that_moves_to_another_worker_leaves_no_connection_behind) {
    Service service{with_service(VpnProtocol::OpenVpn, 1194), 2};
    service.lab.wait(1s);
    service.connect("198.51.100.7");
    const auto entries = [&](size_t worker) {
        return service.lab.links[worker]->counters.entries.value();
    };
    const size_t first = entries(0) != 0 ? 0 : 1;
    // Addresses belong to one worker or the other; look for one of the other's.
    std::string moved;
    uint32_t counter = 2;
    for (int host = 1; host < 60 && moved.empty(); ++host) {
        const std::string address = "198.51.101." + std::to_string(host);
        service.client(address, openvpn_packet::data(0, 9, 1, 100));
        service.lab.wait(1s);
        service.client(address, openvpn_packet::data(0, 3, counter++, 40));
        if (entries(1 - first) != 0) moved = address;
    }
    ASSERT_FALSE(moved.empty());
    for (uint32_t i = 0; i < 10; ++i) {
        service.client(moved, openvpn_packet::data(0, 3, counter++, 40));
        service.server(moved, openvpn_packet::data(0, 3, 100 + i, 40));
        service.lab.wait(1s);
    }
    service.lab.wait(1s);
    EXPECT_EQ(entries(1 - first), 1U);
    EXPECT_EQ(entries(first), 0U) << "what the client has left";
    EXPECT_GE(service.lab.deleted(EndReason::Moved), 1U);
    const Fate late = service.server("198.51.100.7", openvpn_packet::data(0, 3, 200, 40));
    EXPECT_EQ(late.ct_class, CtClass::Stale);
    EXPECT_EQ(service.client(moved, openvpn_packet::data(0, 3, counter++, 100)).ct_class,
              CtClass::Established);
}

TEST(Services, after_a_start_sessions_go_on) {
    Service service{with_service(VpnProtocol::OpenVpn, 1194, 60s)};
    EXPECT_EQ(service.client("198.51.100.7", openvpn_packet::data(0, 3, 1, 100)).action,
              Action::Forward);
    service.lab.wait(60s);
    expect_refused(service.client("198.51.100.8", openvpn_packet::data(0, 3, 1, 100)),
                   DropReason::VpnNotHandshake);
}

TEST(Services, a_flood_of_forged_resets_keeps_no_client_out) {
    Service service{with_service(VpnProtocol::OpenVpn, 1194)};
    service.connect("198.51.100.7");  // known from now on
    service.lab.wait(1s);
    uint64_t forged = 1;
    uint32_t through = 0;
    const auto flood = [&](int milliseconds) {
        for (int i = 0; i < milliseconds; ++i, ++forged) {
            const std::string source = "203.0." + std::to_string(forged / 250 % 250) + "." +
                                       std::to_string(forged % 250 + 1);
            const Bytes reset = openvpn_packet::plain(7, 0, forged, 0, 0, 0, 0);
            through += service.client(source, reset).action == Action::Forward ? 1 : 0;
            service.lab.wait(1ms);
        }
    };
    flood(1000);
    const Bytes again = openvpn_packet::plain(7, 0, kClientSession + 1, 0, 0, 0, 0);
    EXPECT_EQ(service.client("198.51.100.7", again, 40001).action, Action::Forward)
        << "who was here before";
    const Bytes fresh = openvpn_packet::plain(7, 0, kClientSession + 2, 0, 0, 0, 0);
    const Fate first = service.client("198.51.100.8", fresh, 40002);
    flood(2000);
    const Fate second = service.client("198.51.100.8", fresh, 40002);
    EXPECT_TRUE(first.action == Action::Forward || second.action == Action::Forward)
        << "who tries again after two seconds";
    EXPECT_LE(through, 2 * 3 + 2U) << "strangers: a quarter of 8 a second";
    EXPECT_EQ(service.lab.drops(DropReason::VpnServiceLimit),
              service.lab.links[0]->counters.handshakes.limited[1].value());
}

TEST(Services, a_forged_initiation_is_dropped_in_a_connection_too) {
    Runtime runtime = with_service(VpnProtocol::WireGuard, 1194);
    Service open{std::move(runtime)};
    EXPECT_EQ(open.client("198.51.100.7", testing::wg::initiation(5)).action, Action::Forward);
    EXPECT_EQ(open.server("198.51.100.7", testing::wg::response(6, 5)).action, Action::Forward);
    Runtime keyed = with_service(VpnProtocol::WireGuard, 1194);
    keyed.services[0].mac1 = Mac1Key{};
    auto old = open.lab.runtime.publish(std::make_unique<const Runtime>(std::move(keyed)));
    open.lab.run();
    const Fate fate = open.client("198.51.100.7", testing::wg::initiation(7));
    EXPECT_EQ(fate.action, Action::Drop);
    EXPECT_EQ(keyword(fate.reason), keyword(DropReason::VpnMac1));
    EXPECT_EQ(open.client("198.51.100.7", testing::wg::data(6, 0, 64)).action, Action::Forward);
    EXPECT_EQ(open.server("198.51.100.7", testing::wg::initiation(9)).action, Action::Forward)
        << "the server may begin a handshake as well";
}

}  // namespace
}  // namespace ravelin
