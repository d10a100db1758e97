// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"
#include "pipeline/worker.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

namespace ravelin::fuzz {

/// One frame at a time, what became of it, and the frames that are still inside.
class OneFrameIo {
  public:
    void offer(uint8_t port, std::span<const uint8_t> frame) {
        // Of its very size, so that the sanitizer sees one byte too many.
        auto bytes = std::make_unique<uint8_t[]>(frame.size());
        std::copy(frame.begin(), frame.end(), bytes.get());
        waiting_ = {.buffer = bytes.get(),
                    .data = bytes.get(),
                    .length = static_cast<uint32_t>(frame.size()),
                    .port = port};
        offered_ = bytes.get();
        ct_class_ = CtClass::None;
        inside_.emplace(bytes.get(), std::move(bytes));
    }
    [[nodiscard]] size_t inside() const { return inside_.size(); }
    /// Of the frame that was offered last; None while it is held.
    [[nodiscard]] CtClass ct_class() const { return ct_class_; }

    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t, Burst& burst) noexcept {
        if (waiting_.buffer == nullptr) return 0;
        burst.add(std::exchange(waiting_, Frame{}));
        return 1;
    }
    uint32_t transmit(uint8_t, std::span<void*> buffers) noexcept {
        release(buffers);
        return static_cast<uint32_t>(buffers.size());
    }
    void release(std::span<void*> buffers) noexcept {
        for (void* buffer : buffers)
            CHECK(inside_.erase(static_cast<uint8_t*>(buffer)) == 1);
    }
    void observe(const Packet& packet) noexcept {
        if (packet.frame.buffer == offered_) ct_class_ = packet.ct_class;
    }

  private:
    std::unordered_map<uint8_t*, std::unique_ptr<uint8_t[]>> inside_;
    Frame waiting_{};
    const void* offered_ = nullptr;
    CtClass ct_class_ = CtClass::None;
};

class StepClock {
  public:
    [[nodiscard]] Instant now() const noexcept { return now_; }
    void set(Instant now) noexcept { now_ = now; }

  private:
    Instant now_{};
};

/// One worker between two ports. It outlives an input: to make one costs more than the packets.
class Machine {
  public:
    static constexpr uint32_t kCapacity = 64;

    explicit Machine(Runtime runtime)
        : runtime_{std::make_unique<const Runtime>(std::move(runtime))} {
        topology_.port_count = 2;
        topology_.ports[0] = {.peer = 1, .wire = 0, .inside = false};
        topology_.ports[1] = {.peer = 0, .wire = 0, .inside = true};
        topology_.transmitter[0] = {0};
        topology_.transmitter[1] = {0};
        link_.capacity = kCapacity;
        link_.ipv6_capacity = kCapacity / 2;
        quiescence_.enter(0);
    }

    /// An empty shard, and the wheel at the beginning of its largest slot but one: what an input
    /// finds doesn't depend on those before it.
    void reset(bool events_wanted = false) {
        constexpr Duration kSlot = kTick * (1 << 24);
        constexpr Instant kFar{100 * 365 * 24h};  // long before time itself overflows
        link_.events_wanted = events_wanted;
        if (worker_ && clock_.now() < kFar) {
            uint32_t cursor = 0;
            CHECK(worker_->shard().conntrack.flush(cursor, kCapacity, clock_.now()));
            worker_->drop_held();
            clock_.set(Instant{(clock_.now().time_since_epoch() / kSlot + 1) * kSlot});
            worker_->run_once(false);
            check();
            CHECK(flows().empty() && io_.inside() == 0 &&
                  link_.counters.expiry_lag_ticks.value() == 0);
            return;
        }
        if (worker_) worker_->drop_held();
        worker_.reset();
        std::destroy_at(&link_.counters);
        std::construct_at(&link_.counters);
        clock_.set({});
        worker_.emplace(WorkerParts{0, topology_, indirection_, runtime_, quiescence_, mesh_, link_,
                                    HashSecret{1, 2, 3}},
                        io_, clock_);
    }

    /// One frame through the worker, and every invariant after it.
    CtClass pass(uint8_t port, Duration step, std::span<const uint8_t> frame) {
        clock_.set(clock_.now() + step);
        io_.offer(port, frame);
        worker_->run_once();
        check();
        return io_.ct_class();
    }

    /// The connections, as a listing shows them.
    [[nodiscard]] std::span<const FlowRecord> flows() {
        uint32_t cursor = 0;
        uint32_t written = 0;
        CHECK(worker_->shard().conntrack.dump(cursor, kCapacity, flows_, written, clock_.now()));
        return {flows_.data(), written};
    }

  private:
    static constexpr uint32_t kEvents = 64;

    void check() {
        const WorkerCounters& c = link_.counters;
        uint64_t dropped = 0;
        for (const PacketsBytes& reason : c.dropped)
            dropped += reason.packets.value();
        CHECK(c.received[0].packets.value() + c.received[1].packets.value() ==
              c.transmitted[0].packets.value() + c.transmitted[1].packets.value() + dropped +
                  c.held.value());
        CHECK(io_.inside() == c.held.value());
        CHECK(c.dropped[0].packets.value() == 0);

        const Conntrack& conntrack = worker_->shard().conntrack;
        uint64_t gauges = 0;
        for (const Counter& gauge : c.tcp_entries)
            gauges += gauge.value();
        for (const Counter& gauge : c.sctp_entries)
            gauges += gauge.value();
        for (const auto& protocol : c.other_entries)
            for (const Counter& gauge : protocol)
                gauges += gauge.value();
        CHECK(conntrack.size() == conntrack.timers() && conntrack.size() == gauges);

        for (const FlowRecord& flow : flows())
            CHECK(flow.remaining > Duration{} && flow.remaining <= 5 * 24h + kTick);
        while (link_.events.pop(events_.data(), kEvents) != 0) {
        }
    }

    Topology topology_;
    Indirection indirection_{1};
    Quiescence quiescence_{1};
    HandoffMesh mesh_{1};
    WorkerLink link_{255};
    Published<Runtime> runtime_;
    OneFrameIo io_;
    StepClock clock_;
    std::optional<Worker<OneFrameIo, StepClock>> worker_;
    std::array<FlowRecord, kCapacity> flows_;
    std::array<FlowEvent, kEvents> events_;
};

}  // namespace ravelin::fuzz
