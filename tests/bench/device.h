// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"
#include "bench/frames.h"
#include "bench/ports.h"
#include "bench/traffic.h"
#include "pipeline/worker.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

namespace ravelin::bench {

/// Moves on by the same step with each turn, however long the generator takes between turns:
/// nothing expires because of how the bed is run.
class alignas(64) StepClock {
  public:
    [[nodiscard]] Instant now() noexcept { return now_ += step_; }
    void set_step(Duration step) noexcept { step_ = step; }
    void jump(Duration by) noexcept { now_ += by; }

  private:
    Instant now_{};
    Duration step_ = 5us;
};

/// Ravelin's worker as it is shipped, between two ports; one worker, everything that it does.
class Device {
  public:
    /// `ipv6` of the connections may be IPv6.
    Device(Ports& ports, uint32_t capacity, Runtime runtime, uint32_t tunnels = 0,
           uint32_t ipv6 = UINT32_MAX, uint32_t tombstones = 0)
        : ports_{ports}, runtime_{std::make_unique<const Runtime>(std::move(runtime))} {
        topology_.port_count = 2;
        topology_.ports[kOutside] = {.peer = kInside, .wire = 0, .inside = false};
        topology_.ports[kInside] = {.peer = kOutside, .wire = 0, .inside = true};
        topology_.transmitter[kOutside] = {0};
        topology_.transmitter[kInside] = {0};
        link_.capacity = capacity;
        link_.ipv6_capacity = ipv6;
        quiescence_.enter(0);
        worker_ = std::make_unique<Worker<PortIo, StepClock>>(
            WorkerParts{0, topology_, indirection_, runtime_, quiescence_, mesh_, link_,
                        HashSecret{1, 2, 3},
                        ShardCapacity{.tombstones = tombstones, .tunnels = tunnels}},
            ports.io(), clock_);
    }
    ~Device() { quiescence_.leave(0); }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    bool turn() noexcept { return worker_->run_once(); }
    /// Takes what was transmitted, and stops the program when a packet was lost: each that came in
    /// went out, opened a connection for which there was no room, or is inside still. Returns how
    /// many went out.
    uint32_t drain() {
        const uint32_t count = ports_.drain();
        drained_ += count;
        CHECK(dropped() == refused());
        CHECK(drained_ + dropped() + counters().held.value() == packets(counters().received));
        return count;
    }
    /// Turns until nothing is left inside, fragments apart.
    void settle() {
        while (turn())
            drain();
        drain();
    }

    /// Offers one packet at a time until `count` have gone through.
    void pass(uint8_t port, uint64_t count, const Ports::Writer& writer) {
        for (uint64_t left = count; left != 0;) {
            const auto packets =
                static_cast<uint32_t>(std::min<uint64_t>(left, Ports::kTurns * kBurstSize));
            ports_.fill(port, packets, writer);
            settle();
            left -= packets;
        }
    }

    /// Opens connections number `begin` (0) to `begin` + `count` - 1: a handshake, or UDP there,
    /// back and there, and the first data of each side, after which there is nothing new about the
    /// connection.
    void establish(uint32_t count, const std::function<Kind(uint32_t)>& kind_of) {
        establish(0, count, kind_of);
    }
    void establish(uint32_t begin, uint32_t count, const std::function<Kind(uint32_t)>& kind_of) {
        constexpr uint32_t kTogether = 1024;
        for (uint32_t first = begin; first < begin + count; first += kTogether) {
            const uint32_t together = std::min(kTogether, begin + count - first);
            for (uint32_t step = 0; step < 5; ++step) {
                const bool from_client = step != 1 && step != 4;
                const Numbers numbers =
                    step < 3 ? opening_numbers(step) : data_numbers(from_client, 0);
                uint32_t next = first;
                pass(from_client ? kInside : kOutside, together, [&](uint8_t, uint8_t* frame) {
                    const Place place{kind_of(next), next, from_client};
                    ++next;
                    return write_frame(frame, place, numbers);
                });
            }
        }
    }

    /// Whether a connection is a tunnel shows in a few packets each way.
    void prove_tunnels(uint32_t connections, const Ports::Writer& writer) {
        constexpr int kRounds = 8;
        for (int round = 0; round < kRounds; ++round)
            for (const uint8_t port : {kOutside, kInside})
                pass(port, connections, writer);
    }

    [[nodiscard]] Worker<PortIo, StepClock>& worker() noexcept { return *worker_; }
    [[nodiscard]] const Runtime& runtime() const noexcept { return runtime_.get(); }
    /// For whoever reloads, as Reloader does.
    [[nodiscard]] Published<Runtime>& published() noexcept { return runtime_; }
    [[nodiscard]] Quiescence& quiescence() noexcept { return quiescence_; }
    [[nodiscard]] StepClock& clock() noexcept { return clock_; }
    [[nodiscard]] const WorkerCounters& counters() const noexcept { return link_.counters; }
    [[nodiscard]] uint64_t dropped() const noexcept { return packets(link_.counters.dropped); }

    /// New connections for which the table had no room.
    [[nodiscard]] uint64_t refused() const noexcept {
        return link_.counters.insert_failed_full.value() +
               link_.counters.insert_failed_bucket.value();
    }

  private:
    template <size_t kCount>
    static uint64_t packets(const std::array<PacketsBytes, kCount>& counters) noexcept {
        uint64_t sum = 0;
        for (const PacketsBytes& counter : counters)
            sum += counter.packets.value();
        return sum;
    }

    Ports& ports_;
    StepClock clock_;
    Topology topology_;
    Indirection indirection_{1};
    Quiescence quiescence_{1};
    HandoffMesh mesh_{1};
    WorkerLink link_;
    Published<Runtime> runtime_;
    std::unique_ptr<Worker<PortIo, StepClock>> worker_;
    uint64_t drained_ = 0;
};

/// What is inside may open connections, what is outside may not; no rules.
inline Runtime open_from_inside() {
    Runtime runtime;
    runtime.tracking = TrackingOptions::strict();
    runtime.policy.default_allow[kInside] = true;
    return runtime;
}

}  // namespace ravelin::bench
