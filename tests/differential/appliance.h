// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "campaign.h"
#include "coverage.h"
#include "kernel.h"
#include "pipeline/worker.h"
#include "verdict.h"

#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace ravelin::differential {

/// One worker's queues: frames of a window that arrive there in, verdicts out.
class WindowIo {
  public:
    /// `transmits`: whether it has a transmit queue, by port.
    WindowIo(uint8_t worker, std::array<bool, 2> transmits) noexcept
        : worker_{worker}, transmits_{transmits} {}

    void begin(std::span<Passage> passages) noexcept { passages_ = passages; }
    void offer(uint32_t passage) { arrived_.push_back(passage); }
    /// Packets whose fate was decided, or that go to another worker; whoever reads them empties
    /// the list.
    std::vector<Packet>& observed() noexcept { return observed_; }
    /// Packets that left through this worker's queue and that another has decided about.
    [[nodiscard]] uint64_t sent_for_others() const noexcept { return sent_for_others_; }

    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t source, Burst& burst) noexcept;
    uint32_t transmit(uint8_t port, std::span<void*> buffers) noexcept;
    void release(std::span<void*> buffers) noexcept { static_cast<void>(buffers); }
    void observe(const Packet& packet) noexcept;

  private:
    uint8_t worker_;
    std::array<bool, 2> transmits_;
    std::span<Passage> passages_;
    std::vector<uint32_t> arrived_;
    size_t received_ = 0;  ///< of arrived_
    std::vector<Packet> observed_;
    uint64_t sent_for_others_ = 0;
};
static_assert(PacketIo<WindowIo>);

class SetClock {
  public:
    [[nodiscard]] Instant now() const noexcept { return now_; }
    void set(Instant now) noexcept { now_ = now; }

  private:
    Instant now_{};
};

/// Ravelin's workers in process: parse, steer, hand over, track and decide as in the appliance,
/// with rules that allow everything, so that only the classification shows. All run in this thread,
/// one turn each, until none of them has anything left to do.
class Appliance {
  public:
    /// `capacity`: connections of each worker.
    Appliance(uint32_t workers, uint32_t capacity);
    ~Appliance();
    Appliance(const Appliance&) = delete;
    Appliance& operator=(const Appliance&) = delete;

    void configure(const Campaign& campaign);
    void exchange(std::span<Passage> passages, std::span<const uint32_t> chosen, Instant now,
                  Coverage& coverage);
    /// Lets everything end that is due by `now`.
    void settle(Instant now);
    /// Adds its connections to `entries`.
    void dump(std::vector<Entry>& entries, Instant now) const;
    void flush();

  private:
    struct KeyHash {
        size_t operator()(const FlowKey& key) const noexcept;
    };
    /// A worker, and what is shared with nobody.
    struct Member {
        Member(uint8_t index, Appliance& whole, uint32_t capacity);

        WorkerLink link;
        WindowIo io;
        Worker<WindowIo, SetClock> worker;
    };

    /// One turn of a worker; false when there was no packet.
    bool turn(Member& member);
    void remember_events(WorkerLink& link);
    void cover(const Packet& packet, Coverage& coverage);

    Topology topology_;
    Indirection indirection_;
    Quiescence quiescence_;
    HandoffMesh mesh_;
    Published<Runtime> runtime_;
    SetClock clock_;
    std::vector<std::unique_ptr<Member>> members_;
    uint64_t sent_for_others_ = 0;  ///< as far as coverage knows
    struct Known {
        uint64_t flow = 0;
        StateLabel state = StateLabel::None;
        bool swapped = false;  ///< FlowId::swapped of the packet that opened it
    };
    std::unordered_map<FlowKey, Known, KeyHash> known_;  ///< as it was before the current burst
    std::unordered_map<uint64_t, StateLabel> news_;      ///< by connection, since then
};

/// An appliance with each number of workers, 1 to kMostWorkers. A passage meets the one that it
/// names.
class Appliances {
  public:
    /// `capacity`: connections of each worker.
    explicit Appliances(uint32_t capacity);

    void configure(const Campaign& campaign);
    void exchange(std::span<Passage> passages, std::span<const uint32_t> chosen, Instant now,
                  Coverage& coverage);
    void settle(Instant now);
    void dump(std::vector<Entry>& entries, Instant now);
    void flush();

  private:
    struct Part {
        std::unique_ptr<Appliance> appliance;
        std::vector<uint32_t> chosen;  ///< what of a window is its own
    };
    std::array<Part, kMostWorkers> parts_;
};

}  // namespace ravelin::differential
