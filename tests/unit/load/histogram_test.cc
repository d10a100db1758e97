// SPDX-License-Identifier: BSD-3-Clause
#include "load/histogram.h"

#include <gtest/gtest.h>

namespace ravelin::load {
namespace {

TEST(Histogram, EmptyHasNoQuantiles) {
    EXPECT_EQ(Histogram{}.quantile(0.5), 0U);
    EXPECT_EQ(Histogram{}.largest(), 0U);
}

TEST(Histogram, SmallValuesAreExact) {
    Histogram histogram;
    for (uint64_t value = 0; value < 32; ++value)
        histogram.add(value);
    EXPECT_EQ(histogram.quantile(0.5), 15U);
    EXPECT_EQ(histogram.quantile(0), 0U);
    EXPECT_EQ(histogram.quantile(1), 31U);
}

TEST(Histogram, ErrorIsAtMostAThirtySecond) {
    for (uint64_t value = 1; value != 0; value *= 2) {
        for (const uint64_t near : {value - 1, value, value + value / 3}) {
            Histogram histogram;
            histogram.add(near);
            histogram.add(UINT64_MAX);
            const uint64_t told = histogram.quantile(0.5);
            EXPECT_GE(told, near);
            EXPECT_LE(told - near, near / 32) << near;
        }
    }
}

TEST(Histogram, QuantilesOfAThousand) {
    Histogram histogram;
    for (uint64_t value = 1; value <= 1000; ++value)
        histogram.add(value * 1000);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5)), 500'000, 500'000 / 32.0);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.999)), 999'000, 999'000 / 32.0);
    EXPECT_EQ(histogram.quantile(1), 1'000'000U);
}

TEST(Histogram, AddingAndClearing) {
    Histogram one;
    one.add(5);
    Histogram both = one;
    both.add(7);
    one.add(both);
    EXPECT_EQ(one.count(), 3U);
    EXPECT_EQ(one.quantile(0.5), 5U);
    EXPECT_EQ(one.largest(), 7U);
    one.clear();
    EXPECT_EQ(one.count(), 0U);
}

}  // namespace
}  // namespace ravelin::load
