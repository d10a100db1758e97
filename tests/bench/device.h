// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bench/frames.h"
#include "bench/ports.h"
#include "pipeline/worker.h"

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
    /// Turns until nothing is left inside, fragments apart.
    void settle() {
        while (turn())
            ports_.drain();
        ports_.drain();
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
    [[nodiscard]] StepClock& clock() noexcept { return clock_; }
    [[nodiscard]] const WorkerCounters& counters() const noexcept { return link_.counters; }
    [[nodiscard]] uint64_t dropped() const noexcept {
        uint64_t sum = 0;
        for (const PacketsBytes& reason : link_.counters.dropped)
            sum += reason.packets.value();
        return sum;
    }

    /// New connections for which the table had no room.
    [[nodiscard]] uint64_t refused() const noexcept {
        return link_.counters.insert_failed_full.value() +
               link_.counters.insert_failed_bucket.value();
    }

  private:
    Ports& ports_;
    StepClock clock_;
    Topology topology_;
    Indirection indirection_{1};
    Quiescence quiescence_{1};
    HandoffMesh mesh_{1};
    WorkerLink link_;
    Published<Runtime> runtime_;
    std::unique_ptr<Worker<PortIo, StepClock>> worker_;
};

/// What is inside may open connections, what is outside may not; no rules.
inline Runtime open_from_inside() {
    Runtime runtime;
    runtime.tracking = TrackingOptions::strict();
    runtime.policy.default_allow[kInside] = true;
    return runtime;
}

/// Established traffic: each direction visits the connections in an order of its own that looks
/// random, every one once per round. Zipf's law or trains would be kinder to the caches.
class Established {
  public:
    /// `connections` is a power of two.
    Established(uint32_t connections, std::function<Kind(uint32_t)> kind_of)
        : mask_{connections - 1}, kind_of_{std::move(kind_of)} {}

    uint32_t operator()(uint8_t port, uint8_t* frame) {
        const bool from_client = port == kInside;
        const uint64_t n = sent_[port]++;
        const uint32_t connection = shuffle(static_cast<uint32_t>(n) & mask_, from_client);
        const Place place{kind_of_(connection), connection, from_client};
        // Round 0 was establish()'s.
        const auto round = static_cast<uint32_t>(n / (uint64_t{mask_} + 1)) + 1;
        return write_frame(frame, place, data_numbers(from_client, round));
    }
    [[nodiscard]] uint32_t connections() const noexcept { return mask_ + 1; }

    /// A permutation of 0 to mask: odd multipliers and shifts to the right can be undone.
    [[nodiscard]] uint32_t shuffle(uint32_t n, bool from_client) const noexcept {
        n = (n * (from_client ? 0x9e3779b1U : 0x85ebca77U)) & mask_;
        n ^= n >> (from_client ? 5 : 7);
        n = (n * (from_client ? 0xc2b2ae3dU : 0x27d4eb2fU)) & mask_;
        return n ^ (n >> 6);
    }

  private:
    uint32_t mask_;
    std::function<Kind(uint32_t)> kind_of_;
    std::array<uint64_t, 2> sent_{};
};

}  // namespace ravelin::bench
