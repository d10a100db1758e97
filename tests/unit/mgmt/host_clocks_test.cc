// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/host_clocks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <sys/timex.h>

namespace ravelin {
namespace {

TEST(KernelClock, reads_the_units_of_adjtimex) {
    timex read{};
    read.status = STA_PLL | STA_NANO;
    read.offset = 250'000;
    read.maxerror = 16'000;
    read.esterror = 200;
    read.freq = 12 * 65536 + 32768;
    read.tai = 37;
    const KernelClock clock = to_kernel_clock(TIME_OK, read);
    EXPECT_TRUE(clock.known);
    EXPECT_TRUE(clock.synchronised);
    EXPECT_EQ(clock.offset, 250us);
    EXPECT_EQ(clock.max_error, 16ms);
    EXPECT_EQ(clock.estimated_error, 200us);
    EXPECT_EQ(clock.frequency_ppm, 12.5);
    EXPECT_EQ(clock.tai_offset, 37);
    read.status = STA_PLL;
    EXPECT_EQ(to_kernel_clock(TIME_OK, read).offset, 250ms) << "microseconds without STA_NANO";
    read.freq = -65536;
    EXPECT_EQ(to_kernel_clock(TIME_OK, read).frequency_ppm, -1);
}

TEST(KernelClock, is_synchronised_only_when_neither_code_nor_status_says_otherwise) {
    timex read{};
    for (const int code : {TIME_OK, TIME_INS, TIME_DEL, TIME_OOP, TIME_WAIT})
        EXPECT_TRUE(to_kernel_clock(code, read).synchronised) << code;
    EXPECT_FALSE(to_kernel_clock(TIME_ERROR, read).synchronised);
    read.status = STA_UNSYNC;
    EXPECT_FALSE(to_kernel_clock(TIME_OK, read).synchronised);
    const KernelClock failed = to_kernel_clock(-1, read);
    EXPECT_FALSE(failed.known);
    EXPECT_FALSE(failed.synchronised);
}

TEST(HostClocks, reads_all_clocks_at_one_moment) {
    const auto own = [] { return Instant{std::chrono::steady_clock::now().time_since_epoch()}; };
    HostClocks clocks{own};
    const ClockReading first = clocks.read();
    const ClockReading second = clocks.read();
    EXPECT_TRUE(first.kernel.known);
    EXPECT_FALSE(first.set);
    EXPECT_GE(second.own, first.own);
    EXPECT_GT(second.raw, first.raw);
    EXPECT_GE(second.boot, second.monotonic);
    EXPECT_GT(second.wall, Duration{1'600'000'000s});
    // Its own clock is CLOCK_MONOTONIC here: the reading is as good as it says.
    EXPECT_LE(std::chrono::abs(second.own - Instant{second.monotonic}), second.uncertainty);
}

}  // namespace
}  // namespace ravelin
