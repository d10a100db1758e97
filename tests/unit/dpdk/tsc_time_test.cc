// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/tsc_time.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace ravelin {
namespace {

constexpr uint64_t kGiga = 1'000'000'000;

TEST(TscTime, a_bend_changes_the_rate_and_makes_no_step) {
    TscTime time{kGiga, 0};
    EXPECT_EQ(time.at(10 * kGiga), Instant{10s});
    time.bend_at(0.5, 10 * kGiga);
    EXPECT_EQ(time.at(10 * kGiga), Instant{10s});
    EXPECT_EQ(time.at(12 * kGiga), Instant{11s});
    time.bend_at(2.0, 12 * kGiga);
    EXPECT_EQ(time.at(13 * kGiga), Instant{12s});
    EXPECT_NEAR(time.hertz(), 1e9, 1);
}

TEST(TscTime, a_bend_is_never_wilder_than_twice_or_half) {
    TscTime time{kGiga, 0};
    time.bend_at(1000, 0);
    EXPECT_EQ(time.at(kGiga), Instant{2s});
    time.bend_at(0, kGiga);
    EXPECT_EQ(time.at(2 * kGiga), Instant{3s});
}

TEST(TscTime, a_counter_that_was_set_back_stands_still_until_the_line_begins_anew) {
    TscTime time{kGiga, 1000 * kGiga};
    EXPECT_EQ(time.at(1010 * kGiga), Instant{10s});
    EXPECT_EQ(time.at(5 * kGiga), Instant{10s});
    time.bend_at(1.0, 6 * kGiga);
    EXPECT_EQ(time.at(6 * kGiga), Instant{10s});
    EXPECT_EQ(time.at(7 * kGiga), Instant{11s});
}

TEST(TscTime, its_clocks_follow_and_agree_and_never_go_back) {
    TscTime time{kGiga, 0};
    std::array<TscClock, 3> clocks{time.clock(), time.clock(), time.clock()};
    uint64_t ticks = 0;
    std::array<Instant, 3> last{};
    for (int i = 0; i < 1000; ++i) {
        // A worker reads just ahead of the bend, by the old line, then behind it by the new one.
        const uint64_t ahead = ticks + 50;
        last[0] = std::max(last[0], clocks[0].at(ahead));
        time.bend_at(i % 2 == 0 ? 0.7 : 1 / 0.7, ticks);
        for (size_t each = 0; each < clocks.size(); ++each) {
            const Instant now = clocks[each].at(ahead);
            EXPECT_GE(now, last[each]);
            last[each] = now;
        }
        EXPECT_LE(std::chrono::abs(last[0] - last[1]), 50ns);
        EXPECT_EQ(last[1], last[2]);
        ticks += 1000;
    }
}

TEST(TscTime, a_frequency_is_ticks_over_the_time_of_a_clock_that_nobody_disciplines) {
    EXPECT_EQ(tsc_hertz_between({1000, 5s}, {1000 + 26 * kGiga, 15s}), 2'600'000'000U);
}

TEST(TscTime, the_measured_frequency_is_the_kernels_to_within_ten_ppm) {
    const TscSample begin = TscSample::take();
    const auto first = static_cast<double>(measure_tsc_hertz(begin));
    const auto second = static_cast<double>(measure_tsc_hertz(TscSample::take()));
    EXPECT_LT(std::fabs(first / second - 1), 1e-5);
}

TEST(TscTime, a_clock_runs_as_the_measurement_says) {
    const TscSample begin = TscSample::take();
    const uint64_t hertz = measure_tsc_hertz(begin);
    TscTime time{hertz, begin.ticks};
    const TscSample end = TscSample::take();
    EXPECT_LT(std::chrono::abs(time.at(end.ticks) - Instant{end.raw - begin.raw}), 20us);
}

}  // namespace
}  // namespace ravelin
