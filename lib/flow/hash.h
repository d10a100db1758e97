// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "flow/key.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// A key's bytes in registers: the first sixteen and the rest.
struct FlowKeyBytes {
    __m128i first;
    uint32_t rest;

    [[nodiscard]] static FlowKeyBytes of(const FlowKey& key) noexcept {
        FlowKeyBytes bytes{_mm_loadu_si128(reinterpret_cast<const __m128i*>(&key)), 0};
        std::memcpy(&bytes.rest, reinterpret_cast<const uint8_t*>(&key) + 16, sizeof bytes.rest);
        return bytes;
    }
};

/// Keyed hash of a connection's key, long enough to stand for it where the key isn't kept.
[[nodiscard]] inline uint64_t hash_key64(const KeyedHash& hash, const FlowKeyBytes& key) noexcept {
    return hash(key.first, _mm_cvtsi32_si128(static_cast<int>(key.rest)));
}
[[nodiscard]] inline uint64_t hash_key64(const KeyedHash& hash, const FlowKey& key) noexcept {
    return hash_key64(hash, FlowKeyBytes::of(key));
}

/// Its lower half, for the connection table; spreads over all 32 bits.
[[nodiscard]] inline uint32_t hash_key(const KeyedHash& hash, const FlowKeyBytes& key) noexcept {
    return static_cast<uint32_t>(hash_key64(hash, key));
}
[[nodiscard]] inline uint32_t hash_key(const KeyedHash& hash, const FlowKey& key) noexcept {
    return static_cast<uint32_t>(hash_key64(hash, key));
}

/// Keyed digest of two IPv6 addresses, which stands in the key in their place.
[[nodiscard]] inline uint64_t digest_ipv6(const KeyedHash& hash, const Ipv6Ends& ends) noexcept {
    return hash(_mm_loadu_si128(reinterpret_cast<const __m128i*>(ends.low.data())),
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(ends.high.data())));
}

/// What a packet's worker depends on.
enum class Steering : uint8_t {
    Addresses,  ///< all between two hosts meets on one worker
    Ports,      ///< of TCP and UDP the ports too: two hosts with many connections get many workers
};

/// The Toeplitz hash that a card computes over source and destination address, and both ports where
/// it is told to, with the symmetric key 6d:5a repeated (Woo & Park 2012), for both families.
///
/// A key of period 16 bits makes Toeplitz a function of the exclusive or of all 16-bit words, so
/// that software needs two table look-ups and agrees with the card. Such a key is no secret
/// (threats T54): it spreads load, it protects nothing.
class SteeringHash {
  public:
    SteeringHash() noexcept;

    /// `addresses`: both, and `ports`: both, as they stand in the packet; 0: they don't count.
    [[nodiscard]] uint32_t ipv4(uint64_t addresses, uint32_t ports = 0) const noexcept {
        return of_words(addresses ^ ports);
    }
    [[nodiscard]] uint32_t ipv6(const uint8_t* source, const uint8_t* destination,
                                uint32_t ports = 0) const noexcept {
        uint64_t words[4] = {};
        std::memcpy(&words[0], source, 16);
        std::memcpy(&words[2], destination, 16);
        return of_words(words[0] ^ words[1] ^ words[2] ^ words[3] ^ ports);
    }

    /// As long as the longest key that a card of DPDK 22.11 takes.
    using CardKey = std::array<uint8_t, 52>;
    /// The key to program into a card, or as much of it as the card takes.
    static CardKey card_key() noexcept;

  private:
    [[nodiscard]] uint32_t of_words(uint64_t words) const noexcept {
        const auto half = static_cast<uint32_t>(words ^ words >> 32);
        const uint32_t word = half ^ half >> 16;
        return by_first_byte_[word & 0xff] ^ by_second_byte_[(word >> 8) & 0xff];
    }

    std::array<uint32_t, 256> by_first_byte_{};
    std::array<uint32_t, 256> by_second_byte_{};
};

/// Which worker owns a steering hash: the same indirection table as the card's.
class Indirection {
  public:
    static constexpr uint32_t kMaxSize = 512;

    /// Spreads evenly over `workers` (1 to 255). `size` is the smallest table among the cards, a
    /// power of two up to kMaxSize; a card with a larger one gets this one repeated.
    explicit Indirection(uint32_t workers, uint32_t size = 128) noexcept : mask_{size - 1} {
        for (uint32_t i = 0; i < kMaxSize; ++i)
            owner_[i] = static_cast<uint8_t>((i & mask_) % workers);
    }
    [[nodiscard]] uint8_t owner(uint32_t steering_hash) const noexcept {
        return owner_[steering_hash & mask_];
    }

  private:
    uint32_t mask_;
    std::array<uint8_t, kMaxSize> owner_{};
};

}  // namespace ravelin
