// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <immintrin.h>

namespace ravelin {

// The Internet checksum (RFC 1071). A one's complement sum doesn't depend on byte order (2(B)) and
// may be taken in wider words (2(C)): bytes are added as they stand in memory, eight at a time with
// the carry put back in, and folded once at the end.

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

/// Adds with the carry put back in: a one's complement sum in 64 bits.
inline uint64_t add_carry(uint64_t sum, uint64_t word) noexcept {
    const bool carry = __builtin_add_overflow(sum, word, &sum);
    return sum + (carry ? 1U : 0U);
}

/// Whole blocks of 64 bytes. Not inlined, so that short packets don't pay for its registers.
[[gnu::noinline]] inline uint64_t sum_blocks(const uint8_t* bytes, size_t blocks) noexcept {
    const __m256i low_half = _mm256_set1_epi64x(0xffffffff);
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    for (; blocks != 0; --blocks, bytes += 64) {
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

/// Adds two sums.
inline uint64_t checksum_add(uint64_t sum, uint64_t other) noexcept {
    return checksum_detail::add_carry(sum, other);
}

/// Ranges from this length on are worth the vector registers.
inline constexpr size_t kChecksumLong = 128;

/// Unfolded sum of `length` bytes below kChecksumLong, in memory order.
inline uint64_t checksum_sum_short(const uint8_t* bytes, size_t length) noexcept {
    using namespace checksum_detail;
    uint64_t sum = 0;
    if (length < 8) {
        if (length != 0) std::memcpy(&sum, bytes, length);  // no bytes may have no address
        return sum;
    }
    const uint8_t* const end = bytes + length;
    for (; end - bytes >= 32; bytes += 32) {
        sum = add_carry(add_carry(sum, load64(bytes)), load64(bytes + 8));
        sum = add_carry(add_carry(sum, load64(bytes + 16)), load64(bytes + 24));
    }
    if ((length & 16) != 0) {
        sum = add_carry(add_carry(sum, load64(bytes)), load64(bytes + 8));
        bytes += 16;
    }
    if ((length & 8) != 0) sum = add_carry(sum, load64(bytes));
    // Eight bytes at least stand before the end, whatever of them has been summed already.
    const unsigned left = length & 7;
    return left == 0 ? sum : add_carry(sum, load64(end - 8) >> (64 - 8 * left));
}

/// Unfolded sum of `length` bytes, in memory order. Of several ranges only the last may have an
/// odd length.
inline uint64_t checksum_sum(const uint8_t* bytes, size_t length) noexcept {
    if (length < kChecksumLong) return checksum_sum_short(bytes, length);
    const size_t blocks = length / 64;
    return checksum_detail::add_carry(checksum_detail::sum_blocks(bytes, blocks),
                                      checksum_sum_short(bytes + blocks * 64, length % 64));
}

/// One's complement sum in 16 bits, in memory order and not inverted.
inline uint16_t checksum_fold(uint64_t sum) noexcept {
    // The remainder modulo 65535, but 65535 for a multiple that isn't 0.
    const auto rest = static_cast<uint16_t>(sum % 0xffff);
    return rest == 0 && sum != 0 ? 0xffff : rest;
}

/// True if `sum` folds to 0xffff, or is 0: it is a multiple of 65535, which a multiplication by
/// the inverse of that number modulo 2^64 tells.
constexpr bool is_checksum_multiple(uint64_t sum) noexcept {
    constexpr uint64_t kInverse = 0xfffe'fffe'fffe'ffff;
    static_assert(kInverse * 0xffff == 1);
    return sum * kInverse <= UINT64_MAX / 0xffff;
}

/// True if the bytes that were summed, their checksum field included, are undamaged. Nothing but
/// zeros has no valid sum (RFC 1071 1 (3): it would be 0xffff).
inline bool checksum_good(uint64_t sum) noexcept {
    return is_checksum_multiple(sum) && sum != 0;
}

/// The checksum of bytes whose checksum field is 0, in host order: ready for store_be16().
inline uint16_t checksum_of(uint64_t sum) noexcept {
    return __builtin_bswap16(static_cast<uint16_t>(~checksum_fold(sum)));
}

/// Sum of the pseudo header of TCP and UDP over IPv4 (RFC 9293 3.1, RFC 768); `addresses` points
/// at the source address in the IPv4 header.
inline uint64_t checksum_pseudo_ipv4(const uint8_t* addresses, uint8_t protocol,
                                     uint32_t length) noexcept {
    using namespace checksum_detail;
    return add_carry(load64(addresses),
                     (static_cast<uint64_t>(protocol) << 8) + __builtin_bswap32(length));
}

/// The same over IPv6 (RFC 8200 8.1); `addresses` points at the source address.
inline uint64_t checksum_pseudo_ipv6(const uint8_t* addresses, uint8_t protocol,
                                     uint32_t length) noexcept {
    using namespace checksum_detail;
    const uint64_t source = add_carry(load64(addresses), load64(addresses + 8));
    const uint64_t destination = add_carry(load64(addresses + 16), load64(addresses + 24));
    return add_carry(add_carry(source, destination),
                     (static_cast<uint64_t>(protocol) << 8) + __builtin_bswap32(length));
}

}  // namespace ravelin
