// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/drop_reason.h"
#include "packet/headers.h"
#include "packet/parse.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// Parses what follows IP and its headers. `packet` is the whole IP packet without padding, and
/// `headers` says where in it the upper layer starts (l3_offset is the packet's place in the
/// frame). Fills in the fields of the upper layer.
/// Returns None, L4Malformed, L4Checksum or NdHopLimit.
DropReason parse_transport(std::span<const uint8_t> packet, const ParseOptions& options,
                           bool l4_checksum_good, Headers& headers) noexcept;

/// ESP, AH: the SPI; enhanced GRE of PPTP (RFC 2637 4.1): the call id; otherwise 0. False: cut
/// short. `upper` may be cut anywhere.
bool read_spi(uint8_t protocol, std::span<const uint8_t> upper, uint32_t& spi) noexcept;

}  // namespace ravelin
