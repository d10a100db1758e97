// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_story.h"

#include <cstdio>

namespace ravelin {

std::string TunnelStory::session_id() const {
    constexpr size_t kDigits = 8;
    std::array<char, 20> text{};
    // WireGuard's indices have 32 bits.
    std::snprintf(text.data(), text.size(), identity > UINT32_MAX ? "%016llx" : "%08llx",
                  static_cast<unsigned long long>(identity));
    return std::string{text.data()}.substr(0, kDigits);
}

void TunnelStory::tell(Instant at, std::string_view keyword, std::string text) {
    if (!moments.empty() && moments.back().keyword == keyword) {
        TunnelMoment& same = moments.back();
        // "nothing from the server for ..." twice in a row says the same with other numbers.
        if (same.text == text || keyword == "retried" || keyword == "late" || keyword == "clock") {
            same.last = at;
            ++same.times;
            same.text = std::move(text);
            return;
        }
    }
    if (moments.size() == kMoments) {
        moments.pop_front();
        ++moments_dropped;
    }
    moments.push_back({at, at, 1, std::string{keyword}, std::move(text)});
}

}  // namespace ravelin
