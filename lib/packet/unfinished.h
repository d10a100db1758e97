// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/headers.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// True if a TCP or UDP checksum holds the pseudo header's sum only, or SCTP's CRC32c is zero: the
/// sender left the rest to its card, and the packet was captured before the card finished it
/// (Linux: CHECKSUM_PARTIAL). Such a packet was never damaged. Only for captures: on a wire nobody
/// sends it.
///
/// `headers` comes from parse() of the same frame, which ended with None or L4Checksum.
[[nodiscard]] bool has_unfinished_checksum(std::span<const uint8_t> frame,
                                           const Headers& headers) noexcept;

}  // namespace ravelin
