// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dpdk/guest_checksum.h"
#include "dpdk/segments.h"
#include "pipeline/io.h"
#include "policy/policy.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace ravelin {

/// One worker's receive and transmit queues on DPDK ports.
class PortIo {
  public:
    struct ReceiveQueue {
        uint16_t device = 0;  ///< DPDK's port id
        uint16_t queue = 0;
        uint8_t port = 0;  ///< our index
    };
    /// Only those of ports that this worker transmits on are ever used.
    struct TransmitQueue {
        uint16_t device = 0;
        uint16_t queue = 0;
    };

    PortIo(std::vector<ReceiveQueue> receive,
           const std::array<TransmitQueue, kMaxPorts>& transmit) noexcept
        : receive_{std::move(receive)}, transmit_{transmit} {}

    [[nodiscard]] uint32_t source_count() const noexcept {
        return static_cast<uint32_t>(receive_.size());
    }

    uint32_t receive(uint32_t source, Burst& burst) noexcept {
        const ReceiveQueue& from = receive_[source];
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): once per burst; filled here
        std::array<rte_mbuf*, kBurstSize> buffers;
        const uint32_t count =
            rte_eth_rx_burst(from.device, from.queue, buffers.data(), kBurstSize);
        for (uint32_t i = 0; i < count && i < kAhead; ++i)
            rte_prefetch0(buffers[i]);
        for (uint32_t i = 0; i < count; ++i) {
            if (i + kAhead < count) rte_prefetch0(buffers[i + kAhead]);
            add(buffers[i], from.port, burst);
        }
        return count;
    }

    uint32_t transmit(uint8_t port, std::span<void*> buffers) noexcept {
        const TransmitQueue to = transmit_[port];
        return rte_eth_tx_burst(to.device, to.queue, reinterpret_cast<rte_mbuf**>(buffers.data()),
                                static_cast<uint16_t>(buffers.size()));
    }

    void release(std::span<void*> buffers) noexcept {
        rte_pktmbuf_free_bulk(reinterpret_cast<rte_mbuf**>(buffers.data()),
                              static_cast<unsigned>(buffers.size()));
    }

    /// The whole buffer is the answer's; whoever shares one keeps it as it is.
    static bool rewrite(Frame& frame, std::span<const uint8_t> bytes) noexcept {
        auto* const buffer = static_cast<rte_mbuf*>(frame.buffer);
        if (!RTE_MBUF_DIRECT(buffer) || rte_mbuf_refcnt_read(buffer) != 1 || buffer->nb_segs != 1)
            return false;
        rte_pktmbuf_reset(buffer);
        auto* const data = rte_pktmbuf_append(buffer, static_cast<uint16_t>(bytes.size()));
        if (data == nullptr) return false;
        std::memcpy(data, bytes.data(), bytes.size());
        frame.data = reinterpret_cast<const uint8_t*>(data);
        frame.length = static_cast<uint32_t>(bytes.size());
        return true;
    }

  private:
    /// Buffer headers on their way while earlier ones are read.
    static constexpr uint32_t kAhead = 4;

    static void add(rte_mbuf* buffer, uint8_t port, Burst& burst) noexcept {
        if (!is_plain(*buffer) || leaves_checksum_to_us(*buffer)) [[unlikely]]
            return add_unusual(buffer, port, burst);
        const auto* const data = rte_pktmbuf_mtod(buffer, const uint8_t*);
        rte_prefetch0(data);
        burst.add({.buffer = buffer,
                   .data = data,
                   .length = buffer->data_len,
                   .port = port,
                   .l4_checksum_good = has_good_checksum(*buffer)});
    }

    /// Apart, so that the usual ones keep their registers.
    [[gnu::noinline]] static void add_unusual(rte_mbuf* buffer, uint8_t port,
                                              Burst& burst) noexcept {
        Frame frame{.port = port, .l4_checksum_good = has_good_checksum(*buffer)};
        const bool unfinished = leaves_checksum_to_us(*buffer);
        describe_unusual(buffer, frame);
        if (unfinished) finish_checksum(frame);
        burst.add(frame);
    }

    std::vector<ReceiveQueue> receive_;
    std::array<TransmitQueue, kMaxPorts> transmit_;
};
static_assert(PacketIo<PortIo>);

}  // namespace ravelin
