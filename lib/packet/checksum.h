// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <immintrin.h>

namespace ravelin {

// The Internet checksum (RFC 1071). A one's complement sum doesn't depend on byte order (2(B)) and
// may be taken in wider words (2(C)): bytes are added as little-endian 32-bit words into 64-bit
// accumulators, which 64 KiB can't overflow, and folded once at the end.

namespace checksum_detail {

inline uint64_t load64(const uint8_t* bytes) noexcept {
    uint64_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

inline uint32_t load32(const uint8_t* bytes) noexcept {
    uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

/// Sums 64 bytes at a time; returns what is left over in `bytes` and `length`.
inline uint64_t sum_blocks(const uint8_t*& bytes, size_t& length) noexcept {
    const __m256i low_half = _mm256_set1_epi64x(0xffffffff);
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    for (; length >= 64; length -= 64, bytes += 64) {
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32));
        even = _mm256_add_epi64(even, _mm256_and_si256(a, low_half));
        odd = _mm256_add_epi64(odd, _mm256_srli_epi64(a, 32));
        even = _mm256_add_epi64(even, _mm256_and_si256(b, low_half));
        odd = _mm256_add_epi64(odd, _mm256_srli_epi64(b, 32));
    }
    const __m256i both = _mm256_add_epi64(even, odd);
    const __m128i pair =
        _mm_add_epi64(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    return static_cast<uint64_t>(_mm_cvtsi128_si64(pair)) +
           static_cast<uint64_t>(_mm_extract_epi64(pair, 1));
}

}  // namespace checksum_detail

/// Adds the two halves of eight bytes that were loaded as they stand in memory.
inline uint64_t checksum_word(uint64_t word) noexcept {
    return (word & 0xffffffff) + (word >> 32);
}

/// Unfolded sum of `length` bytes, in memory order. Of several ranges only the last may have an
/// odd length.
inline uint64_t checksum_sum(const uint8_t* bytes, size_t length) noexcept {
    using checksum_detail::load64;
    if (length < 8) {
        uint64_t word = 0;
        std::memcpy(&word, bytes, length);
        return checksum_word(word);
    }
    uint64_t sum = length >= 64 ? checksum_detail::sum_blocks(bytes, length) : 0;
    // At least eight bytes stand before the end, whatever of them has been summed already.
    const uint8_t* const end = bytes + length;
    for (; length >= 8; length -= 8, bytes += 8) {
        sum += checksum_word(load64(bytes));
    }
    if (length != 0) sum += checksum_word(load64(end - 8) >> (64 - 8 * length));
    return sum;
}

/// One's complement sum in 16 bits, in memory order and not inverted.
inline uint16_t checksum_fold(uint64_t sum) noexcept {
    sum = checksum_word(sum);
    sum = checksum_word(sum);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
}

/// True if the bytes that were summed, their checksum field included, are undamaged.
inline bool checksum_good(uint64_t sum) noexcept {
    return checksum_fold(sum) == 0xffff;
}

/// The checksum of bytes whose checksum field is 0, in host order: ready for store_be16().
inline uint16_t checksum_of(uint64_t sum) noexcept {
    return __builtin_bswap16(static_cast<uint16_t>(~checksum_fold(sum)));
}

/// Sum of the pseudo header of TCP and UDP over IPv4 (RFC 9293 3.1, RFC 768); `addresses` points
/// at the source address in the IPv4 header.
inline uint64_t checksum_pseudo_ipv4(const uint8_t* addresses, uint8_t protocol,
                                     uint32_t length) noexcept {
    return checksum_word(checksum_detail::load64(addresses)) +
           (static_cast<uint64_t>(protocol) << 8) + __builtin_bswap32(length);
}

/// The same over IPv6 (RFC 8200 8.1); `addresses` points at the source address.
inline uint64_t checksum_pseudo_ipv6(const uint8_t* addresses, uint8_t protocol,
                                     uint32_t length) noexcept {
    using checksum_detail::load64;
    return checksum_word(load64(addresses)) + checksum_word(load64(addresses + 8)) +
           checksum_word(load64(addresses + 16)) + checksum_word(load64(addresses + 24)) +
           (static_cast<uint64_t>(protocol) << 8) + __builtin_bswap32(length);
}

}  // namespace ravelin
