// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/worker_client.h"

#include "fake_appliance.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using test::FakeAppliance;
using test::FakeWorker;

TEST(WorkerClient, a_dump_has_the_connections_of_all_workers) {
    FakeAppliance fake{2};
    const FakeWorker first{fake, 0, test::udp_flows(5000)};
    const FakeWorker second{fake, 1, test::udp_flows(1024)};
    WorkerClient client{fake.appliance};
    const auto dump = client.dump();
    ASSERT_TRUE(dump.has_value());
    EXPECT_EQ(dump->size(), 6024U);
    EXPECT_EQ(dump->front().id, 1U);
    EXPECT_EQ((*dump)[4999].id, 5000U);
    EXPECT_EQ((*dump)[5000].id, 1U);
}

TEST(WorkerClient, an_empty_table_dumps_nothing) {
    FakeAppliance fake;
    const FakeWorker worker{fake, 0, {}};
    WorkerClient client{fake.appliance};
    const auto dump = client.dump();
    ASSERT_TRUE(dump.has_value());
    EXPECT_TRUE(dump->empty());
}

TEST(WorkerClient, reports_of_late_packets_come_from_all_workers_the_last_one_first) {
    FakeAppliance fake{3};
    FakeWorker first{fake, 0, {}};
    FakeWorker second{fake, 1, {}};
    const FakeWorker third{fake, 2, {}};
    WorkerClient client{fake.appliance};
    EXPECT_TRUE(client.stale()->empty());
    first.meet_late(1);
    second.meet_late(2);
    const auto records = client.stale();
    ASSERT_TRUE(records.has_value());
    ASSERT_EQ(records->size(), 2U);
    EXPECT_EQ((*records)[0].flow.source_port, 40002);
    EXPECT_EQ((*records)[1].flow.source_port, 40001);
}

TEST(WorkerClient, times_of_reports_are_put_on_the_clock_that_all_share) {
    FakeAppliance fake{2};
    FakeWorker first{fake, 0, {}};
    FakeWorker second{fake, 1, {}};
    PauseHistory pauses;
    pauses.add(Instant{Duration{1}}, 5s);
    fake.links[0]->pauses.write(pauses);
    WorkerClient client{fake.appliance};
    first.meet_late(1);
    second.meet_late(2);
    const auto records = client.stale();
    ASSERT_TRUE(records.has_value());
    ASSERT_EQ(records->size(), 2U);
    EXPECT_EQ((*records)[0].last, Instant{5s + Duration{1}}) << "the first worker's, though its "
                                                                "own time is behind";
    EXPECT_EQ((*records)[0].first, Instant{}) << "before the pause";
    EXPECT_EQ((*records)[1].last, Instant{Duration{2}});
}

TEST(WorkerClient, denied_packets_come_from_all_workers_the_last_one_first_by_the_shared_clock) {
    FakeAppliance fake{2};
    FakeWorker first{fake, 0, {}};
    FakeWorker second{fake, 1, {}};
    PauseHistory pauses;
    pauses.add(Instant{Duration{1}}, 5s);
    fake.links[0]->pauses.write(pauses);
    WorkerClient client{fake.appliance};
    EXPECT_TRUE(client.denials()->empty());
    first.deny(1);
    second.deny(2);
    const auto records = client.denials();
    ASSERT_TRUE(records.has_value());
    ASSERT_EQ(records->size(), 2U);
    EXPECT_EQ((*records)[0].flow.source_port, 40001);
    EXPECT_EQ((*records)[0].last, Instant{5s + Duration{1}});
    EXPECT_EQ((*records)[0].first, Instant{}) << "before the pause";
    EXPECT_EQ((*records)[1].last, Instant{Duration{2}});
}

TEST(WorkerClient, a_flush_reaches_every_worker_once) {
    FakeAppliance fake{2};
    const FakeWorker first{fake, 0, {}};
    const FakeWorker second{fake, 1, {}};
    WorkerClient client{fake.appliance};
    EXPECT_TRUE(client.flush().has_value());
    EXPECT_EQ(first.flushes(), 1U);
    EXPECT_EQ(second.flushes(), 1U);
}

TEST(WorkerClient, a_dead_worker_is_named_and_nothing_hangs) {
    FakeAppliance fake;
    WorkerClient client{fake.appliance, 20ms};
    const auto dump = client.dump();
    ASSERT_FALSE(dump.has_value());
    EXPECT_EQ(dump.error().message, "worker 1 on CPU 1 doesn't answer");
    // What it left in the ring may still be written to when the worker wakes up.
    const FakeWorker late{fake, 0, test::udp_flows(3)};
    WorkerClient patient{fake.appliance};
    const auto again = patient.dump();
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->size(), 3U);
    EXPECT_TRUE(client.ping().has_value());
}

TEST(WorkerClient, requests_to_a_dead_worker_are_bounded_by_the_ring) {
    FakeAppliance fake;
    WorkerClient client{fake.appliance, 0ms};
    for (int i = 0; i < 200; ++i)
        EXPECT_FALSE(client.ping().has_value());
    EXPECT_EQ(fake.links[0]->requests.size(), fake.links[0]->requests.capacity());
    const FakeWorker late{fake, 0, {}};
    WorkerClient patient{fake.appliance};
    while (!patient.ping().has_value()) {
    }
}

}  // namespace
}  // namespace ravelin
