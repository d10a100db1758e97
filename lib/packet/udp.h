// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// A UDP header (RFC 768) whose datagram lies wholly inside the IP payload.
class Udp {
  public:
    static constexpr size_t kLength = 8;

    /// Nothing when the header is cut short, or its length is below 8 or beyond the payload. A
    /// shorter one is no error: what follows is a trailer, as netfilter's udp_error() has it.
    static std::optional<Udp> parse(std::span<const uint8_t> payload) noexcept {
        if (payload.size() < kLength) return {};
        const size_t length = load_be16(&payload[4]);
        if (length < kLength || length > payload.size()) return {};
        return Udp{payload.first(length)};
    }

    [[nodiscard]] uint16_t source_port() const noexcept { return load_be16(&datagram_[0]); }
    [[nodiscard]] uint16_t destination_port() const noexcept { return load_be16(&datagram_[2]); }
    /// Header and data, without a trailer.
    [[nodiscard]] uint16_t length() const noexcept {
        return static_cast<uint16_t>(datagram_.size());
    }
    /// 0: the sender made none.
    [[nodiscard]] uint16_t checksum() const noexcept { return load_be16(&datagram_[6]); }

  private:
    explicit Udp(std::span<const uint8_t> datagram) noexcept : datagram_{datagram} {}
    std::span<const uint8_t> datagram_;
};

}  // namespace ravelin
