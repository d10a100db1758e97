// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/worker_threads.h"

#include "unit/dpdk/test_eal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace ravelin {
namespace {

TEST(IdlePolicy, gives_way_only_where_somebody_waits_for_the_cpu) {
    struct Case {
        std::string name;
        std::vector<uint16_t> management;
        std::vector<uint16_t> workers;
        std::string device;
        uint32_t cpus;
        bool yield;
    };
    const std::vector<Case> cases = {
        {"a CPU each", {0}, {1}, "net_memif", 2, false},
        {"a CPU each of many", {0, 1}, {2, 3, 4}, "net_memif", 8, false},
        {"two workers on one CPU", {0}, {1, 1}, "net_memif", 2, true},
        {"all on one CPU", {0}, {0}, "net_memif", 1, true},
        {"more threads than CPUs", {0}, {1, 2}, "net_memif", 2, true},
        {"management has another CPU too", {0, 1}, {1}, "net_memif", 2, false},
        {"kernel interfaces", {0}, {1}, "net_af_packet", 2, true},
    };
    for (const Case& c : cases) {
        Config config;
        config.cores.management = c.management;
        config.cores.workers = c.workers;
        for (const char* number : {"0", "1"}) {
            PortConfig port;
            port.device = c.device + number;
            config.ports.push_back(port);
        }
        const IdlePolicy policy = choose_idle_policy(config, c.cpus);
        EXPECT_EQ(policy.yield, c.yield) << c.name;
        EXPECT_FALSE(policy.why.empty());
        EXPECT_EQ(policy.nap, 0us) << "only for who asks for it";
        config.cores.nap_microseconds = 200;
        EXPECT_EQ(choose_idle_policy(config, c.cpus).nap, 200us);
    }
}

TEST(WorkerThreads, run_each_loop_on_a_thread_of_its_own) {
    testing::test_eal();
    std::atomic<bool> ran{false};
    const std::thread::id here = std::this_thread::get_id();
    std::thread::id there = here;
    WorkerThreads threads;
    threads.launch({[&] {
        there = std::this_thread::get_id();
        ran = true;
    }});
    threads.join();
    EXPECT_TRUE(ran);
    EXPECT_NE(there, here);
}

}  // namespace
}  // namespace ravelin
