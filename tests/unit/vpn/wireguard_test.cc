// SPDX-License-Identifier: BSD-3-Clause
#include "unit/vpn/script.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using namespace testing;

Script new_script() {
    return Script{VpnProtocol::WireGuard, 36916, 51820};
}

/// Handshake at 0 s with indices 11 and 22, and one data packet each way.
Script established() {
    Script script = new_script();
    script.at(0ms).client(wg::initiation(11)).at(1ms).server(wg::response(22, 11));
    script.at(2ms).client(wg::data(22, 0)).at(3ms).server(wg::data(11, 0));
    script.events();
    return script;
}

TEST(WireGuard, the_matching_response_confirms_and_the_first_data_establishes) {
    Script script = new_script();
    script.at(0ms).client(wg::initiation(11));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    script.at(1ms).server(wg::response(22, 11));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    script.at(2ms).client(wg::data(22, 0, 32));
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    EXPECT_EQ(script.events(), "answered/server established/client=2000000");
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{11, 22}));
    EXPECT_EQ(script.tunnel().peer_id, (std::array<uint32_t, 2>{22, 11}));
    EXPECT_EQ(script.tunnel().protocol, VpnProtocol::WireGuard);
    EXPECT_FALSE(script.tunnel().picked_up);
}

TEST(WireGuard, a_response_to_something_else_confirms_nothing) {
    Script script = new_script();
    script.client(wg::initiation(11)).server(wg::response(22, 12));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    script.client(wg::response(22, 11));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
    script.server(wg::response(22, 11));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
}

TEST(WireGuard, a_wrong_size_rejects_a_candidate) {
    Script script = new_script();
    script.client(wg::initiation(11));
    Bytes cut = wg::response(22, 11);
    cut.pop_back();
    script.server(cut);
    EXPECT_EQ(script.last(), Seeing::Reject);
    script.server(wg::response(22, 11));
    EXPECT_FALSE(script.watch().confirmed());
}

TEST(WireGuard, initiations_again_are_retries_with_the_last_index_valid) {
    Script script = new_script();
    script.at(0s).client(wg::initiation(11));
    script.at(5s).client(wg::initiation(12)).at(10s).client(wg::initiation(13));
    EXPECT_EQ(script.events(), "retried/client=1 retried/client=2");
    script.server(wg::response(22, 13));
    EXPECT_EQ(script.stage(), TunnelStage::Handshake);
    EXPECT_EQ(script.tunnel().session[0], 13U);
    EXPECT_EQ(script.tunnel().retries, 0);
}

TEST(WireGuard, a_cookie_reply_is_load_and_no_proof) {
    Script script = new_script();
    script.client(wg::initiation(11)).server(wg::cookie(12));
    EXPECT_EQ(script.events(), "");
    script.server(wg::cookie(11));
    EXPECT_EQ(script.events(), "under_load/server");
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
}

TEST(WireGuard, plain_data_passes_by_and_keepalives_do_not) {
    Script script = established();
    const size_t observed = script.watch().observed();
    const size_t passed = script.watch().passed();
    for (uint64_t counter = 1; counter <= 100; ++counter)
        script.client(wg::data(22, counter, 48)).server(wg::data(11, counter, 1452));
    EXPECT_EQ(script.watch().observed(), observed);
    EXPECT_EQ(script.watch().passed(), passed + 200);
    EXPECT_EQ(script.tunnel().counter[0], 100U);
    script.client(wg::data(22, 101, 32));
    EXPECT_EQ(script.watch().observed(), observed + 1);
    EXPECT_EQ(script.tunnel().data_packets[0], 102U);
}

TEST(WireGuard, learns_the_keepalives_of_one_side) {
    Script script = established();
    for (int i = 1; i <= 4; ++i)
        script.at(i * 25s).client(wg::data(22, static_cast<uint64_t>(i), 32));
    EXPECT_EQ(script.events(), "keepalive/client=25000000000");
    EXPECT_EQ(script.tunnel().rhythm[1].interval(), 0s);
}

TEST(WireGuard, a_keepalive_under_no_known_index_says_nothing) {
    Script script = established();
    for (int i = 1; i <= 8; ++i)
        script.at(i * 25s).client(wg::data(23, static_cast<uint64_t>(i), 32));
    EXPECT_EQ(script.events(), "");
    EXPECT_EQ(script.tunnel().data_packets[0], 1U);
}

TEST(WireGuard, either_side_may_renew_and_the_old_index_stays_valid) {
    Script script = established();
    script.at(120s).server(wg::initiation(222));
    EXPECT_EQ(script.events(), "renegotiating/server=222");
    script.at(120s + 1ms).client(wg::response(111, 222));
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{111, 222}));
    // The old key's packets are still on their way, keepalives too.
    const uint64_t before = script.tunnel().data_packets[1];
    script.at(120s + 2ms).server(wg::data(11, 9, 32));
    EXPECT_EQ(script.tunnel().data_packets[1], before + 1);
    script.at(120s + 3ms).server(wg::data(111, 0, 64));
    script.at(241s).client(wg::initiation(1111)).server(wg::response(2222, 1111));
    EXPECT_EQ(script.events(), "renegotiating/client=1111");
    EXPECT_EQ(script.tunnel().renegotiations, 2U);
    EXPECT_EQ(script.tunnel().renegotiated_by, Side::Client);
    EXPECT_EQ(script.tunnel().renegotiation_interval, 121s);
}

TEST(WireGuard, attempts_of_one_renewal_count_once) {
    Script script = established();
    script.at(120s).client(wg::initiation(12)).at(125s).client(wg::initiation(13));
    script.at(125s + 1ms).server(wg::response(23, 13));
    script.at(130s).client(wg::initiation(14));  // the response was lost beyond us
    script.at(130s + 1ms).server(wg::response(24, 14)).client(wg::data(24, 0));
    EXPECT_EQ(script.events(), "renegotiating/client=12 retried/client=1 retried/client=2");
    script.at(250s).client(wg::initiation(15));
    EXPECT_EQ(script.events(), "renegotiating/client=15");
}

TEST(WireGuard, a_response_that_comes_twice_changes_nothing) {
    Script script = established();
    script.at(120s).client(wg::initiation(12)).server(wg::response(23, 12));
    script.server(wg::response(23, 12));
    const uint64_t before = script.tunnel().data_packets[1];
    script.server(wg::data(11, 7, 32));  // the old key
    EXPECT_EQ(script.tunnel().data_packets[1], before + 1);
}

TEST(WireGuard, after_both_renewed_at_once_data_passes_by_again) {
    Script script = established();
    script.at(120s).client(wg::initiation(12)).server(wg::initiation(23));
    script.at(120s + 1ms).server(wg::response(24, 12)).client(wg::response(13, 23));
    // Both use the client's key, which isn't the last one that was agreed on.
    script.at(140s).client(wg::data(24, 0)).server(wg::data(12, 0));
    const size_t observed = script.watch().observed();
    script.at(141s).client(wg::data(24, 1)).server(wg::data(12, 1));
    EXPECT_EQ(script.watch().observed(), observed);
}

TEST(WireGuard, is_picked_up_in_mid_stream_by_three_data_packets_each_way) {
    Script script = new_script();
    for (uint64_t counter = 7; counter < 10; ++counter) {
        EXPECT_EQ(script.stage(), TunnelStage::Candidate);
        script.server(wg::data(11, counter)).client(wg::data(22, counter, 32));
    }
    EXPECT_EQ(script.stage(), TunnelStage::Established);
    EXPECT_TRUE(script.tunnel().picked_up);
    EXPECT_EQ(script.events(), "picked_up/client");
    EXPECT_EQ(script.tunnel().session, (std::array<uint64_t, 2>{11, 22}));
    const size_t observed = script.watch().observed();
    script.client(wg::data(22, 10)).server(wg::data(11, 10));
    EXPECT_EQ(script.watch().observed(), observed);
    EXPECT_EQ(script.tunnel().data_packets, (std::array<uint64_t, 2>{4, 4}));
}

struct NotInMidStream {
    const char* name;
    Bytes (*packet)(uint32_t index, uint64_t counter, int number);
};

TEST(WireGuard, mid_stream_needs_fixed_index_padding_and_a_rising_counter) {
    const NotInMidStream kCases[] = {
        {"another index each time",
         [](uint32_t index, uint64_t counter, int number) {
             return wg::data(index + static_cast<uint32_t>(number), counter);
         }},
        {"a counter that stands", [](uint32_t index, uint64_t, int) { return wg::data(index, 5); }},
        {"a counter that falls",
         [](uint32_t index, uint64_t counter, int) { return wg::data(index, 1000 - counter); }},
        {"a counter that leaps",
         [](uint32_t index, uint64_t counter, int) { return wg::data(index, counter << 20); }},
        {"a counter beyond any key's life",
         [](uint32_t index, uint64_t counter, int) {
             return wg::data(index, counter + (uint64_t{1} << 40));
         }},
        {"no padding",
         [](uint32_t index, uint64_t counter, int) { return wg::data(index, counter, 130); }},
    };
    for (const NotInMidStream& wrong : kCases) {
        Script script = new_script();
        for (int number = 0; number < 20; ++number) {
            const auto counter = static_cast<uint64_t>(number) + 1;
            script.client(wg::data(22, counter)).server(wrong.packet(11, counter, number));
        }
        EXPECT_FALSE(script.watch().confirmed()) << wrong.name;
    }
}

TEST(WireGuard, the_client_alone_confirms_nothing) {
    Script script = new_script();
    script.client(wg::initiation(11)).client(wg::response(22, 11)).client(wg::initiation(12));
    for (uint64_t counter = 0; counter < 4; ++counter)
        script.client(wg::data(22, counter));
    EXPECT_EQ(script.stage(), TunnelStage::Candidate);
}

TEST(WireGuard, begins_with_an_initiation_or_data_only) {
    Tunnel tunnel;
    const std::array<uint16_t, 2> ports{1, 2};
    const auto begins = [&](const Bytes& bytes) {
        tunnel = {};
        return wireguard::begins({bytes, Side::Client, Instant{}, ports}, tunnel);
    };
    EXPECT_TRUE(begins(wg::initiation(1)));
    EXPECT_TRUE(begins(wg::data(1, 1)));
    EXPECT_FALSE(begins(wg::response(1, 2)));
    EXPECT_FALSE(begins(wg::cookie(1)));
    EXPECT_FALSE(begins(wg::data(1, 1, 33)));
    EXPECT_FALSE(begins({}));
}

}  // namespace
}  // namespace ravelin
