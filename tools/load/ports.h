// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "dpdk/buffers.h"
#include "dpdk/eal.h"
#include "dpdk/port.h"
#include "generator.h"
#include "options.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <cstring>
#include <memory>
#include <span>

namespace ravelin::load {

/// EAL, and the two ports that the generator speaks through. One per process.
class Ports final : public Sender {
  public:
    /// Starts EAL, binds the thread to the CPU, opens and starts both ports.
    static Result<std::unique_ptr<Ports>> open(const Options& options);
    ~Ports() override;
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    /// Whether somebody is at the other end of both.
    [[nodiscard]] Result<void> links() const;

    void send(Side from, std::span<const uint8_t> frame) override {
        Waiting& waiting = waiting_[index_of(from)];
        waiting.frames[waiting.count++] = frame;
    }
    /// Frames that may be sent before the next flush().
    [[nodiscard]] uint32_t room(Side side) const noexcept {
        return kWaiting - waiting_[index_of(side)].count;
    }
    /// Gives the device what it takes; the rest waits. A generator doesn't drop.
    void flush(Side side) noexcept;
    /// Calls `take(frame)` for a burst from the port, of at most `most` frames; returns how many.
    template <class Take>
    uint32_t receive(Side side, uint32_t most, const Take& take) {
        std::array<rte_mbuf*, kBurst> burst{};
        const uint16_t port = ports_[index_of(side)].device();
        uint32_t total = 0;
        for (uint16_t queue = 0; queue < receive_queues_ && total < most; ++queue) {
            const uint16_t count = rte_eth_rx_burst(
                port, queue, burst.data(), static_cast<uint16_t>(std::min(most - total, kBurst)));
            for (uint16_t i = 0; i < count; ++i)
                take(contiguous(burst[i]));
            rte_pktmbuf_free_bulk(burst.data(), count);
            total += count;
        }
        return total;
    }

    static constexpr uint32_t kBurst = 64;

  private:
    /// An answer to each frame of a burst, what a call of Generator::speak() sends, in two
    /// fragments each, and what the device didn't take.
    static constexpr uint32_t kWaiting = 512;
    /// Frames get their buffers when they leave: copying bytes that were written a moment ago
    /// would wait for them.
    struct Waiting {
        std::array<std::span<const uint8_t>, kWaiting> frames{};
        uint32_t count = 0;
        std::array<rte_mbuf*, kBurst> refused{};  ///< of an earlier burst; they go first
        uint32_t refused_count = 0;
    };
    /// Whether the device took all of them.
    bool transmit(Side side, Waiting& waiting) noexcept;

    Ports(Eal eal, Buffers buffers, Port outside, Port inside, uint16_t receive_queues)
        : eal_{std::move(eal)},
          buffers_{std::move(buffers)},
          ports_{std::move(outside), std::move(inside)},
          receive_queues_{receive_queues} {}
    std::span<const uint8_t> contiguous(const rte_mbuf* buffer);

    Eal eal_;
    Buffers buffers_;
    std::array<Port, 2> ports_;
    uint16_t receive_queues_;
    std::array<Waiting, 2> waiting_;
    std::array<uint8_t, 16'384> joined_;  ///< a frame in several segments
};

}  // namespace ravelin::load
