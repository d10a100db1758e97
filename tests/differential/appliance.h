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

/// The worker's only port: a window of passages in, verdicts out.
class WindowIo {
  public:
    void offer(std::span<Passage> passages, std::span<const uint32_t> chosen) noexcept {
        passages_ = passages;
        chosen_ = chosen;
    }
    [[nodiscard]] bool empty() const noexcept { return chosen_.empty(); }
    /// Packets whose fate was decided; whoever reads them empties the list.
    std::vector<Packet>& observed() noexcept { return observed_; }

    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t source, Burst& burst) noexcept;
    uint32_t transmit(uint8_t port, std::span<void*> buffers) noexcept;
    void release(std::span<void*> buffers) noexcept { static_cast<void>(buffers); }
    void observe(const Packet& packet) noexcept;

  private:
    std::span<Passage> passages_;
    std::span<const uint32_t> chosen_;
    std::vector<Packet> observed_;
};
static_assert(PacketIo<WindowIo>);

class SetClock {
  public:
    [[nodiscard]] Instant now() const noexcept { return now_; }
    void set(Instant now) noexcept { now_ = now; }

  private:
    Instant now_{};
};

/// Ravelin's worker in process: parse, steer, track and decide as in the appliance, with rules that
/// allow everything, so that only the classification shows.
class Appliance {
  public:
    explicit Appliance(uint32_t capacity);
    ~Appliance();
    Appliance(const Appliance&) = delete;
    Appliance& operator=(const Appliance&) = delete;

    void configure(const Campaign& campaign);
    void exchange(std::span<Passage> passages, std::span<const uint32_t> chosen, Instant now,
                  Coverage& coverage);
    /// Lets everything end that is due by `now`.
    void settle(Instant now);
    void dump(std::vector<Entry>& entries, Instant now);
    void flush();

  private:
    struct KeyHash {
        size_t operator()(const FlowKey& key) const noexcept;
    };
    void remember_events();
    void cover(const Packet& packet, Coverage& coverage);

    Topology topology_;
    Indirection indirection_{1};
    Quiescence quiescence_{1};
    HandoffMesh mesh_{1};
    WorkerLink link_;
    Published<Runtime> runtime_;
    WindowIo io_;
    SetClock clock_;
    std::unique_ptr<Worker<WindowIo, SetClock>> worker_;
    std::vector<FlowRecord> records_;
    struct Known {
        uint64_t flow = 0;
        StateLabel state = StateLabel::None;
        bool swapped = false;  ///< FlowId::swapped of the packet that opened it
    };
    std::unordered_map<FlowKey, Known, KeyHash> known_;  ///< as it was before the current burst
    std::unordered_map<uint64_t, StateLabel> news_;      ///< by connection, since then
};

}  // namespace ravelin::differential
