// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "flow/hash.h"
#include "packet/headers.h"
#include "packet/ipv4.h"

#include <bit>
#include <cstdint>

namespace ravelin {

/// Lets the SPI of ESP and AH stand where ports stand, so that each SPI is a flow of its own
/// (ADR 13). Call it before extract(), for packets and quoted packets alike.
inline void identify_by_spi(Headers& headers) noexcept {
    if (!is_ipsec(headers.protocol)) return;
    headers.source_port = static_cast<uint16_t>(headers.spi >> 16);
    headers.destination_port = static_cast<uint16_t>(headers.spi);
}

namespace flow_detail {

/// The end of a key, as FlowKey lays it out.
[[nodiscard]] constexpr uint32_t last_bytes(uint8_t protocol, Family family,
                                            uint8_t wire) noexcept {
    return static_cast<uint32_t>(wire) << 16 | static_cast<uint32_t>(family) << 8 | protocol;
}

}  // namespace flow_detail

/// Builds the identity of packets: key, its hash, and the steering hash.
class FlowExtractor {
  public:
    explicit FlowExtractor(const HashSecret& secret,
                           Steering steering = Steering::Addresses) noexcept
        : hash_{secret}, port_mask_{steering == Steering::Ports ? UINT32_MAX : 0} {}

    /// `l3` points at the IP header that `headers` describes; `wire` is the wire that the packet
    /// came in on. For an ICMP error call it with the quoted packet: the owner of an error is the
    /// owner of what it quotes, and `swapped` then is the quoted packet's direction.
    void extract(const Headers& headers, const uint8_t* l3, uint8_t wire,
                 FlowId& id) const noexcept;

    /// extract() for what parse_plain() has taken: untagged IPv4, two ends, two ports.
    void extract_plain(const uint8_t* l3, uint8_t protocol, uint8_t wire,
                       FlowId& id) const noexcept {
        const uint64_t addresses = checksum_detail::load64(l3 + Ipv4::kSourceOffset);
        const uint64_t in_order = __builtin_bswap64(addresses);
        const uint32_t wire_ports = checksum_detail::load32(l3 + Ipv4::kMinimumLength);
        const uint32_t ports = __builtin_bswap32(wire_ports);
        id.swapped = in_order > std::rotl(in_order, 32);
        id.steering_hash = steering_.ipv4(addresses, wire_ports & port_mask_);
        // Which way a packet goes can't be predicted, so there is no branch.
        const int turn = id.swapped ? 32 : 0;
        identify(std::rotl(addresses, turn), std::rotl(ports, 16 - turn / 2),
                 flow_detail::last_bytes(protocol, Family::Ipv4, wire), id);
    }

    /// The steering hash alone, of a fragment: over addresses, since all but the first have no
    /// ports.
    [[nodiscard]] uint32_t steering_hash(const Headers& headers, const uint8_t* l3) const noexcept {
        return headers.family == Family::Ipv4 ? steering_.ipv4(checksum_detail::load64(l3 + 12))
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
    /// Key and hash. The key is put together in registers: the hash would have to wait for fields
    /// that were just stored.
    void identify(uint64_t addresses, uint64_t vlans_and_ports, uint32_t rest,
                  FlowId& id) const noexcept {
        const FlowKeyBytes key{.first = _mm_set_epi64x(static_cast<int64_t>(vlans_and_ports),
                                                       static_cast<int64_t>(addresses)),
                               .rest = rest};
        auto* const bytes = reinterpret_cast<uint8_t*>(&id.key);
        std::memcpy(bytes, &key.first, 16);
        std::memcpy(bytes + 16, &key.rest, 4);
        id.hash = hash_key(hash_, key);
    }

    /// What the ports add to the steering hash; cards know those of TCP and UDP only.
    [[nodiscard]] uint32_t steering_ports(const Headers& headers) const noexcept {
        if (port_mask_ == 0 ||
            (headers.protocol != ip_protocol::kTcp && headers.protocol != ip_protocol::kUdp))
            return 0;
        const uint32_t both = headers.source_port ^ headers.destination_port;
        return __builtin_bswap32(both);
    }

    KeyedHash hash_;
    uint32_t port_mask_;  ///< all ones: ports count, 0: they don't
    SteeringHash steering_;
};

}  // namespace ravelin
