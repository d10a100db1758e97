// SPDX-License-Identifier: BSD-3-Clause
#include "frame_writer.h"

#include "base/byteorder.h"
#include "packet/checksum.h"
#include "packet/headers.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace ravelin::load {
namespace {

constexpr uint32_t kEthernet = 14;
constexpr uint32_t kIpv4 = 20;
constexpr uint32_t kIpv6 = 40;
constexpr uint32_t kIpv6Fragment = 8;
constexpr uint32_t kUdp = 8;
constexpr uint32_t kTcp = 20;
constexpr uint32_t kIcmp = 8;
/// IP payload of the two fragments. The first one is as long as devices may demand (RFC 8200 5:
/// links carry 1280 bytes); its length is a multiple of 8.
constexpr uint32_t kFirstFragment = 1280;
constexpr uint32_t kDatagram = kFirstFragment + 120;
/// Of the packet that an ICMP error is about: all headers that a device may look for.
constexpr uint32_t kQuoted = 64;

// Locally administered, so that they are nobody's.
constexpr uint8_t kClientMac[] = {0x02, 0x52, 0x61, 0x76, 0x00, 0x01};
constexpr uint8_t kServerMac[] = {0x02, 0x52, 0x61, 0x76, 0x00, 0x02};

constexpr uint32_t kClientNet = 0x0a000000;    // 10.0.0.0/8
constexpr uint32_t kServer = 0xc0000214;       // 192.0.2.20 (RFC 5737)
constexpr uint32_t kRouter = 0xc0000201;       // 192.0.2.1
constexpr uint32_t kIpv6Net = 0x20010db8;      // 2001:db8::/32 (RFC 3849)
constexpr uint32_t kIpv6Servers = 0x000b0000;  // 2001:db8:b::/48

/// Data that no two frames after each other share, so that mixed-up payloads are noticed.
constexpr uint32_t kPatternSpan = 1024;
const std::array<uint8_t, kPatternSpan + FrameWriter::kLargest> kPattern = [] {
    std::array<uint8_t, kPatternSpan + FrameWriter::kLargest> bytes{};
    std::mt19937 random{1};  // the same bytes in every run
    for (uint8_t& byte : bytes)
        byte = static_cast<uint8_t>(random());
    return bytes;
}();

uint16_t client_port(uint32_t tuple) noexcept {
    // The address takes the low 24 bits of the tuple. With them given, no two of the other 256
    // values get the same port.
    return static_cast<uint16_t>(1024 + ((tuple & 0xff) * 251 + (tuple >> 24)) % 64'512);
}

void write_ipv6_address(uint8_t* to, uint32_t second, uint32_t last) noexcept {
    store_be32(to, kIpv6Net);
    store_be32(to + 4, second);
    store_be32(to + 8, 0);
    store_be32(to + 12, last);
}

struct Ip {
    uint8_t protocol = 0;
    uint32_t payload = 0;   ///< bytes behind the header
    uint16_t fragment = 0;  ///< as in IPv4's field: flags and offset / 8
    bool from_router = false;
};
constexpr uint16_t kMoreFragments = 0x2000;

void write_addresses(Side from, const Flow& flow, bool from_router, uint8_t* to) noexcept {
    const uint32_t width = flow.ipv6 ? 16 : 4;
    uint8_t* const client = from == Side::Outside ? to : to + width;
    uint8_t* const server = from == Side::Outside ? to + width : to;
    if (flow.ipv6) {
        write_ipv6_address(client, 0, flow.tuple & 0xffffff);
        client[8] = 1;  // not the subnet router's anycast address
        write_ipv6_address(server, kIpv6Servers, from_router ? 1 : 20);
    } else {
        store_be32(client, kClientNet | (flow.tuple & 0xffffff));
        store_be32(server, from_router ? kRouter : kServer);
    }
}

/// Ethernet and IP; returns where the payload begins.
uint8_t* write_headers(Side from, const Flow& flow, const Ip& ip, uint32_t number,
                       uint8_t* frame) noexcept {
    const bool client = from == Side::Outside;
    std::memcpy(frame, client ? kServerMac : kClientMac, 6);
    std::memcpy(frame + 6, client ? kClientMac : kServerMac, 6);
    uint8_t* const header = frame + kEthernet;
    if (flow.ipv6) {
        const bool is_fragment = ip.fragment != 0;
        store_be16(frame + 12, 0x86dd);
        store_be32(header, 0x60000000 | (number & 0xfffff));
        store_be16(header + 4,
                   static_cast<uint16_t>(ip.payload + (is_fragment ? kIpv6Fragment : 0)));
        header[6] = is_fragment ? ip_protocol::kFragment : ip.protocol;
        header[7] = 64;
        write_addresses(from, flow, ip.from_router, header + 8);
        if (!is_fragment) return header + kIpv6;
        uint8_t* const extension = header + kIpv6;
        extension[0] = ip.protocol;
        extension[1] = 0;
        store_be16(extension + 2,
                   static_cast<uint16_t>((ip.fragment & 0x1fff) << 3 |
                                         ((ip.fragment & kMoreFragments) != 0 ? 1 : 0)));
        store_be32(extension + 4, number);
        return extension + kIpv6Fragment;
    }
    store_be16(frame + 12, 0x0800);
    store_be16(header, 0x4500);
    store_be16(header + 2, static_cast<uint16_t>(kIpv4 + ip.payload));
    store_be16(header + 4, static_cast<uint16_t>(number));
    store_be16(header + 6, ip.fragment);
    header[8] = 64;
    header[9] = ip.protocol;
    store_be16(header + 10, 0);
    write_addresses(from, flow, ip.from_router, header + 12);
    store_be16(header + 10, checksum_of(checksum_sum(header, kIpv4)));
    return header + kIpv4;
}

/// Fills in the checksum field at `field`, which is 0, of `length` bytes from `l4` on.
/// `addresses`: the source address in the IP header.
void write_checksum(const Flow& flow, uint8_t protocol, const uint8_t* addresses, uint8_t* l4,
                    uint32_t length, uint32_t field) noexcept {
    const uint64_t pseudo = flow.ipv6 ? checksum_pseudo_ipv6(addresses, protocol, length)
                                      : checksum_pseudo_ipv4(addresses, protocol, length);
    const uint16_t sum = checksum_of(checksum_add(pseudo, checksum_sum(l4, length)));
    // UDP's 0 means "none" (RFC 768).
    store_be16(l4 + field, sum == 0 && protocol == ip_protocol::kUdp ? 0xffff : sum);
}

// A value as the checksum's arithmetic has it, which adds bytes in memory order.
uint32_t in_memory(uint32_t value) noexcept {
    return __builtin_bswap32(value);
}
uint32_t in_memory(uint16_t value) noexcept {
    return __builtin_bswap16(value);
}

const uint8_t* addresses_in(const Flow& flow, const uint8_t* frame) noexcept {
    return frame + kEthernet + (flow.ipv6 ? 8 : 12);
}

uint8_t flags_of(Kind kind) noexcept {
    using namespace tcp_flag;
    switch (kind) {
        case Kind::TcpSyn:
            return kSyn;
        case Kind::TcpSynAck:
            return kSyn | kAck;
        case Kind::TcpData:
            return kPsh | kAck;
        case Kind::TcpFin:
        case Kind::TcpFinAck:
            return kFin | kAck;
        case Kind::TcpAck:
        case Kind::UdpData:
        case Kind::FirstFragment:
        case Kind::LastFragment:
        case Kind::IcmpError:
            break;
    }
    return kAck;
}

void write_data(uint32_t number, uint8_t* to, uint32_t length) noexcept {
    std::memcpy(to, kPattern.data() + number % kPatternSpan, length);
}

}  // namespace

std::optional<FrameMark> read_mark(std::span<const uint8_t> frame) noexcept {
    if (frame.size() < kEthernet + kIpv4) return {};
    const uint8_t* const bytes = frame.data();
    // A device may swap the two, as macswap does, but has no others to give.
    const auto ours = [](const uint8_t* mac) { return std::memcmp(mac, kClientMac, 5) == 0; };
    if (!ours(bytes) || !ours(bytes + 6)) return {};
    const uint16_t type = load_be16(bytes + 12);
    if (type == 0x0800) {
        return FrameMark{.number = load_be16(bytes + kEthernet + 4),
                         .mask = 0xffff,
                         .later_fragment = (load_be16(bytes + kEthernet + 6) & 0x1fff) != 0};
    }
    if (type != 0x86dd || frame.size() < kEthernet + kIpv6) return {};
    FrameMark mark{.number = load_be32(bytes + kEthernet) & 0xfffff, .mask = 0xfffff};
    mark.later_fragment = bytes[kEthernet + 6] == ip_protocol::kFragment &&
                          frame.size() >= kEthernet + kIpv6 + kIpv6Fragment &&
                          load_be16(bytes + kEthernet + kIpv6 + 2) >> 3 != 0;
    return mark;
}

FrameWriter::FrameWriter(uint32_t size, uint16_t server_port)
    : size_{size}, server_port_{server_port} {
    for (const Side from : {Side::Outside, Side::Inside}) {
        for (unsigned bits = 0; bits < 8; ++bits) {
            const Flow flow{.ipv6 = (bits & 4) != 0, .tcp = (bits & 2) != 0};
            templates_[index_of(from) * 8 + bits] = make_template(from, flow, (bits & 1) != 0);
        }
    }
}

uint32_t FrameWriter::tcp_data(bool ipv6) const noexcept {
    const uint32_t headers = kEthernet + (ipv6 ? kIpv6 : kIpv4) + kTcp;
    return size_ > headers ? size_ - headers : 1;
}

uint32_t FrameWriter::longest(bool with_fragments) const noexcept {
    const uint32_t fragment = kEthernet + kIpv6 + kIpv6Fragment + kFirstFragment;
    const uint32_t error = kEthernet + kIpv6 + kIcmp + kQuoted;
    return std::max({size_, error, with_fragments ? fragment : 0});
}

FrameWriter::Template FrameWriter::make_template(Side from, const Flow& flow, bool has_data) const {
    Template made;
    const uint32_t header = flow.tcp ? kTcp : kUdp;
    const uint8_t protocol = flow.tcp ? ip_protocol::kTcp : ip_protocol::kUdp;
    made.l4 = kEthernet + (flow.ipv6 ? kIpv6 : kIpv4);
    made.data = made.l4 + header;
    if (has_data && flow.tcp) made.data_length = tcp_data(flow.ipv6);
    if (has_data && !flow.tcp && size_ > made.data) made.data_length = size_ - made.data;
    const uint32_t length = header + made.data_length;

    uint8_t* const frame = made.headers.data();
    uint8_t* const l4 =
        write_headers(from, flow, {.protocol = protocol, .payload = length}, 0, frame);
    store_be16(l4 + (from == Side::Outside ? 2 : 0), server_port_);
    if (flow.tcp) {
        l4[12] = (kTcp / 4) << 4;
        store_be16(l4 + 14, 0xffff);  // window
    } else {
        store_be16(l4 + 4, static_cast<uint16_t>(length));
    }
    if (!flow.ipv6) {
        store_be16(frame + kEthernet + 10, 0);
        made.ip_sum = checksum_fold(checksum_sum(frame + kEthernet, kIpv4));
    }
    const uint8_t* const addresses = addresses_in(flow, frame);
    made.l4_sum =
        checksum_fold(checksum_add(flow.ipv6 ? checksum_pseudo_ipv6(addresses, protocol, length)
                                             : checksum_pseudo_ipv4(addresses, protocol, length),
                                   checksum_sum(l4, header)));
    for (uint32_t at = 0; at < kPatternSpan; ++at)
        made.data_sums.push_back(checksum_fold(checksum_sum(&kPattern[at], made.data_length)));
    return made;
}

uint32_t FrameWriter::write(Side from, const Message& message, uint32_t number,
                            uint8_t* frame) const noexcept {
    const Flow& flow = message.flow;
    const bool has_data = !flow.tcp || message.kind == Kind::TcpData;
    const Template& base = template_of(from, flow, has_data);
    std::memcpy(frame, base.headers.data(), base.headers.size());
    std::memcpy(frame + base.data, &kPattern[number % kPatternSpan], base.data_length);

    // The template is that of tuple and number 0, so that what is written here is what is added.
    const bool client = from == Side::Outside;
    const uint32_t address = flow.tuple & 0xffffff;
    uint8_t* const ip = frame + kEthernet;
    if (flow.ipv6) {
        store_be32(ip, 0x60000000 | (number & 0xfffff));
        store_be32(ip + (client ? 8 : 24) + 12, address);
    } else {
        store_be16(ip + 4, static_cast<uint16_t>(number));
        store_be32(ip + (client ? 12 : 16), kClientNet | address);
        store_be16(ip + 10, checksum_of(base.ip_sum + in_memory(address) +
                                        in_memory(static_cast<uint16_t>(number))));
    }
    uint8_t* const l4 = frame + base.l4;
    const uint16_t port = client_port(flow.tuple);
    store_be16(l4 + (client ? 0 : 2), port);
    uint64_t sum =
        base.l4_sum + base.data_sums[number % kPatternSpan] + in_memory(address) + in_memory(port);
    if (flow.tcp) {
        const uint8_t flags = flags_of(message.kind);
        store_be32(l4 + 4, message.sequence);
        store_be32(l4 + 8, message.ack);
        l4[13] = flags;
        sum += uint64_t{in_memory(message.sequence)} + in_memory(message.ack) +
               in_memory(uint16_t{flags});
        store_be16(l4 + 16, checksum_of(sum));
    } else {
        const uint16_t checksum = checksum_of(sum);
        store_be16(l4 + 6, checksum == 0 ? 0xffff : checksum);  // 0 means "none" (RFC 768)
    }
    return base.data + base.data_length;
}

std::array<uint32_t, 2> FrameWriter::write_fragments(const Message& message, uint32_t number,
                                                     uint8_t* first, uint8_t* last) const noexcept {
    std::array<uint8_t, kDatagram> datagram{};
    store_be16(datagram.data(), client_port(message.flow.tuple));
    store_be16(datagram.data() + 2, server_port_);
    store_be16(datagram.data() + 4, kDatagram);
    write_data(number, datagram.data() + kUdp, kDatagram - kUdp);
    const auto fragment = [&](uint32_t offset, uint32_t length, bool more, uint8_t* frame) {
        const auto field =
            static_cast<uint16_t>((more ? kMoreFragments : 0) | static_cast<uint16_t>(offset / 8));
        uint8_t* const to = write_headers(
            Side::Outside, message.flow,
            {.protocol = ip_protocol::kUdp, .payload = length, .fragment = field}, number, frame);
        std::memcpy(to, datagram.data() + offset, length);
        return static_cast<uint32_t>(to - frame) + length;
    };
    const uint32_t rest = fragment(kFirstFragment, kDatagram - kFirstFragment, false, last);
    // The checksum is that of the whole datagram; it needs the addresses.
    write_checksum(message.flow, ip_protocol::kUdp, addresses_in(message.flow, last),
                   datagram.data(), kDatagram, 6);
    return {fragment(0, kFirstFragment, true, first), rest};
}

uint32_t FrameWriter::write_icmp_error(const Message& message, std::span<const uint8_t> about,
                                       uint32_t number, uint8_t* frame) const noexcept {
    const Flow& flow = message.flow;
    const uint8_t protocol = flow.ipv6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp;
    const auto quoted =
        std::min<uint32_t>(kQuoted, static_cast<uint32_t>(about.size()) - kEthernet);
    uint8_t* const icmp = write_headers(
        Side::Inside, flow, {.protocol = protocol, .payload = kIcmp + quoted, .from_router = true},
        number, frame);
    std::memset(icmp, 0, kIcmp);
    // Time exceeded in transit (RFC 792, RFC 4443 3.3): devices let the connection live on.
    icmp[0] = flow.ipv6 ? 3 : 11;
    std::memcpy(icmp + kIcmp, about.data() + kEthernet, quoted);
    if (flow.ipv6) {
        write_checksum(flow, protocol, addresses_in(flow, frame), icmp, kIcmp + quoted, 2);
    } else {
        store_be16(icmp + 2, checksum_of(checksum_sum(icmp, kIcmp + quoted)));
    }
    return static_cast<uint32_t>(icmp - frame) + kIcmp + quoted;
}

}  // namespace ravelin::load
