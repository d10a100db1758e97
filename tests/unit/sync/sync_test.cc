// SPDX-License-Identifier: BSD-3-Clause
#include "sync/counter.h"
#include "sync/published.h"
#include "sync/sequenced.h"
#include "sync/spsc_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace ravelin {
namespace {

TEST(SpscRing, refuses_what_does_not_fit_and_keeps_the_order) {
    SpscRing<uint32_t> ring{7};
    EXPECT_EQ(ring.capacity(), 7U);
    const std::vector<uint32_t> ten{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_EQ(ring.push(ten.data(), 10), 7U);
    EXPECT_FALSE(ring.push(99));
    std::vector<uint32_t> out(10);
    EXPECT_EQ(ring.pop(out.data(), 10), 7U);
    for (uint32_t i = 0; i < 7; ++i)
        EXPECT_EQ(out[i], i);
    EXPECT_EQ(ring.size(), 0U);
}

TEST(SpscRing, loses_and_repeats_nothing_between_two_threads) {
    constexpr uint32_t kCount = 200'000;
    SpscRing<uint32_t> ring{63};
    std::thread writer{[&] {
        for (uint32_t i = 0; i < kCount;) {
            if (ring.push(i)) {
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    }};
    uint32_t expected = 0;
    while (expected < kCount) {
        uint32_t burst[32];
        const uint32_t n = ring.pop(burst, 32);
        if (n == 0) std::this_thread::yield();
        for (uint32_t i = 0; i < n; ++i)
            ASSERT_EQ(burst[i], expected++);
    }
    writer.join();
}

TEST(Sequenced, is_read_whole_while_its_one_writer_replaces_it) {
    struct Pair {
        uint64_t one = 0;
        uint64_t two = 0;
    };
    Sequenced<Pair> shared{{0, ~uint64_t{0}}};
    std::atomic<bool> stop{false};
    std::thread writer{[&] {
        for (uint64_t i = 1; i <= 100'000; ++i)
            shared.write({i, ~i});
        stop = true;
    }};
    Pair seen{0, ~uint64_t{0}};
    uint64_t last = 0;
    while (!stop) {
        static_cast<void>(shared.read(seen));
        ASSERT_EQ(seen.two, ~seen.one);
        ASSERT_GE(seen.one, last);
        last = seen.one;
    }
    writer.join();
    EXPECT_EQ(shared.value().one, 100'000U);
}

TEST(Sequenced, tells_by_its_version_that_there_is_something_new) {
    Sequenced<uint64_t> shared{7};
    const uint64_t version = shared.version();
    EXPECT_EQ(shared.value(), 7U);
    EXPECT_EQ(shared.version(), version);
    shared.write(7);
    EXPECT_NE(shared.version(), version);
}

TEST(Counter, is_read_while_its_one_writer_counts) {
    Counter counter;
    std::atomic<bool> stop{false};
    std::thread writer{[&] {
        for (int i = 0; i < 100'000; ++i)
            counter.add(2);
        stop = true;
    }};
    uint64_t last = 0;
    while (!stop) {
        const uint64_t value = counter.value();
        ASSERT_GE(value, last);
        ASSERT_EQ(value % 2, 0U);
        last = value;
    }
    writer.join();
    EXPECT_EQ(counter.value(), 200'000U);
}

/// A value whose two halves always agree, and which tells when it is freed.
struct Pair {
    Pair(uint64_t n, std::atomic<int>& alive_count) : one{n}, other{n}, alive{alive_count} {
        ++alive;
    }
    ~Pair() {
        one = 0;
        --alive;
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    uint64_t one;
    uint64_t other;
    std::atomic<int>& alive;
};

TEST(Published, workers_never_see_half_a_value_or_one_that_was_freed) {
    constexpr uint32_t kWorkers = 2;
    std::atomic<int> alive{0};
    std::atomic<bool> stop{false};
    Quiescence quiescence{kWorkers};
    Published<Pair> published{std::make_unique<const Pair>(1, alive)};
    std::atomic<uint32_t> entered{0};
    std::vector<std::thread> workers;
    for (uint32_t worker = 0; worker < kWorkers; ++worker) {
        workers.emplace_back([&, worker] {
            quiescence.enter(worker);
            ++entered;
            while (!stop) {
                const Pair& pair = published.get();
                ASSERT_NE(pair.one, 0U);
                ASSERT_EQ(pair.one, pair.other);
                quiescence.report(worker);
                std::this_thread::yield();
            }
            quiescence.leave(worker);
        });
    }
    while (entered < kWorkers)
        std::this_thread::yield();
    for (uint64_t n = 2; n < 300; ++n) {
        const auto old = published.publish(std::make_unique<const Pair>(n, alive));
        const uint64_t mark = quiescence.mark();
        while (!quiescence.passed(mark))
            std::this_thread::yield();
    }
    stop = true;
    for (std::thread& worker : workers)
        worker.join();
    EXPECT_EQ(alive, 1);
}

}  // namespace
}  // namespace ravelin
