// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// WireGuard's message types (WireGuard paper, section 5.4).
enum class WireGuardType : uint8_t { Initiation = 1, Response = 2, CookieReply = 3, Data = 4 };

/// What a WireGuard packet shows in clear. Everything on its wire is little-endian.
struct WireGuardMessage {
    static constexpr size_t kInitiation = 148;
    static constexpr size_t kResponse = 92;
    static constexpr size_t kCookieReply = 64;
    static constexpr size_t kKeepalive = 32;  ///< data around no packet at all
    static constexpr size_t kCounterAt = 8;   ///< of Data

    WireGuardType type{};
    uint32_t sender = 0;    ///< Initiation, Response: what its sender wants to be called
    uint32_t receiver = 0;  ///< all but Initiation: what the other side wants to be called
    uint64_t counter = 0;   ///< Data

    /// Nothing when a reserved byte isn't zero or the size isn't the type's: of handshake packets
    /// it is fixed, of data at least a keepalive's. Data is padded to 16 bytes except at the MTU.
    [[nodiscard]] static std::optional<WireGuardMessage> read(
        std::span<const uint8_t> payload) noexcept;
};

}  // namespace ravelin
