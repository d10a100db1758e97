// SPDX-License-Identifier: BSD-3-Clause
#include "flow/extract.h"

#include "base/byteorder.h"

namespace ravelin {

namespace {

bool is_icmp(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
}

/// The request type that an ICMP reply answers (RFC 792, RFC 950, RFC 4443, RFC 4620), or the type
/// itself.
uint8_t request_type(Family family, uint8_t type) noexcept {
    if (family == Family::Ipv6) return type == 129 || type == 140 ? type - 1 : type;
    switch (type) {
        case 0:
            return 8;
        case 14:
            return 13;
        case 16:
            return 15;
        case 18:
            return 17;
        default:
            return type;
    }
}

/// Both ports as they stand in the key: the first end's in the low half.
uint32_t pack_ports(uint16_t first, uint16_t second) noexcept {
    return static_cast<uint32_t>(second) << 16 | first;
}

/// Like memcmp() over 16 bytes; 0 for equal ones.
int compare_ipv6(const uint8_t* a, const uint8_t* b) noexcept {
    const uint64_t high_a = load_be64(a);
    const uint64_t high_b = load_be64(b);
    if (high_a != high_b) return high_a < high_b ? -1 : 1;
    const uint64_t low_a = load_be64(a + 8);
    const uint64_t low_b = load_be64(b + 8);
    return low_a == low_b ? 0 : (low_a < low_b ? -1 : 1);
}

}  // namespace

void FlowExtractor::extract(const Headers& headers, const uint8_t* l3, uint8_t wire,
                            FlowId& id) const noexcept {
    const bool ipv4 = headers.family == Family::Ipv4;
    uint32_t ports = pack_ports(headers.source_port, headers.destination_port);
    bool swapped = false;
    if (is_icmp(headers.protocol)) [[unlikely]] {
        const uint8_t request = request_type(headers.family, headers.icmp_type);
        swapped = request != headers.icmp_type;
        ports = pack_ports(headers.source_port,
                           static_cast<uint16_t>(request << 8 | headers.icmp_code));
    } else {
        int order = 0;
        if (ipv4) {
            const uint32_t source = load_be32(l3 + 12);
            const uint32_t destination = load_be32(l3 + 16);
            order = (source > destination) - (source < destination);
        } else {
            order = compare_ipv6(l3 + 8, l3 + 24);
        }
        swapped = order > 0 || (order == 0 && headers.source_port > headers.destination_port);
        if (swapped) ports = std::rotl(ports, 16);
    }
    id.swapped = swapped;

    uint64_t addresses = 0;
    if (ipv4) {
        std::memcpy(&addresses, l3 + 12, sizeof addresses);
        id.steering_hash = steering_.ipv4(addresses, steering_ports(headers));
        if (swapped) addresses = std::rotl(addresses, 32);
    } else {
        const uint8_t* low = swapped ? l3 + 24 : l3 + 8;
        const uint8_t* high = swapped ? l3 + 8 : l3 + 24;
        std::memcpy(id.ipv6.low.data(), low, 16);
        std::memcpy(id.ipv6.high.data(), high, 16);
        addresses = digest_ipv6(hash_, id.ipv6);
        id.steering_hash = steering_.ipv6(low, high, steering_ports(headers));
    }
    const uint64_t vlans_and_ports = static_cast<uint64_t>(headers.inner_vlan) << 48 |
                                     static_cast<uint64_t>(headers.outer_vlan) << 32 | ports;
    identify(addresses, vlans_and_ports,
             flow_detail::last_bytes(headers.protocol, headers.family, wire), id);
}

uint64_t FlowExtractor::connection_id(const FlowKey& key, uint32_t created_tick,
                                      uint32_t index) const noexcept {
    const uint64_t name =
        hash_(_mm_set_epi32(static_cast<int>(hash_key(hash_, key)), static_cast<int>(created_tick),
                            static_cast<int>(index), 1));
    return name >> 11;
}

}  // namespace ravelin
