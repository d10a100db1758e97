// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstring>

namespace ravelin {

// The only place that converts between the wire's order and the host's. Callers own the bounds.

inline uint16_t load_be16(const uint8_t* bytes) noexcept {
    uint16_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return __builtin_bswap16(value);
}

inline uint32_t load_be32(const uint8_t* bytes) noexcept {
    uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return __builtin_bswap32(value);
}

inline uint64_t load_be64(const uint8_t* bytes) noexcept {
    uint64_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}

inline uint32_t load_le32(const uint8_t* bytes) noexcept {
    uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

inline uint64_t load_le64(const uint8_t* bytes) noexcept {
    uint64_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

inline void store_be16(uint8_t* bytes, uint16_t value) noexcept {
    value = __builtin_bswap16(value);
    std::memcpy(bytes, &value, sizeof value);
}

inline void store_be32(uint8_t* bytes, uint32_t value) noexcept {
    value = __builtin_bswap32(value);
    std::memcpy(bytes, &value, sizeof value);
}

}  // namespace ravelin
