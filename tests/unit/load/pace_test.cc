// SPDX-License-Identifier: BSD-3-Clause
#include "load/pace.h"

#include <gtest/gtest.h>

namespace ravelin::load {
namespace {

TEST(Pace, GivesWhatIsDue) {
    Pace pace{1000, 1e6, 0};
    EXPECT_EQ(pace.due(999, 64), 0U);
    EXPECT_EQ(pace.due(1000, 64), 1U);
    pace.take(1);
    EXPECT_EQ(pace.due(4000, 64), 3U);
    EXPECT_EQ(pace.due(4000, 2), 2U);
    EXPECT_EQ(pace.missed(), 0U);
}

TEST(Pace, GivesUpWhatIsFarBehind) {
    Pace pace{1000, 1e6, 0};
    EXPECT_EQ(pace.due(1'000'000, 64), 10U);
    EXPECT_EQ(pace.missed(), 990U);
}

TEST(Pace, SlowRatesComeInTheEnd) {
    Pace pace{0.5, 1e6, 0};
    EXPECT_EQ(pace.due(1'999'999, 64), 0U);
    EXPECT_EQ(pace.due(2'000'001, 64), 1U);
}

TEST(Pace, ZeroIsNoLimit) {
    Pace pace{0, 1e6, 0};
    EXPECT_EQ(pace.due(0, 64), 64U);
    pace.take(64);
    EXPECT_EQ(pace.due(0, 64), 64U);
}

TEST(Share, IsSpreadEvenly) {
    Share none{0};
    Share quarter{0.25};
    Share all{1};
    int picked = 0;
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(none.next());
        EXPECT_TRUE(all.next());
        picked += quarter.next() ? 1 : 0;
        EXPECT_EQ(picked, (i + 1) / 4);
    }
}

}  // namespace
}  // namespace ravelin::load
