// SPDX-License-Identifier: BSD-3-Clause
#include "support/openvpn_packets.h"
#include "vpn/openvpn_wire.h"
#include "watching_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ravelin {
namespace {

namespace packet = testing::openvpn_packet;
using testing::Bytes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Watched;

constexpr uint64_t kClient = 0xa2d7ad0826c573ef;
constexpr uint64_t kServer = 0x0b228b61a2719f63;
constexpr uint8_t kControl = 4;
constexpr uint8_t kAck = 5;
constexpr uint8_t kResetClient = 7;
constexpr uint8_t kResetServer = 8;
constexpr uint8_t kResetClientV3 = 10;
constexpr uint8_t kSoftReset = 3;

Watched openvpn() {
    return {openvpn::begins, openvpn::observe};
}

Bytes client_reset() {
    return packet::plain(kResetClient, 0, kClient, 0, 0, 0, 0);
}
Bytes server_reset() {
    return packet::plain(kResetServer, 0, kServer, 1, kClient, 0, 0);
}

/// Handshake in the plain layout, then data both ways.
struct Established : Watched {
    Established() : Watched{openvpn::begins, openvpn::observe} {
        EXPECT_TRUE(begin(client_reset()));
        server(server_reset());
        client(packet::plain(kControl, 0, kClient, 1, kServer, 1, 200));
        now += 30ms;
        client(packet::data(0, 0, 1, 100));
        server(packet::data(0, 0, 1, 100));
        EXPECT_EQ(tunnel.stage, TunnelStage::Established);
        desk.take();
    }
};

Bytes wrapped_reset(size_t key, uint32_t packet_id) {
    Bytes bytes = packet::tls_crypt(kResetClientV3, 0, kClient, packet_id, 1700000000, 54 + key);
    bytes[bytes.size() - 2] = static_cast<uint8_t>(key >> 8);
    bytes[bytes.size() - 1] = static_cast<uint8_t>(key);
    return bytes;
}

TEST(OpenVpnWire, a_clients_reset_tells_its_layout) {
    const struct {
        Bytes bytes;
        ControlWrap wrap;
        uint8_t hmac;
    } rows[] = {
        {client_reset(), ControlWrap::Plain, 0},
        {packet::tls_auth(kResetClient, kClient, 16, 1, 1700000000, 0, 0, 0), ControlWrap::TlsAuth,
         16},
        {packet::tls_auth(kResetClient, kClient, 20, 1, 1700000000, 0, 0, 0), ControlWrap::TlsAuth,
         20},
        {packet::tls_auth(kResetClient, kClient, 32, 1, 1700000000, 0, 0, 0), ControlWrap::TlsAuth,
         32},
        {packet::tls_auth(kResetClient, kClient, 64, 1, 1700000000, 0, 0, 0), ControlWrap::TlsAuth,
         64},
        {packet::tls_crypt(kResetClient, 0, kClient, 1, 1700000000, 54), ControlWrap::TlsCrypt, 0},
        {wrapped_reset(299, 0x0f000001), ControlWrap::TlsCryptV2, 0},
        {wrapped_reset(299, 1), ControlWrap::TlsCryptV2, 0},
        // Sent again after its connection here has ended.
        {packet::tls_auth(kResetClient, kClient, 20, 2, 1700000000, 0, 0, 0), ControlWrap::TlsAuth,
         20},
        {packet::tls_crypt(kResetClient, 0, kClient, 3, 1700000000, 54), ControlWrap::TlsCrypt, 0},
        {wrapped_reset(299, 0x0f000002), ControlWrap::TlsCryptV2, 0},
    };
    for (const auto& row : rows) {
        const auto layout = openvpn::layout_of_reset(row.bytes);
        ASSERT_TRUE(layout) << row.bytes.size();
        EXPECT_EQ(keyword(layout->wrap), keyword(row.wrap));
        EXPECT_EQ(layout->hmac_length, row.hmac);
    }
}

TEST(OpenVpnWire, nothing_else_is_a_reset) {
    Bytes longer = client_reset();
    longer.push_back(0);
    Bytes acking = client_reset();
    acking[9] = 1;
    Bytes numbered = client_reset();
    numbered[13] = 1;
    Bytes other_key = client_reset();
    other_key[0] |= 1;
    Bytes nobody = client_reset();
    std::fill(nobody.begin() + 1, nobody.begin() + 9, uint8_t{0});
    Bytes wrong_length = wrapped_reset(299, 1);
    wrong_length.back() ^= 1;
    for (const Bytes& bytes :
         {Bytes{}, Bytes{0x38}, longer, acking, numbered, other_key, nobody, server_reset(),
          packet::tls_auth(kResetClient, kClient, 20, 33, 1700000000, 0, 0, 0),
          packet::tls_crypt(kResetClient, 0, kClient, 33, 1700000000, 54),
          packet::tls_crypt(kResetClient, 0, kClient, 0, 1700000000, 54), wrong_length})
        EXPECT_FALSE(openvpn::layout_of_reset(bytes)) << bytes.size();
}

TEST(OpenVpnWire, a_control_packet_never_reads_past_its_end) {
    const Bytes whole = packet::tls_auth(kControl, kClient, 20, 3, 1700000000, 8, kServer, 40);
    for (size_t length = 0; length <= whole.size(); ++length) {
        // A copy of just that length, so that the sanitizer sees every byte too far.
        const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
        for (const ControlWrap wrap :
             {ControlWrap::Plain, ControlWrap::TlsAuth, ControlWrap::TlsCrypt})
            static_cast<void>(openvpn::read_control(cut, {.wrap = wrap, .hmac_length = 20}));
    }
    const auto read =
        openvpn::read_control(whole, {.wrap = ControlWrap::TlsAuth, .hmac_length = 20});
    ASSERT_TRUE(read);
    EXPECT_EQ(read->session, kClient);
    EXPECT_EQ(read->peer_session, kServer);
    EXPECT_EQ(read->packet_id, 3U);
    EXPECT_EQ(read->net_time, 1700000000U);
    EXPECT_EQ(read->rest.size(), 40U);
}

TEST(OpenVpn, plain_is_confirmed_by_the_servers_answer_to_this_very_session) {
    Watched watched = openvpn();
    ASSERT_TRUE(watched.begin(client_reset()));
    EXPECT_EQ(watched.server(packet::plain(kResetServer, 0, kServer, 1, kClient + 1, 0, 0)),
              Seeing::Reject);
    EXPECT_FALSE(watched.tunnel.confirmed());
    EXPECT_EQ(watched.server(server_reset()), Seeing::Fits);
    EXPECT_EQ(watched.tunnel.stage, TunnelStage::Handshake);
    EXPECT_EQ(watched.tunnel.session, (std::array{kClient, kServer}));
    EXPECT_THAT(watched.desk.take(), ElementsAre("answered server " + std::to_string(kServer)));
}

TEST(OpenVpn, a_client_alone_confirms_nothing) {
    Watched watched = openvpn();
    ASSERT_TRUE(watched.begin(client_reset()));
    for (int i = 0; i < 3; ++i)
        watched.client(client_reset());
    watched.client(packet::plain(kControl, 0, kClient, 1, kServer, 1, 200));
    watched.client(packet::data(0, 0, 1, 100));
    EXPECT_FALSE(watched.tunnel.confirmed());
    EXPECT_THAT(watched.desk.take(),
                ElementsAre("retried client 1", "retried client 2", "retried client 3"));
}

TEST(OpenVpn, tls_auth_shows_both_clocks) {
    Watched watched = openvpn();
    ASSERT_TRUE(watched.begin(packet::tls_auth(kResetClient, kClient, 20, 1, 1700000000, 0, 0, 0)));
    watched.server(packet::tls_auth(kResetServer, kServer, 20, 1, 1700000007, 1, kClient, 0));
    EXPECT_EQ(watched.tunnel.stage, TunnelStage::Handshake);
    EXPECT_THAT(watched.desk.take(),
                ElementsAre("clock server 1700000007", "answered server " + std::to_string(kServer),
                            "clock client 1700000000"));
    // Later packets carry the time of the first one still: no news.
    watched.client(packet::tls_auth(kControl, kClient, 20, 2, 1700000000, 1, kServer, 100));
    EXPECT_THAT(watched.desk.take(), IsEmpty());
}

TEST(OpenVpn, tls_crypt_takes_a_second_packet_of_the_server) {
    Watched watched = openvpn();
    ASSERT_TRUE(watched.begin(packet::tls_crypt(kResetClient, 0, kClient, 1, 1700000000, 54)));
    watched.server(packet::tls_crypt(kResetServer, 0, kServer, 1, 1700000000, 66));
    EXPECT_FALSE(watched.tunnel.confirmed());
    watched.client(packet::tls_crypt(kControl, 0, kClient, 2, 1700000000, 300));
    EXPECT_FALSE(watched.tunnel.confirmed());
    EXPECT_EQ(watched.server(packet::tls_crypt(kControl, 0, kServer + 1, 2, 1700000000, 300)),
              Seeing::Reject);
    watched.server(packet::tls_crypt(kAck, 0, kServer, 2, 1700000000, 62));
    EXPECT_EQ(watched.tunnel.stage, TunnelStage::Handshake);
}

TEST(OpenVpn, data_both_ways_establishes_and_plain_data_needs_no_look) {
    Watched watched = openvpn();
    ASSERT_TRUE(watched.begin(client_reset()));
    watched.server(server_reset());
    watched.desk.take();
    watched.now += 50ms;
    watched.tunnel.started = watched.now - 50ms;
    watched.client(packet::data(0, 7, 1, 100));
    EXPECT_EQ(watched.tunnel.stage, TunnelStage::Handshake);
    watched.server(packet::data(0, 7, 1, 100));
    EXPECT_THAT(watched.desk.take(), ElementsAre("established server 50000000"));
    EXPECT_EQ(watched.tunnel.peer_id, (std::array{7U, 7U}));
    EXPECT_TRUE(watched.tunnel.has_counter);
    EXPECT_EQ(watched.tunnel.small[1], 43);
    EXPECT_EQ(watched.tunnel.data_byte[1], 0x48);
}

TEST(OpenVpn, pings_show_the_keepalive_of_each_side) {
    Established watched;
    for (uint32_t i = 0; i < 6; ++i) {
        watched.now += 10s;
        watched.server(packet::data(0, 0, 2 + i, 40));
    }
    EXPECT_THAT(watched.desk.take(), ElementsAre("keepalive server 10000000000"));
    EXPECT_EQ(watched.tunnel.rhythm[1].interval(), 10s);
    EXPECT_EQ(watched.tunnel.rhythm[0].interval(), 0s);
}

TEST(OpenVpn, a_ping_after_data_is_no_beat) {
    Established watched;
    for (uint32_t i = 0; i < 12; ++i) {
        watched.now += 4s;
        watched.client(packet::data(0, 0, 2 + 2 * i, 40));
        watched.now += 1s;
        watched.client(packet::data(0, 0, 3 + 2 * i, 500));
    }
    EXPECT_EQ(watched.tunnel.rhythm[0].interval(), 0s);
}

TEST(OpenVpn, renegotiation_says_who_began_it_and_shows_clocks_even_in_plain) {
    Established watched;
    watched.now += 3600s;
    watched.server(packet::tls_crypt(kSoftReset, 1, kServer, 1, 1700003600, 54));
    watched.client(packet::tls_crypt(kSoftReset, 1, kClient, 1, 1700003601, 66));
    EXPECT_THAT(watched.desk.take(),
                ElementsAre("renegotiating server 1", "clock server 1700003600",
                            "clock client 1700003601"));
    EXPECT_EQ(watched.tunnel.key_id, 1);
    EXPECT_EQ(watched.tunnel.renegotiated_by, Side::Server);
    watched.now += 3500s;
    watched.server(packet::tls_crypt(kSoftReset, 2, kServer, 9, 1700003600, 54));
    EXPECT_EQ(watched.tunnel.renegotiation_interval, 3500s);
    EXPECT_THAT(watched.desk.take(), ElementsAre("renegotiating server 2"));
}

TEST(OpenVpn, an_exit_notice_closes) {
    Established watched;
    watched.now += 60s;
    EXPECT_EQ(watched.client(packet::plain(kControl, 0, kClient, 4, kServer, 9, 27)),
              Seeing::Close);
    EXPECT_THAT(watched.desk.take(), ElementsAre("exit client 0"));
}

TEST(OpenVpn, no_exit_without_the_session_and_the_length) {
    Established watched;
    watched.now += 1s;
    EXPECT_EQ(watched.client(packet::plain(kControl, 0, kClient + 1, 4, kServer, 9, 27)),
              Seeing::Fits)
        << "a stranger's session id";
    EXPECT_EQ(watched.client(packet::plain(kControl, 0, kClient, 4, kServer, 9, 35)), Seeing::Fits);
    EXPECT_EQ(watched.server(packet::plain(kControl, 0, kServer, 4, kClient, 9, 30)), Seeing::Fits)
        << "a server that restarts has clients that come back";
    EXPECT_THAT(watched.desk.take(), ElementsAre("restart server 0"));
}

TEST(OpenVpn, what_could_be_a_hidden_exit_is_none_right_after_a_renegotiation) {
    Established watched;
    watched.now += 3600s;
    watched.server(packet::tls_crypt(kSoftReset, 1, kServer, 1, 1700003600, 54));
    watched.client(packet::tls_crypt(kSoftReset, 1, kClient, 1, 1700003601, 66));
    watched.now += 4s;
    watched.client(packet::tls_crypt(kControl, 1, kClient, 9, 1700003601, 105));
    EXPECT_EQ(openvpn::tend(watched.tunnel, watched.desk, watched.now + 60s), Seeing::Fits);
    watched.now += 2s;
    watched.client(packet::tls_crypt(kControl, 1, kClient, 10, 1700003601, 105));
    EXPECT_EQ(openvpn::tend(watched.tunnel, watched.desk, watched.now + 60s), Seeing::Close);
}

TEST(OpenVpn, a_hidden_exit_waits_for_silence) {
    Watched watched = openvpn();
    ASSERT_TRUE(watched.begin(packet::tls_crypt(kResetClient, 0, kClient, 1, 1700000000, 54)));
    watched.server(packet::tls_crypt(kResetServer, 0, kServer, 1, 1700000000, 66));
    watched.server(packet::tls_crypt(kAck, 0, kServer, 2, 1700000000, 62));
    watched.client(packet::data(0, 0, 1, 100));
    watched.server(packet::data(0, 0, 1, 100));
    watched.now += 60s;
    watched.tunnel.last_seen[0] = Tick::at(watched.now);
    EXPECT_EQ(watched.client(packet::tls_crypt(kControl, 0, kClient, 9, 1700000000, 105)),
              Seeing::Fits);
    EXPECT_EQ(openvpn::tend(watched.tunnel, watched.desk, watched.now + 4s), Seeing::Fits);
    EXPECT_EQ(openvpn::tend(watched.tunnel, watched.desk, watched.now + 5s), Seeing::Close);
    // Data from the client means that it was something else.
    watched.tunnel.last_seen[0] = Tick::at(watched.now + 1s);
    EXPECT_EQ(openvpn::tend(watched.tunnel, watched.desk, watched.now + 6s), Seeing::Fits);
    EXPECT_EQ(openvpn::tend(watched.tunnel, watched.desk, watched.now + 60s), Seeing::Fits);
}

TEST(OpenVpn, a_new_session_on_the_same_ports_counts_when_the_server_answers_it) {
    Established watched;
    watched.now += 100s;
    const uint64_t next = 0x1122334455667788;
    watched.client(packet::plain(kResetClient, 0, next, 0, 0, 0, 0));
    EXPECT_EQ(watched.tunnel.session[0], kClient) << "so far only a claim";
    watched.server(packet::plain(kResetServer, 0, kServer + 9, 1, next, 0, 0));
    EXPECT_EQ(watched.tunnel.session[0], next);
    EXPECT_EQ(watched.tunnel.stage, TunnelStage::Handshake);
    EXPECT_THAT(watched.desk.take(), ElementsAre("restarted client " + std::to_string(next)));
    watched.now += 11s;
    watched.client(packet::plain(kControl, 0, next, 1, kServer + 9, 5, 35));
    EXPECT_THAT(watched.desk.take(), ElementsAre("stuck client 0"));
}

TEST(OpenVpn, is_picked_up_in_mid_stream_from_data_both_ways) {
    // Eight packets each way with a keepalive among them, or many when there is none.
    for (const uint32_t keepalive_at : {0U, 1U, 7U, 8U, 12U}) {
        Watched watched = openvpn();
        ASSERT_TRUE(watched.begin(packet::data(2, 5, 100, 200)));
        uint32_t i = 0;
        while (!watched.tunnel.confirmed() && i < 100) {
            ++i;
            const size_t length = i == keepalive_at ? 40 : 200;
            EXPECT_EQ(watched.client(packet::data(2, 5, 100 + i, 200)), Seeing::Fits);
            EXPECT_EQ(watched.server(packet::data(2, 5, 900 + i, length)), Seeing::Fits);
        }
        EXPECT_EQ(i, keepalive_at == 0 ? 64U : std::max(keepalive_at, 8U));
        EXPECT_EQ(watched.tunnel.stage, TunnelStage::Established);
        // The packet that began it counts too: 65 of the client's and 63 of the server's.
        EXPECT_THAT(watched.desk.take(),
                    ElementsAre(keepalive_at == 0 ? "picked_up client 5" : "picked_up server 5"));
    }
}

TEST(OpenVpn, mid_stream_needs_constant_ids_and_rising_counters) {
    const Bytes wrong[] = {packet::data(3, 5, 101, 200),
                           packet::data(2, 6, 101, 200),
                           packet::data(2, 5, 100, 200),
                           packet::data(2, 5, 99, 200),
                           packet::data(2, 5, 100 + 65536, 200),
                           packet::data(2, 5, 101, 30),
                           packet::plain(kControl, 0, kClient, 0, 0, 0, 50)};
    for (const Bytes& bytes : wrong) {
        Watched watched = openvpn();
        ASSERT_TRUE(watched.begin(packet::data(2, 5, 99, 200)));
        ASSERT_EQ(watched.client(packet::data(2, 5, 100, 200)), Seeing::Fits);
        EXPECT_EQ(watched.client(bytes), Seeing::Reject);
    }
}

}  // namespace
}  // namespace ravelin
