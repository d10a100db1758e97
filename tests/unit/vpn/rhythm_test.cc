// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/rhythm.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

Tick at(Duration since) {
    return Tick::at(Instant{100s} + since);
}

TEST(Rhythm, is_known_after_three_gaps) {
    Rhythm rhythm;
    EXPECT_FALSE(rhythm.beat(at(0s), true));
    EXPECT_FALSE(rhythm.beat(at(25s), true));
    EXPECT_FALSE(rhythm.beat(at(50s), true));
    EXPECT_EQ(rhythm.interval(), 0s);
    EXPECT_TRUE(rhythm.beat(at(75s), true));
    EXPECT_EQ(rhythm.interval(), 25s);
}

TEST(Rhythm, is_the_median_so_that_one_late_keepalive_changes_nothing) {
    Rhythm rhythm;
    Duration when = 0s;
    for (const Duration gap : {0s, 10s, 10s, 10s, 95s, 10s, 10s}) {
        when += gap;
        rhythm.beat(at(when), true);
    }
    EXPECT_EQ(rhythm.interval(), 10s);
}

TEST(Rhythm, a_gap_with_data_in_it_does_not_count) {
    Rhythm rhythm;
    Duration when = 0s;
    for (int i = 0; i < 10; ++i)
        rhythm.beat(at(when += 5s), i % 2 == 0);
    EXPECT_EQ(rhythm.interval(), 5s);
    Rhythm never;
    for (int i = 0; i < 10; ++i)
        never.beat(at(when += 5s), false);
    EXPECT_EQ(never.interval(), 0s);
}

TEST(Rhythm, tells_a_change_once) {
    Rhythm rhythm;
    Duration when = 0s;
    for (int i = 0; i < 8; ++i)
        rhythm.beat(at(when += 10s), true);
    int told = 0;
    for (int i = 0; i < 20; ++i)
        told += rhythm.beat(at(when += 30s), true) ? 1 : 0;
    EXPECT_EQ(told, 1);
    EXPECT_EQ(rhythm.interval(), 30s);
}

TEST(Rhythm, the_grain_of_a_second_is_no_change) {
    Rhythm rhythm;
    Duration when = 0s;
    int told = 0;
    for (int i = 0; i < 40; ++i)
        told += rhythm.beat(at(when += i % 3 == 0 ? Duration{1200ms} : Duration{1s}), true) ? 1 : 0;
    EXPECT_EQ(told, 1);
}

TEST(Rhythm, gaps_longer_than_it_can_keep_are_left_out) {
    Rhythm rhythm;
    Duration when = 0s;
    for (int i = 0; i < 10; ++i)
        rhythm.beat(at(when += 700s), true);
    EXPECT_EQ(rhythm.interval(), 0s);
}

}  // namespace
}  // namespace ravelin
