// SPDX-License-Identifier: BSD-3-Clause
// Workers on real threads with management at work beside them; meant for ThreadSanitizer.
#include "pipeline/worker.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr uint32_t kWorkers = 2;
constexpr uint32_t kClients = 400;

/// Receives the same frames over and over; buffers are never owned, only counted.
class LoopIo {
  public:
    LoopIo(const std::vector<Bytes>& frames, uint8_t port) : frames_{frames}, port_{port} {}
    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t, Burst& burst) noexcept {
        while (burst.count != kBurstSize) {
            const Bytes& bytes = frames_[at_++ % frames_.size()];
            burst.add({.buffer = nullptr,
                       .data = bytes.data(),
                       .length = static_cast<uint32_t>(bytes.size()),
                       .port = port_});
        }
        return kBurstSize;
    }
    uint32_t transmit(uint8_t, std::span<void*> buffers) noexcept {
        return static_cast<uint32_t>(buffers.size());
    }
    void release(std::span<void*>) noexcept {}

  private:
    const std::vector<Bytes>& frames_;
    uint8_t port_;
    size_t at_ = 0;
};

class StepClock {
  public:
    Instant now() noexcept { return now_ += 100us; }

  private:
    Instant now_{};
};

/// Both workers, their links, and a gate that holds management's side of the talk.
class Machine {
  public:
    Machine() {
        topology_.port_count = 2;
        topology_.worker_count = kWorkers;
        topology_.ports[0] = {.peer = 1, .wire = 0, .inside = false};
        topology_.ports[1] = {.peer = 0, .wire = 0, .inside = true};
        for (uint8_t worker = 0; worker < kWorkers; ++worker) {
            topology_.transmitter[0].push_back(worker);
            topology_.transmitter[1].push_back(0);  // one transmit queue for both
            links.push_back(std::make_unique<WorkerLink>());
            links.back()->capacity = 4096;
            links.back()->events_wanted = true;
        }
        for (uint32_t client = 0; client < kClients; ++client) {
            const std::string address =
                "10.0." + std::to_string(client / 200) + "." + std::to_string(client % 200 + 1);
            there_.push_back(PacketBuilder{}.ipv4(address, "192.0.2.1").udp(7, 8).build());
            back_.push_back(PacketBuilder{}.ipv4("192.0.2.1", address).udp(8, 7).build());
        }
    }

    void work(uint8_t index) {
        LoopIo io{index == 0 ? there_ : back_, static_cast<uint8_t>(index == 0 ? 1 : 0)};
        StepClock clock;
        quiescence.enter(index);
        Worker<LoopIo, StepClock> worker{
            WorkerParts{index, topology_, indirection_, runtime, quiescence, mesh_, *links[index],
                        HashSecret{9}},
            io, clock};
        while (!stop)
            worker.run_once();
        ++stopped_;
        // Drained when nobody receives and every ring is empty.
        while (stopped_ < kWorkers || mesh_.ring(0, 1).size() + mesh_.ring(1, 0).size() != 0)
            worker.run_once(false);
        worker.run_once(false);
        quiescence.leave(index);
    }

    static Runtime rules(uint16_t generation) {
        Runtime next;
        next.generation = generation;
        next.policy.default_allow = {true, true};
        next.tracking.timeouts.udp_replied = Duration{(generation % 100 + 1) * 1'000'000'000LL};
        return next;
    }

    std::atomic<bool> stop{false};
    Quiescence quiescence{kWorkers};
    Published<Runtime> runtime{std::make_unique<const Runtime>(rules(1))};
    std::vector<std::unique_ptr<WorkerLink>> links;

  private:
    std::atomic<uint32_t> stopped_{0};
    Topology topology_;
    Indirection indirection_{kWorkers};
    HandoffMesh mesh_{kWorkers};
    std::vector<Bytes> there_;
    std::vector<Bytes> back_;
};

/// Listens, lists and reloads as management does; returns how many records it has seen.
size_t manage(Machine& machine, int rounds) {
    size_t seen = 0;
    std::vector<FlowRecord> records(512);
    std::vector<FlowEvent> events(512);
    for (int round = 0; round < rounds; ++round) {
        const auto old = machine.runtime.publish(
            std::make_unique<const Runtime>(Machine::rules(static_cast<uint16_t>(round + 2))));
        const uint64_t mark = machine.quiescence.mark();
        for (const auto& link : machine.links) {
            Request request;
            request.kind = Request::Kind::Dump;
            request.out = records;
            EXPECT_TRUE(link->requests.push(&request));
            while (!request.done.load(std::memory_order_acquire)) {
                seen += link->events.pop(events.data(), 512);
                std::this_thread::yield();
            }
            seen += request.written;
        }
        while (!machine.quiescence.passed(mark))
            std::this_thread::yield();
    }
    return seen;
}

TEST(Threads, two_workers_with_reloads_listings_and_events_conserve_every_packet) {
    Machine machine;
    std::vector<std::thread> threads;
    for (uint8_t index = 0; index < kWorkers; ++index)
        threads.emplace_back([&machine, index] { machine.work(index); });
    EXPECT_GT(manage(machine, 30), 0U);
    machine.stop = true;
    for (std::thread& thread : threads)
        thread.join();

    uint64_t handed_off = 0;
    uint64_t handed_in = 0;
    for (const auto& link : machine.links) {
        const WorkerCounters& c = link->counters;
        uint64_t dropped = 0;
        for (const PacketsBytes& reason : c.dropped)
            dropped += reason.packets.value();
        EXPECT_EQ(c.held.value(), 0U);
        EXPECT_EQ(
            c.received[0].packets.value() + c.received[1].packets.value() + c.handed_in.value(),
            c.transmitted[0].packets.value() + c.transmitted[1].packets.value() + dropped +
                c.handed_off.value());
        handed_off += c.handed_off.value();
        handed_in += c.handed_in.value();
    }
    EXPECT_EQ(handed_off, handed_in);
    EXPECT_GT(handed_in, 0U);
}

}  // namespace
}  // namespace ravelin
