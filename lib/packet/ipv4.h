// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "packet/checksum.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// An IPv4 header (RFC 791 3.1) that lies wholly inside the bytes it was parsed from.
///
/// Its total length and its checksum are what the header says; the caller judges them.
class Ipv4 {
  public:
    static constexpr size_t kMinimumLength = 20;
    static constexpr size_t kSourceOffset = 12;

    /// Nothing when the header is cut short, isn't version 4, or says it is shorter than 20 bytes.
    static std::optional<Ipv4> parse(std::span<const uint8_t> packet) noexcept {
        if (packet.size() < kMinimumLength || packet[0] >> 4 != 4) return {};
        const size_t length = (packet[0] & 0xfU) * 4;
        if (length < kMinimumLength || length > packet.size()) return {};
        return Ipv4{packet.first(length)};
    }

    [[nodiscard]] uint16_t header_length() const noexcept {
        return static_cast<uint16_t>(header_.size());
    }
    [[nodiscard]] uint16_t total_length() const noexcept { return load_be16(&header_[2]); }
    /// In bytes.
    [[nodiscard]] uint16_t fragment_offset() const noexcept {
        return static_cast<uint16_t>((load_be16(&header_[6]) & 0x1fff) * 8);
    }
    [[nodiscard]] bool more_fragments() const noexcept { return (header_[6] & 0x20) != 0; }
    [[nodiscard]] uint8_t ttl() const noexcept { return header_[8]; }
    [[nodiscard]] uint8_t protocol() const noexcept { return header_[9]; }
    [[nodiscard]] uint32_t source() const noexcept { return load_be32(&header_[kSourceOffset]); }
    [[nodiscard]] uint32_t destination() const noexcept { return load_be32(&header_[16]); }
    [[nodiscard]] std::span<const uint8_t> options() const noexcept {
        return header_.subspan(kMinimumLength);
    }
    [[nodiscard]] bool is_checksum_good() const noexcept {
        return checksum_good(checksum_sum(header_.data(), header_.size()));
    }

  private:
    explicit Ipv4(std::span<const uint8_t> header) noexcept : header_{header} {}
    std::span<const uint8_t> header_;
};

}  // namespace ravelin
