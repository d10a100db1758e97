// SPDX-License-Identifier: BSD-3-Clause
#include "flow/extract.h"

#include "base/byteorder.h"

#include <algorithm>

namespace ravelin {

namespace {

/// Ends of one packet as they stand in it.
struct Ends {
    const uint8_t* source;
    const uint8_t* destination;
    size_t address_length;
};

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

bool destination_is_low(const Ends& ends, const Headers& headers) noexcept {
    const int order = std::memcmp(ends.source, ends.destination, ends.address_length);
    if (order != 0) return order > 0;
    return headers.source_port > headers.destination_port;
}

}  // namespace

void FlowExtractor::extract(const Headers& headers, const uint8_t* l3, uint8_t wire,
                            FlowId& id) const noexcept {
    const bool ipv4 = headers.family == Family::Ipv4;
    const Ends ends = ipv4 ? Ends{l3 + 12, l3 + 16, 4} : Ends{l3 + 8, l3 + 24, 16};

    FlowKey key;
    if (is_icmp(headers.protocol)) {
        const uint8_t request = request_type(headers.family, headers.icmp_type);
        id.swapped = request != headers.icmp_type;
        key.low_port = headers.source_port;
        key.high_port = static_cast<uint16_t>(request << 8 | headers.icmp_code);
    } else {
        id.swapped = destination_is_low(ends, headers);
        key.low_port = id.swapped ? headers.destination_port : headers.source_port;
        key.high_port = id.swapped ? headers.source_port : headers.destination_port;
    }
    const uint8_t* low = id.swapped ? ends.destination : ends.source;
    const uint8_t* high = id.swapped ? ends.source : ends.destination;
    if (ipv4) {
        std::memcpy(key.addresses.data(), low, 4);
        std::memcpy(key.addresses.data() + 4, high, 4);
        id.steering_hash = steering_.ipv4(low, high);
    } else {
        std::memcpy(id.ipv6.low.data(), low, 16);
        std::memcpy(id.ipv6.high.data(), high, 16);
        const uint64_t digest = digest_ipv6(hash_, id.ipv6);
        std::memcpy(key.addresses.data(), &digest, sizeof digest);
        id.steering_hash = steering_.ipv6(low, high);
    }
    key.outer_vlan = headers.outer_vlan;
    key.inner_vlan = headers.inner_vlan;
    key.protocol = headers.protocol;
    key.family = headers.family;
    key.wire = wire;
    id.key = key;
    id.hash = hash_key(hash_, key);
}

uint64_t FlowExtractor::connection_id(const FlowKey& key, uint32_t created_tick,
                                      uint32_t index) const noexcept {
    const uint64_t name =
        hash_(_mm_set_epi32(static_cast<int>(hash_key(hash_, key)), static_cast<int>(created_tick),
                            static_cast<int>(index), 1));
    return name >> 11;
}

}  // namespace ravelin
