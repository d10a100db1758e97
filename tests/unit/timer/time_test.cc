// SPDX-License-Identifier: BSD-3-Clause
#include "base/time.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

TEST(Tick, a_deadline_is_rounded_up_so_that_nothing_expires_early) {
    EXPECT_EQ(Tick::not_before(Instant{} + 30s).value(), 3'000U);
    EXPECT_EQ(Tick::not_before(Instant{} + 30s + 1ns).value(), 3'001U);
    EXPECT_EQ(Tick::not_before(Instant{} + 30s - 1ns).value(), 3'000U);
}

TEST(Tick, the_present_is_rounded_down) {
    EXPECT_EQ(Tick::at(Instant{} + 30s + 9'999'999ns).value(), 3'000U);
    EXPECT_EQ(Tick::at(Instant{} + 30s + 10ms).value(), 3'001U);
}

TEST(Tick, every_deadline_is_reached_within_one_tick_after_its_instant) {
    for (int64_t offset = 0; offset < 30'000'000; offset += 77'777) {
        const Instant due = Instant{} + 5s + Duration{offset};
        const Tick deadline = Tick::not_before(due);
        EXPECT_TRUE(Tick::at(due - 1ns).before(deadline));
        EXPECT_FALSE(Tick::at(due + kTick).before(deadline));
    }
}

TEST(Tick, comparison_survives_the_wrap_after_497_days) {
    const Tick before{UINT32_MAX - 5};
    const Tick after = before + 10;
    EXPECT_TRUE(before.before(after));
    EXPECT_FALSE(after.before(before));
    EXPECT_EQ(after.since(before), 10);
}

}  // namespace
}  // namespace ravelin
