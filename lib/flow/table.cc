// SPDX-License-Identifier: BSD-3-Clause
#include "flow/table.h"

#include "base/check.h"

#include <algorithm>

namespace ravelin {

namespace {

constexpr uint32_t kKeysPerBucket = 6;
constexpr uint32_t kMinBuckets = 64;
constexpr uint8_t kStuck = UINT8_MAX;

}  // namespace

FlowTable::FlowTable(uint32_t capacity)
    : bucket_count_{std::max(kMinBuckets, capacity / kKeysPerBucket + 1)},
      // Sixteen strides never come round to the first bucket again.
      stride_limit_{std::min(bucket_count_ / (kMaxProbes + 1), uint32_t{UINT16_MAX})},
      buckets_{bucket_count_} {}

bool FlowTable::insert(uint32_t hash, uint32_t index) noexcept {
    const uint16_t wanted = signature(hash);
    uint32_t position = first(hash);
    uint32_t probe = 0;
    while (buckets_[position].used == 0xff) {
        if (++probe == kMaxProbes) return false;
        position = next(position, wanted);
    }
    Bucket& bucket = buckets_[position];
    const auto slot = static_cast<uint32_t>(__builtin_ctz(~uint32_t{bucket.used}));
    bucket.used = static_cast<uint8_t>(bucket.used | 1U << slot);
    bucket.signature[slot] = wanted;
    bucket.index[slot] = index;
    ++size_;

    position = first(hash);
    for (; probe != 0; --probe, position = next(position, wanted)) {
        uint8_t& overflow = buckets_[position].overflow;
        if (overflow != kStuck) ++overflow;
    }
    return true;
}

void FlowTable::erase(uint32_t hash, uint32_t index) noexcept {
    const uint16_t wanted = signature(hash);
    uint32_t position = first(hash);
    for (uint32_t probe = 0; probe < kMaxProbes; ++probe) {
        Bucket& bucket = buckets_[position];
        const __m256i indices =
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bucket.index.data()));
        const __m256i equal =
            _mm256_cmpeq_epi32(indices, _mm256_set1_epi32(static_cast<int>(index)));
        const auto slots = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(equal)));
        if ((slots & bucket.used) != 0) {
            // An index stands in the table once, but a free slot may still show it.
            bucket.used = static_cast<uint8_t>(bucket.used & ~slots);
            --size_;
            return;
        }
        if (bucket.overflow != kStuck) --bucket.overflow;
        position = next(position, wanted);
    }
    check_failed("the erased pair is in the table", __FILE__, __LINE__);
}

}  // namespace ravelin
