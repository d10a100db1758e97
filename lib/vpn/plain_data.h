// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vpn/observer.h"

#include <cstring>

namespace ravelin {

/// Of `side` it is now known what plain data looks like: what begins with `first_byte` and is
/// longer than `small` passes the observer by from here on.
inline void let_data_pass(Tunnel& tunnel, Side side, uint8_t first_byte, uint16_t small) noexcept {
    tunnel.data_byte[static_cast<size_t>(side)] = first_byte;
    tunnel.small[static_cast<size_t>(side)] = small;
}

/// Every packet of `side` comes to the observer again.
inline void look_at_data(Tunnel& tunnel, Side side) noexcept {
    tunnel.small[static_cast<size_t>(side)] = UINT16_MAX;
}

/// Notes a data packet that the observer saw, as the table does with those that pass it by.
inline void note_seen_data(Tunnel& tunnel, const Seen& seen) noexcept {
    const auto side = static_cast<size_t>(seen.from);
    ++tunnel.data_packets[side];
    tunnel.disturbed[side] = true;
    const size_t end = size_t{tunnel.counter_at} + sizeof(uint32_t);
    if (seen.payload.size() >= end)
        std::memcpy(&tunnel.counter[side], seen.payload.data() + tunnel.counter_at,
                    sizeof(uint32_t));
    note_data(tunnel, seen);
}

/// The same handshake packet once more: tells how often that was by now.
inline void note_retry(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    if (tunnel.retries != UINT8_MAX) ++tunnel.retries;
    desk.tell(tunnel, TunnelEventKind::Retried, seen.from, seen.now, tunnel.retries);
}

/// The server side has answered in kind: from here on it is a tunnel.
inline void note_answered(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    tunnel.stage = TunnelStage::Handshake;
    tunnel.picked_up = false;
    tunnel.retries = 0;
    desk.tell(tunnel, TunnelEventKind::Answered, seen.from, seen.now, 0);
}

/// Both sides have long been talking: a tunnel whose handshake was not seen.
inline void note_picked_up(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    tunnel.stage = TunnelStage::Established;
    tunnel.established = seen.now;
    tunnel.picked_up = true;
    tunnel.retries = 0;
    desk.tell(tunnel, TunnelEventKind::PickedUp, seen.from, seen.now, 0);
}

}  // namespace ravelin
