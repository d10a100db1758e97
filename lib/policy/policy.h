// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/drop_reason.h"
#include "policy/rule.h"
#include "policy/rule_matcher.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace ravelin {

inline constexpr uint32_t kMaxPorts = 32;

struct Judgement {
    bool allow = false;
    uint16_t rule = 0;  ///< index into rules, or Policy::kDefaultRule
    StalePolicy late = StalePolicy::General;
    uint8_t timeout_set = 0;               ///< TrackingSets::of(), when allowed
    DropReason reason = DropReason::None;  ///< PolicyRule or PolicyDefault when not allowed
};

/// The ordered rules and what happens when none matches. Immutable once published.
class Policy {
  public:
    static constexpr uint16_t kDefaultRule = UINT16_MAX;

    std::vector<Rule> rules;
    std::array<bool, kMaxPorts> default_allow{};  ///< by the port the packet came in on

    /// To be called when the rules are complete: judge() then asks the compiled ones. Without it
    /// judge() compares one rule after the other.
    void compile();

    /// The first rule that matches decides.
    [[nodiscard]] Judgement judge(const Query& query) const noexcept;

    /// The same, one rule after the other: the reference for the compiled ones (ADR 15).
    [[nodiscard]] Judgement judge_linear(const Query& query) const noexcept;

    /// judge() for several packets at a time: judge(queries[i]) is judgement(match(queries)[i],
    /// queries[i]).
    static constexpr size_t kTogether = RuleMatcher::kTogether;
    [[nodiscard]] std::array<uint16_t, kTogether> match(
        const std::array<Query, kTogether>& queries) const noexcept;
    /// What a rule, or kDefaultRule, says.
    [[nodiscard]] Judgement judgement(uint16_t rule, const Query& query) const noexcept;

    /// Whether a rule says something about late packets. After compile() only.
    [[nodiscard]] bool speaks_of_late() const noexcept { return speaks_of_late_; }

    /// What the compiled rules occupy.
    [[nodiscard]] size_t compiled_bytes() const noexcept {
        return matcher_ ? matcher_->memory_bytes() : 0;
    }

  private:
    [[nodiscard]] uint16_t number(size_t rule) const noexcept {
        return rule < rules.size() ? static_cast<uint16_t>(rule) : kDefaultRule;
    }

    std::optional<RuleMatcher> matcher_;
    bool speaks_of_late_ = false;
};

}  // namespace ravelin
