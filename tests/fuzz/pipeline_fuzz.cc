// SPDX-License-Identifier: BSD-3-Clause
// Stateful sequences through the whole packet path: the input is a list of time steps and packets.
//
// Checked after every step: conservation, entries = timers = gauges, no deadline further away than
// the longest timeout, no buffer lost.
#include "pipeline/worker.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace ravelin {
namespace {

constexpr uint32_t kCapacity = 64;

void require(bool holds) {
    if (!holds) std::abort();
}

/// One frame at a time, and a count of the buffers that are out.
class OneFrameIo {
  public:
    void offer(uint8_t port, std::span<const uint8_t> frame) {
        bytes_.assign(frame.begin(), frame.end());
        port_ = port;
        waiting_ = true;
    }
    [[nodiscard]] uint32_t out() const { return out_; }

    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t, std::span<Frame, kBurstSize> frames) noexcept {
        if (!waiting_) return 0;
        waiting_ = false;
        ++out_;
        frames[0] = {.buffer = &bytes_,
                     .data = bytes_.data(),
                     .length = static_cast<uint32_t>(bytes_.size()),
                     .port = port_};
        return 1;
    }
    uint32_t transmit(uint8_t, std::span<void*> buffers) noexcept {
        out_ -= static_cast<uint32_t>(buffers.size());
        return static_cast<uint32_t>(buffers.size());
    }
    void release(std::span<void*> buffers) noexcept {
        out_ -= static_cast<uint32_t>(buffers.size());
    }

  private:
    std::vector<uint8_t> bytes_;
    uint8_t port_ = 0;
    bool waiting_ = false;
    uint32_t out_ = 0;
};

class StepClock {
  public:
    [[nodiscard]] Instant now() const noexcept { return now_; }
    void advance(Duration by) { now_ += by; }

  private:
    Instant now_{};
};

class Machine {
  public:
    explicit Machine(uint8_t options) {
        topology_.port_count = 2;
        topology_.ports[0] = {.peer = 1, .wire = 0, .inside = false};
        topology_.ports[1] = {.peer = 0, .wire = 0, .inside = true};
        topology_.transmitter[0] = {0};
        topology_.transmitter[1] = {0};
        Runtime runtime;
        runtime.tracking = (options & 1) != 0 ? TrackingOptions::linux_profile()  //
                                              : TrackingOptions::strict();
        // Fuzzers rarely guess a checksum.
        runtime.tracking.parse.verify_checksums = false;
        runtime.tracking.quote.verify_ip_checksum = false;
        runtime.tracking.tcp_loose = (options & 2) != 0;
        runtime.policy.default_allow = {(options & 4) != 0, true};
        runtime_ = std::make_unique<Published<Runtime>>(std::make_unique<const Runtime>(runtime));
        link_.capacity = kCapacity;
        link_.events_wanted = (options & 8) != 0;
        quiescence_.enter(0);
        worker_ = std::make_unique<Worker<OneFrameIo, StepClock>>(
            WorkerParts{0, topology_, indirection_, *runtime_, quiescence_, mesh_, link_,
                        HashSecret{1, 2, 3}},
            io_, clock_);
    }

    void pass(uint8_t port, Duration step, std::span<const uint8_t> frame) {
        clock_.advance(step);
        io_.offer(port, frame);
        worker_->run_once();
        check();
    }

  private:
    void check() {
        const WorkerCounters& c = link_.counters;
        uint64_t dropped = 0;
        for (const PacketsBytes& reason : c.dropped)
            dropped += reason.packets.value();
        require(c.received[0].packets.value() + c.received[1].packets.value() ==
                c.transmitted[0].packets.value() + c.transmitted[1].packets.value() + dropped);
        require(io_.out() == 0);
        require(c.dropped[0].packets.value() == 0);

        const Conntrack& conntrack = worker_->shard().conntrack;
        uint64_t gauges = 0;
        for (const Counter& gauge : c.tcp_entries)
            gauges += gauge.value();
        for (const auto& protocol : c.other_entries)
            for (const Counter& gauge : protocol)
                gauges += gauge.value();
        require(conntrack.size() == conntrack.timers() && conntrack.size() == gauges);

        std::array<FlowRecord, kCapacity> flows;
        uint32_t cursor = 0;
        uint32_t written = 0;
        require(conntrack.dump(cursor, kCapacity, flows, written, clock_.now()));
        for (uint32_t i = 0; i < written; ++i)
            require(flows[i].remaining > Duration{} && flows[i].remaining <= 5 * 24h + kTick);
        std::array<FlowEvent, 64> events;
        while (link_.events.pop(events.data(), 64) != 0) {
        }
    }

    Topology topology_;
    Indirection indirection_{1};
    Quiescence quiescence_{1};
    HandoffMesh mesh_{1};
    WorkerLink link_{255};
    std::unique_ptr<Published<Runtime>> runtime_;
    OneFrameIo io_;
    StepClock clock_;
    std::unique_ptr<Worker<OneFrameIo, StepClock>> worker_;
};

}  // namespace
}  // namespace ravelin

/// Input: options, then packets of {port and step, length, bytes}.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    static constexpr std::array<Duration, 8> kSteps{0s, 10ms, 1s, 5s, 31s, 130s, 700s, 5 * 24h};
    if (size == 0) return 0;
    Machine machine{data[0]};
    std::span<const uint8_t> rest{data + 1, size - 1};
    while (rest.size() > 2) {
        const uint8_t control = rest[0];
        const size_t length = rest[1] < rest.size() - 2 ? rest[1] : rest.size() - 2;
        machine.pass(control & 1, kSteps[control >> 1 & 7], rest.subspan(2, length));
        rest = rest.subspan(2 + length);
    }
    return 0;
}
