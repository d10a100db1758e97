// SPDX-License-Identifier: BSD-3-Clause
#pragma once

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

}  // namespace ravelin
