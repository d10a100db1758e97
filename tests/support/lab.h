// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/worker.h"
#include "support/fake_io.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ravelin::testing {

inline constexpr uint8_t kOutside = 0;
inline constexpr uint8_t kInside = 1;

/// What an Io that watches verdicts remembers of each packet.
struct Fate {
    CtClass ct_class = CtClass::None;
    Action action = Action::Pending;
    DropReason reason = DropReason::None;
    Direction direction = Direction::Original;
};

class WatchingIo : public FakeIo {
  public:
    using FakeIo::FakeIo;
    void observe(const Packet& packet) {
        fates.push_back({packet.ct_class, packet.action, packet.reason, packet.direction});
    }
    std::vector<Fate> fates;
};

/// The lab's clock as one worker reads it: as it is, or less the worker's pauses.
class LabClock {
  public:
    LabClock(const ManualClock& clock, Sequenced<PauseHistory>& pauses)
        : plain_{&clock}, pauses_{pauses} {}
    void guard() { guard_.emplace(plain_, pauses_); }
    [[nodiscard]] Instant now() noexcept { return guard_ ? guard_->now() : plain_.now(); }

  private:
    struct Plain {
        const ManualClock* clock;
        [[nodiscard]] Instant now() const noexcept { return clock->now(); }
    };
    Plain plain_;
    Sequenced<PauseHistory>& pauses_;
    std::optional<PauseGuard<Plain>> guard_;
};

/// One wire (outside, inside) and any number of workers in one thread, with a clock that only the
/// test moves. Each worker polls both ports, as with one receive queue per worker and port.
class Lab {
  public:
    using TestWorker = Worker<WatchingIo, LabClock>;

    Lab() : Lab{1} {}
    explicit Lab(uint32_t count) : Lab{count, open_policy()} {}
    Lab(uint32_t count, Runtime first, uint32_t capacity = 1024, bool shared_queue = false,
        FragmentCapacity fragments = {}, uint32_t tombstones = 1024, uint32_t tunnels = 64,
        Steering steering = Steering::Addresses)
        : quiescence{count},
          mesh{count},
          indirection{count},
          runtime{std::make_unique<const Runtime>(std::move(first))} {
        topology.port_count = 2;
        topology.worker_count = count;
        topology.steering = steering;
        topology.ports[kOutside] = {.peer = kInside, .wire = 0, .inside = false};
        topology.ports[kInside] = {.peer = kOutside, .wire = 0, .inside = true};
        for (uint32_t i = 0; i < count; ++i) {
            topology.transmitter[kOutside].push_back(static_cast<uint8_t>(shared_queue ? 0 : i));
            topology.transmitter[kInside].push_back(
                static_cast<uint8_t>(shared_queue ? count - 1 : i));
        }
        for (uint32_t i = 0; i < count; ++i) {
            links.push_back(std::make_unique<WorkerLink>());
            links.back()->capacity = capacity;
            ios.push_back(std::make_unique<WatchingIo>(std::vector<uint8_t>{kOutside, kInside}));
            ios.back()->share_pool(*ios.front());
            clocks.push_back(std::make_unique<LabClock>(clock, links.back()->pauses));
            quiescence.enter(i);
            workers.push_back(std::make_unique<TestWorker>(
                WorkerParts{static_cast<uint8_t>(i), topology, indirection, runtime, quiescence,
                            mesh, *links.back(), HashSecret{7, 7, 7},
                            ShardCapacity{fragments, tombstones, tunnels}, &sessions},
                *ios.back(), *clocks.back()));
        }
    }
    ~Lab() {
        for (uint32_t i = 0; i < workers.size(); ++i)
            quiescence.leave(i);
    }
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;

    static Runtime open_policy() { return open_policy(TrackingOptions::strict()); }
    static Runtime allow_all() { return allow_all(TrackingOptions::strict()); }
    /// Allows everything from inside and nothing from outside, profile strict.
    static Runtime open_policy(const TrackingOptions& tracking) {
        Runtime first;
        first.tracking = tracking;
        first.policy.default_allow[kInside] = true;
        first.pass_ethertypes = {0x0806};
        return first;
    }
    static Runtime allow_all(const TrackingOptions& tracking) {
        Runtime first = open_policy(tracking);
        first.policy.default_allow[kOutside] = true;
        return first;
    }

    /// From here on a worker that is turned only after a long time takes that for a pause.
    void guard_pauses() {
        for (const auto& each : clocks)
            each->guard();
    }

    /// Offers a frame to a worker's port; run() moves it.
    void offer(uint8_t port, Bytes frame, uint32_t worker = 0) {
        ios[worker]->offer(port, std::move(frame));
    }
    /// Turns every worker until nothing moves any more, then checks conservation.
    void run() {
        bool busy = true;
        for (int turns = 0; busy; ++turns) {
            ASSERT_LT(turns, 100'000);
            busy = false;
            for (const auto& worker : workers)
                busy |= worker->run_once();
            for (const auto& link : links)
                busy |= link->counters.expiry_lag_ticks.value() != 0;
        }
        check_conservation();
    }
    /// One frame through, and what became of it.
    Fate pass(uint8_t port, Bytes frame, uint32_t worker = 0) {
        for (const auto& io : ios)
            io->fates.clear();
        offer(port, std::move(frame), worker);
        run();
        Fate fate;
        for (const auto& io : ios) {
            for (const Fate& each : io->fates)
                if (each.action != Action::HandOff) fate = each;
        }
        return fate;
    }
    void wait(Duration by) {
        clock.advance(by);
        run();
    }

    /// received = transmitted + dropped + held, in sum; with the hand-over terms, per worker.
    void check_conservation() {
        for (const auto& link : links) {
            const WorkerCounters& c = link->counters;
            EXPECT_EQ(received(c) + c.handed_in.value(),
                      transmitted(c) + dropped(c) + c.handed_off.value() + c.held.value());
            uint64_t deleted = 0;
            uint64_t created = 0;
            for (const Counter& count : c.deleted)
                deleted += count.value();
            for (const Counter& count : c.created)
                created += count.value();
            EXPECT_EQ(created - deleted, c.entries.value());
            uint64_t gauges = 0;
            for (const Counter& gauge : c.tcp_entries)
                gauges += gauge.value();
            for (const Counter& gauge : c.sctp_entries)
                gauges += gauge.value();
            for (const auto& protocol : c.other_entries)
                for (const Counter& gauge : protocol)
                    gauges += gauge.value();
            EXPECT_EQ(gauges, c.entries.value());
        }
        size_t held = 0;
        for (const auto& worker : workers) {
            EXPECT_EQ(worker->shard().conntrack.size(), worker->shard().conntrack.timers());
            held += worker->shard().fragments.held();
        }
        EXPECT_EQ(ios.front()->inside(), held) << "buffers were leaked";
    }

    [[nodiscard]] uint64_t drops(DropReason reason) const {
        uint64_t sum = 0;
        for (const auto& link : links)
            sum += link->counters.dropped[static_cast<size_t>(reason)].packets.value();
        return sum;
    }
    [[nodiscard]] uint64_t deleted(EndReason reason) const {
        uint64_t sum = 0;
        for (const auto& link : links)
            sum += link->counters.deleted[static_cast<size_t>(reason)].value();
        return sum;
    }
    [[nodiscard]] std::vector<FlowRecord> flows() {
        std::vector<FlowRecord> all;
        for (const auto& worker : workers) {
            std::vector<FlowRecord> out(worker->shard().conntrack.capacity());
            uint32_t cursor = 0;
            uint32_t written = 0;
            const Duration paused = links[worker->shard().index]->pauses.value().total();
            worker->shard().conntrack.dump(cursor, UINT32_MAX, out, written, clock.now() - paused);
            all.insert(all.end(), out.begin(), out.begin() + written);
        }
        return all;
    }

    static uint64_t received(const WorkerCounters& c) {
        return c.received[kOutside].packets.value() + c.received[kInside].packets.value();
    }
    static uint64_t transmitted(const WorkerCounters& c) {
        return c.transmitted[kOutside].packets.value() + c.transmitted[kInside].packets.value();
    }
    static uint64_t dropped(const WorkerCounters& c) {
        uint64_t sum = 0;
        for (const PacketsBytes& reason : c.dropped)
            sum += reason.packets.value();
        return sum;
    }

    Topology topology;
    Quiescence quiescence;
    HandoffMesh mesh;
    Indirection indirection;
    Published<Runtime> runtime;
    ManualClock clock;
    std::vector<std::unique_ptr<WorkerLink>> links;
    std::vector<std::unique_ptr<LabClock>> clocks;
    std::vector<std::unique_ptr<WatchingIo>> ios;
    SessionDirectory sessions{HashSecret{9, 9, 9}, 1024};
    std::vector<std::unique_ptr<TestWorker>> workers;
};

}  // namespace ravelin::testing
