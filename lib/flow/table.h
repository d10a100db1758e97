// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace ravelin {

/// Maps the hash of a key to the index of a connection. One per shard, fixed size.
///
/// Theory of operation: 64-byte buckets, each one cache line with eight 16-bit signatures and eight
/// 32-bit indices. A key's first bucket is hash * buckets >> 32, its signature the hash's low 16
/// bits. An insert takes the first bucket with room along the key's probe sequence (a stride taken
/// from the signature) and counts itself in the overflow counter of each bucket that it passed; a
/// look-up follows the sequence only while that counter is not 0. Erasing counts down again, so
/// that there are no grave stones and nothing is ever rehashed (the scheme of Facebook's F14).
/// A full table has six keys in a bucket on average, so that most look-ups touch one line.
///
///     struct Bucket { uint16_t signature[8]; uint32_t index[8]; uint8_t used, overflow; pad };
///
/// Keys stay with the connections: whoever looks up passes a predicate that compares them.
class FlowTable {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;
    /// Longest probe sequence; an insert that finds no room within it is refused (threats T53).
    static constexpr uint32_t kMaxProbes = 16;

    /// Room for at least `capacity` keys.
    explicit FlowTable(uint32_t capacity);

    void prefetch(uint32_t hash) const noexcept { __builtin_prefetch(&buckets_[first(hash)]); }

    /// The first index in the key's first bucket whose signature fits, or kNone: what to prefetch.
    /// Where the key may stand in the next bucket, that one is asked for.
    [[nodiscard]] uint32_t candidate(uint32_t hash) const noexcept {
        const uint32_t position = first(hash);
        const uint32_t index = candidate_at(position, hash);
        if (index == kNone && buckets_[position].overflow != 0) [[unlikely]]
            __builtin_prefetch(&buckets_[next(position, signature(hash))]);
        return index;
    }
    /// The same for the next bucket, once candidate() has found nothing.
    [[nodiscard]] uint32_t next_candidate(uint32_t hash) const noexcept {
        const uint32_t position = first(hash);
        if (buckets_[position].overflow == 0) return kNone;
        return candidate_at(next(position, signature(hash)), hash);
    }

    /// The index for which `same(index)` holds, or kNone.
    template <class Same>
    [[nodiscard]] uint32_t find(uint32_t hash, Same&& same) const noexcept {
        uint32_t position = first(hash);
        const uint16_t wanted = signature(hash);
        for (uint32_t probe = 0; probe < kMaxProbes; ++probe) {
            const Bucket& bucket = buckets_[position];
            for (uint32_t matches = match(bucket, wanted); matches != 0; matches &= matches - 1) {
                const uint32_t index =
                    bucket.index[static_cast<size_t>(__builtin_ctz(matches)) / 2];
                if (same(index)) return index;
            }
            if (bucket.overflow == 0) return kNone;
            position = next(position, wanted);
        }
        return kNone;
    }

    /// False when no bucket along the probe sequence has room. The key must not be present.
    [[nodiscard]] bool insert(uint32_t hash, uint32_t index) noexcept;

    /// Removes the pair, which must be present.
    void erase(uint32_t hash, uint32_t index) noexcept;

    [[nodiscard]] uint32_t size() const noexcept { return size_; }
    [[nodiscard]] size_t memory_bytes() const noexcept { return buckets_.bytes(); }

  private:
    struct alignas(64) Bucket {
        std::array<uint16_t, 8> signature{};
        std::array<uint32_t, 8> index{};
        uint8_t used = 0;      ///< bit i: slot i is taken
        uint8_t overflow = 0;  ///< keys that passed this bucket by; sticks at 255
        std::array<uint8_t, 14> reserved{};
    };
    static_assert(sizeof(Bucket) == 64);

    static uint16_t signature(uint32_t hash) noexcept { return static_cast<uint16_t>(hash); }
    [[nodiscard]] uint32_t first(uint32_t hash) const noexcept {
        return static_cast<uint32_t>((uint64_t{hash} * bucket_count_) >> 32);
    }
    [[nodiscard]] uint32_t next(uint32_t position, uint16_t signature) const noexcept {
        position += 1 + signature % stride_limit_;
        return position < bucket_count_ ? position : position - bucket_count_;
    }
    [[nodiscard]] uint32_t candidate_at(uint32_t position, uint32_t hash) const noexcept {
        const Bucket& bucket = buckets_[position];
        const uint32_t matches = match(bucket, signature(hash));
        return matches == 0 ? kNone : bucket.index[static_cast<size_t>(__builtin_ctz(matches)) / 2];
    }
    /// Bit 2 * slot is set where the slot is taken and its signature is `wanted`.
    static uint32_t match(const Bucket& bucket, uint16_t wanted) noexcept {
        const __m128i signatures =
            _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.signature.data()));
        const __m128i equal =
            _mm_cmpeq_epi16(signatures, _mm_set1_epi16(static_cast<short>(wanted)));
        return static_cast<uint32_t>(_mm_movemask_epi8(equal)) & _pdep_u32(bucket.used, 0x5555U);
    }

    uint32_t bucket_count_;
    uint32_t stride_limit_;
    uint32_t size_ = 0;
    PageArray<Bucket> buckets_;
};

}  // namespace ravelin
