// SPDX-License-Identifier: BSD-3-Clause
#include "unit/vpn/script.h"

#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

// Real tunnels, as tests/captures/vpn/extract.py wrote them down.

namespace ravelin {
namespace {

using namespace testing;

/// A capture's connections by "client's port>server's port", each before this protocol's observer.
std::map<std::string, Script> replay(const std::string& name, VpnProtocol protocol) {
    std::map<std::string, Script> connections;
    std::ifstream file{std::string{RAVELIN_CAPTURES} + "/vpn/" + name};
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream fields{line};
        double seconds = 0;
        std::string side;
        uint16_t client = 0;
        uint16_t server = 0;
        size_t length = 0;
        std::string hex;
        fields >> seconds >> side >> client >> server >> length >> hex;
        Bytes payload = from_hex(hex);
        payload.resize(length);
        const std::string key = std::to_string(client) + '>' + std::to_string(server);
        Script& script = connections.try_emplace(key, protocol, client, server).first->second;
        script.at(std::chrono::microseconds{static_cast<int64_t>(seconds * 1e6)});
        side == "C" ? script.client(payload) : script.server(payload);
    }
    EXPECT_FALSE(connections.empty()) << name;
    return connections;
}

/// Every event with the second in which it came; values left out.
std::string story(const Script& script) {
    std::string text;
    for (const Told& told : script.watch().told()) {
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(told.at.time_since_epoch());
        text += std::to_string(seconds.count()) + ' ' + keyword(told.kind) + '/' +
                keyword(told.from) + '\n';
    }
    return text;
}

/// The client is killed after 118 s and comes back from another port; from 121 s to 150 s nothing
/// gets to it, and at 157 s the server is killed.
TEST(Captures, wireguard) {
    const auto connections = replay("wireguard.txt", VpnProtocol::WireGuard);
    ASSERT_EQ(connections.size(), 2U);
    EXPECT_EQ(story(connections.at("36916>51820")),
              "0 answered/server\n"
              "0 established/client\n");
    EXPECT_EQ(story(connections.at("33395>51820")),
              "118 answered/server\n"
              "118 established/client\n"
              "136 renegotiating/client\n"
              "141 retried/client\n"
              "146 retried/client\n"
              "151 retried/client\n"
              "172 renegotiating/client\n"
              "178 retried/client\n");
}

/// Children are renewed every 10 s and the IKE SA after 45 s. The client is killed at 60 s, comes
/// back at 66 s, and hears nothing from then to 91 s.
TEST(Captures, ikev2) {
    const auto connections = replay("ikev2.txt", VpnProtocol::Ike);
    ASSERT_EQ(connections.size(), 2U);
    EXPECT_EQ(story(connections.at("500>500")),
              "0 answered/server\n"
              "66 restarted/client\n"
              "86 retried/client\n"
              "87 retried/client\n"
              "90 retried/client\n"
              "93 retried/client\n"
              "93 restarted/client\n");
    EXPECT_EQ(story(connections.at("4500>4500")),
              "0 answered/server\n"
              "0 established/server\n"
              "17 renegotiating/server\n"
              "28 renegotiating/server\n"
              "38 renegotiating/server\n"
              "44 renegotiating/server\n"
              "56 renegotiating/server\n"
              "63 retried/server\n"
              "64 retried/server\n"
              "66 restarted/client\n"
              "73 retried/client\n"
              "74 retried/client\n"
              "76 retried/client\n"
              "80 retried/client\n"
              "93 restarted/client\n");
}

TEST(Captures, anyconnect_dtls) {
    const auto connections = replay("anyconnect_dtls.txt", VpnProtocol::Dtls);
    ASSERT_EQ(connections.size(), 1U);
    EXPECT_EQ(story(connections.at("34376>4443")),
              "0 answered/server\n"
              "0 established/server\n"
              "20 keepalive/client\n"
              "20 keepalive/server\n");
}

}  // namespace
}  // namespace ravelin
