// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/io.h"

#include <rte_mbuf.h>

namespace ravelin {

/// True for a frame of a virtual machine on this host that left its TCP or UDP checksum to the
/// "card", that is to us: the field holds the pseudo header's sum only (virtio 1.1, 5.1.6.4.1).
[[nodiscard]] inline bool leaves_checksum_to_us(const rte_mbuf& buffer) noexcept {
    return (buffer.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

/// True for a frame whose TCP or UDP checksum the card has verified.
[[nodiscard]] inline bool has_good_checksum(const rte_mbuf& buffer) noexcept {
    return (buffer.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

/// Completes the checksum in place, since the frame may leave by a port that can't, and marks it as
/// good. A frame that has none, or whose memory isn't its own, stays as it is.
void finish_checksum(Frame& frame) noexcept;

}  // namespace ravelin
