// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/rhythm.h"

#include <algorithm>
#include <cstdlib>

namespace ravelin {

uint16_t Rhythm::median() const noexcept {
    std::array<uint16_t, kGaps> sorted = gaps_;
    const auto middle = sorted.begin() + count_ / 2;
    std::nth_element(sorted.begin(), middle, sorted.begin() + count_);
    return *middle;
}

bool Rhythm::beat(Tick now, bool undisturbed) noexcept {
    const int32_t gap = now.since(last_);
    const bool counts = begun_ && undisturbed && gap > 0 && gap <= UINT16_MAX;
    last_ = now;
    begun_ = true;
    if (!counts) return false;
    gaps_[next_] = static_cast<uint16_t>(gap);
    next_ = static_cast<uint8_t>((next_ + 1) % kGaps);
    if (count_ < kGaps) ++count_;
    if (count_ < kEnough) return false;
    const uint16_t found = median();
    // OpenVPN's clock has a grain of a second: a keepalive of n s is seen as n to n + 1.2 s.
    constexpr int kGrain = 120;
    if (told_ != 0 && std::abs(found - told_) <= std::max(kGrain, told_ / 10)) return false;
    told_ = found;
    return true;
}

}  // namespace ravelin
