// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/io.h"

#include <rte_mbuf.h>

namespace ravelin {

/// Whether the buffer holds one whole frame inside its memory: the usual case, seen from its
/// first cache line alone.
[[nodiscard]] inline bool is_plain(const rte_mbuf& buffer) noexcept {
    return buffer.nb_segs == 1 && buffer.data_len == buffer.pkt_len &&
           uint32_t{buffer.data_off} + buffer.data_len <= buffer.buf_len;
}

/// Fills `frame` from a buffer that may not be plain.
///
/// A frame in several segments is joined, in its first segment or in a fresh buffer that replaces
/// it; `too_long` when it fits neither. A buffer whose numbers contradict each other (segment
/// count, lengths, a chain without end) yields a frame of length 0, which no parser accepts: a
/// guest on the other side of a virtio ring can't do more than lose its own packet (threats F20).
void describe_unusual(rte_mbuf* buffer, Frame& frame) noexcept;

}  // namespace ravelin
