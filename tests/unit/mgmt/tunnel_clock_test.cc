// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_clock.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

constexpr Duration kWall = 1700000000s;

Instant at(Duration since) {
    return Instant{since};
}

TEST(PeerClock, one_sample_tells_the_offset_within_a_second) {
    PeerClock clock;
    EXPECT_FALSE(clock.known());
    EXPECT_FALSE(clock.add(1700000007, kWall + 760ms, at(0s)));
    EXPECT_EQ(clock.offset().low, 6240ms);
    EXPECT_EQ(clock.offset().high, 7240ms);
    EXPECT_EQ(clock.samples(), 1U);
}

TEST(PeerClock, samples_narrow_the_interval) {
    PeerClock clock;
    // A clock that is 7 s ahead, looked at in different parts of its second.
    for (const Duration into : {0ms, 300ms, 650ms, 910ms}) {
        const Duration wall = kWall + 10s + into;
        const auto shown = static_cast<uint64_t>((wall + 7s) / 1s);
        EXPECT_FALSE(clock.add(shown, wall, at(wall - kWall)));
    }
    EXPECT_EQ(clock.samples(), 4U);
    EXPECT_EQ(clock.offset().low, 7s);
    EXPECT_EQ(clock.offset().high, 7090ms);
}

TEST(PeerClock, a_sample_that_fits_no_more_is_a_step_and_begins_anew) {
    PeerClock clock;
    clock.add(1700000007, kWall, at(0s));
    const auto step = clock.add(1700000010, kWall + 10s, at(10s));
    ASSERT_TRUE(step.has_value());
    EXPECT_EQ(*step, -7s);
    EXPECT_EQ(clock.samples(), 1U);
    EXPECT_EQ(clock.offset().low, 0s);
}

TEST(PeerClock, drift_and_delay_begin_anew_without_a_word) {
    PeerClock clock;
    clock.add(1700000000, kWall, at(0s));                                 // 0 to 1 s
    EXPECT_FALSE(clock.add(1700000099, kWall + 100s + 400ms, at(100s)));  // -1.4 to -0.4 s
    EXPECT_EQ(clock.samples(), 1U);
    EXPECT_EQ(clock.offset().high, -400ms);
}

TEST(PeerClock, a_step_of_our_own_clock_is_none_of_the_peers) {
    PeerClock clock;
    clock.add(1700000000, kWall, at(0s));
    clock.shift(3600s);
    EXPECT_EQ(clock.offset().low, -3600s);
    EXPECT_FALSE(clock.add(1700000010, kWall + 10s + 3600s, at(10s)));
    EXPECT_EQ(clock.samples(), 2U);
}

TEST(PeerClock, two_days_of_samples_tell_how_fast_it_runs) {
    PeerClock clock;
    const auto shown = [](Duration since) {
        // 20 ppm fast.
        return static_cast<uint64_t>((kWall + since + since / 50000) / 1s);
    };
    for (Duration since{}; since < 47h; since += 1h)
        EXPECT_FALSE(clock.add(shown(since), kWall + since, at(since)));
    EXPECT_FALSE(clock.trend());
    EXPECT_FALSE(clock.add(shown(72h), kWall + 72h, at(72h)));
    const auto trend = clock.trend();
    ASSERT_TRUE(trend.has_value());
    EXPECT_NEAR(trend->ppm, 20, 2 * trend->error);
    EXPECT_LT(trend->error, 6);
}

TEST(PeerClock, no_time_that_a_packet_can_say_overflows) {
    PeerClock clock;
    EXPECT_FALSE(clock.add(UINT64_MAX, kWall, at(0s)));
    EXPECT_TRUE(clock.offset().beyond(24h));
    EXPECT_TRUE(clock.add(0, kWall, at(1s)));
    EXPECT_TRUE(clock.offset().beyond(24h));
    EXPECT_LT(clock.offset().high, 0s);
}

TEST(ClockOffset, words_say_both_bounds) {
    EXPECT_EQ(clock_words({6240ms, 7240ms}), "6.2 to 7.2 s ahead");
    EXPECT_EQ(clock_words({-7640ms, -6640ms}), "6.6 to 7.6 s behind");
    EXPECT_EQ(clock_words({-400ms, 600ms}), "0.4 s behind to 0.6 s ahead");
}

TEST(ClockOffset, the_difference_of_two_needs_no_clock_of_ours) {
    const ClockOffset client{-7640ms, -6640ms};
    const ClockOffset server{0ms, 1000ms};
    EXPECT_EQ((client - server).low, -8640ms);
    EXPECT_EQ((client - server).high, -6640ms);
    EXPECT_TRUE((client - server).beyond(2s));
    EXPECT_FALSE(server.beyond(2s));
}

}  // namespace
}  // namespace ravelin
