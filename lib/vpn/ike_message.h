// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// Exchange types: of IKEv1 (RFC 2408 3.1, RFC 2409 and mode config) and of IKEv2 (RFC 7296 3.1,
/// RFC 5723, RFC 9242, RFC 9370). Their numbers don't overlap.
enum class IkeExchange : uint8_t {
    MainMode = 2,
    AggressiveMode = 4,
    InformationalV1 = 5,
    Transaction = 6,
    QuickMode = 32,
    SaInit = 34,
    Auth = 35,
    CreateChildSa = 36,
    Informational = 37,
    SessionResume = 38,
    Intermediate = 43,
    FollowupKe = 44,
};

/// The header of an IKE message and what stands behind it in clear (RFC 7296 3.1).
struct IkeMessage {
    static constexpr size_t kHeader = 28;

    uint64_t initiator_spi = 0;  ///< of who began the IKE SA; never zero
    uint64_t responder_spi = 0;  ///< zero until the other side has chosen it
    bool version2 = false;
    IkeExchange exchange{};
    bool from_initiator = false;  ///< IKEv2: sent by who began the IKE SA
    bool response = false;        ///< IKEv2
    uint32_t message_id = 0;
    uint8_t next_payload = 0;
    std::span<const uint8_t> payloads;  ///< in clear in the first exchange only

    /// Nothing unless version, exchange type and length are right and `bytes` is the whole
    /// message, without the marker of RFC 3948.
    [[nodiscard]] static std::optional<IkeMessage> read(std::span<const uint8_t> bytes) noexcept;

    /// Begins an IKE SA.
    [[nodiscard]] bool first_exchange() const noexcept {
        return exchange == IkeExchange::SaInit || exchange == IkeExchange::SessionResume ||
               exchange == IkeExchange::MainMode || exchange == IkeExchange::AggressiveMode;
    }
    /// Everything behind the header is encrypted (RFC 7296 3.14, RFC 7383 2.5), as it has to be in
    /// every exchange of IKEv2 but the first; what isn't comes from somebody without the IKE SA.
    [[nodiscard]] bool encrypted() const noexcept {
        return next_payload == 46 || next_payload == 53;
    }
    /// An IKE_SA_INIT answer that asks for a cookie (RFC 7296 2.6).
    [[nodiscard]] bool asks_for_cookie() const noexcept;
    /// An answer to the first exchange by which an IKE SA comes about, rather than an error.
    [[nodiscard]] bool agrees() const noexcept;
};

}  // namespace ravelin
