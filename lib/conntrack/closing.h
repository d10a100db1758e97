// SPDX-License-Identifier: BSD-3-Clause
// How connections end, as far as table and tombstones have to agree about it.
#pragma once

#include "conntrack/close_reason.h"
#include "conntrack/options.h"
#include "conntrack/tracker.h"
#include "flow/key.h"
#include "packet/headers.h"

namespace ravelin {

/// Flows whose answers carry another number: an SPI (ADR 13), a call id of PPTP.
[[nodiscard]] inline bool is_one_way(const FlowKey& key) noexcept {
    return (is_ipsec(key.protocol) || key.protocol == ip_protocol::kGre) &&
           (key.low_port | key.high_port) != 0;
}

/// Whether a tracker's state is one on the way out.
[[nodiscard]] inline bool is_closing(uint8_t protocol, uint8_t state) noexcept {
    if (protocol == ip_protocol::kTcp) {
        const auto phase = static_cast<TcpPhase>(state);
        return phase >= TcpPhase::FinWait && phase <= TcpPhase::Close;
    }
    if (protocol != ip_protocol::kSctp) return false;
    const auto phase = static_cast<SctpPhase>(state);
    return phase == SctpPhase::Closed ||
           (phase >= SctpPhase::ShutdownSent && phase <= SctpPhase::ShutdownAckSent);
}

/// The side that a packet of this direction comes from.
[[nodiscard]] inline ClosedBy closer(Direction direction) noexcept {
    return direction == Direction::Original ? ClosedBy::Opener : ClosedBy::Responder;
}

}  // namespace ravelin
