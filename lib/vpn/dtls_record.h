// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// Content types of a DTLS record (RFC 6347 4.1, RFC 6520).
enum class DtlsContent : uint8_t {
    ChangeCipherSpec = 20,
    Alert = 21,
    Handshake = 22,
    ApplicationData = 23,
    Heartbeat = 24,
};

/// The first record of a datagram, or of what is left of one (RFC 6347 4.1).
struct DtlsRecord {
    static constexpr size_t kHeader = 13;
    static constexpr size_t kSequenceAt = 7;  ///< of its low four bytes

    DtlsContent content{};
    uint16_t epoch = 0;  ///< 0: in clear
    std::span<const uint8_t> body;

    /// Nothing unless it is of DTLS 1.0 or 1.2 and whole; DTLS 1.3 encrypts behind other headers.
    [[nodiscard]] static std::optional<DtlsRecord> read(std::span<const uint8_t> bytes) noexcept;
    [[nodiscard]] size_t size() const noexcept { return kHeader + body.size(); }
};

/// A ClientHello or ServerHello, in clear (RFC 6347 4.2 and 4.3.2, RFC 5246 7.4.1).
struct DtlsHello {
    enum class Kind : uint8_t { Client = 1, Server = 2, VerifyRequest = 3 };

    Kind kind{};
    uint64_t random = 0;      ///< the first eight bytes; not of a HelloVerifyRequest
    uint64_t session_id = 0;  ///< likewise; 0: it has none
    bool media = false;       ///< ClientHello: offers keys for SRTP (RFC 5764), as WebRTC does

    /// Nothing unless every length is consistent. The first fragment of a ClientHello is enough,
    /// but it has to hold the session id.
    [[nodiscard]] static std::optional<DtlsHello> read(const DtlsRecord& record) noexcept;
};

}  // namespace ravelin
