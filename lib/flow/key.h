// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/address.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <immintrin.h>
#include <type_traits>

namespace ravelin {

/// Identity of one connection, the same for both of its directions: 20 bytes.
///
/// The two ends are put in a fixed order (lower address first, ports with their address), so that
/// a packet and its answer build the same key; `FlowId::swapped` tells which way round the packet
/// was. ICMP queries are ordered by request and reply instead, so that two hosts that ping each
/// other with the same identifier have two connections, as netfilter has.
///
/// IPv4 puts both addresses into `addresses`. IPv6 puts a keyed 64-bit digest of both there and
/// the addresses themselves next to the connection, where a match is confirmed: IPv4 pays nothing
/// for IPv6, and both run through the same code (ADR 4).
struct FlowKey {
    std::array<uint8_t, 8> addresses{};
    uint16_t low_port = 0;   ///< port of the first end, host order; ICMP query: the identifier
    uint16_t high_port = 0;  ///< port of the second end; ICMP query: request type << 8 | code
    uint16_t outer_vlan = 0;
    uint16_t inner_vlan = 0;
    uint8_t protocol = 0;
    Family family = Family::None;
    uint8_t wire = 0;
    uint8_t reserved = 0;  ///< named so that no byte is padding

    bool operator==(const FlowKey& other) const noexcept {
        return std::memcmp(this, &other, sizeof *this) == 0;
    }
};
static_assert(std::has_unique_object_representations_v<FlowKey> && sizeof(FlowKey) == 20);
// FlowExtractor builds it from numbers.
static_assert(offsetof(FlowKey, low_port) == 8 && offsetof(FlowKey, outer_vlan) == 12 &&
              offsetof(FlowKey, protocol) == 16 && offsetof(FlowKey, wire) == 18);

/// Both addresses of an IPv6 connection, in the key's order.
struct Ipv6Ends {
    std::array<uint8_t, 16> low{};
    std::array<uint8_t, 16> high{};
    bool operator==(const Ipv6Ends& other) const noexcept {
        const __m256i differs =
            _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(this)),
                             _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&other)));
        return _mm256_testz_si256(differs, differs) != 0;
    }
};
static_assert(sizeof(Ipv6Ends) == sizeof(__m256i));

/// What steering, look-up and tracking need to know about one packet.
struct FlowId {
    FlowKey key{};
    uint32_t hash = 0;           ///< keyed hash of the key: bucket and signature
    uint32_t steering_hash = 0;  ///< names the worker, equal to the card's RSS hash
    bool swapped = false;        ///< the packet goes from the second end to the first
    Ipv6Ends ipv6{};             ///< set for IPv6 only
};

}  // namespace ravelin
