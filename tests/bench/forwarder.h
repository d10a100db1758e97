// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"
#include "bench/ports.h"

#include <rte_ether.h>

#include <array>
#include <cstdint>
#include <utility>

namespace ravelin::bench {

/// testpmd's io and macswap, with the calls that a worker makes to its ports.
class Forwarder {
  public:
    Forwarder(Ports& ports, bool swap) : ports_{ports}, swap_{swap} {}

    bool turn() noexcept {
        bool busy = false;
        for (uint32_t source = 0; source < 2; ++source) {
            burst_.clear();
            const uint32_t count = ports_.io().receive(source, burst_);
            if (count == 0) continue;
            busy = true;
            std::array<void*, kBurstSize> buffers{};
            for (uint32_t i = 0; i < count; ++i) {
                const Frame& frame = burst_.packets[i].frame;
                if (swap_) swap_addresses(frame);
                buffers[i] = frame.buffer;
            }
            const uint8_t to = source == 0 ? kInside : kOutside;
            CHECK(ports_.io().transmit(to, {buffers.data(), count}) == count);
            inside_ += count;
        }
        return busy;
    }
    /// Takes what was transmitted, all that came in; returns how many packets that were.
    uint32_t drain() {
        const uint32_t count = ports_.drain();
        CHECK(count == std::exchange(inside_, 0));
        return count;
    }

  private:
    static void swap_addresses(const Frame& frame) noexcept {
        auto* ethernet = rte_pktmbuf_mtod(static_cast<rte_mbuf*>(frame.buffer), rte_ether_hdr*);
        std::swap(ethernet->dst_addr, ethernet->src_addr);
    }

    Ports& ports_;
    bool swap_;
    uint32_t inside_ = 0;
    Burst burst_{};
};

}  // namespace ravelin::bench
