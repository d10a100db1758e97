// SPDX-License-Identifier: BSD-3-Clause
#include "load/core_probe.h"

#include <gtest/gtest.h>

#include <sched.h>

namespace ravelin::load {
namespace {

TEST(CoreProbe, tells_the_condition_of_two_cpus_again_and_again) {
    cpu_set_t cpus;
    ASSERT_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    if (CPU_COUNT(&cpus) < 2) return;  // there is nothing to tell
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &cpus))
        --last;
    // The other one would never let this thread run beside it.
    cpu_set_t others = cpus;
    CPU_CLR(last, &others);
    ASSERT_EQ(sched_setaffinity(0, sizeof others, &others), 0);
    const auto probe = CoreProbe::start(static_cast<uint16_t>(last), 1e9);
    if (!probe) {  // only root may
        EXPECT_NE(probe.error().message.find("no real-time thread"), std::string::npos);
    }
    for (int i = 0; probe && i < 3; ++i) {
        const Condition condition = (*probe)->take();
        EXPECT_GT(condition.distance, 0);
        EXPECT_GT(condition.own_work, 0);
        EXPECT_GT(condition.other_work, 0);
    }
    EXPECT_EQ(sched_setaffinity(0, sizeof cpus, &cpus), 0);
}

TEST(CoreProbe, says_which_cpu_there_is_not) {
    const auto probe = CoreProbe::start(1023, 1e9);
    ASSERT_FALSE(probe.has_value());
    EXPECT_NE(probe.error().message.find("--probe-cpu 1023"), std::string::npos);
}

}  // namespace
}  // namespace ravelin::load
