// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "flow/hash.h"
#include "packet/headers.h"

#include <cstdint>

namespace ravelin {

/// Lets the SPI of ESP and AH stand where ports stand, so that each SPI is a flow of its own
/// (ADR 13). Call it before extract(), for packets and quoted packets alike.
inline void identify_by_spi(Headers& headers) noexcept {
    if (!is_ipsec(headers.protocol)) return;
    headers.source_port = static_cast<uint16_t>(headers.spi >> 16);
    headers.destination_port = static_cast<uint16_t>(headers.spi);
}

/// Builds the identity of packets: key, its hash, and the steering hash.
class FlowExtractor {
  public:
    explicit FlowExtractor(const HashSecret& secret) noexcept : hash_{secret} {}

    /// `l3` points at the IP header that `headers` describes; `wire` is the wire that the packet
    /// came in on. For an ICMP error call it with the quoted packet: the owner of an error is the
    /// owner of what it quotes, and `swapped` then is the quoted packet's direction.
    void extract(const Headers& headers, const uint8_t* l3, uint8_t wire,
                 FlowId& id) const noexcept;

    /// The steering hash alone: of a fragment, whose ports nobody knows yet.
    [[nodiscard]] uint32_t steering_hash(const Headers& headers, const uint8_t* l3) const noexcept {
        return headers.family == Family::Ipv4 ? steering_.ipv4(l3 + 12, l3 + 16)
                                              : steering_.ipv6(l3 + 8, l3 + 24);
    }

    /// Stands for the key where the key itself isn't kept; never 0. Of an IPv6 connection the key
    /// holds a digest of the addresses, keyed as well.
    [[nodiscard]] uint64_t hash64(const FlowKey& key) const noexcept {
        const uint64_t hash = hash_key64(hash_, key);
        return hash != 0 ? hash : 1;
    }

    /// A number that names a connection for as long as it lives, below 2^53 so that JSON carries
    /// it.
    [[nodiscard]] uint64_t connection_id(const FlowKey& key, uint32_t created_tick,
                                         uint32_t index) const noexcept;

  private:
    KeyedHash hash_;
    SteeringHash steering_;
};

}  // namespace ravelin
