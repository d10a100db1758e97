// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// A TCP header with its options (RFC 9293 3.1) that lies wholly inside the segment.
class Tcp {
  public:
    static constexpr size_t kMinimumLength = 20;

    /// Nothing when the header is cut short, or its data offset is below 5 or beyond the segment.
    static std::optional<Tcp> parse(std::span<const uint8_t> segment) noexcept {
        if (segment.size() < kMinimumLength) return {};
        const size_t length = (segment[12] >> 4U) * 4U;
        if (length < kMinimumLength || length > segment.size()) return {};
        return Tcp{segment.first(length)};
    }

    [[nodiscard]] uint16_t header_length() const noexcept {
        return static_cast<uint16_t>(header_.size());
    }
    [[nodiscard]] uint16_t source_port() const noexcept { return load_be16(&header_[0]); }
    [[nodiscard]] uint16_t destination_port() const noexcept { return load_be16(&header_[2]); }
    [[nodiscard]] uint8_t flags() const noexcept { return header_[13]; }

  private:
    explicit Tcp(std::span<const uint8_t> header) noexcept : header_{header} {}
    std::span<const uint8_t> header_;
};

}  // namespace ravelin
