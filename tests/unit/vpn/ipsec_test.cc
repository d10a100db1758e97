// SPDX-License-Identifier: BSD-3-Clause
#include "unit/vpn/script.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using namespace testing;

constexpr uint64_t kI = 0xd4fc6ad5e14ccd2e;
constexpr uint64_t kR = 0xda0537cdd93c81f2;

Script on_port(uint16_t port) {
    return Script{VpnProtocol::Ike, port, port};
}

/// A later exchange of the IKE SA that the client has begun.
ike::Message exchange(uint8_t type, uint32_t id, Side from, bool response) {
    return {
        .initiator_spi = kI,
        .responder_spi = kR,
        .exchange = type,
        .flags = static_cast<uint8_t>((from == Side::Client ? 0x08 : 0) | (response ? 0x20 : 0)),
        .id = id};
}
Bytes asks(uint8_t type, uint32_t id, Side from) {
    return ike::marked(exchange(type, id, from, false));
}
Bytes answers(uint8_t type, uint32_t id, Side from) {
    return ike::marked(exchange(type, id, from, true));
}

/// IKE_AUTH and one ESP packet each way on port 4500.
Script established() {
    Script script = on_port(4500);
    script.at(0ms).client(asks(35, 1, Side::Client)).at(1ms).server(answers(35, 1, Side::Server));
    script.at(2ms).client(esp(0x62da69a7, 1)).at(3ms).server(esp(0xf2055ee2, 1));
    script.events();
    return script;
}

TEST(Ipsec, the_answer_to_ike_sa_init_confirms) {
    Script script = on_port(500);
    script.client(ike::bare(ike::sa_init(kI)));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    script.server(ike::bare(ike::sa_init_answer(kI, kR)));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    EXPECT_EQ(script.events(), "answered/server");
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{kI, kR}));
    EXPECT_EQ(script.tunnel().protocol, VpnProtocol::Ike);
}

TEST(Ipsec, an_answer_to_another_initiator_confirms_nothing) {
    Script script = on_port(500);
    script.client(ike::bare(ike::sa_init(kI))).server(ike::bare(ike::sa_init_answer(kI + 1, kR)));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
}

TEST(Ipsec, an_error_confirms_nothing) {
    Script script = on_port(500);
    ike::Message error = ike::sa_init_answer(kI, kR);
    error.next = 41;
    error.payloads = ike::notify(14, 0);
    script.client(ike::bare(ike::sa_init(kI))).server(ike::bare(error));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    EXPECT_EQ(script.events(), "");
}

TEST(Ipsec, a_cookie_is_load_and_the_request_with_it_no_retry) {
    Script script = on_port(500);
    ike::Message cookie = ike::sa_init_answer(kI, 0);
    cookie.next = 41;
    cookie.payloads = ike::notify(16390);
    script.client(ike::bare(ike::sa_init(kI))).server(ike::bare(cookie));
    EXPECT_EQ(script.events(), "under_load/server");
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    ike::Message again = ike::sa_init(kI);
    again.next = 41;
    append(again.payloads, Bytes(12, 0));
    script.client(ike::bare(again)).server(ike::bare(ike::sa_init_answer(kI, kR)));
    EXPECT_EQ(script.events(), "answered/server");
}

TEST(Ipsec, a_request_again_is_a_retry) {
    Script script = on_port(500);
    for (int i = 0; i < 4; ++i)
        script.client(ike::bare(ike::sa_init(kI)));
    EXPECT_EQ(script.events(), "retried/client=1 retried/client=2 retried/client=3");
    EXPECT_EQ(script.tunnel().retries, 3);
    script.server(ike::bare(ike::sa_init_answer(kI, kR)));
    EXPECT_EQ(script.tunnel().retries, 0);
}

TEST(Ipsec, a_new_session_on_the_same_ports_is_a_restart_once_it_is_answered) {
    Script script = on_port(500);
    script.client(ike::bare(ike::sa_init(kI))).server(ike::bare(ike::sa_init_answer(kI, kR)));
    script.events();
    script.client(ike::bare(ike::sa_init(77)));
    EXPECT_EQ(script.events(), "");
    EXPECT_EQ(script.tunnel().session[0], kI);
    script.server(ike::bare(ike::sa_init_answer(77, 88)));
    EXPECT_EQ(script.events(), "restarted/client=77");
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{77, 88}));
}

TEST(Ipsec, ike_auth_on_port_4500_is_the_same_session_and_esp_both_ways_establishes) {
    Script script = on_port(4500);
    script.at(0ms).client(asks(35, 1, Side::Client)).at(1ms).server(answers(35, 1, Side::Server));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{kI, kR}));
    script.at(2ms).client(esp(0x62da69a7, 1));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    script.at(3ms).server(esp(0xf2055ee2, 1));
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    EXPECT_EQ(script.events(), "answered/server established/server=3000000");
    EXPECT_EQ(script.tunnel().protocol, VpnProtocol::Esp);
    EXPECT_EQ(script.tunnel().peer_id, (std::array<uint32_t, 2>{0x62da69a7, 0xf2055ee2}));
    EXPECT_FALSE(script.tunnel().picked_up);
}

TEST(Ipsec, on_port_4500_ike_needs_the_marker) {
    Script script = on_port(4500);
    script.client(ike::bare(exchange(35, 1, Side::Client, false)));
    EXPECT_NE(script.tunnel().protocol, VpnProtocol::Ike);
}

TEST(Ipsec, a_server_on_another_port_is_recognised_with_the_marker) {
    Script script{VpnProtocol::Ike, 40000, 14500};
    script.client(asks(35, 1, Side::Client)).server(answers(35, 1, Side::Server));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    script.client(esp(0x62da69a7, 1)).server(esp(0xf2055ee2, 1));
    EXPECT_EQ(script.stage(), TunnelStage::Established);
}

TEST(Ipsec, plain_esp_passes_by_and_the_rest_does_not) {
    Script script = established();
    const size_t observed = script.watch().observed();
    for (uint32_t sequence = 2; sequence < 50; ++sequence)
        script.client(esp(0x62da69a7, sequence)).server(esp(0xf2055ee2, sequence));
    EXPECT_EQ(script.watch().observed(), observed);
    script.client({0xff}).server(asks(37, 0, Side::Server)).client(answers(37, 0, Side::Client));
    EXPECT_EQ(script.watch().observed(), observed + 3);
}

TEST(Ipsec, an_spi_that_begins_like_the_marker_is_always_looked_at) {
    Script script = on_port(4500);
    script.client(asks(35, 1, Side::Client)).server(answers(35, 1, Side::Server));
    script.client(esp(0x00001000, 1)).server(esp(0xf2055ee2, 1));
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    const size_t observed = script.watch().observed();
    script.client(esp(0x00001000, 2)).client(asks(37, 2, Side::Client));
    EXPECT_EQ(script.watch().observed(), observed + 2);
}

TEST(Ipsec, learns_the_nat_keepalives) {
    Script script = established();
    for (int i = 1; i <= 4; ++i)
        script.at(i * 20s).client({0xff});
    EXPECT_EQ(script.events(), "keepalive/client=20000000000");
}

TEST(Ipsec, either_side_may_renew_and_the_old_spi_stays_known) {
    Script script = established();
    script.at(100s).server(asks(36, 3, Side::Server)).client(answers(36, 3, Side::Client));
    EXPECT_EQ(script.events(), "renegotiating/server");
    script.at(101s).client(esp(0x69a87cfa, 1));
    EXPECT_EQ(script.tunnel().peer_id[0], 0x69a87cfaU);
    script.client(esp(0x62da69a7, 60));  // late, of the old one
    EXPECT_EQ(script.tunnel().peer_id[0], 0x69a87cfaU);
    EXPECT_EQ(script.tunnel().data_byte[0], 0x69);
    script.at(160s).client(asks(36, 9, Side::Client)).client(asks(36, 9, Side::Client));
    EXPECT_EQ(script.events(), "renegotiating/client retried/client=1");
    EXPECT_EQ(script.tunnel().renegotiation_interval, 60s);
}

TEST(Ipsec, security_associations_side_by_side_are_no_renewals) {
    Script script = established();
    for (uint32_t sequence = 1; sequence < 10; ++sequence)
        script.client(esp(0x70000001, sequence)).client(esp(0x62da69a7, 100 + sequence));
    EXPECT_EQ(script.events(), "");
}

TEST(Ipsec, without_ike_in_sight_new_spis_are_one_renewal) {
    Script script = on_port(4500);
    for (uint32_t sequence = 40; sequence < 43; ++sequence)
        script.client(esp(0x62da69a7, sequence)).server(esp(0xf2055ee2, sequence));
    EXPECT_EQ(script.events(), "picked_up/server");
    script.at(100s).client(esp(0x69a87cfa, 1)).at(101s).server(esp(0x33334444, 1));
    EXPECT_EQ(script.events(), "renegotiating/client=" + std::to_string(0x69a87cfa));
}

TEST(Ipsec, a_request_that_nobody_answers_is_retried_from_either_side) {
    Script script = established();
    script.at(30s).client(asks(37, 2, Side::Client)).server(asks(37, 2, Side::Server));
    script.client(answers(37, 2, Side::Client));
    for (int i = 0; i < 2; ++i)
        script.client(asks(37, 2, Side::Client));
    EXPECT_EQ(script.events(), "retried/client=1 retried/client=2");
    // It may as well have been a DELETE: the tunnel is where it was.
    EXPECT_EQ(script.stage(), TunnelStage::Established);
}

TEST(Ipsec, a_request_without_answer_is_what_silence_is_told_by) {
    Script script = on_port(4500);
    script.at(0ms).client(asks(35, 1, Side::Client)).at(1ms).server(answers(35, 1, Side::Server));
    const auto& since = script.tunnel().unanswered_since;
    script.at(20s).client(asks(37, 2, Side::Client));
    EXPECT_EQ(since[0], Tick::at(Instant{20s}));
    script.at(24s).client(asks(37, 2, Side::Client));
    EXPECT_EQ(since[0], Tick::at(Instant{20s}));
}

TEST(Ipsec, a_renewed_ike_sa_goes_on_with_other_spis_and_other_roles) {
    Script script = established();
    ike::Message ask{.initiator_spi = 501, .responder_spi = 502, .exchange = 37, .flags = 0x08};
    ike::Message answer = ask;
    answer.flags = 0x20;
    script.server(ike::marked(ask)).client(ike::marked(answer));
    EXPECT_EQ(script.events(), "");
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{502, 501}));
}

TEST(Ipsec, another_session_on_port_4500_is_a_restart) {
    Script script = established();
    ike::Message ask{
        .initiator_spi = 501, .responder_spi = 502, .exchange = 35, .flags = 0x08, .id = 1};
    ike::Message answer = ask;
    answer.flags = 0x20;
    script.client(ike::marked(ask)).server(ike::marked(answer));
    EXPECT_EQ(script.events(), "restarted/client=501");
}

TEST(Ipsec, is_picked_up_by_an_exchange_of_either_side) {
    for (const Side side : {Side::Client, Side::Server}) {
        Script script = on_port(4500);
        const bool client = side == Side::Client;
        const Bytes ask = asks(37, 4, side);
        const Bytes answer = answers(37, 4, opposite(side));
        client ? script.client(ask).server(answer) : script.server(ask).client(answer);
        EXPECT_EQ(script.events(), std::string{"picked_up/"} + keyword(opposite(side)));
        EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{kI, kR}));
        EXPECT_TRUE(script.tunnel().picked_up);
    }
}

TEST(Ipsec, is_picked_up_by_esp_both_ways) {
    Script script = on_port(4500);
    script.client({0xff});
    for (uint32_t sequence = 40; sequence < 43; ++sequence) {
        EXPECT_EQ(script.stage(), TunnelStage::Candidate);
        script.client(esp(0x62da69a7, sequence)).server(esp(0xf2055ee2, sequence));
    }
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    EXPECT_EQ(script.tunnel().protocol, VpnProtocol::Esp);
    EXPECT_TRUE(script.tunnel().picked_up);
}

TEST(Ipsec, esp_elsewhere_than_on_port_4500_is_not_picked_up) {
    Script script{VpnProtocol::Ike, 40000, 4501};
    for (uint32_t sequence = 40; sequence < 50; ++sequence)
        script.client(esp(0x62da69a7, sequence)).server(esp(0xf2055ee2, sequence));
    EXPECT_FALSE(script.watch().watched());
}

TEST(Ipsec, an_error_in_clear_of_somebody_without_the_keys_confirms_nothing) {
    Script script = on_port(4500);
    ike::Message error = exchange(37, 4, Side::Server, true);
    error.next = 41;
    error.payloads = ike::notify(4, 0);  // INVALID_IKE_SPI
    script.client(asks(37, 4, Side::Client)).server(ike::marked(error));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
}

TEST(Ipsec, ikev1_main_mode_confirms_and_the_second_quick_mode_renews) {
    Script script = on_port(4500);
    ike::Message first{.initiator_spi = kI, .exchange = 2, .version = 0x10, .next = 1};
    ike::Message other = first;
    other.responder_spi = kR;
    script.client(ike::marked(first)).server(ike::marked(other));
    EXPECT_EQ(script.events(), "answered/server");
    for (int i = 0; i < 2; ++i)
        script.client(ike::marked(other)).server(ike::marked(other));
    EXPECT_EQ(script.events(), "");
    ike::Message quick = other;
    quick.exchange = 32;
    quick.flags = 0x01;
    quick.next = 8;
    quick.id = 0x1234;
    script.client(ike::marked(quick)).server(ike::marked(quick)).client(ike::marked(quick));
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    EXPECT_EQ(script.events(), "established/server");
    quick.id = 0x5678;
    script.at(3000s).server(ike::marked(quick)).client(ike::marked(quick));
    EXPECT_EQ(script.events(), "renegotiating/server");
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{kI, kR}));
}

TEST(Ipsec, ikev1_informational_messages_are_never_answered) {
    Script script = on_port(500);
    ike::Message message{.initiator_spi = kI,
                         .responder_spi = kR,
                         .exchange = 5,
                         .flags = 1,
                         .id = 9,
                         .version = 0x10,
                         .next = 8};
    script.client(ike::bare(message)).server(ike::bare(message)).client(ike::bare(message));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    EXPECT_EQ(script.events(), "");
}

TEST(Ipsec, the_client_alone_confirms_nothing) {
    Script script = on_port(4500);
    script.client(asks(35, 1, Side::Client)).client(answers(35, 1, Side::Server));
    for (uint32_t sequence = 1; sequence < 6; ++sequence)
        script.client(esp(0x62da69a7, sequence));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
}

TEST(Ipsec, something_else_rejects_a_candidate) {
    Script script = on_port(500);
    script.client(ike::bare(ike::sa_init(kI))).server(Bytes(60, 0x80));
    EXPECT_EQ(script.last(), Seeing::Reject);
}

TEST(Ipsec, begins_with_requests_only) {
    Tunnel tunnel;
    const auto begins = [&](const Bytes& bytes, uint16_t port) {
        tunnel = {};
        return ipsec::begins({bytes, Side::Client, Instant{}, {port, port}}, tunnel);
    };
    EXPECT_TRUE(begins(ike::bare(ike::sa_init(kI)), 500));
    EXPECT_TRUE(begins(ike::bare(ike::sa_init(kI)), 1234));
    EXPECT_FALSE(begins(ike::bare(ike::sa_init_answer(kI, kR)), 500));
    ike::Message wrong = ike::sa_init(kI);
    wrong.id = 1;
    EXPECT_FALSE(begins(ike::bare(wrong), 500));
    wrong = ike::sa_init(kI);
    wrong.flags = 0;
    EXPECT_FALSE(begins(ike::bare(wrong), 500));
    wrong = ike::sa_init(kI);
    wrong.responder_spi = kR;
    EXPECT_FALSE(begins(ike::bare(wrong), 500));
    EXPECT_TRUE(begins(asks(35, 1, Side::Client), 4500));
    EXPECT_FALSE(begins(answers(35, 1, Side::Client), 4500));
    EXPECT_TRUE(begins({0xff}, 4500));
    EXPECT_FALSE(begins({0xfe}, 4500));
    EXPECT_FALSE(begins({0xff}, 500));
    EXPECT_TRUE(begins(esp(256, 1), 4500));
    EXPECT_FALSE(begins(esp(256, 0), 4500));
    EXPECT_FALSE(begins(esp(256, 1), 4501));
    EXPECT_FALSE(begins({}, 4500));
}

}  // namespace
}  // namespace ravelin
