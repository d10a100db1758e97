// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/mac1.h"

#include "base/check.h"
#include "vpn/wireguard_message.h"

#include <algorithm>
#include <blake2.h>
#include <cstring>

namespace ravelin {

namespace {

constexpr size_t kMac = 16;

}  // namespace

Mac1Key Mac1Key::of(std::span<const uint8_t, kPublicKey> public_key) noexcept {
    constexpr std::array<uint8_t, 8> kLabel = {'m', 'a', 'c', '1', '-', '-', '-', '-'};
    std::array<uint8_t, kLabel.size() + kPublicKey> input{};
    const auto rest = std::copy(kLabel.begin(), kLabel.end(), input.begin());
    std::copy(public_key.begin(), public_key.end(), rest);
    Mac1Key key;
    CHECK(blake2s(key.bytes_.data(), input.data(), nullptr, key.bytes_.size(), input.size(), 0) ==
          0);
    return key;
}

bool mac1_valid(const Mac1Key& key, std::span<const uint8_t> payload) noexcept {
    const auto message = WireGuardMessage::read(payload);
    if (!message ||
        (message->type != WireGuardType::Initiation && message->type != WireGuardType::Response))
        return false;
    // mac1 and mac2 are its last two fields.
    const auto covered = payload.first(payload.size() - 2 * kMac);
    std::array<uint8_t, kMac> mac{};
    if (blake2s(mac.data(), covered.data(), key.bytes_.data(), mac.size(), covered.size(),
                key.bytes_.size()) != 0)
        return false;
    // The key is no secret: comparing may take as long as it likes.
    return std::memcmp(mac.data(), payload.data() + covered.size(), mac.size()) == 0;
}

}  // namespace ravelin
