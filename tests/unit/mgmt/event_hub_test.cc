// SPDX-License-Identifier: BSD-3-Clause
// Times of events when workers have been paused and when somebody sets the wall clock.
#include "mgmt/event_hub.h"

#include "fake_appliance.h"
#include "mgmt/worker_time.h"

#include <gtest/gtest.h>

#include <vector>

namespace ravelin {
namespace {

FlowEvent event_at(Instant own, uint64_t id) {
    FlowEvent event;
    event.at = own;
    event.flow = test::udp_flow(static_cast<uint32_t>(id));
    event.stale.ended = own - 1s;
    return event;
}

TEST(EventHub, times_of_workers_that_were_paused_are_put_on_the_clock_and_in_order) {
    test::FakeAppliance fake{2};
    EventHub hub{fake.appliance};
    hub.listen(true);
    // Worker 1 stood still from 10 s to 15 s.
    PauseHistory pauses;
    pauses.add(Instant{10s}, 5s);
    fake.links[1]->pauses.write(pauses);
    ASSERT_TRUE(fake.links[0]->events.push(event_at(Instant{14s}, 2)));
    ASSERT_TRUE(fake.links[0]->events.push(event_at(Instant{16s}, 4)));
    ASSERT_TRUE(fake.links[1]->events.push(event_at(Instant{9s}, 1)));
    ASSERT_TRUE(fake.links[1]->events.push(event_at(Instant{10s}, 3)));
    ASSERT_TRUE(fake.links[1]->events.push(event_at(Instant{12s}, 5)));
    const auto events = hub.drain().events;
    ASSERT_EQ(events.size(), 5U);
    const std::vector<Instant> expected{Instant{9s}, Instant{14s}, Instant{15s}, Instant{16s},
                                        Instant{17s}};
    for (size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i].at, expected[i]);
        EXPECT_EQ(events[i].flow.source_port, 40001 + i);
    }
    EXPECT_EQ(events[2].stale.ended, Instant{9s}) << "it had ended before the pause";
    EXPECT_EQ(events[4].stale.ended, Instant{16s});
}

TEST(WorkerTime, a_tunnels_times_are_put_on_the_clock_and_never_stays_never) {
    PauseHistory pauses;
    pauses.add(Instant{10s}, 5s);
    TunnelEvent event;
    event.at = Instant{12s};
    event.tunnel.started = Instant{9s};
    event.tunnel.last_seen = {Instant{10s}, Instant{}};
    put_on_the_clock(event, pauses);
    EXPECT_EQ(event.at, Instant{17s});
    EXPECT_EQ(event.tunnel.started, Instant{9s});
    EXPECT_EQ(event.tunnel.established, Instant{});
    EXPECT_EQ(event.tunnel.last_seen[0], Instant{15s});
    EXPECT_EQ(event.tunnel.last_seen[1], Instant{});
}

TEST(Subscription, shown_times_follow_steps_of_the_wall_clock_and_nothing_less) {
    Subscription subscription;
    subscription.conntrack.unix_offset = 1000s;
    for (const Duration offset : {1000s + Duration{1us}, 1000s - Duration{5ms}}) {
        subscription.follow_wall_clock(offset);
        EXPECT_EQ(subscription.conntrack.unix_offset, 1000s);
    }
    for (const Duration step : {Duration{7s}, Duration{-1h}, Duration{24h}, Duration{-24h}}) {
        subscription.follow_wall_clock(1000s + step);
        EXPECT_EQ(subscription.conntrack.unix_offset, 1000s + step);
    }
}

}  // namespace
}  // namespace ravelin
