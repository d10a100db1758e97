// SPDX-License-Identifier: BSD-3-Clause
#include "frame.h"

#include "base/byteorder.h"
#include "support/bytes.h"

#include <algorithm>

namespace ravelin::differential {

namespace {

constexpr uint8_t kFirstOctet = 10;
constexpr uint8_t kOctets = kAddressBlocks >> 16;

bool number_from(const std::array<uint8_t, 16>& address, Family family, uint32_t& number) {
    if (family == Family::Ipv4) {
        if (address[0] < kFirstOctet || address[0] >= kFirstOctet + kOctets) return false;
        number = static_cast<uint32_t>(address[0] - kFirstOctet) << 16 | load_be16(&address[1]);
        return true;
    }
    if (load_be32(address.data()) != 0x20010db8) return false;
    number = load_be32(&address[4]);
    return number < kAddressBlocks;
}

/// RFC 1071 over the pseudo header as well.
uint16_t upper_checksum(std::span<const uint8_t> frame, const Place& at) {
    uint32_t sum = 0;
    const auto add = [&](std::span<const uint8_t> bytes) {
        for (size_t i = 0; i + 1 < bytes.size(); i += 2)
            sum += load_be16(&bytes[i]);
        if (bytes.size() % 2 != 0) sum += static_cast<uint32_t>(bytes.back()) << 8;
    };
    const std::span<const uint8_t> upper = frame.subspan(at.l4);
    if (at.protocol != ip_protocol::kIcmp) {
        const bool v6 = at.family == Family::Ipv6;
        add(frame.subspan(at.l3 + (v6 ? 8 : 12), v6 ? 32 : 8));
        sum += static_cast<uint32_t>(upper.size()) + at.protocol;
    }
    add(upper);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

/// The last byte of an address: whose it is, and bits that differ from sequence to sequence and
/// from host to host. What they have in common plays no part in which worker owns a connection.
uint8_t last_byte(uint32_t number, Host host) {
    const auto which = static_cast<uint32_t>(host);
    const uint32_t varied = host == Host::Client ? 0 : number >> (which - 2);
    return static_cast<uint8_t>(which | varied << 3);
}

}  // namespace

std::array<uint8_t, 16> address_of(uint32_t number, Family family, Host host) {
    std::array<uint8_t, 16> address{};
    if (family == Family::Ipv4) {
        address[0] = static_cast<uint8_t>(kFirstOctet + (number >> 16));
        store_be16(&address[1], static_cast<uint16_t>(number));
        address[3] = last_byte(number, host);
    } else {
        store_be32(address.data(), 0x20010db8);
        store_be32(&address[4], number);
        address[15] = last_byte(number, host);
    }
    return address;
}

uint32_t owner_of(const Tuple& tuple) {
    uint32_t number = UINT32_MAX;
    if (!number_from(tuple.source, tuple.family, number))
        static_cast<void>(number_from(tuple.destination, tuple.family, number));
    return number;
}

void seal_ipv4_header(std::span<uint8_t> header) {
    store_be16(&header[10], 0);
    store_be16(&header[10], testing::internet_checksum(header));
}

void seal(Bytes& frame, const Place& at) {
    if (at.family == Family::Ipv4 && at.l4 >= at.l3 + 20)
        seal_ipv4_header({&frame[at.l3], at.l4 - at.l3});
    const size_t offset = testing::checksum_offset(at.protocol);
    if (offset == 0 || frame.size() < at.l4 + offset + 2) return;
    store_be16(&frame[at.l4 + offset], 0);
    uint16_t sum = upper_checksum(frame, at);
    if (at.protocol == ip_protocol::kUdp && sum == 0) sum = 0xffff;
    store_be16(&frame[at.l4 + offset], sum);
}

Place write_frame(const Envelope& envelope, std::span<const uint8_t> upper, Bytes& frame) {
    const bool v6 = envelope.family == Family::Ipv6;
    const size_t l2 = envelope.vlan != 0 ? 18 : 14;
    const size_t header = v6 ? 40 : 20;
    frame.assign(l2 + header + upper.size(), 0);
    if (envelope.vlan != 0) {
        store_be16(&frame[12], 0x8100);
        store_be16(&frame[14], envelope.vlan);
    }
    store_be16(&frame[l2 - 2], v6 ? 0x86dd : 0x0800);
    uint8_t* const ip = &frame[l2];
    if (v6) {
        ip[0] = 0x60;
        ip[1] = static_cast<uint8_t>(envelope.ecn << 4);
        store_be16(ip + 4, static_cast<uint16_t>(upper.size()));
        ip[6] = envelope.protocol;
        ip[7] = envelope.ttl;
        std::copy_n(envelope.source.begin(), 16, ip + 8);
        std::copy_n(envelope.destination.begin(), 16, ip + 24);
    } else {
        ip[0] = 0x45;
        ip[1] = envelope.ecn;
        store_be16(ip + 2, static_cast<uint16_t>(header + upper.size()));
        store_be16(ip + 4, envelope.id);
        ip[8] = envelope.ttl;
        ip[9] = envelope.protocol;
        std::copy_n(envelope.source.begin(), 4, ip + 12);
        std::copy_n(envelope.destination.begin(), 4, ip + 16);
    }
    std::copy(upper.begin(), upper.end(), ip + header);
    const Place at{
        .l3 = l2, .l4 = l2 + header, .protocol = envelope.protocol, .family = envelope.family};
    seal(frame, at);
    return at;
}

uint16_t tag_of(std::span<const uint8_t> frame) {
    const bool tagged = frame.size() >= 18 && load_be16(&frame[12]) == 0x8100;
    return tagged ? load_be16(&frame[14]) & 0xfff : 0;
}

Place place_of(std::span<const uint8_t> frame) {
    Place at;
    at.l3 = load_be16(&frame[12]) == 0x8100 ? 18 : 14;
    const bool v6 = load_be16(&frame[at.l3 - 2]) == 0x86dd;
    at.family = v6 ? Family::Ipv6 : Family::Ipv4;
    at.l4 = at.l3 + (v6 ? 40 : 20);
    if (frame.size() >= at.l4) at.protocol = frame[at.l3 + (v6 ? 6 : 9)];
    return at;
}

Place place_behind_options(std::span<const uint8_t> frame) {
    Place at = place_of(frame);
    if (at.family == Family::Ipv4 && frame.size() > at.l3)
        at.l4 = at.l3 + (frame[at.l3] & 0xfU) * 4;
    while (at.family == Family::Ipv6 && frame.size() >= at.l4 + 8 &&
           (at.protocol == ip_protocol::kHopByHop || at.protocol == ip_protocol::kRouting ||
            at.protocol == ip_protocol::kFragment ||
            at.protocol == ip_protocol::kDestinationOptions)) {
        at.protocol = frame[at.l4];
        at.l4 += (frame[at.l4 + 1] + 1U) * 8;
    }
    return at;
}

Extent extent_of(std::span<const uint8_t> frame) {
    const Place at = place_behind_options(frame);
    if (frame.size() < at.l4) return {};
    const bool v6 = at.family == Family::Ipv6;
    size_t from = v6 ? 0 : (load_be16(&frame[at.l3 + 6]) & 0x1fffU) * 8;
    if (v6 && frame[at.l3 + 6] == ip_protocol::kFragment)
        from = load_be16(&frame[at.l3 + 42]) & 0xfff8U;
    return {from, from + frame.size() - at.l4};
}

Bytes datagram_of(std::span<const std::span<const uint8_t>> fragments) {
    Bytes datagram;
    for (const std::span<const uint8_t> frame : fragments) {
        if (extent_of(frame).from != 0) continue;
        const Place at = place_of(frame);
        datagram.assign(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(at.l4));
        if (at.family == Family::Ipv6) datagram[at.l3 + 6] = frame[at.l4];
    }
    const size_t header = datagram.size();
    std::vector<bool> there(header, true);
    for (const std::span<const uint8_t> frame : fragments) {
        const Extent extent = extent_of(frame);
        const size_t end = header + extent.to;
        if (datagram.size() < end) datagram.resize(end);
        if (there.size() < end) there.resize(end);
        const std::span<const uint8_t> data = frame.last(extent.to - extent.from);
        std::ranges::copy(data, datagram.begin() + static_cast<ptrdiff_t>(header + extent.from));
        std::fill_n(there.begin() + static_cast<ptrdiff_t>(header + extent.from), data.size(),
                    true);
    }
    if (header == 0 || std::ranges::find(there, false) != there.end()) return {};
    return datagram;
}

std::array<uint8_t, 16> source_of(std::span<const uint8_t> frame, const Place& at) {
    std::array<uint8_t, 16> address{};
    const bool v6 = at.family == Family::Ipv6;
    std::copy_n(&frame[at.l3 + (v6 ? 8 : 12)], v6 ? 16 : 4, address.begin());
    return address;
}

std::array<uint8_t, 16> destination_of(std::span<const uint8_t> frame, const Place& at) {
    std::array<uint8_t, 16> address{};
    const bool v6 = at.family == Family::Ipv6;
    std::copy_n(&frame[at.l3 + (v6 ? 24 : 16)], v6 ? 16 : 4, address.begin());
    return address;
}

}  // namespace ravelin::differential
