// SPDX-License-Identifier: BSD-3-Clause
#include "histogram.h"

#include <algorithm>
#include <cmath>

namespace ravelin::load {

void Histogram::add(const Histogram& other) noexcept {
    for (size_t i = 0; i < counts_.size(); ++i)
        counts_[i] += other.counts_[i];
    count_ += other.count_;
    largest_ = std::max(largest_, other.largest_);
}

uint64_t Histogram::quantile(double share) const noexcept {
    if (count_ == 0) return 0;
    const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= std::max<uint64_t>(wanted, 1)) return std::min(last_of(i), largest_);
    }
    return largest_;
}

}  // namespace ravelin::load
