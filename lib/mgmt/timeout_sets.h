// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "policy/rule.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ravelin {

/// Which set of timeouts is which rule's. A connection names its set for as long as it lives, so a
/// rule keeps its set over reloads by its name, and the set of a rule that has gone is given to
/// another one only when no other is left, the one that went first before the others.
class TimeoutSets {
  public:
    /// Names the set of each rule that has timeouts (TrackingSets::kMost at most) and returns all
    /// sets, from 1 on: `general` with the rule's timeouts, or unchanged where the rule has gone.
    [[nodiscard]] std::vector<TrackingOptions> assign(std::vector<Rule>& rules,
                                                      const TrackingOptions& general);

  private:
    struct Set {
        std::string rule;
        uint64_t used = 0;  ///< the last assignment that had the rule
    };
    /// Index of the set that is, or from now on is, this rule's.
    size_t take(const std::string& rule);

    std::vector<Set> sets_;
    uint64_t assignment_ = 0;
};

}  // namespace ravelin
