// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/appliance.h"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ravelin {

enum class ReloadResult : uint8_t { Applied, Unchanged, Rejected, Count };
enum class ReloadPhase : uint8_t { Parse, Compile, Publish, Retire, Count };
[[nodiscard]] const char* keyword(ReloadResult result) noexcept;
[[nodiscard]] const char* keyword(ReloadPhase phase) noexcept;

/// A histogram over the durations of one reload phase.
struct PhaseDurations {
    static constexpr std::array<double, 9> kBounds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30};
    std::array<uint64_t, kBounds.size() + 1> count{};  ///< not cumulative; the last is +Inf
    double sum = 0;
    void observe(Duration duration);
};

/// A copy of what is known about the active configuration.
struct ConfigStatus {
    std::string sha256;
    std::string path;
    uint16_t generation = 1;
    bool last_reload_successful = true;
    Duration last_success_unix{};  ///< since the Unix epoch
    std::array<uint64_t, static_cast<size_t>(ReloadResult::Count)> reloads{};
    std::array<PhaseDurations, static_cast<size_t>(ReloadPhase::Count)> phases{};
    std::vector<std::string> rule_names;  ///< by index
    size_t rules_ipv4 = 0;
    size_t rules_ipv6 = 0;
    size_t rules_bytes = 0;
};

/// What is active now, shared between the thread that reloads and those that show it. The workers'
/// own copy is Published<Runtime>, which nobody else may read.
class ConfigState {
  public:
    /// Most rules that have a series of their own.
    static constexpr size_t kMaxRuleSeries = 500;

    struct RuleSeries {
        std::string rule;
        std::string action;
        uint64_t matched = 0;
    };

    explicit ConfigState(const Appliance& appliance);

    [[nodiscard]] ConfigStatus status() const;
    /// Matches by rule. Rules keep their count over a reload by their name and action; beyond
    /// kMaxRuleSeries they are summed as "__other__".
    [[nodiscard]] std::vector<RuleSeries> rule_matches() const;

    void applied(const Config& config, uint16_t generation, Duration unix_now);
    void count(ReloadResult result);
    void observe(ReloadPhase phase, Duration duration);

  private:
    using RuleId = std::pair<std::string, std::string>;
    static constexpr size_t kCounters = WorkerCounters::kRuleCounters;
    using RuleCounters = std::array<uint64_t, kCounters>;

    void take_rules(const Policy& policy);
    [[nodiscard]] RuleCounters read_counters() const;
    [[nodiscard]] std::map<RuleId, uint64_t> totals(const RuleCounters& counters) const;

    const Appliance& appliance_;
    mutable std::mutex mutex_;
    ConfigStatus status_;
    std::vector<RuleId> rules_;           ///< by rule index
    RuleCounters base_{};                 ///< worker counters when these rules came
    std::map<RuleId, uint64_t> carried_;  ///< from before
};

/// The name that a rule has in metrics and listings: its own, or "rule-3" by its place.
[[nodiscard]] std::string rule_name(const Policy& policy, size_t index);

}  // namespace ravelin
