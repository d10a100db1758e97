// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/observer.h"
#include "vpn/plain_data.h"
#include "vpn/wireguard_message.h"

#include <utility>

// Each handshake gives both sides an index, which the other one puts into the packets that it
// sends. Either side may begin it, also at the same time; the one before stays valid for a while.
// Whoever began has to send the first packet under the new key (WireGuard paper, section 6.5).

namespace ravelin::wireguard {

namespace {

constexpr uint32_t kEnough = 3;  ///< data packets each way that prove a tunnel in mid-stream
/// How far a counter may jump: packets may get lost on their way here.
constexpr uint32_t kMaxStep = 1U << 16;
/// A key lives for 180 s (REJECT_AFTER_TIME): no sender gets any further in that time.
constexpr uint64_t kMaxCounter = uint64_t{1} << 40;
/// After this a key that was agreed on is taken to be in use, whatever its packets say.
constexpr Duration kSettled = 15s;

size_t index(Side side) noexcept {
    return static_cast<size_t>(side);
}

/// The index in `side`'s last initiation until its first packet under that key; 0: none.
uint32_t& initiated(Tunnel& tunnel, Side side) noexcept {
    return tunnel.scratch[index(side)];
}

/// Candidates: how many data packets of `side` fitted one after the other.
uint32_t& in_a_row(Tunnel& tunnel, Side side) noexcept {
    return tunnel.scratch[2 + index(side)];
}

/// Confirmed tunnels: the receiver index of `side`'s packets before the last handshake; 0: none.
uint32_t& receiver_before(Tunnel& tunnel, Side side) noexcept {
    return tunnel.scratch[2 + index(side)];
}

/// Once both sides' data is known: what is longer than a keepalive needs no second look.
void let_pass(Tunnel& tunnel, Side side) noexcept {
    let_data_pass(tunnel, side, static_cast<uint8_t>(WireGuardType::Data),
                  WireGuardMessage::kKeepalive);
}

void initiation(Tunnel& tunnel, const WireGuardMessage& message, const Seen& seen,
                TunnelDesk& desk) noexcept {
    // Each attempt has a new index; they come 5 s apart, for 90 s (REKEY_TIMEOUT).
    if (initiated(tunnel, seen.from) != 0) {
        note_retry(tunnel, seen, desk);
    } else {
        tunnel.retries = 0;
        tunnel.changed = seen.now;
        if (tunnel.confirmed()) note_renegotiation(tunnel, seen, desk, message.sender);
    }
    initiated(tunnel, seen.from) = message.sender;
    if (!tunnel.confirmed()) tunnel.session[index(seen.from)] = message.sender;
    tunnel.disturbed[index(seen.from)] = true;  // it puts off the next keepalive
}

void response(Tunnel& tunnel, const WireGuardMessage& message, const Seen& seen,
              TunnelDesk& desk) noexcept {
    const Side asker = opposite(seen.from);
    const size_t from = index(seen.from);
    const size_t to = index(asker);
    if (initiated(tunnel, asker) == 0 || message.receiver != initiated(tunnel, asker)) return;
    const bool repeated = tunnel.confirmed() && tunnel.session[from] == message.sender &&
                          tunnel.session[to] == message.receiver;
    if (repeated) return;
    const std::array<uint32_t, 2> before = std::exchange(tunnel.peer_id, {});
    tunnel.session[from] = tunnel.peer_id[to] = message.sender;
    tunnel.session[to] = tunnel.peer_id[from] = message.receiver;
    receiver_before(tunnel, Side::Client) = tunnel.confirmed() ? before[0] : 0;
    receiver_before(tunnel, Side::Server) = tunnel.confirmed() ? before[1] : 0;
    tunnel.disturbed[from] = true;
    look_at_data(tunnel, asker);
    if (!tunnel.confirmed()) note_answered(tunnel, seen, desk);
}

/// Data of a connection whose handshake was not seen.
Seeing unconfirmed_data(Tunnel& tunnel, const WireGuardMessage& message, const Seen& seen,
                        TunnelDesk& desk) noexcept {
    if (seen.payload.size() % 16 != 0 || message.counter >= kMaxCounter) return Seeing::Reject;
    const size_t from = index(seen.from);
    const auto counter = static_cast<uint32_t>(message.counter);
    const uint32_t step = counter - tunnel.counter[from];
    uint32_t& count = in_a_row(tunnel, seen.from);
    const bool follows =
        count != 0 && message.receiver == tunnel.peer_id[from] && step != 0 && step < kMaxStep;
    count = follows ? count + 1 : 1;
    tunnel.peer_id[from] = message.receiver;
    note_seen_data(tunnel, seen);
    if (in_a_row(tunnel, Side::Client) < kEnough || in_a_row(tunnel, Side::Server) < kEnough)
        return Seeing::Fits;
    for (const Side side : {Side::Client, Side::Server}) {
        tunnel.session[index(side)] = tunnel.peer_id[index(opposite(side))];
        receiver_before(tunnel, side) = 0;
        let_pass(tunnel, side);
    }
    note_picked_up(tunnel, seen, desk);
    return Seeing::Fits;
}

void confirmed_data(Tunnel& tunnel, const WireGuardMessage& message, const Seen& seen,
                    TunnelDesk& desk) noexcept {
    const size_t from = index(seen.from);
    const bool current = message.receiver == tunnel.peer_id[from];
    const uint32_t before = receiver_before(tunnel, seen.from);
    if (!current && (before == 0 || message.receiver != before)) return;  // under no key we know
    const uint32_t asked = initiated(tunnel, seen.from);
    const bool answered = asked != 0 && tunnel.small[from] == UINT16_MAX;
    const bool in_use =
        (current && tunnel.session[from] == asked) || seen.now - tunnel.changed > kSettled;
    if (answered && in_use) {
        initiated(tunnel, seen.from) = 0;
        tunnel.retries = 0;
        let_pass(tunnel, seen.from);
        if (tunnel.stage < TunnelStage::Established) let_pass(tunnel, opposite(seen.from));
        // The response was data of the server side: an empty packet under the key.
        note_established(tunnel, seen, desk);
    } else if (asked == 0 && tunnel.stage == TunnelStage::Established) {
        let_pass(tunnel, seen.from);  // the table had it looked at because the client has moved
    }
    if (seen.payload.size() == WireGuardMessage::kKeepalive) {
        note_keepalive(tunnel, seen, desk);
    } else {
        note_seen_data(tunnel, seen);
    }
}

}  // namespace

bool begins(const Seen& first, Tunnel& tunnel) noexcept {
    const auto message = WireGuardMessage::read(first.payload);
    if (!message) return false;
    const size_t from = index(first.from);
    tunnel.counter_at = WireGuardMessage::kCounterAt;
    if (message->type == WireGuardType::Initiation) {
        tunnel.session[from] = message->sender;
        initiated(tunnel, first.from) = message->sender;
    } else if (message->type == WireGuardType::Data && first.payload.size() % 16 == 0 &&
               message->counter < kMaxCounter) {
        tunnel.peer_id[from] = message->receiver;
        in_a_row(tunnel, first.from) = 1;
        tunnel.picked_up = true;
        note_seen_data(tunnel, first);
    } else {
        return false;
    }
    tunnel.protocol = VpnProtocol::WireGuard;
    tunnel.changed = first.now;
    return true;
}

Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    const auto message = WireGuardMessage::read(seen.payload);
    if (!message) return Seeing::Reject;
    switch (message->type) {
        case WireGuardType::Initiation:
            initiation(tunnel, *message, seen, desk);
            break;
        case WireGuardType::Response:
            response(tunnel, *message, seen, desk);
            break;
        case WireGuardType::CookieReply:
            // Its mac2 comes with the next initiation (WireGuard paper, section 5.3). It is no
            // proof of a tunnel yet: the server has computed nothing.
            if (const uint32_t asked = initiated(tunnel, opposite(seen.from));
                asked != 0 && asked == message->receiver)
                desk.tell(tunnel, TunnelEventKind::UnderLoad, seen.from, seen.now, 0);
            break;
        case WireGuardType::Data:
            if (!tunnel.confirmed()) return unconfirmed_data(tunnel, *message, seen, desk);
            confirmed_data(tunnel, *message, seen, desk);
            break;
    }
    return Seeing::Fits;
}

}  // namespace ravelin::wireguard
