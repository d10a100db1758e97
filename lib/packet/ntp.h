// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"

#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// What matters of an NTP packet between client and server (RFC 5905 7.3). Timestamps are NTP's:
/// seconds since 1900 modulo 2^32, and a fraction of 2^-32 s.
struct NtpPacket {
    static constexpr uint16_t kPort = 123;
    static constexpr size_t kLength = 48;          ///< without extension fields and authentication
    static constexpr uint8_t kUnsynchronised = 3;  ///< leap: the sender's clock follows nobody
    static constexpr uint8_t kFirstBadStratum = 16;

    bool from_server = false;
    uint8_t leap = 0;
    uint8_t stratum = 0;  ///< 0: a kiss of death, whose code is the reference id
    uint32_t reference_id = 0;
    uint64_t originate = 0;  ///< in an answer: the request's `transmit`
    uint64_t receive = 0;    ///< when the server got the request
    uint64_t transmit = 0;   ///< when this one was sent, or a random number of the client's

    /// Nothing unless it is of mode 3 (client) or 4 (server) and of a version in use.
    static std::optional<NtpPacket> read(std::span<const uint8_t> payload) noexcept {
        constexpr uint8_t kClient = 3;
        constexpr uint8_t kServer = 4;
        if (payload.size() < kLength) return {};
        const uint8_t version = payload[0] >> 3 & 7;
        const uint8_t mode = payload[0] & 7;
        if (version < 1 || version > 4 || (mode != kClient && mode != kServer)) return {};
        return NtpPacket{.from_server = mode == kServer,
                         .leap = static_cast<uint8_t>(payload[0] >> 6),
                         .stratum = payload[1],
                         .reference_id = load_be32(&payload[12]),
                         .originate = load_be64(&payload[24]),
                         .receive = load_be64(&payload[32]),
                         .transmit = load_be64(&payload[40])};
    }

    /// Whether an answer is worth setting a clock by.
    [[nodiscard]] bool is_synchronised() const noexcept {
        return leap != kUnsynchronised && stratum != 0 && stratum < kFirstBadStratum;
    }
};

}  // namespace ravelin
