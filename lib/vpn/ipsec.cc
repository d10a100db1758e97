// SPDX-License-Identifier: BSD-3-Clause
#include "base/byteorder.h"
#include "vpn/esp_packet.h"
#include "vpn/ike_message.h"
#include "vpn/observer.h"
#include "vpn/plain_data.h"

#include <utility>

// IKE on port 500, and IKE and ESP together on port 4500 (RFC 3948) or wherever a NAT has moved it.
// The two are connections of their own, with the same SPIs.
//
// A request that the other side has answered is what IKE proves itself by: an answer repeats SPIs,
// exchange type and message id. Either side may ask at any time (RFC 7296 2.2), so that one request
// of each is remembered. Whether an INFORMATIONAL exchange is a good-bye or only asks whether the
// peer is there can't be seen: both have the same size.

namespace ravelin::ipsec {

namespace {

constexpr uint32_t kEnough = 3;  ///< ESP packets each way that prove a tunnel in mid-stream
/// How far a sequence number may jump: packets may get lost on their way here.
constexpr uint32_t kMaxStep = 1024;
/// A security association is new up to here; both sides change theirs within `kBothSides`.
constexpr uint32_t kFresh = 16;
constexpr Duration kBothSides = 10s;
/// ESP that is longer needs no second look; a NAT keepalive is one byte.
constexpr uint16_t kSmall = 16;

size_t index(Side side) noexcept {
    return static_cast<size_t>(side);
}

/// `side`'s last IKE request, by its name; the lowest bit says that it was answered. 0: none.
uint32_t& request_of(Tunnel& tunnel, Side side) noexcept {
    return tunnel.scratch[index(side)];
}

/// Candidates: how many ESP packets of `side` fitted one after the other.
uint32_t& in_a_row(Tunnel& tunnel, Side side) noexcept {
    return tunnel.scratch[2 + index(side)];
}

/// Confirmed tunnels: the SPI of `side`'s packets before the one it has now; 0: none.
uint32_t& spi_before(Tunnel& tunnel, Side side) noexcept {
    return tunnel.scratch[2 + index(side)];
}

constexpr uint32_t kAnswered = 1;

/// The same for a request, its repetitions and its answer, and hardly for any other. The
/// responder's SPI is left out of the first exchange, whose request can't know it.
uint32_t name_of(const IkeMessage& message) noexcept {
    uint64_t mixed = static_cast<uint64_t>(message.exchange) << 32 | message.message_id;
    mixed = (mixed ^ message.initiator_spi) * 0x9e3779b97f4a7c15U;
    if (!message.first_exchange()) mixed ^= message.responder_spi;
    mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9U;
    const auto name = static_cast<uint32_t>(mixed >> 32) & ~kAnswered;
    return name != 0 ? name : 2;
}

bool on_port(const Seen& seen, uint16_t port) noexcept {
    return seen.port[0] == port || seen.port[1] == port;
}

/// A tunnel that carries ESP is one of ESP, whatever IKE goes with it: a client that has moved is
/// recognised by its next ESP packet.
void name_protocol(Tunnel& tunnel) noexcept {
    const bool carries_esp = tunnel.peer_id[0] != 0 || tunnel.peer_id[1] != 0;
    tunnel.protocol = carries_esp ? VpnProtocol::Esp : VpnProtocol::Ike;
}

/// ESP that is an IP protocol of its own has no ports.
bool bare_esp(const Seen& seen) noexcept {
    return seen.port[0] == 0 && seen.port[1] == 0;
}

bool nat_keepalive(const Seen& seen) noexcept {
    return seen.payload.size() == 1 && seen.payload[0] == 0xff;
}

std::optional<IkeMessage> read_ike(const Seen& seen) noexcept {
    std::span<const uint8_t> bytes = seen.payload;
    const bool may_be_marked = on_port(seen, kNatPort) || !on_port(seen, kIkePort);
    if (may_be_marked && bytes.size() >= 4 && load_be32(bytes.data()) == 0) {
        bytes = bytes.subspan(4);
    } else if (on_port(seen, kNatPort) || bare_esp(seen)) {
        return std::nullopt;
    }
    return IkeMessage::read(bytes);
}

/// Who began the IKE SA. IKEv1 doesn't say so in later exchanges.
Side initiator_of(const Tunnel& tunnel, const IkeMessage& message, Side from, Side asker) noexcept {
    if (message.version2) return message.from_initiator ? from : opposite(from);
    if (message.first_exchange()) return asker;
    const bool server = tunnel.session[index(Side::Server)] == message.initiator_spi;
    return server ? Side::Server : Side::Client;
}

/// What each side calls the IKE SA.
std::array<uint64_t, 2> session_of(const IkeMessage& message, Side initiator) noexcept {
    if (initiator == Side::Client) return {message.initiator_spi, message.responder_spi};
    return {message.responder_spi, message.initiator_spi};
}

/// Belongs to an IKE SA that is up, so that both sides hold its keys.
bool needs_session(const IkeMessage& message) noexcept {
    switch (message.exchange) {
        case IkeExchange::CreateChildSa:
        case IkeExchange::Informational:
        case IkeExchange::FollowupKe:
        case IkeExchange::InformationalV1:
        case IkeExchange::QuickMode:
            return true;
        case IkeExchange::SaInit:
        case IkeExchange::SessionResume:
        case IkeExchange::MainMode:
        case IkeExchange::AggressiveMode:
        case IkeExchange::Auth:
        case IkeExchange::Intermediate:
        case IkeExchange::Transaction:
            return false;
    }
    return false;
}

bool creates_child(const IkeMessage& message) noexcept {
    return message.exchange == IkeExchange::CreateChildSa ||
           message.exchange == IkeExchange::QuickMode;
}

void request(Tunnel& tunnel, const IkeMessage& message, const Seen& seen,
             TunnelDesk& desk) noexcept {
    // In IKEv1 nothing answers an INFORMATIONAL exchange.
    if (message.exchange == IkeExchange::InformationalV1) return;
    const uint32_t name = name_of(message);
    // Dead peer detection of an idle tunnel has nothing but these to tell silence by.
    Tick& unanswered = tunnel.unanswered_since[index(seen.from)];
    if (unanswered == Tick{}) unanswered = Tick::at(seen.now);
    uint32_t& known = request_of(tunnel, seen.from);
    const uint32_t last = std::exchange(known, name);
    if (last == name) {
        note_retry(tunnel, seen, desk);
        return;
    }
    tunnel.retries = 0;
    // Again although answered: with the cookie, the next two messages of main mode, or the answer
    // got lost behind us.
    if ((last & ~kAnswered) == name) return;
    if (!tunnel.confirmed()) {
        tunnel.session = session_of(message, initiator_of(tunnel, message, seen.from, seen.from));
        name_protocol(tunnel);
    }
    if (message.first_exchange() || creates_child(message)) tunnel.changed = seen.now;
    // The first quick mode of IKEv1 makes the first security association, later ones replace it.
    const bool replaces =
        message.version2 ? tunnel.confirmed() : tunnel.stage >= TunnelStage::Established;
    if (creates_child(message) && replaces) note_renegotiation(tunnel, seen, desk, 0);
}

/// The other side has answered under these SPIs.
void agreed(Tunnel& tunnel, const IkeMessage& message, const Seen& seen,
            TunnelDesk& desk) noexcept {
    const Side asker = opposite(seen.from);
    const auto session = session_of(message, initiator_of(tunnel, message, seen.from, asker));
    const auto before = std::exchange(tunnel.session, session);
    name_protocol(tunnel);
    if (!tunnel.confirmed()) {
        in_a_row(tunnel, Side::Client) = in_a_row(tunnel, Side::Server) = 0;
        if (needs_session(message)) {
            note_picked_up(tunnel, seen, desk);
        } else {
            note_answered(tunnel, seen, desk);
        }
        return;
    }
    // An IKE SA that replaces its predecessor is made within that one and then simply in use
    // (RFC 7296 2.18). One that is made or authenticated here is another session.
    const bool known = before[0] != 0 && before[1] != 0;
    if (known && before != session && !needs_session(message))
        desk.tell(tunnel, TunnelEventKind::Restarted, asker, seen.now,
                  session[index(Side::Client)]);
    if (needs_session(message)) note_established(tunnel, seen, desk);
}

void answer(Tunnel& tunnel, const IkeMessage& message, const Seen& seen,
            TunnelDesk& desk) noexcept {
    uint32_t& asked = request_of(tunnel, opposite(seen.from));
    if ((asked & ~kAnswered) != name_of(message)) return;
    asked |= kAnswered;
    tunnel.retries = 0;
    if (message.asks_for_cookie()) {
        desk.tell(tunnel, TunnelEventKind::UnderLoad, seen.from, seen.now, 0);
    } else if (message.agrees()) {
        agreed(tunnel, message, seen, desk);
    }
}

void ike(Tunnel& tunnel, const IkeMessage& message, const Seen& seen, TunnelDesk& desk) noexcept {
    tunnel.disturbed[index(seen.from)] = true;  // it puts off the next keepalive
    // Errors of somebody who doesn't know the IKE SA come in clear (RFC 7296 1.5): no proof.
    if (message.version2 && !message.first_exchange() && !message.encrypted()) return;
    const uint32_t asked = request_of(tunnel, opposite(seen.from));
    const bool answers = message.version2 ? message.response : asked == name_of(message);
    if (answers) {
        answer(tunnel, message, seen, desk);
    } else {
        request(tunnel, message, seen, desk);
    }
}

/// Plain ESP of `side` begins with the first byte of its SPI, unless that is the marker's.
void let_pass(Tunnel& tunnel, Side side) noexcept {
    const auto first_byte = static_cast<uint8_t>(tunnel.peer_id[index(side)] >> 24);
    if (first_byte == 0) {
        look_at_data(tunnel, side);
    } else {
        let_data_pass(tunnel, side, first_byte, kSmall);
    }
}

void unconfirmed_esp(Tunnel& tunnel, const EspPacket& packet, const Seen& seen,
                     TunnelDesk& desk) noexcept {
    const size_t from = index(seen.from);
    uint32_t& count = in_a_row(tunnel, seen.from);
    const uint32_t step =
        packet.sequence - load_be32(reinterpret_cast<const uint8_t*>(&tunnel.counter[from]));
    const bool follows =
        count != 0 && packet.spi == tunnel.peer_id[from] && step != 0 && step <= kMaxStep;
    count = follows ? count + 1 : 1;
    tunnel.peer_id[from] = packet.spi;
    note_seen_data(tunnel, seen);
    name_protocol(tunnel);
    if (in_a_row(tunnel, Side::Client) < kEnough || in_a_row(tunnel, Side::Server) < kEnough)
        return;
    for (const Side side : {Side::Client, Side::Server}) {
        spi_before(tunnel, side) = 0;
        let_pass(tunnel, side);
    }
    note_picked_up(tunnel, seen, desk);
}

void confirmed_esp(Tunnel& tunnel, const EspPacket& packet, const Seen& seen,
                   TunnelDesk& desk) noexcept {
    const size_t from = index(seen.from);
    uint32_t& before = spi_before(tunnel, seen.from);
    if (packet.spi != tunnel.peer_id[from] && packet.spi != before) {
        before = std::exchange(tunnel.peer_id[from], packet.spi);
        // With IKE in sight its exchange has said so already, and there may be many side by side.
        const bool seen_by_ike = tunnel.session[from] != 0;
        const bool other_side =
            tunnel.renegotiations != 0 && seen.now - tunnel.renegotiated < kBothSides;
        if (!seen_by_ike && before != 0 && packet.sequence <= kFresh && !other_side)
            note_renegotiation(tunnel, seen, desk, packet.spi);
    }
    name_protocol(tunnel);
    if (packet.spi == tunnel.peer_id[from]) let_pass(tunnel, seen.from);
    note_seen_data(tunnel, seen);
    if (tunnel.peer_id[0] != 0 && tunnel.peer_id[1] != 0) note_established(tunnel, seen, desk);
}

}  // namespace

bool begins(const Seen& first, Tunnel& tunnel) noexcept {
    const size_t from = index(first.from);
    tunnel.counter_at = EspPacket::kSequenceAt;
    tunnel.changed = first.now;
    if (const auto message = read_ike(first)) {
        const bool first_exchange = message->first_exchange() && message->responder_spi == 0 &&
                                    message->message_id == 0 && message->next_payload != 0 &&
                                    message->from_initiator == message->version2;
        const bool later =
            message->responder_spi != 0 && (!message->version2 || message->encrypted());
        if (message->response || !(first_exchange || later)) return false;
        tunnel.session =
            session_of(*message, initiator_of(tunnel, *message, first.from, first.from));
        tunnel.picked_up = needs_session(*message);
        if (message->exchange != IkeExchange::InformationalV1)
            request_of(tunnel, first.from) = name_of(*message);
        tunnel.protocol = VpnProtocol::Ike;
        return true;
    }
    if (!on_port(first, kNatPort) && !bare_esp(first)) return false;
    const auto packet = EspPacket::read(first.payload);
    if (packet && packet->sequence != 0) {
        tunnel.peer_id[from] = packet->spi;
        in_a_row(tunnel, first.from) = 1;
        note_seen_data(tunnel, first);
    } else if (!nat_keepalive(first)) {
        return false;
    }
    tunnel.picked_up = true;
    tunnel.protocol = VpnProtocol::Esp;
    return true;
}

Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    if (const auto message = read_ike(seen)) {
        ike(tunnel, *message, seen, desk);
        return Seeing::Fits;
    }
    // Other ports carry ESP only after IKE has floated there.
    const bool may_carry_esp = on_port(seen, kNatPort) || bare_esp(seen) ||
                               (tunnel.confirmed() && !on_port(seen, kIkePort));
    if (!may_carry_esp) return Seeing::Reject;
    if (nat_keepalive(seen)) {
        if (tunnel.confirmed()) note_keepalive(tunnel, seen, desk);
        return Seeing::Fits;
    }
    const auto packet = EspPacket::read(seen.payload);
    if (!packet) return Seeing::Reject;
    if (tunnel.confirmed()) {
        confirmed_esp(tunnel, *packet, seen, desk);
    } else {
        unconfirmed_esp(tunnel, *packet, seen, desk);
    }
    return Seeing::Fits;
}

}  // namespace ravelin::ipsec
