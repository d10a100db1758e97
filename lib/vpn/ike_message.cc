// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/ike_message.h"

#include "base/byteorder.h"

namespace ravelin {

namespace {

// Flags of IKEv2 (RFC 7296 3.1). IKEv1 has others in the low three bits.
constexpr uint8_t kInitiator = 0x08;
constexpr uint8_t kResponse = 0x20;

bool known(uint8_t type, bool version2) noexcept {
    switch (static_cast<IkeExchange>(type)) {
        case IkeExchange::MainMode:
        case IkeExchange::AggressiveMode:
        case IkeExchange::InformationalV1:
        case IkeExchange::Transaction:
        case IkeExchange::QuickMode:
            return !version2;
        case IkeExchange::SaInit:
        case IkeExchange::Auth:
        case IkeExchange::CreateChildSa:
        case IkeExchange::Informational:
        case IkeExchange::SessionResume:
        case IkeExchange::Intermediate:
        case IkeExchange::FollowupKe:
            return version2;
    }
    return false;
}

/// Reserved bits are zero: an outsider's bytes seldom are.
bool flags_fit(uint8_t flags, bool version2) noexcept {
    constexpr uint8_t kVersion2 = 0x38;  // initiator, higher version, response
    constexpr uint8_t kVersion1 = 0x07;  // encryption, commit, authentication only
    return (flags & ~(version2 ? kVersion2 : kVersion1)) == 0;
}

constexpr uint8_t kSecurityAssociation = 33;
constexpr uint8_t kNotify = 41;

/// Is `wanted(type, payload with its header)` true of a payload in clear?
template <class Wanted>
bool any_payload(const IkeMessage& message, Wanted wanted) noexcept {
    constexpr size_t kMaxPayloads = 32;  // real ones have about ten
    std::span<const uint8_t> rest = message.payloads;
    uint8_t type = message.next_payload;
    for (size_t i = 0; i < kMaxPayloads && type != 0; ++i) {
        // Generic payload header (RFC 7296 3.2): next payload, a flag, length with the header.
        if (rest.size() < 4) return false;
        const size_t length = load_be16(rest.data() + 2);
        if (length < 4 || length > rest.size()) return false;
        if (wanted(type, rest.first(length))) return true;
        type = rest[0];
        rest = rest.subspan(length);
    }
    return false;
}

}  // namespace

std::optional<IkeMessage> IkeMessage::read(std::span<const uint8_t> bytes) noexcept {
    if (bytes.size() < kHeader) return std::nullopt;
    const uint8_t* const at = bytes.data();
    IkeMessage message;
    message.initiator_spi = load_be64(at);
    message.responder_spi = load_be64(at + 8);
    message.next_payload = at[16];
    const uint8_t version = at[17];
    const uint8_t flags = at[19];
    message.version2 = version == 0x20;
    if (!message.version2 && version != 0x10) return std::nullopt;
    if (message.initiator_spi == 0 || !known(at[18], message.version2) ||
        !flags_fit(flags, message.version2) || load_be32(at + 24) != bytes.size())
        return std::nullopt;
    message.exchange = static_cast<IkeExchange>(at[18]);
    message.from_initiator = message.version2 && (flags & kInitiator) != 0;
    message.response = message.version2 && (flags & kResponse) != 0;
    message.message_id = load_be32(at + 20);
    message.payloads = bytes.subspan(kHeader);
    return message;
}

bool IkeMessage::asks_for_cookie() const noexcept {
    constexpr uint16_t kCookie = 16390;
    return exchange == IkeExchange::SaInit && response &&
           any_payload(*this, [](uint8_t type, std::span<const uint8_t> payload) {
               return type == kNotify && payload.size() >= 8 &&
                      load_be16(payload.data() + 6) == kCookie;
           });
}

bool IkeMessage::agrees() const noexcept {
    if (responder_spi == 0) return false;
    return exchange != IkeExchange::SaInit ||
           any_payload(*this, [](uint8_t type, std::span<const uint8_t>) {
               return type == kSecurityAssociation;
           });
}

}  // namespace ravelin
