// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/wireguard_message.h"

#include "base/byteorder.h"

namespace ravelin {

namespace {

bool size_fits(WireGuardType type, size_t size) noexcept {
    switch (type) {
        case WireGuardType::Initiation:
            return size == WireGuardMessage::kInitiation;
        case WireGuardType::Response:
            return size == WireGuardMessage::kResponse;
        case WireGuardType::CookieReply:
            return size == WireGuardMessage::kCookieReply;
        case WireGuardType::Data:
            return size >= WireGuardMessage::kKeepalive;
    }
    return false;
}

}  // namespace

std::optional<WireGuardMessage> WireGuardMessage::read(std::span<const uint8_t> payload) noexcept {
    if (payload.size() < kKeepalive) return std::nullopt;
    const uint8_t* const bytes = payload.data();
    const uint32_t type = load_le32(bytes);  // with the three reserved bytes, which are zero
    if (type < 1 || type > 4) return std::nullopt;
    WireGuardMessage message;
    message.type = static_cast<WireGuardType>(type);
    if (!size_fits(message.type, payload.size())) return std::nullopt;
    switch (message.type) {
        case WireGuardType::Initiation:
            message.sender = load_le32(bytes + 4);
            break;
        case WireGuardType::Response:
            message.sender = load_le32(bytes + 4);
            message.receiver = load_le32(bytes + 8);
            break;
        case WireGuardType::CookieReply:
            message.receiver = load_le32(bytes + 4);
            break;
        case WireGuardType::Data:
            message.receiver = load_le32(bytes + 4);
            message.counter = load_le64(bytes + kCounterAt);
            break;
    }
    return message;
}

}  // namespace ravelin
