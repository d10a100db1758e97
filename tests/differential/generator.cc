// SPDX-License-Identifier: BSD-3-Clause
#include "generator.h"

#include "base/byteorder.h"
#include "packet/parse.h"

#include <algorithm>

namespace ravelin::differential {

namespace {

constexpr std::array<uint16_t, 10> kPorts{53, 80, 443, 500, 4500, 1194, 51820, 0, 65535, 1};
constexpr std::array<uint8_t, 3> kOtherProtocols{2, 51, 253};  // IGMP, AH, experimental
constexpr std::array<uint8_t, 4> kQueryTypes{8, 13, 15, 17};
constexpr uint8_t kNodeQuery = 139;
constexpr size_t kLargestFrame = 1514;

uint8_t icmp_of(Family family) {
    return family == Family::Ipv6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp;
}

uint8_t reply_type(uint8_t request) {
    if (request >= 128) return request + 1;
    return request == 8 ? 0 : request + 1;
}

}  // namespace

QuotedProtocol Generator::protocol_name(uint8_t protocol) {
    switch (protocol) {
        case ip_protocol::kUdp:
            return QuotedProtocol::Udp;
        case ip_protocol::kTcp:
            return QuotedProtocol::Tcp;
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return QuotedProtocol::Query;
        case ip_protocol::kEsp:
            return QuotedProtocol::Esp;
        case ip_protocol::kGre:
            return QuotedProtocol::Gre;
        default:
            return QuotedProtocol::Other;
    }
}

Envelope Generator::envelope_between(Family family, Host from, Host to) const {
    return {.family = family,
            .source = address_of(block_, family, from),
            .destination = address_of(block_, family, to),
            .vlan = vlan_};
}

void Generator::begin_talk(uint32_t block, const Campaign& campaign, Talk& talk) {
    block_ = block;
    vlan_ = campaign.vlan ? static_cast<uint16_t>(1 + block % 4000) : 0;
    const Family family = random_.percent(50) ? Family::Ipv4 : Family::Ipv6;
    talk = Talk{};
    talk.envelope = envelope_between(family, Host::Client, Host::Server);
    const uint32_t dice = random_.below(100);
    if (dice < 48) {
        talk.envelope.protocol = ip_protocol::kTcp;
    } else if (dice < 68) {
        talk.envelope.protocol = ip_protocol::kUdp;
    } else if (dice < 80) {
        talk.envelope.protocol = icmp_of(family);
    } else if (dice < 87) {
        talk.envelope.protocol = ip_protocol::kEsp;
    } else if (dice < 93) {
        talk.envelope.protocol = ip_protocol::kGre;
    } else if (dice < 97) {
        talk.envelope.protocol = ip_protocol::kSctp;
    } else {
        talk.envelope.protocol = random_.pick(kOtherProtocols);
    }
    talk.ports = {static_cast<uint16_t>(1024 + random_.below(60000)), random_.pick(kPorts)};
    if (random_.percent(3)) talk.ports[0] = talk.ports[1];
    talk.query_type = family == Family::Ipv6 ? (random_.percent(80) ? 128 : kNodeQuery)
                                             : random_.pick(kQueryTypes);
    talk.query_code = random_.percent(90) ? 0 : static_cast<uint8_t>(random_.below(4));
    talk.spi = static_cast<uint32_t>(random_.next());
    talk.tags = {static_cast<uint32_t>(random_.next()), static_cast<uint32_t>(random_.next())};
    static constexpr std::array<uint16_t, 6> kWindows{65535, 64240, 29200, 1000, 512, 0};
    static constexpr std::array<uint8_t, 6> kScales{0, 2, 7, 7, 14, 15};
    for (Peer& peer : talk.peers) {
        peer.next = random_.percent(10) ? 0U - 20 : static_cast<uint32_t>(random_.next());
        peer.window = random_.pick(kWindows);
        peer.offers_scale = random_.percent(60);
        peer.scale = random_.pick(kScales);
        peer.offers_sack = random_.percent(70);
    }
}

void Generator::generate(uint64_t index, uint32_t block, const Campaign& campaign, Script& script) {
    random_ = Random{seed_ ^ (index * 0xd1342543de82ef95 + 1)};
    script.clear();
    script.number = block;
    protocols_.clear();
    datagrams_ = 0;
    id_ = static_cast<uint16_t>(random_.next());
    talks_.resize(random_.percent(75) ? 1 : 2);
    for (Talk& talk : talks_)
        begin_talk(block, campaign, talk);
    for (uint8_t phase = 0; phase < kPhases; ++phase) {
        for (uint32_t left = 3 + random_.below(5); left > 0; --left)
            add_event(script, phase);
    }
    // From a stream of its own, since it is no part of the grammar.
    Random arrival{~seed_ ^ (index * 0xd1342543de82ef95 + 1)};
    for (Event& event : script.events)
        event.arrives_at = static_cast<uint8_t>(arrival.next());
}

void Generator::add_event(Script& script, uint8_t phase) {
    const uint32_t dice = random_.below(100);
    if (script.events.empty() || dice < 62) {
        add_talk(script, phase);
    } else if (dice < 82) {
        add_error(script, phase);
    } else if (dice < 92) {
        add_mutation(script, phase);
    } else if (dice < 97) {
        add_fragments(script, phase);
    } else {
        add_stray(script, phase);
    }
}

void Generator::add(Script& script, Event event, QuotedProtocol protocol) {
    script.add(event, frame_);
    protocols_.push_back(protocol);
}

bool Generator::write_talk(Talk& talk) {
    bool from_server = random_.percent(45);
    if (talk.envelope.protocol == ip_protocol::kTcp) {
        from_server = write_tcp(talk, upper_);
    } else if (talk.envelope.protocol == ip_protocol::kSctp) {
        from_server = write_sctp(talk);
    } else {
        write_simple(talk, from_server);
    }
    Envelope envelope = talk.envelope;
    if (from_server) std::swap(envelope.source, envelope.destination);
    envelope.id = ++id_;
    if (vlan_ != 0 && random_.percent(1)) envelope.vlan = static_cast<uint16_t>(vlan_ + 1);
    if (random_.percent(5)) envelope.ecn = static_cast<uint8_t>(random_.below(4));
    write_frame(envelope, upper_, frame_);
    return from_server;
}

void Generator::write_query(const Talk& talk, bool from_server) {
    upper_.assign(8, 0);
    upper_[0] = from_server ? reply_type(talk.query_type) : talk.query_type;
    upper_[1] = random_.percent(96) ? talk.query_code : 1;
    store_be16(&upper_[4], random_.percent(96) ? talk.ports[0] : talk.ports[1]);
    store_be16(&upper_[6], static_cast<uint16_t>(random_.below(4)));
    upper_.resize(8 + random_.below(60), 'q');
}

void Generator::write_gre(const Talk& talk, bool from_server) {
    upper_.assign(8 + random_.below(40), 'g');
    const bool pptp = talk.spi % 3 == 0;
    store_be32(&upper_[0], pptp ? 0x3001880b : 0x00000800);
    if (!pptp) return;
    store_be16(&upper_[4], static_cast<uint16_t>(upper_.size() - 8));
    // Each side's call has a number of its own (RFC 2637 4.1).
    store_be16(&upper_[6], talk.ports[from_server ? 1 : 0]);
}

void Generator::write_simple(const Talk& talk, bool from_server) {
    switch (talk.envelope.protocol) {
        case ip_protocol::kUdp:
            upper_.assign(8 + random_.below(random_.percent(5) ? 1200 : 60), 'u');
            store_be16(&upper_[0], talk.ports[from_server ? 1 : 0]);
            store_be16(&upper_[2], talk.ports[from_server ? 0 : 1]);
            store_be16(&upper_[4], static_cast<uint16_t>(upper_.size()));
            return;
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return write_query(talk, from_server);
        case ip_protocol::kGre:
            return write_gre(talk, from_server);
        default:
            // ESP, AH and whatever: an SPI first, and for AH a length.
            upper_.assign(16 + random_.below(60), 'e');
            store_be32(&upper_[0], talk.spi);
            if (talk.envelope.protocol == ip_protocol::kAh) store_be32(&upper_[0], 0xfd020000);
            return;
    }
}

void Generator::add_talk(Script& script, uint8_t phase) {
    Talk& talk = talks_[random_.below(static_cast<uint32_t>(talks_.size()))];
    const bool from_server = write_talk(talk);
    // Now and then at the wrong end of the wire: conntrack doesn't look at it.
    const bool wrong_end = random_.percent(2);
    add(script, {.side = from_server != wrong_end ? Side::B : Side::A, .phase = phase},
        protocol_name(talk.envelope.protocol));
}

void Generator::add_error(Script& script, uint8_t phase) {
    uint32_t chosen = random_.below(static_cast<uint32_t>(script.events.size()));
    if (random_.percent(12)) {  // an error about an error is rare enough to look for one
        for (uint32_t i = 0; i < protocols_.size(); ++i)
            if (protocols_[i] == QuotedProtocol::Error) chosen = i;
    }
    const Event& about = script.events[chosen];
    const std::span<const uint8_t> frame = script.frame(about);
    const Place inner = place_of(frame);
    if (frame.size() < inner.l4) return;
    Meant meant{.is_error = true};
    do {
        meant.error_kind =
            static_cast<uint8_t>(random_.below(static_cast<uint32_t>(error_kinds().size())));
    } while (error_kinds()[meant.error_kind].family != inner.family);
    meant.quoted = static_cast<uint8_t>(protocols_[chosen]);
    meant.cut = static_cast<uint8_t>(random_.below(kCuts.size()));
    const ErrorKind& kind = error_kinds()[meant.error_kind];

    const size_t most = kLargestFrame - 80;
    const size_t kept = std::min<size_t>(frame.size() - inner.l4, kCuts[meant.cut]);
    quote_.assign(frame.begin() + static_cast<ptrdiff_t>(inner.l3),
                  frame.begin() + static_cast<ptrdiff_t>(std::min(inner.l4 + kept, most)));
    if (random_.percent(25)) mutate_quote(quote_, inner.family);
    upper_.assign(8, 0);
    upper_[0] = kind.type;
    upper_[1] = kind.code;
    static constexpr std::array<uint32_t, 6> kRests{0, 1280, 1400, 68, 65535, 0x01000000};
    store_be32(&upper_[4], random_.pick(kRests));
    upper_.insert(upper_.end(), quote_.begin(), quote_.end());

    Envelope envelope = envelope_between(inner.family, Host::Router, Host::Stranger);
    envelope.destination = source_of(frame, inner);
    const uint32_t from = random_.below(3);
    if (from == 0) envelope.source = destination_of(frame, inner);
    if (from == 1) envelope.source = address_of(block_, inner.family, Host::Stranger);
    if (random_.percent(10)) envelope.destination = destination_of(frame, inner);
    // One of the two has to tell whose it is, and the other may be of nobody.
    if (envelope.source == envelope.destination)
        envelope.source = address_of(block_, inner.family, Host::Router);
    envelope.protocol = icmp_of(inner.family);
    envelope.id = ++id_;
    const bool from_beyond = random_.percent(85);
    Event event{
        .side = from_beyond ? other(about.side) : about.side, .phase = phase, .meant = meant};
    write_frame(envelope, upper_, frame_);
    if (random_.percent(4)) frame_.back() ^= 1;  // its checksum is wrong
    if (random_.percent(95)) return add(script, event, QuotedProtocol::Error);
    event.meant = {};  // the tables are about whole ones
    add_in_pieces(script, event, QuotedProtocol::Error);
}

void Generator::add_stray(Script& script, uint8_t phase) {
    const Family family = random_.percent(50) ? Family::Ipv4 : Family::Ipv6;
    Envelope envelope = envelope_between(family, Host::Server, Host::Client);
    if (random_.percent(50)) std::swap(envelope.source, envelope.destination);
    envelope.protocol = icmp_of(family);
    envelope.id = ++id_;
    envelope.ttl = random_.percent(50) ? 255 : 64;
    upper_.assign(8 + random_.below(40), 0);
    upper_[0] = static_cast<uint8_t>(random_.below(256));
    upper_[1] = static_cast<uint8_t>(random_.below(3));
    store_be16(&upper_[4], talks_[0].ports[0]);
    write_frame(envelope, upper_, frame_);
    const bool error =
        is_icmp_error(family, upper_[0]) || (family == Family::Ipv6 && upper_[0] == 137);
    add(script, {.side = random_.percent(50) ? Side::A : Side::B, .phase = phase},
        error ? QuotedProtocol::Error : QuotedProtocol::Query);
}

}  // namespace ravelin::differential
