// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/lab.h"
#include "support/openvpn_packets.h"

#include <string>
#include <utility>
#include <vector>

namespace ravelin::testing {

inline constexpr const char* kClientAddress = "198.51.100.7";
inline constexpr const char* kServerAddress = "192.0.2.20";
/// Session ids.
inline constexpr uint64_t kClient = 0xa2d7ad0826c573ef;
inline constexpr uint64_t kServer = 0x0b228b61a2719f63;

/// What management was told of tunnels since the last call, in words; `last` is the last event.
inline std::vector<std::string> take_told(Lab& lab, TunnelEvent& last) {
    std::vector<std::string> words;
    TunnelEvent event;
    while (lab.links[0]->tunnel_events.pop(&event, 1) == 1) {
        last = event;
        words.push_back(std::string{keyword(event.kind)} + " " + keyword(event.from));
    }
    return words;
}

/// A client and a server that speak OpenVPN through the appliance.
class OpenVpnSession {
  public:
    explicit OpenVpnSession(Runtime runtime, uint32_t tunnels = 64)
        : lab{1, std::move(runtime), 1024, false, {}, 1024, tunnels} {}

    Fate client(const Bytes& payload) {
        return lab.pass(
            kOutside,
            PacketBuilder{}.ipv4(address, kServerAddress).udp(port, 1194).payload(payload).build());
    }
    Fate server(const Bytes& payload) { return server(payload, address, port); }
    Fate server(const Bytes& payload, const char* to, uint16_t to_port) {
        return lab.pass(
            kInside,
            PacketBuilder{}.ipv4(kServerAddress, to).udp(1194, to_port).payload(payload).build());
    }
    Fate client_data(size_t length = 100) {
        return client(openvpn_packet::data(0, 3, ++client_counter, length));
    }
    Fate server_data(size_t length = 100) {
        return server(openvpn_packet::data(0, 3, ++server_counter, length));
    }
    void connect() {
        client(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0));
        server(openvpn_packet::plain(8, 0, kServer, 1, kClient, 0, 0));
        client_data();
        server_data();
    }
    /// What management was told, in words.
    std::vector<std::string> told() { return take_told(lab, last); }
    TunnelTable& tunnels() { return lab.workers[0]->shard().tunnels; }

    Lab lab;
    const char* address = kClientAddress;
    uint16_t port = 50000;
    uint32_t client_counter = 0;
    uint32_t server_counter = 0;
    TunnelEvent last;
};

}  // namespace ravelin::testing
