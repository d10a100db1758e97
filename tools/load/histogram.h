// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ravelin::load {

/// Counts values of any size with a relative error of at most 1/32, in 16 KiB.
///
/// Log-linear: each power of two is cut into 32 equal parts, as in Gil Tene's HdrHistogram.
class Histogram {
  public:
    void add(uint64_t value) noexcept {
        ++counts_[index_of(value)];
        ++count_;
        if (value > largest_) largest_ = value;
    }
    void add(const Histogram& other) noexcept;
    void clear() noexcept { *this = Histogram{}; }

    [[nodiscard]] uint64_t count() const noexcept { return count_; }
    [[nodiscard]] uint64_t largest() const noexcept { return largest_; }
    /// The least value that this share (0 to 1) of all values doesn't exceed, rounded up to the
    /// end of its part; 0 when nothing was counted.
    [[nodiscard]] uint64_t quantile(double share) const noexcept;

  private:
    static constexpr unsigned kPartBits = 5;
    static constexpr uint64_t kParts = 1U << kPartBits;

    static constexpr size_t index_of(uint64_t value) noexcept {
        if (value < kParts) return value;
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kPartBits;
        return (shift + 1) * kParts + (value >> shift) - kParts;
    }
    static constexpr uint64_t last_of(size_t index) noexcept {
        if (index < kParts) return index;
        const size_t shift = index / kParts - 1;
        return ((index % kParts + kParts + 1) << shift) - 1;
    }

    std::array<uint64_t, (64 - kPartBits + 1) * kParts> counts_{};
    uint64_t count_ = 0;
    uint64_t largest_ = 0;
};

}  // namespace ravelin::load
