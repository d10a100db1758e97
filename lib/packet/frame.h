// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace ravelin {

/// One received packet, as the edge hands it over. `data` is contiguous and whole: the edge joins
/// segments first (ADR 8), or sets `too_long` when it can't, and then data holds the first segment.
struct Frame {
    void* buffer = nullptr;         ///< the edge's handle (an rte_mbuf), opaque to the packet path
    const uint8_t* data = nullptr;  ///< from the Ethernet header
    uint32_t length = 0;
    uint8_t port = 0;               ///< index of the port it came in on
    bool l4_checksum_good = false;  ///< the card verified it
    bool too_long = false;
    uint8_t reserved = 0;
};
static_assert(sizeof(Frame) == 24);

}  // namespace ravelin
