// SPDX-License-Identifier: BSD-3-Clause
// What is told of tunnels: events, and listings of all.
#include "vpn/tunnels.h"

namespace ravelin {

void TunnelTable::push(TunnelEvent& event, const Tunnel& tunnel) noexcept {
    if (events_ == nullptr) return;
    record(tunnel, event.at, event.tunnel);
    if (!events_->push(event)) counters_.events_lost.add();
}

void TunnelTable::tell(const Tunnel& tunnel, TunnelEventKind kind, Side from, Instant now,
                       uint64_t value) noexcept {
    TunnelEvent event;
    event.kind = kind;
    event.from = from;
    event.at = now;
    event.value = value;
    push(event, tunnel);
}

void TunnelTable::record(const Tunnel& tunnel, Instant now, TunnelRecord& out) const noexcept {
    out = TunnelRecord{};
    out.id = id_of(handle_of(slot_of(tunnel)));
    out.address = tunnel.address;
    out.port = tunnel.port;
    out.ip_protocol = tunnel.ip_protocol;
    out.wire = tunnel.wire;
    out.worker = worker_;
    out.client_inside = tunnel.client_inside;
    out.picked_up = tunnel.picked_up;
    out.protocol = tunnel.protocol;
    out.wrap = tunnel.wrap;
    out.stage = tunnel.stage;
    out.session = tunnel.session;
    out.peer_id = tunnel.peer_id;
    out.key_id = tunnel.key_id;
    out.started = tunnel.started;
    out.established = tunnel.established;
    for (size_t side = 0; side < 2; ++side) {
        if (tunnel.seen[side])
            out.last_seen[side] = now - Tick::at(now).since(tunnel.last_seen[side]) * kTick;
        out.keepalive[side] = tunnel.rhythm[side].interval();
    }
    out.data_packets = tunnel.data_packets;
    out.smallest_data = tunnel.smallest_data;
    out.largest_data = tunnel.largest_data;
    out.renegotiations = tunnel.renegotiations;
    out.renegotiated_by = tunnel.renegotiated_by;
    out.renegotiation_interval = tunnel.renegotiation_interval;
    out.timeout = tunnel.timeout;
    out.moves = tunnel.moves;
    out.icmp_errors = tunnel.icmp_errors;
    out.fragments = tunnel.fragments;
    out.path_mtu = tunnel.path_mtu;
}

bool TunnelTable::dump(uint32_t& cursor, uint32_t budget, std::span<TunnelRecord> out,
                       uint32_t& written, Instant now) const noexcept {
    for (; cursor < capacity_ && budget > 0 && written < out.size(); ++cursor, --budget)
        if (slots_[cursor].is_open()) record(slots_[cursor], now, out[written++]);
    return cursor == capacity_;
}

}  // namespace ravelin
