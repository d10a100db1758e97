// SPDX-License-Identifier: BSD-3-Clause
#include "flow/hash.h"

namespace ravelin {

namespace {

constexpr uint16_t kPattern = 0x6d5a;

/// The 32 key bits that Toeplitz adds for input bit `position` (counted from the first on the
/// wire).
constexpr uint32_t window(uint32_t position) noexcept {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 32; ++i) {
        const uint32_t in_pattern = (position + i) % 16;
        bits = bits << 1 | ((kPattern >> (15 - in_pattern)) & 1U);
    }
    return bits;
}

constexpr uint32_t hash_byte(uint32_t byte, uint32_t first_position) noexcept {
    uint32_t hash = 0;
    for (uint32_t bit = 0; bit < 8; ++bit) {
        if ((byte >> (7 - bit) & 1U) != 0) hash ^= window(first_position + bit);
    }
    return hash;
}

}  // namespace

SteeringHash::SteeringHash() noexcept {
    for (uint32_t byte = 0; byte < 256; ++byte) {
        by_first_byte_[byte] = hash_byte(byte, 0);
        by_second_byte_[byte] = hash_byte(byte, 8);
    }
}

SteeringHash::CardKey SteeringHash::card_key() noexcept {
    CardKey key{};
    for (size_t i = 0; i < key.size(); ++i)
        key[i] = static_cast<uint8_t>(i % 2 == 0 ? kPattern >> 8 : kPattern & 0xff);
    return key;
}

}  // namespace ravelin
