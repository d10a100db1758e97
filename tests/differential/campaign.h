// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ravelin::differential {

/// How both sides are set for a number of sequences.
struct Campaign {
    std::string_view name;
    TrackingOptions tracking{};
    bool vlan = false;  ///< every frame carries one tag, and bridge-nf-filter-vlan-tagged is set
};

[[nodiscard]] std::span<const Campaign> campaigns();
/// Throws std::runtime_error for a name that isn't there.
[[nodiscard]] const Campaign& campaign_named(std::string_view name);

/// The same settings in the kernel's words: names below /proc/sys/net.
[[nodiscard]] std::vector<std::pair<std::string, int64_t>> kernel_settings(
    const Campaign& campaign);

}  // namespace ravelin::differential
