// SPDX-License-Identifier: BSD-3-Clause
// A worker's own time, and what a pause does to all that its shard holds: nothing.
#include "pipeline/pause_guard.h"

#include "support/fragmenter.h"
#include "support/lab.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::ManualClock;
using testing::PacketBuilder;

struct SharedClock {
    const ManualClock* clock;
    [[nodiscard]] Instant now() const noexcept { return clock->now(); }
};

struct Guarded {
    ManualClock clock;
    Sequenced<PauseHistory> published;
    PauseGuard<SharedClock> guard{SharedClock{&clock}, published};

    Instant after(Duration by) {
        clock.advance(by);
        return guard.now();
    }
    [[nodiscard]] PauseHistory history() const { return published.value(); }
};

TEST(PauseGuard, turns_up_to_a_quarter_of_a_second_are_time) {
    Guarded worker;
    EXPECT_EQ(worker.after(1ms), Instant{1ms});
    EXPECT_EQ(worker.after(250ms), Instant{251ms});
    EXPECT_EQ(worker.after(250ms), Instant{501ms});
    EXPECT_EQ(worker.history().count, 0U);
    EXPECT_EQ(worker.history().total(), 0s);
}

TEST(PauseGuard, a_longer_gap_is_left_out_but_for_one_tick) {
    Guarded worker;
    worker.after(1s - 750ms);
    EXPECT_EQ(worker.after(5s), Instant{250ms + kTick});
    EXPECT_EQ(worker.after(1ms), Instant{251ms + kTick}) << "then time goes on";
    EXPECT_EQ(worker.history().count, 1U);
    EXPECT_EQ(worker.history().latest().length, 5s - kTick);
    EXPECT_EQ(worker.history().latest().resumed, Instant{250ms + kTick});
    EXPECT_EQ(worker.history().total(), 5s - kTick);
}

TEST(PauseGuard, never_goes_back_and_never_stands_still_over_a_gap) {
    Guarded worker;
    Instant last = worker.guard.now();
    for (const Duration by : {Duration{1}, Duration{250ms}, Duration{250ms + 1ns}, Duration{10ms},
                              Duration{24h}, Duration{24h * 365}, Duration{251ms}}) {
        const Instant now = worker.after(by);
        EXPECT_GT(now, last);
        EXPECT_LE(now - last, PauseGuard<SharedClock>::kLongestTurn);
        last = now;
    }
    EXPECT_EQ(worker.history().count, 4U);
}

TEST(PauseGuard, what_passed_before_the_worker_began_is_no_pause) {
    Guarded worker;
    worker.clock.advance(3s);
    worker.guard.begin();
    EXPECT_EQ(worker.guard.now(), Instant{3s});
    EXPECT_EQ(worker.history().count, 0U);
}

TEST(PauseHistory, takes_a_workers_own_times_to_the_clock_exactly) {
    Guarded worker;
    struct Seen {
        Instant own;
        Instant clock;
    };
    std::vector<Seen> seen;
    for (int i = 0; i < 60; ++i) {
        const Instant own = worker.after(i % 10 == 9 ? Duration{1s} * i : Duration{100ms});
        seen.push_back({own, worker.clock.now()});
    }
    ASSERT_EQ(worker.history().count, 6U);
    for (const Seen& moment : seen)
        EXPECT_EQ(worker.history().on_the_clock(moment.own), moment.clock);
}

TEST(PauseHistory, knows_the_last_pauses_and_the_sum_of_all) {
    Guarded worker;
    Duration sum{};
    for (int i = 1; i <= 20; ++i) {
        worker.after(1ms);
        worker.after(Duration{1s} * i);
        sum += Duration{1s} * i - kTick;
    }
    const PauseHistory history = worker.history();
    EXPECT_EQ(history.count, 20U);
    EXPECT_EQ(history.total(), sum);
    EXPECT_EQ(history.on_the_clock(worker.guard.now()), worker.clock.now());
    // Before the pauses that are kept it is as before the oldest of them.
    Duration before = sum;
    for (int i = 20; i > 20 - static_cast<int>(PauseHistory::kKept); --i)
        before -= Duration{1s} * i - kTick;
    EXPECT_EQ(history.on_the_clock(Instant{}), Instant{before});
}

// With a worker.

Bytes request(uint16_t port = 40000, const char* client = "10.0.0.1") {
    return PacketBuilder{}.ipv4(client, "192.0.2.20").udp(port, 1194).build();
}
Bytes answer(uint16_t port = 40000, const char* client = "10.0.0.1") {
    return PacketBuilder{}.ipv4("192.0.2.20", client).udp(1194, port).build();
}

/// Time in turns of 10 ms, as it passes while a worker runs.
void run_for(Lab& lab, Duration time) {
    for (Duration passed{}; passed < time; passed += kTick)
        lab.wait(kTick);
}

TEST(Pause, no_connection_ends_because_of_it_and_each_has_its_whole_time_left) {
    Lab lab;
    lab.guard_pauses();
    for (uint16_t port = 1; port <= 50; ++port)
        lab.pass(kInside, request(port));
    run_for(lab, 27s);
    lab.wait(24h);  // with 3 s left of 30
    ASSERT_EQ(lab.flows().size(), 50U);
    EXPECT_EQ(lab.flows()[0].remaining, 3s - kTick);
    EXPECT_EQ(lab.flows()[0].age, 27s + kTick);
    EXPECT_EQ(lab.pass(kOutside, answer(7)).ct_class, CtClass::Established);
    run_for(lab, 3s - kTick - kTick);
    EXPECT_EQ(lab.flows().size(), 50U) << "not early";
    run_for(lab, 2 * kTick);
    EXPECT_EQ(lab.flows().size(), 1U) << "and no more than a tick late";
    EXPECT_EQ(lab.deleted(EndReason::Timeout), 49U);
}

TEST(Pause, an_unguarded_worker_would_have_ended_them) {
    Lab lab;
    lab.pass(kInside, request());
    lab.wait(31s);
    EXPECT_EQ(lab.flows().size(), 0U);
}

TEST(Pause, the_memory_of_ended_connections_does_not_fade) {
    Runtime runtime = Lab::open_policy();
    runtime.tracking.tombstones.ttl = 60s;
    Lab lab{1, runtime};
    lab.guard_pauses();
    lab.pass(kInside, request());
    run_for(lab, 31s);
    ASSERT_EQ(lab.flows().size(), 0U);
    lab.wait(24h);
    EXPECT_EQ(lab.pass(kOutside, answer()).ct_class, CtClass::Stale);
    run_for(lab, 61s);
    EXPECT_NE(lab.pass(kOutside, answer()).ct_class, CtClass::Stale);
}

TEST(Pause, fragments_wait_on_for_the_rest_of_their_datagram) {
    Lab lab;
    lab.guard_pauses();
    const Bytes datagram = PacketBuilder{}
                               .ipv4("10.0.0.1", "192.0.2.20")
                               .udp(40000, 1194)
                               .payload(Bytes(3000))
                               .build();
    const std::vector<Bytes> frames = testing::fragments_of(datagram, 1400, 5);
    for (size_t i = 0; i + 1 < frames.size(); ++i)
        lab.pass(kInside, frames[i]);
    lab.wait(24h);
    EXPECT_EQ(lab.drops(DropReason::FragmentTimeout), 0U);
    lab.pass(kInside, frames.back());
    EXPECT_EQ(lab.ios[0]->transmitted(kOutside).size(), frames.size());
}

TEST(Pause, one_workers_pause_is_no_other_ones) {
    Lab lab{2};
    lab.guard_pauses();
    // An owner for each: the address decides.
    std::vector<std::string> client(2);
    for (uint32_t host = 1; client[0].empty() || client[1].empty(); ++host) {
        const std::string address = "10.0.0." + std::to_string(host);
        lab.pass(kInside, request(40000, address.c_str()));
        for (const FlowRecord& flow : lab.flows())
            if (client[flow.shard].empty()) client[flow.shard] = address;
    }
    // Worker 1 stands still for 20 s while worker 0 goes on and hands its packets over.
    for (Duration passed{}; passed < 20s; passed += kTick) {
        lab.clock.advance(kTick);
        lab.workers[0]->run_once();
    }
    lab.run();
    const PauseHistory none = lab.links[0]->pauses.value();
    const PauseHistory one = lab.links[1]->pauses.value();
    EXPECT_EQ(none.count, 0U);
    EXPECT_EQ(one.count, 1U);
    EXPECT_EQ(one.total(), 20s - kTick);
    for (const FlowRecord& flow : lab.flows())
        EXPECT_EQ(flow.remaining, flow.shard == 0 ? Duration{10s} : 30s - kTick);
    // Both heartbeats are of now, by the clock that all share.
    EXPECT_EQ(lab.links[0]->last_heartbeat(), lab.clock.now());
    EXPECT_EQ(lab.links[1]->last_heartbeat(), lab.clock.now());
    // A packet is judged by the time of the worker that owns its connection, whoever received it.
    EXPECT_EQ(lab.pass(kOutside, answer(40000, client[1].c_str()), 0).ct_class,
              CtClass::Established);
    for (const FlowRecord& flow : lab.flows()) {
        if (flow.shard == 1 && flow.flags != 0 && flow.packets[1] == 1)
            EXPECT_EQ(flow.remaining, 180s);
    }
    // 15 s later those of worker 0 are over, those of worker 1 are not.
    run_for(lab, 15s);
    for (const FlowRecord& flow : lab.flows())
        EXPECT_EQ(flow.shard, 1);
    EXPECT_FALSE(lab.flows().empty());
}

TEST(Pause, events_carry_the_workers_own_time_in_order) {
    Lab lab;
    lab.guard_pauses();
    lab.links[0]->events_wanted = true;
    lab.pass(kInside, request(1));
    const Instant before = lab.clock.now();
    lab.wait(5s);
    lab.pass(kInside, request(2));
    const Instant after = lab.clock.now();
    std::vector<FlowEvent> events(2);
    ASSERT_EQ(lab.links[0]->events.pop(events.data(), 2), 2U);
    EXPECT_LT(events[0].at, events[1].at);
    const PauseHistory history = lab.links[0]->pauses.value();
    EXPECT_EQ(history.on_the_clock(events[0].at), before);
    EXPECT_EQ(history.on_the_clock(events[1].at), after);
}

}  // namespace
}  // namespace ravelin
