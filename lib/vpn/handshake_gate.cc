// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/handshake_gate.h"

#include "vpn/observer.h"

#include <algorithm>

namespace ravelin {

namespace {

constexpr size_t kFirstTime = 0;
constexpr size_t kAgain = 1;
constexpr size_t kKnown = 2;

/// Clients repeat themselves after one second and more (OpenVPN 2, WireGuard 5, IKE 1 to 4 s); what
/// comes sooner was under way already.
constexpr Duration kSoonest = 300ms;
constexpr Duration kLatest = 60s;
/// IKE goes on from port 500 to port 4500 within its handshake.
constexpr Duration kHandshake = 30s;

size_t bucket_of(uint64_t tag, size_t entries, size_t ways) noexcept {
    return static_cast<size_t>((tag >> 32) * (entries / ways) >> 32) * ways;
}

/// The entry of this tag, or the oldest one of its bucket, which gives way.
template <class Entry>
Entry& place_of(PageArray<Entry>& entries, uint64_t tag, size_t ways) noexcept {
    const size_t bucket = bucket_of(tag, entries.size(), ways);
    Entry* oldest = &entries[bucket];
    for (size_t way = bucket; way < bucket + ways; ++way) {
        if (entries[way].tag == tag) return entries[way];
        if (entries[way].at < oldest->at) oldest = &entries[way];
    }
    return *oldest;
}

/// The part's share of the budget. Rounded up: nobody is shut out.
uint32_t share(const VpnService& service, size_t part, uint32_t workers) noexcept {
    const uint64_t reserved = uint64_t{service.handshakes_per_second} * service.reserved_percent;
    const uint64_t hundredths =
        part == kKnown ? reserved : (uint64_t{service.handshakes_per_second} * 100 - reserved) / 2;
    const uint64_t divisor = uint64_t{100} * workers;
    return static_cast<uint32_t>((hundredths + divisor - 1) / divisor);
}

/// What a packet to a service is.
enum class Kind : uint8_t { Foreign, Handshake, Later, Session };

Kind kind_of(const VpnService& service, const HandshakeGate::Attempt& attempt, Tunnel& shown,
             Instant now) noexcept {
    shown.address = attempt.address;
    shown.port = attempt.port;
    const Seen seen{
        .payload = attempt.payload, .from = Side::Client, .now = now, .port = attempt.port};
    if (!begins(service.protocol, seen, shown)) return Kind::Foreign;
    if (shown.picked_up) return Kind::Session;
    return shown.protocol == VpnProtocol::Ike && shown.session[1] != 0 ? Kind::Later
                                                                       : Kind::Handshake;
}

}  // namespace

HandshakeGate::HandshakeGate(const HashSecret& secret, uint32_t sources, GateCounters& counters,
                             const SessionDirectory* sessions, Instant start)
    : hash_{secret},
      counters_{counters},
      sessions_{sessions},
      started_{start},
      sources_{sources / kWays * kWays},
      known_{sources / kWays * kWays},
      refused_{sources / kWays * kWays} {}

uint64_t HandshakeGate::tag_of(const Address& address, uint16_t port) const noexcept {
    const uint64_t tag =
        hash_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(address.bytes.data())),
              _mm_set_epi64x(0, port));
    return tag != 0 ? tag : 1;
}

HandshakeGate::Source& HandshakeGate::source_of(const Address& address, Instant now) noexcept {
    const uint64_t tag = tag_of(address);
    Source& source = place_of(sources_, tag, kWays);
    if (source.tag != tag) source = {.tag = tag, .at = now};
    return source;
}

const HandshakeGate::Mark* HandshakeGate::find(const Marks& marks, uint64_t tag) noexcept {
    const size_t bucket = bucket_of(tag, marks.size(), kWays);
    for (size_t way = bucket; way < bucket + kWays; ++way)
        if (marks[way].tag == tag) return &marks[way];
    return nullptr;
}

void HandshakeGate::set(Marks& marks, uint64_t tag, Instant now) noexcept {
    place_of(marks, tag, kWays) = {.tag = tag, .at = now};
}

void HandshakeGate::completed(const Address& source, Instant now) noexcept {
    if (known_.size() != 0) set(known_, tag_of(source), now);
}

DropReason HandshakeGate::refuse(const VpnService& service, DropReason reason) noexcept {
    const bool limited =
        reason == DropReason::VpnServiceLimit || reason == DropReason::VpnSourceLimit;
    (limited ? counters_.limited : counters_.malformed)[static_cast<size_t>(service.protocol)]
        .add();
    return reason;
}

DropReason HandshakeGate::spend(const VpnService& service, const Attempt& attempt, uint32_t workers,
                                Instant now) noexcept {
    Source& source = source_of(attempt.address[0], now);
    source.at = now;
    if (!source.budget.take(service.handshakes_per_source, now))
        return refuse(service, DropReason::VpnSourceLimit);
    const uint64_t attempt_tag = tag_of(attempt.address[0], attempt.port[0]);
    const Mark* before = find(refused_, attempt_tag);
    const Duration since = before == nullptr ? kLatest + 1s : now - before->at;
    const bool again = since >= kSoonest && since <= kLatest;
    const bool known = find(known_, tag_of(attempt.address[0])) != nullptr;
    auto& parts = parts_[attempt.service];
    for (size_t part = (known ? kKnown : again ? kAgain : kFirstTime) + 1; part-- > 0;) {
        if (!parts[part].take(share(service, part, workers), now)) continue;
        source.admitted = now;
        counters_.forwarded[static_cast<size_t>(service.protocol)].add();
        return DropReason::None;
    }
    if (since > kLatest) set(refused_, attempt_tag, now);
    return refuse(service, DropReason::VpnServiceLimit);
}

DropReason HandshakeGate::admit(const VpnService& service, const Attempt& attempt, uint32_t workers,
                                Duration pick_up, Instant now) noexcept {
    if (sources_.size() == 0) return DropReason::None;
    Tunnel shown;
    const bool large =
        service.protocol == VpnProtocol::Ike || service.protocol == VpnProtocol::Dtls;
    // Only certificates and key shares are too large for one packet; the rest of it isn't here.
    const Kind kind = attempt.fragmented ? (large ? Kind::Handshake : Kind::Foreign)
                                         : kind_of(service, attempt, shown, now);
    switch (kind) {
        case Kind::Foreign:
            return refuse(service, DropReason::VpnNotHandshake);
        case Kind::Session: {
            const bool early = now - started_ < pick_up;
            if (early || (sessions_ != nullptr && sessions_->knows(shown, now)))
                return DropReason::None;
            return refuse(service, DropReason::VpnNotHandshake);
        }
        case Kind::Later: {
            const Source& source = source_of(attempt.address[0], now);
            if (source.admitted != Instant{} && now - source.admitted < kHandshake)
                return DropReason::None;
            return spend(service, attempt, workers, now);
        }
        case Kind::Handshake:
            break;
    }
    if (service.mac1 && !mac1_valid(*service.mac1, attempt.payload))
        return refuse(service, DropReason::VpnMac1);
    return spend(service, attempt, workers, now);
}

DropReason HandshakeGate::repeat(const VpnService& service, const Attempt& attempt,
                                 uint32_t workers, bool confirmed, Instant now) noexcept {
    if (sources_.size() == 0 || attempt.fragmented) return DropReason::None;
    Tunnel shown;
    if (kind_of(service, attempt, shown, now) != Kind::Handshake) return DropReason::None;
    if (service.mac1 && !mac1_valid(*service.mac1, attempt.payload))
        return refuse(service, DropReason::VpnMac1);
    return confirmed ? DropReason::None : spend(service, attempt, workers, now);
}

}  // namespace ravelin
