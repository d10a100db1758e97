// SPDX-License-Identifier: BSD-3-Clause
// OpenVPN over UDP: reference/vpn.md A.1 has the packets, measured with OpenVPN 2.6.14.
#include "base/byteorder.h"
#include "vpn/observer.h"
#include "vpn/openvpn_wire.h"

#include <algorithm>
#include <cstring>

namespace ravelin::openvpn {

namespace {

// What Tunnel::scratch holds.
constexpr size_t kFlags = 0;       ///< bits below, the HMAC's length in the lowest byte
constexpr size_t kClientTime = 1;  ///< net_time of the client's first packet
constexpr size_t kExitAt = 2;      ///< tick of an exit notice that could be something else; 0: none
constexpr size_t kNextHigh = 3;    ///< session id of a client that begins anew on the same ports
constexpr size_t kNextLow = 4;
constexpr uint32_t kHmacLength = 0xff;
constexpr uint32_t kServerReset = 0x100;   ///< HARD_RESET_SERVER was seen
constexpr uint32_t kDynamicCrypt = 0x200;  ///< renegotiations use the layout of tls-crypt
constexpr uint32_t kClientClock = 0x400;   ///< kClientTime may be told
constexpr uint32_t kStuckTold = 0x800;

/// Length of a data packet below which it can't hold an IP packet, so that it is a ping: with an
/// AEAD cipher an IPv4 header alone makes DATA_V2 44 bytes long, DATA_V1 41.
constexpr size_t kSmallestIpV2 = 44;
constexpr size_t kSmallestIpV1 = 41;
/// With CBC, where a ping has the length of the smallest packets: HMAC of SHA512.
constexpr size_t kLargestPing = 116;
constexpr size_t kSmallestData = 37;

bool is_data(Opcode opcode) noexcept {
    return opcode == Opcode::DataV1 || opcode == Opcode::DataV2;
}

uint32_t hmac_length(const Tunnel& tunnel) noexcept {
    return tunnel.scratch[kFlags] & kHmacLength;
}

bool has(const Tunnel& tunnel, uint32_t flag) noexcept {
    return (tunnel.scratch[kFlags] & flag) != 0;
}

/// Since 2.6 every key but the first is negotiated in the layout of tls-crypt (dynamic tls-crypt),
/// whatever the first one was in.
Layout layout_for(const Tunnel& tunnel, uint8_t key_id) noexcept {
    if (key_id != 0 && has(tunnel, kDynamicCrypt)) return {.wrap = ControlWrap::TlsCrypt};
    return {.wrap = tunnel.wrap, .hmac_length = static_cast<uint8_t>(hmac_length(tunnel))};
}

void tell_clock(const ControlPacket& packet, Tunnel& tunnel, const Seen& seen,
                TunnelDesk& desk) noexcept {
    if (packet.shows_clock())
        desk.tell(tunnel, TunnelEventKind::Clock, seen.from, seen.now, packet.net_time);
}

void confirm(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    tunnel.stage = TunnelStage::Handshake;
    desk.tell(tunnel, TunnelEventKind::Answered, Side::Server, seen.now, tunnel.session[1]);
    if (!has(tunnel, kClientClock)) return;
    tunnel.scratch[kFlags] &= ~kClientClock;
    desk.tell(tunnel, TunnelEventKind::Clock, Side::Client, tunnel.changed,
              tunnel.scratch[kClientTime]);
}

/// What a client's first packet says, of a new session or of one that begins anew.
void take_reset(Tunnel& tunnel, const Seen& seen, const Layout& layout) noexcept {
    tunnel.wrap = layout.wrap;
    tunnel.scratch = {};
    tunnel.scratch[kFlags] = layout.hmac_length;
    tunnel.session[0] = load_be64(seen.payload.data() + 1);
    const auto packet = read_control(seen.payload, layout);
    if (!packet || !packet->shows_clock()) return;
    tunnel.scratch[kFlags] |= kClientClock;
    tunnel.scratch[kClientTime] = packet->net_time;
}

/// HARD_RESET_SERVER. Where the layout shows it, it repeats the client's session id.
bool answers(const ControlPacket& packet, uint64_t client_session) noexcept {
    if (packet.opcode != Opcode::HardResetServerV2 || packet.key_id != 0 || packet.session == 0)
        return false;
    return packet.hidden ? packet.packet_id == 1 : packet.peer_session == client_session;
}

Seeing observe_handshake(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    const auto opcode = opcode_of(seen.payload[0]);
    if (seen.from == Side::Client) {
        const bool reset =
            opcode == Opcode::HardResetClientV2 || opcode == Opcode::HardResetClientV3;
        if (!reset || seen.payload.size() < 14) return Seeing::Fits;
        if (load_be64(seen.payload.data() + 1) == tunnel.session[0]) {
            ++tunnel.retries;
            desk.tell(tunnel, TunnelEventKind::Retried, seen.from, seen.now, tunnel.retries);
        } else if (const auto layout = layout_of_reset(seen.payload)) {
            take_reset(tunnel, seen, *layout);
            tunnel.started = tunnel.changed = seen.now;
            desk.tell(tunnel, TunnelEventKind::Started, seen.from, seen.now, tunnel.session[0]);
        }
        return Seeing::Fits;
    }
    const auto packet = read_control(seen.payload, layout_for(tunnel, 0));
    if (!packet) return Seeing::Reject;
    if (answers(*packet, tunnel.session[0])) {
        tunnel.session[1] = packet->session;
        tell_clock(*packet, tunnel, seen, desk);
        // In tls-crypt nothing shows whose packet this answers: a second one has to agree.
        if (packet->hidden)
            tunnel.scratch[kFlags] |= kServerReset;
        else
            confirm(tunnel, seen, desk);
        return Seeing::Fits;
    }
    const bool control = opcode == Opcode::Control || opcode == Opcode::Ack;
    if (!control || !has(tunnel, kServerReset)) return Seeing::Reject;
    if (packet->session != tunnel.session[1] || packet->packet_id > 1U << 16) return Seeing::Reject;
    confirm(tunnel, seen, desk);
    return Seeing::Fits;
}

void learn_data(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept;

/// After a start of ours: data both ways whose key and peer id stay, and whose counters rise.
Seeing observe_midstream(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    constexpr uint32_t kEnough = 8;  // each way, a keepalive among them, which no data can be
    constexpr uint32_t kEnoughExpected = 4;
    constexpr uint32_t kPlenty = 128;  // in sum, when a busy tunnel has no time for keepalives
    constexpr uint32_t kLargestStep = 1U << 16;
    const auto side = static_cast<size_t>(seen.from);
    const uint8_t* bytes = seen.payload.data();
    // Whoever begins anew now has a handshake to show.
    if (seen.from == Side::Client) {
        if (const auto layout = layout_of_reset(seen.payload)) {
            tunnel.picked_up = false;
            tunnel.data_packets = {};
            take_reset(tunnel, seen, *layout);
            tunnel.started = tunnel.changed = seen.now;
            desk.tell(tunnel, TunnelEventKind::Started, seen.from, seen.now, tunnel.session[0]);
            return Seeing::Fits;
        }
    }
    if (opcode_of(bytes[0]) != Opcode::DataV2 || seen.payload.size() < kSmallestData)
        return Seeing::Reject;
    const uint32_t peer_id = load_be32(bytes) & 0xffffff;
    auto& counts = tunnel.data_packets;
    if (counts[side] != 0) {
        const uint32_t before = __builtin_bswap32(tunnel.counter[side]);
        const uint32_t step = load_be32(bytes + 4) - before;
        if (bytes[0] != tunnel.data_byte[side] || peer_id != tunnel.peer_id[side] || step == 0 ||
            step >= kLargestStep)
            return Seeing::Reject;
    }
    tunnel.data_byte[side] = bytes[0];
    tunnel.peer_id[side] = peer_id;
    std::memcpy(&tunnel.counter[side], bytes + 4, sizeof tunnel.counter[side]);
    ++counts[side];
    note_data(tunnel, seen);
    const uint32_t smallest = std::min(tunnel.smallest_data[0], tunnel.smallest_data[1]);
    const bool keepalive = smallest < kSmallestIpV2;
    const bool proven = keepalive || tunnel.expected || counts[0] + counts[1] >= kPlenty;
    const uint32_t enough = tunnel.expected ? kEnoughExpected : kEnough;
    if (std::min(counts[0], counts[1]) < enough || !proven) return Seeing::Fits;
    tunnel.wrap = ControlWrap::Unknown;
    tunnel.has_counter = true;
    tunnel.key_id = key_id_of(bytes[0]);
    tunnel.stage = TunnelStage::Established;
    tunnel.established = seen.now;
    desk.tell(tunnel, TunnelEventKind::PickedUp, seen.from, seen.now, peer_id);
    --counts[side];  // which learn_data() counts
    learn_data(tunnel, seen, desk);
    return Seeing::Fits;
}

/// Sets what the first line of Tunnel lets pass unseen.
void learn_data(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    const auto side = static_cast<size_t>(seen.from);
    const uint8_t* bytes = seen.payload.data();
    const bool v2 = opcode_of(bytes[0]) == Opcode::DataV2;
    tunnel.data_byte[side] = bytes[0];
    tunnel.counter_at = v2 ? 4 : 1;
    if (v2) tunnel.peer_id[side] = load_be32(bytes) & 0xffffff;
    const uint32_t counter = load_be32(bytes + tunnel.counter_at);
    // A counter begins at 1 with every key; what CBC puts here is random.
    if (tunnel.data_packets[side] == 0) tunnel.has_counter = counter < 1U << 16;
    std::memcpy(&tunnel.counter[side], bytes + tunnel.counter_at, sizeof tunnel.counter[side]);
    note_data(tunnel, seen);

    const uint16_t smallest = tunnel.smallest_data[side];
    const size_t length = seen.payload.size();
    const bool ping = tunnel.has_counter ? length < (v2 ? kSmallestIpV2 : kSmallestIpV1)
                                         : length == smallest && length <= kLargestPing;
    if (ping) {
        note_keepalive(tunnel, seen, desk);
    } else {
        ++tunnel.data_packets[side];
        tunnel.disturbed[side] = true;
    }
    if (tunnel.data_packets[0] == 0 || tunnel.data_packets[1] == 0) return;
    note_established(tunnel, seen, desk);
    tunnel.small[side] = static_cast<uint16_t>(
        tunnel.has_counter ? (v2 ? kSmallestIpV2 : kSmallestIpV1) - 1 : kLargestPing);
}

/// A client that begins anew on the ports of its old session: true when the packet is about that.
bool observe_restart(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    auto& scratch = tunnel.scratch;
    if (seen.from == Side::Client) {
        const auto layout = layout_of_reset(seen.payload);
        if (!layout) return false;
        const uint64_t session = load_be64(seen.payload.data() + 1);
        if (session == tunnel.session[0]) return true;
        scratch[kNextHigh] = static_cast<uint32_t>(session >> 32);
        scratch[kNextLow] = static_cast<uint32_t>(session);
        return true;
    }
    const uint64_t next = static_cast<uint64_t>(scratch[kNextHigh]) << 32 | scratch[kNextLow];
    const auto packet = read_control(seen.payload, layout_for(tunnel, 0));
    if (next == 0 || !packet || !answers(*packet, next)) return false;
    tunnel.session = {next, packet->session};
    tunnel.stage = TunnelStage::Handshake;
    tunnel.started = tunnel.changed = seen.now;
    tunnel.established = Instant{};
    tunnel.data_packets = {};
    tunnel.small = {UINT16_MAX, UINT16_MAX};
    tunnel.key_id = 0;
    tunnel.renegotiations = 0;
    tunnel.picked_up = false;
    scratch[kNextHigh] = scratch[kNextLow] = 0;
    scratch[kExitAt] = 0;
    scratch[kFlags] &= ~(kDynamicCrypt | kStuckTold);
    desk.tell(tunnel, TunnelEventKind::Restarted, Side::Client, seen.now, next);
    tell_clock(*packet, tunnel, seen, desk);
    return true;
}

void observe_soft_reset(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    constexpr size_t kDynamicInitiator = 54;
    constexpr size_t kDynamicAnswer = 66;
    const uint8_t key_id = key_id_of(seen.payload[0]);
    const size_t length = seen.payload.size();
    if (length < 14 ||
        load_be64(seen.payload.data() + 1) != tunnel.session[static_cast<size_t>(seen.from)]) {
        if (!tunnel.picked_up) return;
        tunnel.session[static_cast<size_t>(seen.from)] = load_be64(seen.payload.data() + 1);
    }
    if (length == kDynamicInitiator || length == kDynamicAnswer)
        tunnel.scratch[kFlags] |= kDynamicCrypt;
    if (key_id != tunnel.key_id) {
        tunnel.key_id = key_id;
        tunnel.changed = seen.now;
        note_renegotiation(tunnel, seen, desk, key_id);
    }
    if (const auto packet = read_control(seen.payload, layout_for(tunnel, key_id)))
        tell_clock(*packet, tunnel, seen, desk);
}

/// The record lengths of EXIT (from a client) and RESTART (from a server) on the control channel,
/// 2.6 and later: TLS 1.3, TLS 1.2.
bool is_notice(Side from, size_t length) noexcept {
    return from == Side::Client ? length == 27 || length == 34 : length == 30 || length == 37;
}

/// The same where the count of acknowledgements is hidden: none, or one to eight and a session id.
bool may_be_notice(Side from, size_t length) noexcept {
    for (size_t acks = 0; acks <= 8; ++acks) {
        const size_t header = 5 + (acks == 0 ? 0 : 4 * acks + 8);
        if (length >= header && is_notice(from, length - header)) return true;
    }
    return false;
}

Seeing observe_control(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    constexpr Duration kSettled = 5s;
    constexpr Duration kPatience = 10s;
    const uint8_t key_id = key_id_of(seen.payload[0]);
    const auto packet = read_control(seen.payload, layout_for(tunnel, key_id));
    if (!packet || packet->session != tunnel.session[static_cast<size_t>(seen.from)])
        return Seeing::Fits;
    tell_clock(*packet, tunnel, seen, desk);
    if (packet->opcode != Opcode::Control) return Seeing::Fits;
    if (tunnel.stage == TunnelStage::Handshake && seen.from == Side::Client &&
        seen.now - tunnel.changed > kPatience && !has(tunnel, kStuckTold)) {
        tunnel.scratch[kFlags] |= kStuckTold;
        desk.tell(tunnel, TunnelEventKind::Stuck, seen.from, seen.now, 0);
    }
    // Over TCP nobody says good-bye inside: the connection's end does.
    if (tunnel.stage != TunnelStage::Established || tunnel.in_stream) return Seeing::Fits;
    // Where lengths are all there is, a good-bye comes long after handshake and renegotiation.
    if (packet->hidden &&
        (seen.now - tunnel.established < kSettled || seen.now - tunnel.changed < kSettled))
        return Seeing::Fits;
    if (packet->hidden ? !may_be_notice(seen.from, packet->rest.size())
                       : !is_notice(seen.from, packet->rest.size()))
        return Seeing::Fits;
    if (seen.from == Side::Server) {
        desk.tell(tunnel, TunnelEventKind::Restart, seen.from, seen.now, 0);
        return Seeing::Fits;
    }
    if (packet->hidden) {
        tunnel.scratch[kExitAt] = std::max(Tick::at(seen.now).value(), 1U);
        return Seeing::Fits;
    }
    desk.tell(tunnel, TunnelEventKind::Exit, seen.from, seen.now, 0);
    return Seeing::Close;
}

}  // namespace

bool begins(const Seen& first, Tunnel& tunnel) noexcept {
    constexpr uint32_t kStunCookie = 0x2112a442;  // RFC 8489 5
    if (first.payload.size() < 14) return false;
    const uint8_t* bytes = first.payload.data();
    if (load_be32(bytes + 4) == kStunCookie) return false;
    tunnel.protocol = VpnProtocol::OpenVpn;
    if (const auto layout = layout_of_reset(first.payload)) {
        take_reset(tunnel, first, *layout);
        return true;
    }
    if (opcode_of(bytes[0]) != Opcode::DataV2 || first.payload.size() < kSmallestData) return false;
    tunnel.picked_up = true;
    tunnel.has_counter = true;
    tunnel.data_byte[0] = bytes[0];
    tunnel.peer_id[0] = load_be32(bytes) & 0xffffff;
    tunnel.data_packets[0] = 1;
    std::memcpy(tunnel.counter.data(), bytes + 4, sizeof(uint32_t));
    note_data(tunnel, first);
    return true;
}

Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    if (!tunnel.confirmed())
        return tunnel.picked_up ? observe_midstream(tunnel, seen, desk)
                                : observe_handshake(tunnel, seen, desk);
    const auto opcode = opcode_of(seen.payload[0]);
    if (is_data(opcode)) {
        if (seen.payload.size() >= kSmallestData) learn_data(tunnel, seen, desk);
        return Seeing::Fits;
    }
    if (observe_restart(tunnel, seen, desk)) return Seeing::Fits;
    if (opcode == Opcode::SoftReset) {
        observe_soft_reset(tunnel, seen, desk);
        return Seeing::Fits;
    }
    return observe_control(tunnel, seen, desk);
}

Seeing tend(Tunnel& tunnel, TunnelDesk& desk, Instant now) noexcept {
    const Tick asked{tunnel.scratch[kExitAt]};
    if (asked == Tick{} || tunnel.stage != TunnelStage::Established) return Seeing::Fits;
    if (asked.before(tunnel.last_seen[0])) {
        tunnel.scratch[kExitAt] = 0;
        return Seeing::Fits;
    }
    const Duration interval = tunnel.rhythm[0].interval();
    const Duration patience = interval == Duration{} ? 5s : interval * 3 / 2;
    if (Tick::at(now).since(asked) * kTick < patience) return Seeing::Fits;
    desk.tell(tunnel, TunnelEventKind::Exit, Side::Client, now, 0);
    return Seeing::Close;
}

}  // namespace ravelin::openvpn
