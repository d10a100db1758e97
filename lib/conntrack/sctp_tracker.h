// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "base/check.h"
#include "conntrack/options.h"
#include "conntrack/tracker.h"
#include "packet/headers.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// What the tracker reads from one SCTP packet (RFC 9260 3).
struct SctpPacket {
    uint32_t tag = 0;                   ///< verification tag, host order
    std::span<const uint8_t> chunks{};  ///< all of them, as the sender laid them out: unproven

    /// `l4` points at the SCTP header that parse() has proven.
    static SctpPacket read(const Headers& headers, const uint8_t* l4) noexcept {
        DCHECK(headers.l4_header_length == kHeader && headers.l4_length >= kHeader);
        return {.tag = load_be32(l4 + 4), .chunks = {l4 + kHeader, headers.l4_length - kHeader}};
    }

    static constexpr uint32_t kHeader = 12;
};

/// netfilter's nf_conntrack_proto_sctp.c as a pure function: the chunks of a packet move the
/// association through the handshake and the shutdown of RFC 9260 (4), as far as their verification
/// tags allow (8.5). A packet is taken as a whole: one that is refused has moved nothing.
struct SctpTracker {
    /// False: this packet may not open an association.
    static bool open(const SctpPacket& packet, const TrackingOptions& options, SctpState& state,
                     SctpPhase& phase) noexcept;
    /// `reason` of Invalid is ProtocolInvalid. On Invalid nothing has changed.
    static TrackStep update(SctpState& state, SctpPhase& phase, const SctpPacket& packet,
                            Direction direction, const TrackingOptions& options) noexcept;
};

}  // namespace ravelin
