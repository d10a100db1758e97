// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/tsc_clock.h"

#include "unit/dpdk/test_eal.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

TEST(TscClock, turns_ticks_into_nanoseconds_without_drift_over_a_year) {
    for (const uint64_t hertz : {1'000'000'000ULL, 2'500'000'000ULL, 2'600'012'345ULL}) {
        TscClock clock{hertz, 1000};
        EXPECT_EQ(clock.at(1000), Instant{});
        EXPECT_GE(clock.at(1000 + hertz) + Duration{1}, Instant{1s});
        const uint64_t year = 365ULL * 24 * 3600;
        const Duration error = Instant{std::chrono::seconds{year}} - clock.at(1000 + hertz * year);
        EXPECT_GE(error, Duration{0});
        EXPECT_LT(error, 100ms) << hertz;
    }
}

TEST(TscClock, stands_still_when_the_counter_goes_back) {
    TscClock clock{1'000'000'000, 0};
    const Instant before = clock.at(5000);
    EXPECT_EQ(clock.at(4000), before);
    EXPECT_EQ(clock.at(0), before);
    EXPECT_GT(clock.at(6000), before);
}

TEST(TscClock, copies_share_their_origin) {
    const TscClock origin{1'000'000'000, 100};
    TscClock one = origin;
    TscClock two = origin;
    EXPECT_EQ(one.at(9000), Instant{8900ns});
    EXPECT_EQ(one.at(10'000), two.at(10'000));
}

TEST(TscClock, runs) {
    testing::test_eal();
    TscClock clock = TscClock::start();
    const Instant first = clock.now();
    while (clock.now() == first) {
    }
    EXPECT_GT(clock.now(), first);
}

}  // namespace
}  // namespace ravelin
