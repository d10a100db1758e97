// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/headers.h"
#include "support/bytes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ravelin::testing {

// Builds one frame. Lengths and checksums are right unless a setter says otherwise; the checksum
// here is the plain loop of RFC 1071, so that lib/packet is not judged by its own code.
//
//   const Bytes syn = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").tcp(40000, 443, "S").build();
//   const Bytes data = PacketBuilder{}.vlan(5).ipv6("2001:db8::1", "2001:db8::2")
//                          .tcp(1, 2, "PA").seq(7).ack(9).window(512).payload("hello").build();
//   const Bytes ping = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").icmp_echo(0x1234, 1).build();
//   // A router's error that quotes the SYN's IP header and 8 bytes; the MTU when it carries one:
//   PacketBuilder{}.ipv4("198.51.100.1", "10.0.0.1").icmp_error(3, 4, syn, 28, 1400)
//   PacketBuilder{}.ipv6(a, b).extension(0, {5, 2, 0, 0, 1, 0}).udp(1, 2)   // hop-by-hop options
//   PacketBuilder{}.ipv4(a, b).fragment(0, true).udp(1, 2).payload(Bytes(64))
//   PacketBuilder{}.arp("10.0.0.1", "10.0.0.2")        PacketBuilder{}.ether_type(0x88cc)
//   ... .bare().build()             without Ethernet: the IP packet alone
//   ... .truncate(n) .pad(n) .corrupt(offset, mask)    last, in the order they are called
class PacketBuilder {
  public:
    PacketBuilder& ethernet(std::array<uint8_t, 6> to, std::array<uint8_t, 6> from) {
        destination_mac_ = to;
        source_mac_ = from;
        return *this;
    }
    /// Adds a tag inside those already there; any number.
    PacketBuilder& vlan(uint16_t id, uint16_t tpid = 0x8100) {
        tags_.emplace_back(tpid, id);
        return *this;
    }
    /// Below 0x600 it is an 802.3 length.
    PacketBuilder& ether_type(uint16_t type) { return assign(ether_type_, type); }
    PacketBuilder& bare() { return assign(bare_, true); }

    PacketBuilder& arp(std::string_view sender, std::string_view target) {
        ether_type_ = 0x0806;
        payload_ = {0, 1, 8, 0, 6, 4, 0, 1};
        append(payload_, source_mac_);
        append(payload_, address_bytes(sender));
        payload_.insert(payload_.end(), 6, 0);
        append(payload_, address_bytes(target));
        return *this;
    }

    PacketBuilder& ipv4(std::string_view from, std::string_view to) {
        return addresses(Family::Ipv4, from, to);
    }
    PacketBuilder& ipv6(std::string_view from, std::string_view to) {
        return addresses(Family::Ipv6, from, to);
    }
    PacketBuilder& ttl(uint8_t value) { return assign(ttl_, value); }
    PacketBuilder& tos(uint8_t value) { return assign(tos_, value); }
    PacketBuilder& ip_id(uint16_t value) { return assign(ip_id_, value); }
    PacketBuilder& version(uint8_t value) { return assign(version_, value); }
    /// In 32-bit words; without it what the options need.
    PacketBuilder& ihl(uint8_t value) { return assign(ihl_, value); }
    /// IPv4 total length or IPv6 payload length, instead of the true one.
    PacketBuilder& ip_length(uint16_t value) { return assign(ip_length_, value); }
    PacketBuilder& ip_checksum(uint16_t value) { return assign(ip_checksum_, value); }
    /// IPv4 options; padded with end-of-list to a multiple of four.
    PacketBuilder& ip_options(Bytes bytes) { return assign(ip_options_, padded(bytes, 4)); }
    /// IPv4: sets the fields. IPv6: adds a fragment header after the extension headers so far.
    PacketBuilder& fragment(uint16_t offset_bytes, bool more) {
        if (family_ == Family::Ipv4) {
            fragment_ = static_cast<uint16_t>(offset_bytes / 8 | (more ? 0x2000 : 0));
            return *this;
        }
        Bytes header = {0, 0, 0, 0, 0, 0, 0, 42};
        put16(header, 2, static_cast<uint16_t>((offset_bytes & 0xfff8) | (more ? 1 : 0)));
        extensions_.emplace_back(ip_protocol::kFragment, std::move(header));
        return *this;
    }
    /// An IPv6 extension header: `body` is what follows its first two bytes, padded to eight.
    PacketBuilder& extension(uint8_t type, Bytes body) {
        Bytes header(2);
        append(header, body);
        header = padded(std::move(header), 8);
        header[1] = static_cast<uint8_t>(header.size() / 8 - 1);
        extensions_.emplace_back(type, std::move(header));
        return *this;
    }

    /// `flags` as tcpdump prints them: S F R P A(or .) U E W.
    PacketBuilder& tcp(uint16_t from, uint16_t to, std::string_view flags) {
        start(ip_protocol::kTcp, 20, from, to);
        constexpr std::string_view kLetters = "FSRPAUEW";
        for (const char letter : flags) {
            l4_[13] |= static_cast<uint8_t>(1U << kLetters.find(letter == '.' ? 'A' : letter));
        }
        return data_offset(5).window(65535);
    }
    PacketBuilder& seq(uint32_t value) { return set32(4, value); }
    PacketBuilder& ack(uint32_t value) { return set32(8, value); }
    PacketBuilder& window(uint16_t value) { return set16(14, value); }
    /// In 32-bit words. options() sets it too.
    PacketBuilder& data_offset(uint8_t words) {
        return assign(l4_.at(12), static_cast<uint8_t>(words << 4));
    }
    /// TCP options, padded with end-of-list to a multiple of four.
    PacketBuilder& options(const Bytes& bytes) {
        append(l4_, padded(bytes, 4));
        return data_offset(static_cast<uint8_t>(l4_.size() / 4));
    }
    PacketBuilder& udp(uint16_t from, uint16_t to) { return start(ip_protocol::kUdp, 8, from, to); }
    PacketBuilder& udp_length(uint16_t value) { return assign(udp_length_, value); }

    /// Echo request or reply of the family chosen before.
    PacketBuilder& icmp_echo(uint16_t id, uint16_t sequence, bool reply = false) {
        return icmp(family_ == Family::Ipv6 ? 128 + reply : (reply ? 0 : 8), 0,
                    static_cast<uint32_t>(id) << 16 | sequence);
    }
    /// Any ICMP or ICMPv6 message; `rest` are bytes 4 to 7.
    PacketBuilder& icmp(uint8_t type, uint8_t code, uint32_t rest = 0) {
        const bool v6 = family_ == Family::Ipv6;
        start(v6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp, 8, 0, 0);
        return set16(0, static_cast<uint16_t>(type << 8 | code)).set32(4, rest);
    }
    /// An ICMP error that quotes the IP packet of `frame` (a frame built here, with Ethernet and
    /// any tags, or bare), cut to `quoted_bytes`. `rest`: next-hop MTU, pointer.
    PacketBuilder& icmp_error(uint8_t type, uint8_t code, const Bytes& frame,
                              size_t quoted_bytes = SIZE_MAX, uint32_t rest = 0) {
        icmp(type, code, rest);
        const size_t from = ip_offset(frame);
        const size_t length = std::min(quoted_bytes, frame.size() - from);
        return payload(Bytes(frame.data() + from, frame.data() + from + length));
    }
    PacketBuilder& esp(uint32_t spi, uint32_t sequence = 1) {
        return start(ip_protocol::kEsp, 8, 0, 0).set32(0, spi).set32(4, sequence);
    }
    PacketBuilder& ah(uint32_t spi, uint32_t sequence = 1) {
        return start(ip_protocol::kAh, 24, 0x0604, 0).set32(4, spi).set32(8, sequence);
    }
    PacketBuilder& gre(uint16_t ether_type = 0x0800) {
        return start(ip_protocol::kGre, 4, 0, ether_type);
    }
    /// Enhanced GRE of PPTP (RFC 2637): version 1, key with the call id.
    PacketBuilder& pptp(uint16_t call_id) {
        return start(ip_protocol::kGre, 8, 0x2001, 0x880b).set16(6, call_id);
    }
    PacketBuilder& sctp(uint16_t from, uint16_t to) {
        return start(ip_protocol::kSctp, 12, from, to);
    }
    /// SCTP's verification tag.
    PacketBuilder& tag(uint32_t value) { return set32(4, value); }
    /// Adds an SCTP chunk (RFC 9260 3.2), padded; `length` instead of the true one.
    PacketBuilder& chunk(uint8_t type, const Bytes& body = {}, uint8_t flags = 0,
                         std::optional<uint16_t> length = {}) {
        payload_.insert(payload_.end(), {type, flags});
        append16(payload_, length.value_or(static_cast<uint16_t>(4 + body.size())));
        append(payload_, padded(body, 4));
        return *this;
    }
    /// INIT (1) or INIT ACK (2) with the tag that the other side is to use.
    PacketBuilder& sctp_init(uint8_t type, uint32_t initiate_tag) {
        Bytes body(16);
        put32(body, 0, initiate_tag);
        return chunk(type, body);
    }
    /// Any other protocol, nothing but the payload.
    PacketBuilder& protocol(uint8_t number) { return start(number, 0, 0, 0); }
    /// Instead of the right one; 0 for "no UDP checksum". SCTP: a mask over the right one.
    PacketBuilder& l4_checksum(uint16_t value) { return assign(l4_checksum_, value); }

    PacketBuilder& payload(std::string_view text) {
        return payload(Bytes(text.begin(), text.end()));
    }
    PacketBuilder& payload(Bytes bytes) { return assign(payload_, std::move(bytes)); }

    // Damage, done in the order of the calls.
    PacketBuilder& truncate(size_t size) { return edit({Edit::Truncate, size, 0}); }
    PacketBuilder& pad(size_t bytes, uint8_t value = 0) { return edit({Edit::Pad, bytes, value}); }
    PacketBuilder& corrupt(size_t offset, uint8_t mask = 1) {
        return edit({Edit::Corrupt, offset, mask});
    }

    [[nodiscard]] Bytes build() const {
        Bytes out = bare_ ? Bytes{} : layer2();
        const Bytes upper = layer4();
        if (family_ == Family::Ipv4) append(out, ipv4_header(upper.size()));
        if (family_ == Family::Ipv6) append(out, ipv6_header(upper.size()));
        append(out, upper);
        for (const Edit& change : edits_) {
            if (change.kind == Edit::Truncate && change.at < out.size()) out.resize(change.at);
            if (change.kind == Edit::Pad) out.insert(out.end(), change.at, change.value);
            if (change.kind == Edit::Corrupt) out.at(change.at) ^= change.value;
        }
        return out;
    }

  private:
    struct Edit {
        enum Kind : uint8_t { Truncate, Pad, Corrupt } kind;
        size_t at;
        uint8_t value;
    };

    template <class T, class U>
    PacketBuilder& assign(T& field, U value) {
        field = std::move(value);
        return *this;
    }
    PacketBuilder& edit(Edit change) {
        edits_.push_back(change);
        return *this;
    }
    PacketBuilder& set16(size_t at, uint16_t value) {
        put16(l4_, at, value);
        return *this;
    }
    PacketBuilder& set32(size_t at, uint32_t value) {
        put32(l4_, at, value);
        return *this;
    }
    PacketBuilder& addresses(Family family, std::string_view from, std::string_view to) {
        source_ = address_bytes(from);
        destination_ = address_bytes(to);
        return assign(family_, family);
    }
    PacketBuilder& start(uint8_t protocol, size_t header, uint16_t from, uint16_t to) {
        protocol_ = protocol;
        l4_.assign(header, 0);
        return header < 4 ? *this : set16(0, from).set16(2, to);
    }

    [[nodiscard]] Bytes layer2() const {
        Bytes out(destination_mac_.begin(), destination_mac_.end());
        append(out, source_mac_);
        for (const auto& [tpid, id] : tags_) {
            append16(out, tpid);
            append16(out, id);
        }
        append16(out, ether_type_.value_or(family_ == Family::Ipv6 ? 0x86dd : 0x0800));
        return out;
    }
    [[nodiscard]] Bytes ipv4_header(size_t upper) const {
        const size_t length = 20 + ip_options_.size();
        Bytes out;
        out.push_back(static_cast<uint8_t>(version_.value_or(4) << 4 |
                                           ihl_.value_or(static_cast<uint8_t>(length / 4))));
        out.push_back(tos_);
        append16(out, ip_length_.value_or(static_cast<uint16_t>(length + upper)));
        append16(out, ip_id_);
        append16(out, fragment_);
        out.push_back(ttl_);
        out.push_back(protocol_);
        append16(out, 0);
        append(out, source_);
        append(out, destination_);
        append(out, ip_options_);
        put16(out, 10, ip_checksum_.value_or(internet_checksum(out)));
        return out;
    }
    [[nodiscard]] Bytes ipv6_header(size_t upper) const {
        Bytes chain;
        uint8_t first = protocol_;
        for (size_t i = extensions_.size(); i-- > 0;) {
            Bytes header = extensions_[i].second;
            header[0] = std::exchange(first, extensions_[i].first);
            chain.insert(chain.begin(), header.begin(), header.end());
        }
        Bytes out = {static_cast<uint8_t>(version_.value_or(6) << 4 | tos_ >> 4),
                     static_cast<uint8_t>(tos_ << 4), 0, 0};
        append16(out, ip_length_.value_or(static_cast<uint16_t>(chain.size() + upper)));
        out.push_back(first);
        out.push_back(ttl_);
        append(out, source_);
        append(out, destination_);
        append(out, chain);
        return out;
    }
    [[nodiscard]] Bytes layer4() const {
        Bytes out = l4_;
        append(out, payload_);
        if (protocol_ == ip_protocol::kUdp && !l4_.empty()) {
            put16(out, 4, udp_length_.value_or(static_cast<uint16_t>(out.size())));
        }
        if (protocol_ == ip_protocol::kSctp && out.size() >= 12)
            put32(out, 8, sctp_checksum(out) ^ l4_checksum_.value_or(0));
        const size_t at = l4_.empty() ? 0 : checksum_offset(protocol_);
        if (at == 0) return out;
        // A UDP trailer isn't covered.
        const size_t covered = std::min<size_t>(out.size(), udp_length_.value_or(UINT16_MAX));
        put16(out, at,
              l4_checksum_.value_or(transport_checksum(protocol_, source_, destination_,
                                                       std::span{out}.first(covered))));
        return out;
    }

    std::array<uint8_t, 6> destination_mac_{0x02, 0, 0, 0, 0, 2};
    std::array<uint8_t, 6> source_mac_{0x02, 0, 0, 0, 0, 1};
    std::vector<std::pair<uint16_t, uint16_t>> tags_;
    std::optional<uint16_t> ether_type_;
    bool bare_ = false;
    Family family_ = Family::None;
    Bytes source_, destination_, ip_options_, l4_, payload_;
    std::vector<std::pair<uint8_t, Bytes>> extensions_;
    std::optional<uint8_t> version_, ihl_;
    std::optional<uint16_t> ip_length_, ip_checksum_, udp_length_, l4_checksum_;
    uint8_t ttl_ = 64, tos_ = 0, protocol_ = 0;
    uint16_t ip_id_ = 0, fragment_ = 0;
    std::vector<Edit> edits_;
};

}  // namespace ravelin::testing
