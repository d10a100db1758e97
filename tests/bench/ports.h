// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dpdk/port_io.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

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

    /// `buffers` in the pool, `ring` places for what waits at each port, less one.
    explicit Ports(const std::string& name = "bed", uint32_t buffers = 16384 - 1,
                   uint32_t ring = 8192);
    ~Ports();
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    /// Writes packets and offers them on the port.
    void fill(uint8_t port, uint32_t packets, const Writer& writer) {
        write(port, packets, writer);
        offer(port, packets);
    }
    /// Apart: all that was written before must have been offered.
    void write(uint8_t port, uint32_t packets, const Writer& writer);
    void offer(uint8_t port, uint32_t packets);
    /// From here on packets are written into buffers of this pool; null: of their own.
    void write_into(rte_mempool* pool) noexcept { from_ = pool == nullptr ? pool_ : pool; }
    /// What the port has been offered and nobody has received.
    [[nodiscard]] uint32_t waiting(uint8_t port) const noexcept {
        return rte_ring_count(ports_[port].receive);
    }
    /// Takes what was transmitted; returns how many packets that were.
    uint32_t drain();
    [[nodiscard]] PortIo& io() noexcept { return io_; }

  private:
    struct Port {
        rte_ring* receive = nullptr;
        rte_ring* transmit = nullptr;
        uint16_t device = 0;
        std::vector<rte_mbuf*> written{};
        size_t offered = 0;  ///< of those
    };
    static Port open(const std::string& name, uint32_t ring);
    PortIo make_io();

    rte_mempool* pool_;
    rte_mempool* from_;
    std::array<Port, 2> ports_;
    PortIo io_;
};

}  // namespace ravelin::bench
