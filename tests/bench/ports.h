// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dpdk/port_io.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <functional>

namespace ravelin::bench {

inline constexpr uint8_t kOutside = 0;
inline constexpr uint8_t kInside = 1;

/// Starts EAL without devices. With `hugepages` its memory, and so rte_hash's, lies on those that
/// are reserved; without, on small pages.
void start_eal(bool hugepages, uint32_t megabytes);

/// The wire's two ports, net_ring both, and the rings behind them, which belong to the generator.
class Ports {
  public:
    /// Most bursts that one fill() puts into each port.
    static constexpr uint32_t kTurns = 32;
    /// Writes the next frame that `port` is to receive; returns its length.
    using Writer = std::function<uint32_t(uint8_t port, uint8_t* frame)>;

    Ports();
    ~Ports();
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    /// Offers `turns` bursts of `burst` packets on the port.
    void fill(uint8_t port, uint32_t packets, const Writer& writer);
    /// Takes what was transmitted; returns how many packets that were.
    uint32_t drain();
    [[nodiscard]] PortIo& io() noexcept { return io_; }

  private:
    struct Port {
        rte_ring* receive = nullptr;
        rte_ring* transmit = nullptr;
        uint16_t device = 0;
    };
    static Port open(const char* name);
    PortIo make_io();

    rte_mempool* pool_;
    std::array<Port, 2> ports_;
    PortIo io_;
};

}  // namespace ravelin::bench
