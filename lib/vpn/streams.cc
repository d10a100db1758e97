// SPDX-License-Identifier: BSD-3-Clause
// OpenVPN over TCP: packets as over UDP, each with its length in two bytes before it. One segment
// may hold several, and one packet may span segments. What doesn't begin and end in one segment is
// known by its beginning alone, which is enough for data.
#include "base/byteorder.h"
#include "packet/headers.h"
#include "vpn/openvpn_wire.h"
#include "vpn/tunnels.h"

#include <algorithm>

namespace ravelin {

namespace {

constexpr uint32_t kPrefix = 2;
/// HARD_RESET_CLIENT without any wrapping.
constexpr uint32_t kSmallestReset = 14;
/// So much of data tells whose it is and has its counter.
constexpr uint32_t kHead = 16;

uint32_t hash_of(uint32_t connection) noexcept {
    // Nobody chooses the index of his connection: one multiplication spreads them.
    return connection * 2654435769U;
}

/// Where a segment was missed: `bytes`, behind a length, begin as a packet of this session does.
bool begins_packet(const Tunnel& tunnel, Side from, const uint8_t* bytes) noexcept {
    const auto side = static_cast<size_t>(from);
    switch (openvpn::opcode_of(bytes[0])) {
        case openvpn::Opcode::DataV2:
            return tunnel.stage == TunnelStage::Established && bytes[0] == tunnel.data_byte[side] &&
                   (load_be32(bytes) & 0xffffff) == tunnel.peer_id[side];
        case openvpn::Opcode::SoftReset:
        case openvpn::Opcode::Control:
        case openvpn::Opcode::Ack:
            return tunnel.session[side] != 0 && load_be64(bytes + 1) == tunnel.session[side];
        case openvpn::Opcode::DataV1:
        case openvpn::Opcode::HardResetClientV2:
        case openvpn::Opcode::HardResetServerV2:
        case openvpn::Opcode::HardResetClientV3:
        case openvpn::Opcode::ControlWkc:
            break;
    }
    return false;
}

/// What comes of a segment's packets together.
void merge(TunnelEffect& all, const TunnelEffect& one) noexcept {
    all.changed |= one.changed;
    all.watched &= one.watched;
    all.completed |= one.completed;
}

}  // namespace

uint32_t TunnelTable::stream(uint32_t connection) const noexcept {
    const uint32_t slot = streams_.find(
        hash_of(connection), [&](uint32_t at) { return slots_[at].connection == connection; });
    return slot == FlowTable::kNone ? kNoTunnel : handle_of(slot);
}

void TunnelTable::forget_stream(Tunnel& tunnel) noexcept {
    if (!tunnel.in_stream) return;
    tunnel.in_stream = false;
    streams_.erase(hash_of(tunnel.connection), slot_of(tunnel));
}

uint32_t TunnelTable::begin_stream(const First& first, const Segment& segment,
                                   Instant now) noexcept {
    // A client sends its first packet, and nothing else until it is answered.
    const auto& bytes = first.payload;
    if (bytes.size() < kPrefix + kSmallestReset ||
        load_be16(bytes.data()) + kPrefix != bytes.size())
        return kNoTunnel;
    First packet = first;
    packet.payload = bytes.subspan(kPrefix);
    const auto opcode = openvpn::opcode_of(packet.payload[0]);
    if (opcode != openvpn::Opcode::HardResetClientV2 &&
        opcode != openvpn::Opcode::HardResetClientV3)
        return kNoTunnel;
    const uint32_t handle = begin(packet, now);
    if (handle == kNoTunnel) return kNoTunnel;
    const uint32_t slot = handle & 0xffff;
    Tunnel& tunnel = slots_[slot];
    if (!streams_.insert(hash_of(first.connection), slot)) {
        unlink_candidate(slot);
        tunnel.protocol = VpnProtocol::None;
        release(slot);
        counters_.refused.add();
        return kNoTunnel;
    }
    tunnel.in_stream = true;
    tunnel.in_step = {true, true};
    tunnel.next = {segment.sequence + static_cast<uint32_t>(bytes.size()), segment.acknowledgement};
    return handle;
}

bool TunnelTable::find_step(Tunnel& tunnel, Side from, const Segment& segment) noexcept {
    constexpr uint8_t kMostSearches = 64;
    constexpr size_t kShown = kPrefix + 9;  // length, first byte, session id
    const auto side = static_cast<size_t>(from);
    if (tunnel.searches == kMostSearches) return false;
    for (size_t at = 0; at + kShown <= segment.payload.size(); ++at) {
        if (!begins_packet(tunnel, from, segment.payload.data() + at + kPrefix)) continue;
        tunnel.next[side] = segment.sequence + static_cast<uint32_t>(at);
        tunnel.searches = 0;
        return true;
    }
    ++tunnel.searches;
    return false;
}

TunnelTable::Effect TunnelTable::observe_segment(uint32_t handle, const Segment& segment,
                                                 const TunnelOptions& options,
                                                 Instant now) noexcept {
    Tunnel& tunnel = slots_[handle & 0xffff];
    const Side from = tunnel.side_of(segment.direction);
    const auto side = static_cast<size_t>(from);
    const auto length = static_cast<uint32_t>(segment.payload.size());
    Effect all;
    if (length != 0) hear(tunnel, from, now);
    // Behind where the next packet begins: the segment with its beginning comes again, later.
    const bool missed =
        tunnel.in_step[side] && static_cast<int32_t>(tunnel.next[side] - segment.sequence) < 0;
    if (length != 0 && (missed || !tunnel.in_step[side]))
        tunnel.in_step[side] = find_step(tunnel, from, segment);
    while (tunnel.in_step[side]) {
        const uint32_t at = tunnel.next[side] - segment.sequence;
        if (at >= length) break;
        const uint32_t whole = length - at < kPrefix ? 0 : load_be16(segment.payload.data() + at);
        if (whole == 0) {  // half a length, or one that no packet has
            tunnel.in_step[side] = false;
            break;
        }
        const auto there =
            segment.payload.subspan(at + kPrefix).first(std::min(whole, length - at - kPrefix));
        tunnel.next[side] += kPrefix + whole;
        if (there.size() == whole) {
            merge(all, observe(handle,
                               {.connection = segment.connection,
                                .direction = segment.direction,
                                .payload = there},
                               options, now));
            if (!all.watched) return all;
        } else if (there.size() >= kHead && there[0] == tunnel.data_byte[side] &&
                   tunnel.stage == TunnelStage::Established) {
            hear_data(tunnel, from, there, now);
        }
    }
    const uint8_t ends = segment.flags & (tcp_flag::kFin | tcp_flag::kRst);
    if (ends == 0) return all;
    // Whatever TCP has yet to do: nothing of the tunnel comes any more.
    if (from == Side::Server && tunnel.confirmed())
        tell(tunnel, TunnelEventKind::Exit, from, now, 0);
    tunnel.close_reason = (ends & tcp_flag::kRst) != 0 ? CloseReason::Reset : CloseReason::Fin;
    ended(tunnel, now);
    all.watched = false;
    return all;
}

}  // namespace ravelin
