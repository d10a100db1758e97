// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <immintrin.h>

namespace ravelin {

/// The secret of one run, drawn at start. Without it nobody can choose a hash bucket
/// (Bar-Yosef & Wool 2007 recovered secrets that were too short from remote).
using HashSecret = std::array<uint8_t, 16>;

/// A keyed hash over 16-byte blocks, built from AES rounds (ADR 5).
///
/// CBC-MAC shape with two AES rounds between blocks and three more at the end, the first block
/// whitened with the secret. It is no MAC: the output never leaves the process.
class KeyedHash {
  public:
    explicit KeyedHash(const HashSecret& secret) noexcept {
        const __m128i key = _mm_loadu_si128(reinterpret_cast<const __m128i*>(secret.data()));
        whitening_ = key;
        round_keys_[0] = _mm_aesenc_si128(key, _mm_set1_epi32(0x5bd1e995));
        round_keys_[1] = _mm_aesenc_si128(round_keys_[0], _mm_set1_epi32(0x27d4eb2f));
        round_keys_[2] = _mm_aesenc_si128(round_keys_[1], _mm_set1_epi32(0x165667b1));
    }

    [[nodiscard]] uint64_t operator()(__m128i block) const noexcept {
        return finish(_mm_xor_si128(block, whitening_));
    }
    [[nodiscard]] uint64_t operator()(__m128i first, __m128i second) const noexcept {
        return finish(_mm_xor_si128(mix(_mm_xor_si128(first, whitening_)), second));
    }
    [[nodiscard]] uint64_t operator()(__m128i first, __m128i second, __m128i third) const noexcept {
        const __m128i state = mix(_mm_xor_si128(first, whitening_));
        return finish(_mm_xor_si128(mix(_mm_xor_si128(state, second)), third));
    }

  private:
    [[nodiscard]] __m128i mix(__m128i state) const noexcept {
        return _mm_aesenc_si128(_mm_aesenc_si128(state, round_keys_[0]), round_keys_[1]);
    }
    [[nodiscard]] uint64_t finish(__m128i state) const noexcept {
        state = _mm_aesenc_si128(mix(state), round_keys_[2]);
        return static_cast<uint64_t>(_mm_cvtsi128_si64(state));
    }

    __m128i whitening_;
    __m128i round_keys_[3]{};  // std::array would drop the type's alignment attribute
};

}  // namespace ravelin
