// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// What an ESP packet shows in clear (RFC 4303 2).
struct EspPacket {
    /// Header, the shortest trailer and 96 bits of check value around nothing, not encrypted.
    static constexpr size_t kSmallest = 24;
    static constexpr size_t kSequenceAt = 4;

    uint32_t spi = 0;
    uint32_t sequence = 0;

    /// Nothing when the SPI is one of the reserved ones below 256 (0 marks IKE), or the length none
    /// that padding to four bytes gives (RFC 4303 2.4).
    [[nodiscard]] static std::optional<EspPacket> read(std::span<const uint8_t> bytes) noexcept {
        if (bytes.size() < kSmallest || bytes.size() % 4 != 0) return std::nullopt;
        const EspPacket packet{.spi = load_be32(bytes.data()),
                               .sequence = load_be32(bytes.data() + kSequenceAt)};
        if (packet.spi < 256) return std::nullopt;
        return packet;
    }
};

}  // namespace ravelin
