// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/segments.h"

#include <rte_mbuf.h>

#include <cstring>

namespace ravelin {
namespace {

/// More segments than any driver makes of one frame.
constexpr uint32_t kMaxSegments = 64;

struct Chain {
    uint32_t segments = 0;
    uint32_t bytes = 0;
    bool sound = true;
};

/// Follows the chain and cuts it where it can't be real, so that freeing it ends.
Chain inspect(rte_mbuf* buffer) noexcept {
    Chain chain;
    rte_mbuf* segment = buffer;
    do {
        ++chain.segments;
        chain.bytes += segment->data_len;
        if (uint32_t{segment->data_off} + segment->data_len > segment->buf_len) chain.sound = false;
        if (chain.segments == kMaxSegments && segment->next != nullptr) {
            segment->next = nullptr;
            chain.sound = false;
        }
        segment = segment->next;
    } while (segment != nullptr);
    if (chain.segments != buffer->nb_segs || chain.bytes != buffer->pkt_len) chain.sound = false;
    return chain;
}

bool owns_its_memory(const rte_mbuf* buffer) noexcept {
    return RTE_MBUF_DIRECT(buffer) && rte_mbuf_refcnt_read(buffer) == 1;
}

/// The whole frame in one buffer, or nullptr. `buffer` is gone when another one is returned.
rte_mbuf* join(rte_mbuf* buffer) noexcept {
    if (owns_its_memory(buffer) && rte_pktmbuf_linearize(buffer) == 0) return buffer;
    rte_mbuf* joined = rte_pktmbuf_alloc(buffer->pool);
    if (joined == nullptr) return nullptr;
    // Lengths in a buffer are 16 bits wide; what is longer fits no data room either.
    char* space = buffer->pkt_len > UINT16_MAX
                      ? nullptr
                      : rte_pktmbuf_append(joined, static_cast<uint16_t>(buffer->pkt_len));
    if (space == nullptr) {
        rte_pktmbuf_free(joined);
        return nullptr;
    }
    uint32_t copied = 0;
    for (const rte_mbuf* segment = buffer; segment != nullptr; segment = segment->next) {
        std::memcpy(space + copied, rte_pktmbuf_mtod(segment, const char*), segment->data_len);
        copied += segment->data_len;
    }
    joined->ol_flags = buffer->ol_flags;
    rte_pktmbuf_free(buffer);
    return joined;
}

}  // namespace

void describe_unusual(rte_mbuf* buffer, Frame& frame) noexcept {
    frame.buffer = buffer;
    frame.data = static_cast<const uint8_t*>(buffer->buf_addr);
    frame.length = 0;
    const Chain chain = inspect(buffer);
    if (!chain.sound) return;
    rte_mbuf* joined = chain.segments == 1 ? buffer : join(buffer);
    frame.too_long = joined == nullptr;
    rte_mbuf* whole = frame.too_long ? buffer : joined;
    frame.buffer = whole;
    frame.data = rte_pktmbuf_mtod(whole, const uint8_t*);
    frame.length = whole->data_len;
}

}  // namespace ravelin
