// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/nat_memory.h"

#include "tunnel_script.h"

#include <gtest/gtest.h>

#include <vector>

namespace ravelin {
namespace {

using test::openvpn_record;

/// A look at the tunnel, or, with another port or address, its move.
struct Step {
    Duration at;
    Duration client;  ///< last heard
    Duration server;
    uint64_t packets;  ///< of the client's, so far
    uint16_t port = 1;
    uint32_t address = 1;
    uint64_t worker_tunnel = 1;
};

struct Case {
    const char* name;
    std::vector<Step> steps;
    Duration at_least;
    Duration at_most;
    uint32_t times;
};

// The bound from above is a worker's round longer, in which plain data may have been noted late.
const Case kCases[] = {
    {"nothing is known of one look", {{100s, 10s, 10s, 1}}, 0s, 0s, 0},
    {"silent so far says nothing", {{20s, 10s, 10s, 1}, {90s, 10s, 10s, 1}}, 0s, 0s, 0},
    {"heard again on its port after a silence",
     {{20s, 10s, 10s, 1}, {55s, 10s, 10s, 1}, {60s, 58s, 58s, 2}},
     45s,
     0s,
     0},
    {"the server's packets may have kept it",
     {{20s, 10s, 15s, 1}, {55s, 10s, 45s, 1}, {60s, 58s, 58s, 2}},
     10s,
     0s,
     0},
    {"the longest silence of both before the client is heard counts",
     {{50s, 10s, 10s, 1}, {55s, 10s, 54s, 1}, {60s, 58s, 58s, 2}},
     40s,
     0s,
     0},
    {"a short one is none", {{14s, 10s, 10s, 1}, {15s, 14500ms, 10s, 2}}, 0s, 0s, 0},
    {"the same moment, told with a tick's difference",
     {{50s, 10s, 10s, 1}, {60s, 10010ms, 10s, 1}},
     0s,
     0s,
     0},
    {"another port after a silence", {{20s, 10s, 10s, 1}, {50s, 50s, 10s, 1, 2}}, 0s, 40250ms, 1},
    {"of the client's silence, whatever the server sends",
     {{20s, 10s, 10s, 1}, {50s, 50s, 49s, 1, 2}},
     0s,
     40250ms,
     1},
    {"another port out of traffic", {{20s, 10s, 10s, 1}, {13s, 13s, 10s, 1, 2}}, 0s, 0s, 0},
    {"packets that nobody looked at came in between",
     {{20s, 10s, 10s, 1}, {50s, 50s, 10s, 7, 2}},
     0s,
     0s,
     0},
    {"another worker's count is another one",
     {{20s, 10s, 10s, 1}, {50s, 50s, 10s, 1, 2, 1, 9}},
     0s,
     0s,
     0},
    {"unless the first one has been looked at since",
     {{51s, 10s, 10s, 1}, {50s, 50s, 10s, 1, 2, 1, 9}},
     0s,
     40250ms,
     1},
    {"each move after a silence counts, the shortest is the bound",
     {{20s, 10s, 10s, 1}, {70s, 70s, 10s, 1, 2}, {110s, 110s, 10s, 1, 3}, {170s, 170s, 10s, 1, 4}},
     0s,
     40250ms,
     3},
    {"the packet that moves it is counted when that has been told",
     {{20s, 10s, 10s, 1}, {50s, 50s, 10s, 1, 2}, {60s, 50s, 10s, 2, 2}, {90s, 90s, 10s, 2, 3}},
     0s,
     40250ms,
     2},
    {"both bounds",
     {{30s, 10s, 10s, 1}, {35s, 31s, 31s, 2}, {71s, 71s, 31s, 2, 2}},
     20s,
     40250ms,
     1},
    {"a longer silence that was survived: the move had another cause",
     {{20s, 10s, 10s, 1}, {50s, 50s, 10s, 1, 2}, {110s, 50s, 50s, 1, 2}, {120s, 115s, 115s, 2, 2}},
     60s,
     0s,
     0},
    {"forgotten within less than was survived: it has become impatient",
     {{90s, 10s, 10s, 1}, {95s, 91s, 91s, 2}, {131s, 131s, 91s, 2, 2}},
     0s,
     40250ms,
     1},
    {"another address is another network",
     {{30s, 10s, 10s, 1}, {35s, 31s, 31s, 2}, {71s, 71s, 31s, 2, 2}, {131s, 131s, 31s, 2, 2, 2}},
     0s,
     0s,
     0},
};

TEST(NatMemory, is_bounded_by_ports_that_stayed_and_ports_that_changed_after_a_silence) {
    for (const Case& one : kCases) {
        NatMemory nat;
        TunnelRecord record = openvpn_record(0);
        record.stage = TunnelStage::Established;
        record.port[0] = 1;
        record.address[0] = test::ipv4(1);
        for (const Step& step : one.steps) {
            const TunnelEndpoint before = endpoint(record, Side::Client);
            record.last_seen = {Instant{step.client}, Instant{step.server}};
            record.data_packets[0] = step.packets;
            record.port[0] = step.port;
            record.address[0] = test::ipv4(step.address);
            record.id = step.worker_tunnel;
            nat.look(record, Instant{step.at});
            if (before != endpoint(record, Side::Client))
                nat.move(before, record, Instant{step.at});
        }
        EXPECT_EQ(nat.at_least(), one.at_least) << one.name;
        EXPECT_EQ(nat.at_most(), one.at_most) << one.name;
        EXPECT_EQ(nat.times(), one.times) << one.name;
    }
}

TEST(NatMemory, a_move_that_was_never_told_teaches_nothing) {
    NatMemory nat;
    TunnelRecord record = openvpn_record(0);
    record.stage = TunnelStage::Established;
    record.last_seen = {Instant{10s}, Instant{10s}};
    nat.look(record, Instant{20s});
    const auto at_port = [&](uint16_t port) {
        record.port[0] = port;
        return endpoint(record, Side::Client);
    };
    const TunnelEndpoint lost = at_port(2);
    record.last_seen[0] = Instant{50s};
    nat.look(record, Instant{51s});
    static_cast<void>(at_port(3));
    nat.move(lost, record, Instant{90s});
    EXPECT_EQ(nat.at_most(), 0s);
    // From here on it knows where the client is.
    const TunnelEndpoint known = at_port(3);
    static_cast<void>(at_port(4));
    nat.move(known, record, Instant{120s});
    EXPECT_EQ(nat.at_most(), 30250ms);
}

TEST(NatMemory, only_established_tunnels_over_udp_have_one) {
    for (const bool tcp : {true, false}) {
        NatMemory nat;
        TunnelRecord record = openvpn_record(0);
        record.ip_protocol = tcp ? ip_protocol::kTcp : ip_protocol::kUdp;
        record.stage = tcp ? TunnelStage::Established : TunnelStage::Handshake;
        record.last_seen = {Instant{10s}, Instant{10s}};
        nat.look(record, Instant{60s});
        record.last_seen = {Instant{61s}, Instant{61s}};
        nat.look(record, Instant{62s});
        EXPECT_EQ(nat.words(), "") << tcp;
    }
}

TEST(NatMemory, advice_needs_a_keepalive_that_may_be_late_and_more_than_one_move) {
    struct {
        int moves;
        Duration keepalive;
        const char* expected;
    } const cases[] = {
        {1, 60s, ""},
        {2, 0s, ""},
        {2, 25s, ""},
        {2, 50s, ""},
        {2, 55s,
         "the client's keepalive (55s) may come too late for a NAT beyond us, which forgets after "
         "at most 1m00s of silence: set it to 30s or less"},
        {3, 120s,
         "the client's keepalive (2m00s) may come too late for a NAT beyond us, which forgets "
         "after "
         "at most 1m00s of silence: set it to 30s or less"},
    };
    for (const auto& one : cases) {
        NatMemory nat;
        TunnelRecord record = openvpn_record(0);
        record.stage = TunnelStage::Established;
        nat.look(record, Instant{});
        for (int i = 0; i <= one.moves; ++i) {
            const TunnelEndpoint before = endpoint(record, Side::Client);
            ++record.port[0];
            nat.move(before, record, Instant{i * Duration{60s} + 1s});
        }
        EXPECT_EQ(nat.times(), static_cast<uint32_t>(one.moves));
        EXPECT_EQ(nat.advice(one.keepalive), one.expected) << one.moves;
    }
}

}  // namespace
}  // namespace ravelin
