// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/drop_reason.h"
#include "packet/headers.h"

#include <cstddef>
#include <cstdint>

namespace ravelin::testing {

/// The same for a fragment, of whose upper layer nothing is said.
inline const char* broken_promise_of_fragment(const Headers& headers) {
    if (headers.l4_header_length != 0 || headers.source_port != 0 ||
        headers.destination_port != 0 || headers.tcp_flags != 0 || headers.icmp_type != 0 ||
        headers.icmp_code != 0 || headers.spi != 0) {
        return "a fragment with an upper layer";
    }
    if (headers.fragment_offset % 8 != 0) return "a fragment's offset";
    if (headers.fragment_data > headers.l4_offset) return "a fragment's bytes behind its chain";
    const uint32_t shortest = headers.family == Family::Ipv6 ? 40 + 8 : 20;
    return headers.fragment_data >= headers.l3_offset + shortest ? nullptr
                                                                 : "a fragment's bytes inside IP";
}

/// What parse() promises about the fields of a packet that it takes, beyond their place.
inline const char* broken_promise_of_accepted(const Headers& headers) {
    const bool v6 = headers.family == Family::Ipv6;
    const uint32_t shortest = v6 ? 40 : 20;
    const uint32_t header = headers.l4_header_length;
    if (headers.ip_length < shortest) return "the IP packet is shorter than its header";
    if (headers.l4_offset < headers.l3_offset + shortest) return "the upper layer is inside IP";
    if (headers.l4_offset + headers.l4_length != headers.l3_offset + headers.ip_length) {
        return "the upper layer does not end where IP ends";
    }
    if (headers.is_fragment) return broken_promise_of_fragment(headers);
    if (headers.fragment_offset != 0 || headers.fragment_data != 0) return "no fragment, but parts";
    if (header > headers.l4_length) return "the upper layer is shorter than its header";
    switch (headers.protocol) {
        case ip_protocol::kTcp:
            return header >= 20 && header <= 60 ? nullptr : "TCP header length";
        case ip_protocol::kUdp:
            return header == 8 ? nullptr : "UDP header length";
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            if (v6 != (headers.protocol == ip_protocol::kIcmpv6)) return "ICMP of the other family";
            return header == 8 ? nullptr : "ICMP header length";
        case ip_protocol::kSctp:
            return header == 12 ? nullptr : "SCTP header length";
        default:
            return header == 0 ? nullptr : "header length of a protocol that has none here";
    }
}

/// Checks what parse() promises about every result; nothing when all is well. `size` is the length
/// of the frame.
inline const char* broken_promise(DropReason reason, const Headers& headers, size_t size) {
    if (headers.family == Family::None) {
        Headers layer2;
        layer2.ether_type = headers.ether_type;
        layer2.outer_vlan = headers.outer_vlan;
        layer2.inner_vlan = headers.inner_vlan;
        return headers == layer2 ? nullptr : "not IP, but fields of IP are set";
    }
    if (headers.outer_vlan > 4094 || headers.inner_vlan > 4094) return "no VLAN id";
    if (headers.ip_length != 0 && headers.l3_offset + headers.ip_length > size) {
        return "the IP packet ends beyond the frame";
    }
    if (headers.l4_offset != 0 && headers.l4_offset + headers.l4_length > size) {
        return "the upper layer ends beyond the frame";
    }
    return reason == DropReason::None ? broken_promise_of_accepted(headers) : nullptr;
}

}  // namespace ravelin::testing
