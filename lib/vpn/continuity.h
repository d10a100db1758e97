// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "vpn/tunnel.h"

#include <cstdint>

namespace ravelin {

/// Whether `counter`, as it stands on the wire, follows the last one of this side closely: nobody
/// but the two ends knows it.
[[nodiscard]] inline bool goes_on(const Tunnel& tunnel, size_t side, uint32_t counter) noexcept {
    constexpr uint32_t kFurthest = 1U << 20;
    const auto value = [&](uint32_t wire) {
        return tunnel.protocol == VpnProtocol::WireGuard ? wire : __builtin_bswap32(wire);
    };
    const uint32_t step = value(counter) - value(tunnel.counter[side]);
    return step != 0 && step <= kFurthest;
}

/// Of what a client's session is known by wherever it comes from: the server's end, and what the
/// client's packets carry.
[[nodiscard]] inline uint64_t session_hash(const KeyedHash& hash, const Tunnel& tunnel) noexcept {
    constexpr auto kServer = static_cast<size_t>(Side::Server);
    const auto rest = static_cast<uint64_t>(tunnel.protocol) << 48 |
                      static_cast<uint64_t>(tunnel.port[kServer]) << 32 | tunnel.peer_id[0];
    const __m128i address =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(tunnel.address[kServer].bytes.data()));
    return hash(address, _mm_set_epi64x(0, static_cast<int64_t>(rest)));
}

}  // namespace ravelin
