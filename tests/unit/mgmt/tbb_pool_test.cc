// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tbb_pool.h"

#include <gtest/gtest.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_sort.h>

#include <array>
#include <atomic>
#include <pthread.h>
#include <set>

namespace ravelin {
namespace {

std::vector<uint16_t> cpus_of(const cpu_set_t& set) {
    std::vector<uint16_t> cpus;
    for (uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    return cpus;
}

cpu_set_t affinity() {
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(pthread_getaffinity_np(pthread_self(), sizeof set, &set), 0);
    return set;
}

/// Pins this thread for one test.
class Pinned {
  public:
    explicit Pinned(uint16_t cpu) : before_{affinity()} {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        EXPECT_EQ(pthread_setaffinity_np(pthread_self(), sizeof set, &set), 0);
    }
    ~Pinned() { pthread_setaffinity_np(pthread_self(), sizeof before_, &before_); }

  private:
    cpu_set_t before_;
};

/// Runs much parallel work and returns every CPU on which some of it ran, and how many threads
/// took part.
struct Ran {
    std::set<uint16_t> cpus;
    size_t threads = 0;
};

Ran run_everywhere(TbbPool& pool) {
    std::array<std::atomic<uint64_t>, CPU_SETSIZE> tasks{};
    std::atomic<size_t> running{0};
    std::atomic<size_t> most{0};
    pool.execute([&] {
        for (int round = 0; round < 20 || (most < 2 && round < 2000); ++round) {
            tbb::parallel_for(tbb::blocked_range<int>{0, 4000, 1}, [&](const auto& range) {
                const size_t now = running.fetch_add(1) + 1;
                size_t seen = most.load();
                while (seen < now && !most.compare_exchange_weak(seen, now)) {
                }
                volatile uint64_t sink = 0;
                for (int i = 0; i < 200 * (range.end() - range.begin()); ++i)
                    sink = sink + static_cast<uint64_t>(i);
                tasks.at(static_cast<size_t>(sched_getcpu())).fetch_add(1);
                running.fetch_sub(1);
            });
        }
    });
    Ran ran;
    ran.threads = most;
    for (uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (tasks.at(cpu) != 0) ran.cpus.insert(cpu);
    return ran;
}

TEST(TbbPool, no_task_ever_runs_outside_the_management_cpus) {
    const std::vector<uint16_t> cpus = cpus_of(affinity());
    ASSERT_GE(cpus.size(), 2U) << "needs two CPUs";
    const uint16_t management = cpus.front();
    // The first thread sits on a polling CPU, as after rte_eal_init(): TBB's defaults come from it.
    const Pinned polling{cpus.back()};
    auto pool = TbbPool::create({management}, 4);
    ASSERT_TRUE(pool.has_value());
    const Ran ran = run_everywhere(**pool);
    EXPECT_EQ(ran.cpus, std::set<uint16_t>{management});
    EXPECT_GT(ran.threads, 1U) << "the work was meant to run in parallel";
}

TEST(TbbPool, the_caller_is_back_where_it_was) {
    const std::vector<uint16_t> cpus = cpus_of(affinity());
    const Pinned polling{cpus.back()};
    auto pool = TbbPool::create({cpus.front()});
    ASSERT_TRUE(pool.has_value());
    EXPECT_EQ((*pool)->execute([] { return sched_getcpu(); }), cpus.front());
    EXPECT_EQ(sched_getcpu(), cpus.back());
}

TEST(TbbPool, two_management_cpus_are_both_used) {
    const std::vector<uint16_t> cpus = cpus_of(affinity());
    ASSERT_GE(cpus.size(), 2U) << "needs two CPUs";
    auto pool = TbbPool::create({cpus[0], cpus[1]});
    ASSERT_TRUE(pool.has_value());
    EXPECT_EQ((*pool)->threads(), 2U);
    for (const uint16_t cpu : run_everywhere(**pool).cpus)
        EXPECT_TRUE(cpu == cpus[0] || cpu == cpus[1]) << cpu;
}

TEST(TbbPool, a_cpu_that_the_process_may_not_use_is_an_error) {
    auto pool = TbbPool::create({1000});
    ASSERT_FALSE(pool.has_value());
    EXPECT_EQ(pool.error().message,
              "cores: management CPU 1000 can't be used by this process (see `taskset -p` and "
              "`nproc`)");
}

TEST(TbbPool, says_where_it_runs) {
    const uint16_t cpu = cpus_of(affinity()).front();
    auto pool = TbbPool::create({cpu}, 2);
    ASSERT_TRUE(pool.has_value());
    EXPECT_EQ((*pool)->describe(), "management pool: 2 threads on CPU " + std::to_string(cpu));
}

}  // namespace
}  // namespace ravelin
