// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <immintrin.h>
#include <span>

namespace ravelin {

/// Goes on with a CRC32c (RFC 9260 appendix A, Castagnoli's polynomial) over `bytes`: begin with
/// all ones and invert the end. One instruction for eight bytes.
[[nodiscard]] inline uint32_t crc32c(uint32_t crc, std::span<const uint8_t> bytes) noexcept {
    uint64_t wide = crc;
    size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    auto narrow = static_cast<uint32_t>(wide);
    for (; at < bytes.size(); ++at)
        narrow = _mm_crc32_u8(narrow, bytes[at]);
    return narrow;
}

}  // namespace ravelin
