// SPDX-License-Identifier: BSD-3-Clause
#include "load/choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace ravelin::load {
namespace {

std::vector<uint32_t> counts_of(Choice choice, uint32_t connections, uint32_t draws) {
    std::vector<uint32_t> counts(connections);
    for (uint32_t i = 0; i < draws; ++i)
        ++counts.at(choice.next());
    return counts;
}

TEST(Choice, RoundRobinVisitsAllEquallyOften) {
    EXPECT_EQ(counts_of(Choice{Order::RoundRobin, 7, 1}, 7, 70), std::vector<uint32_t>(7, 10));
}

TEST(Choice, UniformIsEven) {
    for (const uint32_t count : counts_of(Choice{Order::Uniform, 100, 1}, 100, 1'000'000)) {
        // 10,000 expected, with a standard deviation of 100.
        EXPECT_NEAR(count, 10'000, 500);
    }
}

TEST(Choice, ZipfFollowsItsLaw) {
    for (const double exponent : {0.5, 1.0, 1.5}) {
        const uint32_t draws = Choice::draws_for(50);
        auto counts = counts_of(Choice{Order::Zipf, 50, exponent}, 50, draws);
        std::sort(counts.begin(), counts.end(), std::greater{});
        double sum = 0;
        for (uint32_t rank = 1; rank <= 50; ++rank)
            sum += std::pow(rank, -exponent);
        for (uint32_t rank = 1; rank <= 50; ++rank) {
            const double expected = draws * std::pow(rank, -exponent) / sum;
            EXPECT_NEAR(counts[rank - 1], expected, 6 * std::sqrt(expected))
                << rank << ' ' << exponent;
        }
    }
}

TEST(Choice, OneConnectionIsAlwaysChosen) {
    for (const Order order : {Order::RoundRobin, Order::Uniform, Order::Zipf})
        EXPECT_EQ(counts_of(Choice{order, 1, 1}, 1, 100).front(), 100U);
}

}  // namespace
}  // namespace ravelin::load
