// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/udp_tracker.h"

#include <gtest/gtest.h>

#include <vector>

namespace ravelin {
namespace {

struct Packet {
    Duration at;
    char direction;  ///< '>' from the opener
    Duration timeout;
    bool assured_after;
};

/// Plays packets as the connection's owner does: SEEN_REPLY is set after the packet is judged.
void play(const TrackingOptions& options, const std::vector<Packet>& packets,
          Tick start = Tick{100}) {
    UdpState state;
    UdpTracker::open(state, start);
    bool seen_reply = false;
    bool assured = false;
    uint64_t count = 1;
    for (const Packet& packet : packets) {
        SCOPED_TRACE(::testing::Message()
                     << packet.direction << " at " << packet.at / 1ms << " ms");
        const Direction direction =
            packet.direction == '>' ? Direction::Original : Direction::Reply;
        const TrackStep step =
            UdpTracker::update(state, direction, seen_reply, assured, ++count, options,
                               start + static_cast<int32_t>(packet.at / kTick));
        EXPECT_EQ(step.outcome, Outcome::Pass);
        EXPECT_EQ(step.reason, DropReason::None);
        EXPECT_TRUE(step.renew);
        EXPECT_FALSE(step.changed);
        EXPECT_EQ(step.timeout, packet.timeout);
        EXPECT_FALSE(step.assured && assured) << "said once only";
        assured = assured || step.assured;
        seen_reply = seen_reply || direction == Direction::Reply;
        EXPECT_EQ(assured, packet.assured_after);
    }
}

TEST(UdpStrict, the_first_reply_makes_it_180_s_and_the_third_packet_assured) {
    play(TrackingOptions::strict(), {{1ms, '<', 180s, false}, {2ms, '>', 180s, true}});
    play(TrackingOptions::strict(), {{1s, '>', 30s, false}, {29s, '<', 180s, true}});
    play(TrackingOptions::strict(), {{1ms, '<', 180s, false}, {2ms, '<', 180s, true}});
}

TEST(UdpStrict, traffic_in_one_direction_stays_unreplied_however_long_it_lasts) {
    std::vector<Packet> packets;
    for (int second = 1; second < 100; ++second)
        packets.push_back({second * 1s, '>', 30s, false});
    play(TrackingOptions::strict(), packets);
}

TEST(UdpStrict, every_packet_renews) {
    std::vector<Packet> packets{{1s, '<', 180s, false}};
    for (int second = 2; second < 50; ++second)
        packets.push_back({second * 1s, second % 2 == 0 ? '>' : '<', 180s, true});
    play(TrackingOptions::strict(), packets);
}

TEST(UdpStrict, the_number_of_packets_until_assured_can_be_set) {
    TrackingOptions options = TrackingOptions::strict();
    options.udp_assured_packets = 5;
    play(options, {{1s, '<', 180s, false},
                   {2s, '>', 180s, false},
                   {3s, '>', 180s, false},
                   {4s, '<', 180s, true}});
    options.udp_assured_packets = 1;
    play(options, {{1s, '>', 30s, false}, {2s, '<', 180s, true}});
}

TEST(UdpStrict, both_timeouts_can_be_set) {
    TrackingOptions options = TrackingOptions::strict();
    options.timeouts.udp_unreplied = 5s;
    options.timeouts.udp_replied = 7s;
    play(options, {{1s, '>', 5s, false}, {2s, '<', 7s, true}});
}

TEST(UdpLinux, a_quick_question_and_answer_stays_at_30_s) {
    play(TrackingOptions::linux_profile(),
         {{1ms, '<', 30s, false}, {1s, '>', 30s, false}, {2s, '<', 30s, false}});
}

TEST(UdpLinux, traffic_after_two_seconds_makes_a_stream_of_120_s) {
    play(TrackingOptions::linux_profile(), {{1ms, '<', 30s, false}, {2010ms, '>', 120s, true}});
    play(TrackingOptions::linux_profile(), {{1ms, '<', 30s, false}, {2010ms, '<', 120s, true}});
}

TEST(UdpLinux, the_first_reply_gets_30_s_however_late_it_comes) {
    play(TrackingOptions::linux_profile(), {{20s, '>', 30s, false},
                                            {29s, '<', 30s, false},
                                            {29s, '>', 120s, true},
                                            {29s, '<', 120s, true}});
}

TEST(UdpLinux, two_seconds_sharp_are_not_yet_a_stream) {
    play(TrackingOptions::linux_profile(), {{1s, '<', 30s, false},
                                            {1990ms, '>', 30s, false},
                                            {2000ms, '>', 30s, false},
                                            {2010ms, '>', 120s, true}});
}

TEST(UdpLinux, the_two_seconds_are_counted_across_the_wrap_of_the_tick) {
    play(TrackingOptions::linux_profile(),
         {{1s, '<', 30s, false}, {2000ms, '>', 30s, false}, {2010ms, '>', 120s, true}},
         Tick{0xffffffff});
}

}  // namespace
}  // namespace ravelin
