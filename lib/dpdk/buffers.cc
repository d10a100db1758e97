// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/buffers.h"

#include "dpdk/diagnosis.h"
#include "pipeline/io.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace ravelin {
namespace {

/// Ethernet header, two VLAN tags and the frame check sequence, which some cards deliver.
constexpr uint32_t kFrameOverhead = 14 + 8 + 4;
constexpr uint32_t kCacheSize = RTE_MEMPOOL_CACHE_MAX_SIZE;
/// What may wait inside one worker: bursts, rings to every other worker, its pool cache.
constexpr uint32_t kPerWorker = 4096;

}  // namespace

BufferPlan buffer_plan(const Config& config) noexcept {
    const auto workers = static_cast<uint32_t>(config.cores.workers.size());
    // Fragments are held in addition, so that they can't starve what is received.
    const uint32_t fragments = config.fragments.fragments + FragmentTable::kSpare;
    uint32_t count = workers * (kPerWorker + kBurstSize + kCacheSize * 2 + fragments);
    uint32_t mtu = 1500;
    for (const PortConfig& port : config.ports) {
        const uint32_t transmit_queues = std::max<uint32_t>(port.queues, workers);
        count += port.descriptors * (port.queues + transmit_queues);
        mtu = std::max<uint32_t>(mtu, port.mtu);
    }
    // Drivers split their buffers into whole KiB; 2 KiB is the least that all of them take.
    const uint32_t frame = std::max<uint32_t>((mtu + kFrameOverhead + 1023) / 1024 * 1024, 2048);
    BufferPlan plan;
    plan.count = count;
    plan.data_room =
        static_cast<uint16_t>(std::min<uint32_t>(frame + RTE_PKTMBUF_HEADROOM, UINT16_MAX));
    // Object header and padding between objects: two cache lines.
    plan.bytes = uint64_t{count} * (sizeof(rte_mbuf) + plan.data_room + 2 * RTE_CACHE_LINE_SIZE);
    return plan;
}

Result<Buffers> Buffers::create(const BufferPlan& plan, bool without_hugepages) {
    rte_mempool* pool = rte_pktmbuf_pool_create("ravelin", plan.count, kCacheSize, 0,
                                                plan.data_room, static_cast<int>(rte_socket_id()));
    if (pool != nullptr) return Buffers{pool};
    const int error = rte_errno;
    const uint64_t mebibytes = plan.bytes / (1024 * 1024) + 1;
    std::string message = "rte_pktmbuf_pool_create: no memory for " + std::to_string(plan.count) +
                          " packet buffers (" + std::to_string(mebibytes) + " MiB): ";
    if (error != ENOMEM) {
        message += rte_strerror(error);
    } else if (without_hugepages) {
        message += "raise `-m` in `eal:` to " + std::to_string(mebibytes + 64) +
                   ", or lower `descriptors` and `queues`";
    } else {
        message += "reserve more hugepages with `echo " +
                   std::to_string(hugepages_for(plan.bytes)) +
                   " > /proc/sys/vm/nr_hugepages`, or lower `descriptors` and `queues`";
    }
    return fail(std::move(message));
}

Buffers::~Buffers() {
    rte_mempool_free(pool_);
}

Buffers::Buffers(Buffers&& other) noexcept : pool_{std::exchange(other.pool_, nullptr)} {}

uint32_t Buffers::total() const noexcept {
    return pool_->size;
}

uint32_t Buffers::available() const noexcept {
    return rte_mempool_avail_count(pool_);
}

}  // namespace ravelin
