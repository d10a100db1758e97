// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace ravelin {

/// What the mac1 of WireGuard's handshake packets to one receiver is made with (WireGuard paper,
/// section 5.4.4). It follows from the receiver's public key and is no secret: whoever may send an
/// initiation knows it, and who scans or floods at random doesn't.
class Mac1Key {
  public:
    static constexpr size_t kPublicKey = 32;

    /// BLAKE2s-256 of "mac1----" and the receiver's public key. Once per declared service.
    [[nodiscard]] static Mac1Key of(std::span<const uint8_t, kPublicKey> public_key) noexcept;
    bool operator==(const Mac1Key&) const noexcept = default;

  private:
    friend bool mac1_valid(const Mac1Key& key, std::span<const uint8_t> payload) noexcept;

    std::array<uint8_t, 32> bytes_{};
};

/// Was this handshake packet made for whoever has that public key? Keyed BLAKE2s-128 over all of it
/// up to mac1: 116 bytes of an initiation, 60 of a response. No other packet is valid. No
/// allocation, no state: any thread.
[[nodiscard]] bool mac1_valid(const Mac1Key& key, std::span<const uint8_t> payload) noexcept;

}  // namespace ravelin
