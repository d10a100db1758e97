// SPDX-License-Identifier: BSD-3-Clause
#include "config/findings.h"

#include "config/text.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace ravelin::config {

void Findings::error(const Place& place, std::string message) {
    ++errors_;
    add(Finding::Severity::Error, place, std::move(message));
}

void Findings::warning(const Place& place, std::string message) {
    add(Finding::Severity::Warning, place, std::move(message));
}

void Findings::add(Finding::Severity severity, const Place& place, std::string message) {
    if (list_.size() >= kMost) {
        ++left_out_;
        return;
    }
    list_.push_back(
        {severity, place.line, place.column, std::max(place.length, 1U), std::move(message)});
}

std::vector<Finding> Findings::take() {
    std::stable_sort(list_.begin(), list_.end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    if (left_out_ > 0) {
        const Finding last = list_.back();
        list_.push_back({errors_ > 0 ? Finding::Severity::Error : Finding::Severity::Warning,
                         last.line, last.column, 1,
                         "and " + counted(left_out_, "finding") + " more; mend these first"});
    }
    std::vector<Finding> list = std::move(list_);
    *this = Findings{};
    return list;
}

}  // namespace ravelin::config
