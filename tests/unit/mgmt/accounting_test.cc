// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/accounting.h"

#include "fake_appliance.h"
#include "packet/drop_reason.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using test::FakeAppliance;

TEST(Accounting, what_rests_adds_up_exactly) {
    FakeAppliance fake{2};
    WorkerCounters& first = fake.links[0]->counters;
    WorkerCounters& second = fake.links[1]->counters;
    first.received[0].packets.add(100);
    first.handed_off.add(30);
    second.handed_in.add(25);
    first.transmitted[1].packets.add(60);
    second.transmitted[1].packets.add(20);
    first.dropped[static_cast<size_t>(DropReason::PolicyRule)].packets.add(10);
    second.held.set(5);
    const PacketAccount account = read_account(fake.appliance);
    EXPECT_EQ(account.received, 100U);
    EXPECT_EQ(account.transmitted, 80U);
    EXPECT_EQ(account.dropped, 10U);
    EXPECT_EQ(account.held, 5U);
    EXPECT_EQ(account.in_flight, 5U);
    EXPECT_EQ(account.unaccounted, 0);
}

TEST(Accounting, a_lost_packet_and_an_invented_one_show) {
    FakeAppliance fake;
    WorkerCounters& counters = fake.links[0]->counters;
    counters.received[0].packets.add(10);
    counters.transmitted[1].packets.add(7);
    EXPECT_EQ(read_account(fake.appliance).unaccounted, 3);
    counters.transmitted[1].packets.add(5);
    EXPECT_EQ(read_account(fake.appliance).unaccounted, -2);
}

/// Two workers that count as real ones do, without a pause, until the test ends.
class BusyWorkers {
  public:
    explicit BusyWorkers(FakeAppliance& fake) {
        for (size_t i = 0; i < 2; ++i)
            threads_.emplace_back([this, &fake, i] { run(*fake.links[i], *fake.links[1 - i]); });
    }
    ~BusyWorkers() {
        stop_ = true;
        for (std::thread& thread : threads_)
            thread.join();
    }
    BusyWorkers(const BusyWorkers&) = delete;
    BusyWorkers& operator=(const BusyWorkers&) = delete;

  private:
    void run(WorkerLink& mine, WorkerLink& other) {
        WorkerCounters& counters = mine.counters;
        while (!stop_) {
            counters.received[0].packets.add(64);
            counters.handed_off.add(8);
            // What the other one handed off: never more than that.
            const uint64_t arrived = other.counters.handed_off.value() - counters.handed_in.value();
            counters.handed_in.add(arrived);
            counters.dropped[3].packets.add(6);
            counters.transmitted[1].packets.add(50 + arrived);
            counters.iterations.add();
        }
    }

    std::atomic<bool> stop_{false};
    std::vector<std::thread> threads_;
};

TEST(Accounting, under_load_nothing_is_ever_missing) {
    FakeAppliance fake{2};
    const BusyWorkers workers{fake};
    size_t wrong = 0;
    for (int i = 0; i < 300; ++i)
        if (read_account(fake.appliance).unaccounted != 0) ++wrong;
    // A worker that the kernel suspends in mid-iteration for longer than a reading waits is the
    // one case that the header names.
    EXPECT_LE(wrong, 15U);
}

TEST(Accounting, a_large_loss_shows_even_under_load) {
    FakeAppliance fake{2};
    fake.links[0]->counters.received[1].packets.add(uint64_t{1} << 50);
    const BusyWorkers workers{fake};
    EXPECT_GT(read_account(fake.appliance).unaccounted, int64_t{1} << 49);
}

}  // namespace
}  // namespace ravelin
