// SPDX-License-Identifier: BSD-3-Clause
#include "unit/vpn/script.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using namespace testing;

Script new_script() {
    return Script{VpnProtocol::Dtls, 34376, 443};
}

/// Handshake, then a data packet each way.
Script established() {
    Script script = new_script();
    script.at(0ms).client(tls::client_hello()).server(tls::server_hello());
    script.at(1ms).client(tls::data(1, 1472)).server(tls::data(1, 1472));
    script.events();
    return script;
}

TEST(Dtls, server_hello_confirms_and_data_both_ways_establishes) {
    Script script = new_script();
    script.at(0ms).client(tls::client_hello());
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    script.at(1ms).server(tls::server_hello());
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    script.at(2ms).client(tls::data(1));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    script.at(3ms).server(tls::data(1));
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    EXPECT_EQ(script.events(), "answered/server established/server=3000000");
    EXPECT_EQ(script.tunnel().protocol, VpnProtocol::Dtls);
    EXPECT_EQ(script.tunnel().session,
              (std::array<uint64_t, 2>{0x6060606060606060, 0x6161616161616161}));
}

TEST(Dtls, without_a_session_id_the_random_names_the_session) {
    Script script = new_script();
    script.client(tls::client_hello({.session_id = 0})).server(tls::server_hello(0x22, 0));
    EXPECT_EQ(script.tunnel().session,
              (std::array<uint64_t, 2>{0x1111111111111111, 0x2222222222222222}));
}

TEST(Dtls, a_client_hello_again_is_a_retry_unless_it_was_asked_for) {
    Script script = new_script();
    script.client(tls::client_hello()).client(tls::client_hello());
    EXPECT_EQ(script.events(), "retried/client=1");
    script.server(tls::verify_request(20));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    script.client(tls::client_hello({.cookie = 20}));
    EXPECT_EQ(script.events(), "");
    script.server(tls::server_hello());
    EXPECT_EQ(script.events(), "answered/server");
}

TEST(Dtls, what_offers_keys_for_media_is_no_tunnel) {
    Script script = new_script();
    script.client(tls::client_hello({.extensions = {0, 14, 0, 5, 0, 2, 0, 1, 0}}));
    EXPECT_FALSE(script.watch().watched());
}

TEST(Dtls, protocols_with_ports_of_their_own_are_no_tunnel) {
    for (const uint16_t port : std::array<uint16_t, 5>{853, 2083, 5349, 5684, 6514}) {
        Script script{VpnProtocol::Dtls, 34376, port};
        script.client(tls::client_hello());
        EXPECT_FALSE(script.watch().watched()) << port;
    }
}

TEST(Dtls, plain_data_passes_by_and_keepalives_do_not) {
    Script script = established();
    const size_t observed = script.watch().observed();
    for (uint32_t sequence = 2; sequence < 50; ++sequence)
        script.client(tls::data(sequence, 58)).server(tls::data(sequence, 1400));
    EXPECT_EQ(script.watch().observed(), observed);
    EXPECT_EQ(__builtin_bswap32(script.tunnel().counter[0]), 49U);
    script.client(tls::data(50, 38));
    EXPECT_EQ(script.watch().observed(), observed + 1);
}

TEST(Dtls, learns_the_rhythm_of_dead_peer_detection) {
    Script script = established();
    for (int i = 1; i <= 4; ++i)
        script.at(i * 5s).client(tls::data(1, 38)).server(tls::data(1, 38));
    EXPECT_EQ(script.events(), "keepalive/client=5000000000 keepalive/server=5000000000");
}

TEST(Dtls, another_handshake_inside_is_a_renewal_of_who_began_it) {
    Script script = established();
    // The last packets of the first handshake, again: no renewal.
    script.at(1s).server(tls::record(22, 1, 0, Bytes(48, 7)));
    script.at(3600s).server(tls::record(22, 1, 60, Bytes(48, 7)));  // HelloRequest
    script.client(tls::record(22, 1, 61, Bytes(190, 7)));
    EXPECT_EQ(script.events(), "");
    script.at(3601s).server(tls::record(20, 1, 62, Bytes(25, 7)));
    EXPECT_EQ(script.events(), "renegotiating/server=1");
    script.client(tls::record(20, 1, 63, Bytes(25, 7)));
    script.client(tls::record(22, 2, 0, Bytes(48, 7)));
    EXPECT_EQ(script.events(), "");
    script.at(7200s).client(tls::record(22, 2, 60, Bytes(190, 7)));
    script.client(tls::record(20, 2, 61, Bytes(25, 7)));
    EXPECT_EQ(script.events(), "renegotiating/client=2");
    EXPECT_EQ(script.tunnel().renegotiation_interval, 3599s);
}

TEST(Dtls, a_new_session_is_a_restart_once_it_is_answered) {
    Script script = established();
    script.client(tls::client_hello({.random = 0x33}));
    EXPECT_EQ(script.events(), "");
    script.server(tls::server_hello(0x44));
    EXPECT_EQ(script.events(), "restarted/client=" + std::to_string(0x3333333333333333));
}

TEST(Dtls, both_sides_good_byes_close_and_data_undoes_one) {
    const Bytes alert = tls::record(21, 1, 90, Bytes(26, 7));
    Script script = established();
    script.client(alert);
    EXPECT_EQ(script.events(), "exit/client");
    EXPECT_EQ(script.stage(), TunnelStage::Closing);
    EXPECT_EQ(script.last(), Seeing::Fits);
    script.server(tls::data(91));  // still on its way
    EXPECT_EQ(script.stage(), TunnelStage::Closing);
    script.client(tls::data(92));
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    script.server(alert).server(alert);
    EXPECT_EQ(script.events(), "exit/server");
    EXPECT_EQ(script.last(), Seeing::Fits);
    script.client(alert);
    EXPECT_EQ(script.last(), Seeing::Close);
}

TEST(Dtls, the_client_alone_confirms_nothing) {
    Script script = new_script();
    script.client(tls::client_hello()).client(tls::server_hello()).client(tls::data(1));
    script.client(tls::client_hello({.random = 9}));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
}

TEST(Dtls, something_else_rejects_a_candidate) {
    Script script = new_script();
    script.client(tls::client_hello()).server(Bytes(60, 0x80));
    EXPECT_EQ(script.last(), Seeing::Reject);
}

TEST(Dtls, begins_with_a_client_hello_only) {
    for (const Bytes& bytes :
         {tls::server_hello(), tls::verify_request(20), tls::data(1), Bytes{}}) {
        Script script = new_script();
        script.client(bytes);
        EXPECT_FALSE(script.watch().watched());
    }
}

}  // namespace
}  // namespace ravelin
