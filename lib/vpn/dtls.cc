// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/dtls_record.h"
#include "vpn/observer.h"
#include "vpn/plain_data.h"

#include <algorithm>
#include <utility>

// DTLS of SSL VPNs: AnyConnect, ocserv and their kin. That somebody speaks DTLS doesn't make it a
// tunnel. What can be told from one is left out: WebRTC, which offers keys for SRTP (and whose
// connections begin with STUN, not with a ClientHello), and protocols that have ports of their own.

namespace ravelin::dtls {

namespace {

/// Others that speak DTLS on their own ports: DNS, RADIUS, STUN and TURN, CoAP, syslog.
constexpr std::array<uint16_t, 5> kOthers = {853, 2083, 5349, 5684, 6514};

/// A byte of AnyConnect's own (dead-peer detection, keepalive) in AES-GCM: record header, explicit
/// nonce, tag. With ChaCha20-Poly1305 there is no nonce. An IP packet takes 20 bytes more.
constexpr size_t kKeepaliveAesGcm = 38;
constexpr size_t kKeepaliveChaCha = 30;

// The third word of scratch: bits by Side.
constexpr uint32_t kData = 1U << 0;       ///< application data was seen
constexpr uint32_t kGoodBye = 1U << 2;    ///< an encrypted alert was its last word
constexpr uint32_t kRenewing = 1U << 4;   ///< it has begun another handshake inside this one
constexpr uint32_t kRenewings = 3U << 4;  ///< of either side
constexpr uint32_t kVerifying = 1U << 6;  ///< the server has asked for the ClientHello once more

/// After this a handshake's last packets are over, also those that are sent again.
constexpr Duration kSettled = 10s;

size_t index(Side side) noexcept {
    return static_cast<size_t>(side);
}

uint32_t of(uint32_t bit, Side side) noexcept {
    return bit << index(side);
}

uint32_t& bits(Tunnel& tunnel) noexcept {
    return tunnel.scratch[2];
}

/// Of the ClientHello that nobody has answered yet; 0: none.
uint64_t pending_random(const Tunnel& tunnel) noexcept {
    return uint64_t{tunnel.scratch[1]} << 32 | tunnel.scratch[0];
}

void set_pending_random(Tunnel& tunnel, uint64_t random) noexcept {
    tunnel.scratch[0] = static_cast<uint32_t>(random);
    tunnel.scratch[1] = static_cast<uint32_t>(random >> 32);
}

/// AnyConnect's session id ties the tunnel to the TLS session beside it.
uint64_t session_of(const DtlsHello& hello) noexcept {
    return hello.session_id != 0 ? hello.session_id : hello.random;
}

void let_pass(Tunnel& tunnel) noexcept {
    for (const Side side : {Side::Client, Side::Server})
        let_data_pass(tunnel, side, static_cast<uint8_t>(DtlsContent::ApplicationData),
                      kKeepaliveAesGcm);
}

void client_hello(Tunnel& tunnel, const DtlsHello& hello, const Seen& seen,
                  TunnelDesk& desk) noexcept {
    if (seen.from != Side::Client) return;
    const bool asked_for = (bits(tunnel) & kVerifying) != 0;
    bits(tunnel) &= ~kVerifying;
    if (pending_random(tunnel) == hello.random) {
        if (!asked_for) note_retry(tunnel, seen, desk);
        return;
    }
    tunnel.retries = 0;
    tunnel.changed = seen.now;
    set_pending_random(tunnel, hello.random);
    if (!tunnel.confirmed()) tunnel.session[index(Side::Client)] = session_of(hello);
}

void server_hello(Tunnel& tunnel, const DtlsHello& hello, const Seen& seen,
                  TunnelDesk& desk) noexcept {
    if (seen.from != Side::Server || pending_random(tunnel) == 0) return;
    const uint64_t random = pending_random(tunnel);
    set_pending_random(tunnel, 0);
    tunnel.session[index(Side::Server)] = session_of(hello);
    if (!tunnel.confirmed()) {
        note_answered(tunnel, seen, desk);
    } else if (tunnel.stage >= TunnelStage::Established) {
        desk.tell(tunnel, TunnelEventKind::Restarted, Side::Client, seen.now, random);
    }
}

/// A hello in clear, of either side.
void clear_handshake(Tunnel& tunnel, const DtlsRecord& record, const Seen& seen,
                     TunnelDesk& desk) noexcept {
    const auto hello = DtlsHello::read(record);
    if (!hello) return;
    switch (hello->kind) {
        case DtlsHello::Kind::Client:
            client_hello(tunnel, *hello, seen, desk);
            break;
        case DtlsHello::Kind::Server:
            server_hello(tunnel, *hello, seen, desk);
            break;
        case DtlsHello::Kind::VerifyRequest:
            // The same ClientHello is due again, with a cookie (RFC 6347 4.2.1): no repetition.
            if (seen.from == Side::Server) bits(tunnel) |= kVerifying;
            break;
    }
}

/// Another handshake inside the one that holds: whoever's handshake record comes first has begun
/// it, and the first ChangeCipherSpec proves that it is none of the last one's repeated.
void renewal(Tunnel& tunnel, const DtlsRecord& record, const Seen& seen,
             TunnelDesk& desk) noexcept {
    if (tunnel.stage < TunnelStage::Established || seen.now - tunnel.changed < kSettled) return;
    uint32_t& flags = bits(tunnel);
    if (record.content == DtlsContent::Handshake) {
        if ((flags & kRenewings) == 0) flags |= of(kRenewing, seen.from);
        return;
    }
    if ((flags & kRenewings) == 0) return;
    Seen begun = seen;
    begun.from = (flags & of(kRenewing, Side::Client)) != 0 ? Side::Client : Side::Server;
    flags &= ~kRenewings;
    tunnel.changed = seen.now;
    note_renegotiation(tunnel, begun, desk, record.epoch);
}

/// An alert that is encrypted is a good-bye, hardly ever a mere warning. Since anybody could make
/// one up, it is believed for good only when the other side says the same; data undoes it.
Seeing alert(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    if (tunnel.stage < TunnelStage::Established) return Seeing::Fits;
    uint32_t& flags = bits(tunnel);
    if ((flags & of(kGoodBye, opposite(seen.from))) != 0) return Seeing::Close;
    if ((flags & of(kGoodBye, seen.from)) != 0) return Seeing::Fits;
    flags |= of(kGoodBye, seen.from);
    tunnel.stage = TunnelStage::Closing;
    look_at_data(tunnel, Side::Client);
    look_at_data(tunnel, Side::Server);
    desk.tell(tunnel, TunnelEventKind::Exit, seen.from, seen.now, 0);
    return Seeing::Fits;
}

void data(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    uint32_t& flags = bits(tunnel);
    flags |= of(kData, seen.from);
    if ((flags & of(kGoodBye, seen.from)) != 0) {
        flags &= ~of(kGoodBye, seen.from);
        tunnel.stage = TunnelStage::Established;
        let_pass(tunnel);
    }
    const size_t size = seen.payload.size();
    if (size == kKeepaliveAesGcm || size == kKeepaliveChaCha) {
        note_keepalive(tunnel, seen, desk);
    } else {
        note_seen_data(tunnel, seen);
    }
    const uint32_t both = of(kData, Side::Client) | of(kData, Side::Server);
    if (tunnel.stage < TunnelStage::Established && (flags & both) == both) {
        let_pass(tunnel);
        note_established(tunnel, seen, desk);
    }
}

Seeing record_seen(Tunnel& tunnel, const DtlsRecord& record, const Seen& seen,
                   TunnelDesk& desk) noexcept {
    const bool clear = record.epoch == 0;
    switch (record.content) {
        case DtlsContent::Handshake:
            if (clear) {
                clear_handshake(tunnel, record, seen, desk);
            } else {
                renewal(tunnel, record, seen, desk);
            }
            break;
        case DtlsContent::ChangeCipherSpec:
            if (!clear) renewal(tunnel, record, seen, desk);
            break;
        case DtlsContent::Alert:
            if (!clear) return alert(tunnel, seen, desk);
            break;
        case DtlsContent::ApplicationData:
            if (!clear && tunnel.confirmed()) data(tunnel, seen, desk);
            break;
        case DtlsContent::Heartbeat:
            break;
    }
    return Seeing::Fits;
}

}  // namespace

bool begins(const Seen& first, Tunnel& tunnel) noexcept {
    const auto record = DtlsRecord::read(first.payload);
    if (!record) return false;
    const auto hello = DtlsHello::read(*record);
    if (!hello || hello->kind != DtlsHello::Kind::Client || hello->media) return false;
    const uint16_t port = first.port[index(opposite(first.from))];
    if (std::find(kOthers.begin(), kOthers.end(), port) != kOthers.end()) return false;
    tunnel.protocol = VpnProtocol::Dtls;
    tunnel.counter_at = DtlsRecord::kSequenceAt;
    tunnel.session[index(first.from)] = session_of(*hello);
    tunnel.changed = first.now;
    set_pending_random(tunnel, hello->random);
    return true;
}

Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    constexpr size_t kMaxRecords = 16;  // a whole flight of a handshake may share a datagram
    std::span<const uint8_t> rest = seen.payload;
    Seeing verdict = Seeing::Reject;
    for (size_t i = 0; i < kMaxRecords; ++i) {
        const auto record = DtlsRecord::read(rest);
        if (!record) break;
        verdict = record_seen(tunnel, *record, seen, desk);
        // Data has a datagram to itself.
        if (verdict == Seeing::Close || record->content == DtlsContent::ApplicationData) break;
        rest = rest.subspan(record->size());
    }
    return verdict;
}

}  // namespace ravelin::dtls
