// SPDX-License-Identifier: BSD-3-Clause
// A tunnel's plain data passes its observer by, and nothing that is known of the tunnel suffers.
#include "support/fragmenter.h"
#include "support/openvpn_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

namespace ravelin {
namespace {

namespace openvpn_packet = testing::openvpn_packet;
using testing::Bytes;
using testing::Fate;
using testing::kClient;
using testing::kClientAddress;
using testing::kOutside;
using testing::kServer;
using testing::kServerAddress;
using testing::Lab;
using testing::PacketBuilder;

constexpr size_t kPing = 40;
constexpr size_t kData = 100;

/// A tunnel of OpenVPN that has had keepalives and data both ways.
class PlainData : public ::testing::Test, protected testing::OpenVpnSession {
  protected:
    PlainData() : OpenVpnSession{Lab::allow_all()} {
        connect();
        for (int round = 0; round < 3; ++round) {
            data(Side::Client, kPing);
            data(Side::Server, kPing);
        }
        data(Side::Client);
        data(Side::Server);
    }

    Fate data(Side from, size_t length = kData) {
        const auto side = static_cast<size_t>(from);
        ++sent[side];
        last_sent[side] = lab.clock.now();
        return from == Side::Client ? client_data(length) : server_data(length);
    }

    Shard& shard() { return lab.workers[0]->shard(); }
    /// The only one.
    const Tunnel& tunnel() {
        for (uint32_t connection = 0; connection < 16; ++connection)
            if (const Tunnel* found =
                    shard().tunnels.find(shard().conntrack.watched_as(connection));
                found != nullptr && found->connection == connection)
                return *found;
        std::abort();
    }
    bool passes(Direction direction) {
        return shard().conntrack.lets_pass(tunnel().connection, direction);
    }
    uint32_t known_counter(Side side) {
        return __builtin_bswap32(tunnel().counter[static_cast<size_t>(side)]);
    }
    FlowRecord flow() {
        const std::vector<FlowRecord> flows = lab.flows();
        EXPECT_EQ(flows.size(), 1U);
        return flows.front();
    }

    std::array<uint64_t, 2> sent{};
    std::array<Instant, 2> last_sent{};
};

TEST_F(PlainData, isnt_looked_at_but_all_else_is) {
    ASSERT_TRUE(passes(Direction::Original));
    ASSERT_TRUE(passes(Direction::Reply));
    const uint32_t known = known_counter(Side::Client);
    data(Side::Client);
    EXPECT_EQ(known_counter(Side::Client), known) << "it has passed by";
    data(Side::Client, kPing);
    EXPECT_EQ(known_counter(Side::Client), client_counter) << "a keepalive is looked at";
    data(Side::Client);
    // A longer packet that begins otherwise: the hard reset of a new session.
    client(openvpn_packet::plain(7, 0, kClient + 1, 0, 0, 0, 0));
    client(openvpn_packet::data(1, 3, 1, kData));
    EXPECT_NE(known_counter(Side::Client), client_counter);
}

TEST_F(PlainData, is_accounted_for_at_the_next_round) {
    lab.wait(TunnelTable::kRound);
    const std::array<uint64_t, 2> before = tunnel().data_packets;
    lab.wait(10ms);
    for (int i = 0; i < 7; ++i)
        data(Side::Client);
    for (int i = 0; i < 5; ++i)
        data(Side::Server);
    EXPECT_LE(tunnel().data_packets[0], before[0] + 1) << "one is looked at for its counter";
    const Instant then = lab.clock.now();
    lab.wait(TunnelTable::kRound);
    EXPECT_EQ(tunnel().data_packets[0], before[0] + 7);
    EXPECT_EQ(tunnel().data_packets[1], before[1] + 5);
    for (const Tick seen : tunnel().last_seen)
        EXPECT_LE(seen.since(Tick::at(then)) * kTick, TunnelTable::kRound);
}

TEST_F(PlainData, is_in_every_listing_at_once) {
    lab.wait(TunnelTable::kRound);
    const std::array<uint64_t, 2> before = tunnel().data_packets;
    for (int i = 0; i < 7; ++i)
        data(Side::Client);
    std::array<TunnelRecord, 8> records;
    Request request;
    request.kind = Request::Kind::Tunnels;
    request.tunnels = records;
    ASSERT_TRUE(lab.links[0]->requests.push(&request));
    lab.run();
    ASSERT_TRUE(request.done.load());
    ASSERT_EQ(request.written, 1U);
    EXPECT_EQ(records[0].data_packets[0], before[0] + 7);
}

TEST_F(PlainData, shows_its_counter_once_in_four_rounds) {
    uint32_t furthest = 0;
    for (int i = 0; i < 400; ++i) {
        lab.wait(10ms);
        data(Side::Client);
        data(Side::Server);
        // So old is what is known at most: four rounds, and the next packet.
        EXPECT_LE(client_counter - known_counter(Side::Client), 102U);
        EXPECT_LE(server_counter - known_counter(Side::Server), 102U);
        furthest = std::max(furthest, client_counter - known_counter(Side::Client));
    }
    EXPECT_GT(furthest, 90U);
}

TEST_F(PlainData, keeps_the_rule_that_allowed_the_connection_and_no_state) {
    const FlowRecord record = flow();
    EXPECT_EQ(record.rule, Policy::kDefaultRule);
    EXPECT_EQ(record.state, 0);
    EXPECT_NE(record.flags & connection_flag::kWatched, 0);
}

TEST_F(PlainData, of_a_client_that_has_moved_passes_in_the_new_connection_only) {
    const uint32_t left = tunnel().connection;
    port = 50001;
    EXPECT_EQ(data(Side::Client).action, Action::Forward);
    const uint32_t now_there = tunnel().connection;
    ASSERT_NE(now_there, left);
    EXPECT_FALSE(shard().conntrack.lets_pass(left, Direction::Original));
    EXPECT_FALSE(shard().conntrack.lets_pass(left, Direction::Reply));
    EXPECT_FALSE(shard().conntrack.lets_pass(now_there, Direction::Reply))
        << "the server's first answer is looked for";
    // The server goes on sending to the old address, which is news.
    lab.wait(2s);
    port = 50000;
    data(Side::Server);
    EXPECT_EQ(tunnel().connection, now_there);
    // And the client comes back there, before the server has followed.
    data(Side::Client);
    EXPECT_EQ(tunnel().connection, left);
    EXPECT_FALSE(shard().conntrack.lets_pass(now_there, Direction::Original));
}

TEST_F(PlainData, in_pieces_is_counted_as_such) {
    const std::array<uint32_t, 2> before = tunnel().fragments;
    const Bytes whole = PacketBuilder{}
                            .ipv4(kClientAddress, kServerAddress)
                            .udp(port, 1194)
                            .payload(openvpn_packet::data(0, 3, ++client_counter, 200))
                            .build();
    for (const Bytes& piece : testing::fragments_of(whole, 48, 7))
        lab.pass(kOutside, piece);
    EXPECT_EQ(tunnel().fragments[0], before[0] + 1);
}

TEST_F(PlainData, ends_with_a_good_bye_that_is_seen_at_once) {
    data(Side::Client);
    client(openvpn_packet::plain(4, 0, kClient, 4, kServer, 9, 27));
    lab.wait(10s);
    EXPECT_TRUE(lab.flows().empty());
}

/// Against a model that looks at every packet.
TEST_F(PlainData, leaves_nothing_out_whatever_comes_when) {
    std::mt19937 random{7};
    lab.wait(TunnelTable::kRound);
    const std::array<uint64_t, 2> before = tunnel().data_packets;
    constexpr Duration kStep = 50ms;
    Duration timeout_before{};
    Instant changed{};
    uint32_t compared = 0;
    sent = {};
    for (int step = 0; step < 5'000; ++step) {
        const Side from = random() % 2 == 0 ? Side::Client : Side::Server;
        ASSERT_EQ(data(from, random() % 10 == 0 ? kPing : kData).action, Action::Forward);
        if (random() % 4 != 0) continue;
        const Duration pause = random() % 50 == 0 ? Duration{20s} : Duration{random() % 400 * 1ms};
        // In small steps: a worker looks at its tunnels all the time.
        for (Duration waited{}; waited < pause; waited += kStep)
            lab.wait(kStep);
        // The connection lives for what its tunnel needs after its last packet, as soon as a round
        // has been there, and until then for what any UDP has.
        const Duration quiet = lab.clock.now() - std::max(last_sent[0], last_sent[1]);
        const bool settled = quiet >= TunnelTable::kRound + kStep;
        const Duration timeout = tunnel().timeout;
        ASSERT_GE(flow().remaining,
                  (settled ? timeout : std::min<Duration>(timeout, 180s)) - quiet);
        // One that has become shorter holds once a packet has been looked at.
        if (timeout != timeout_before) changed = lab.clock.now();
        timeout_before = timeout;
        if (lab.clock.now() - changed > 30s) {
            ASSERT_LE(flow().remaining,
                      std::max<Duration>(timeout, 180s) - quiet + TunnelTable::kRound + kStep);
            ++compared;
        }
        if (pause < TunnelTable::kRound) continue;
        lab.wait(TunnelTable::kRound);
        for (size_t side = 0; side < 2; ++side) {
            ASSERT_EQ(tunnel().data_packets[side] - before[side], sent[side]) << step;
            const Duration late = tunnel().last_seen[side].since(Tick::at(last_sent[side])) * kTick;
            ASSERT_GE(late, 0s) << step;
            ASSERT_LE(late, TunnelTable::kRound + kStep) << step;
        }
    }
    EXPECT_GT(compared, 100U);
}

}  // namespace
}  // namespace ravelin
