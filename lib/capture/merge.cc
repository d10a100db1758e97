// SPDX-License-Identifier: BSD-3-Clause
#include "capture/merge.h"

#include <algorithm>
#include <utility>

namespace ravelin {

void CaptureMerge::add(uint8_t port, CaptureReader reader) {
    taken_ = nullptr;
    inputs_.push_back({port, std::move(reader)});
    advance(inputs_.back());
}

std::optional<MergedFrame> CaptureMerge::next() {
    if (taken_ != nullptr) advance(*taken_);
    taken_ = nullptr;
    for (Input& input : inputs_) {
        if (input.head && (taken_ == nullptr || input.clock < taken_->clock)) taken_ = &input;
    }
    if (taken_ == nullptr) return std::nullopt;
    return MergedFrame{taken_->port, *taken_->head, taken_->clock};
}

std::vector<std::string> CaptureMerge::problems() const {
    std::vector<std::string> problems;
    for (const Input& input : inputs_) {
        if (!input.reader.problem().empty()) problems.push_back(input.reader.problem());
    }
    return problems;
}

void CaptureMerge::advance(Input& input) {
    input.head = input.reader.next();
    if (input.head) input.clock = std::max(input.clock, input.head->nanoseconds);
}

}  // namespace ravelin
