// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace ravelin {

/// One bit for each of 512 rules: a cache line.
struct alignas(64) RuleLine {
    static constexpr uint32_t kRules = 512;
    std::array<uint64_t, kRules / 64> words{};
};

/// The lines of all fields; equal ones of one block of rules are one line. The first is empty.
class RuleLines {
  public:
    static constexpr uint32_t kEmpty = 0;

    [[nodiscard]] const RuleLine& operator[](uint32_t line) const noexcept { return lines_[line]; }
    /// Where this line stands; it is added unless the block has it already.
    uint32_t add(const RuleLine& line) {
        const auto next = static_cast<uint32_t>(lines_.size());
        const auto [known, is_new] = of_block_.emplace(line.words, next);
        if (is_new) lines_.push_back(line);
        return known->second;
    }
    /// The next lines are of another block: they can hardly equal those before.
    void begin_block() { of_block_ = {{RuleLine{}.words, kEmpty}}; }
    void finish() {
        of_block_.clear();
        lines_.shrink_to_fit();
    }
    [[nodiscard]] size_t memory_bytes() const noexcept { return lines_.size() * sizeof(RuleLine); }

  private:
    std::vector<RuleLine> lines_{RuleLine{}};
    std::map<std::array<uint64_t, RuleLine::kRules / 64>, uint32_t> of_block_;
};

/// One field of the queries, and which of its values the rules take.
///
/// The ends of all rules' intervals cut the values into classes: of two values in one class every
/// rule says the same. A class has a row: for each block of 512 rules the number of a line, in
/// which the bits of those rules are set that take the class.
template <class Value>
class RuleField {
  public:
    struct Interval {
        Value first{};
        Value last = ~Value{};
    };
    /// What one rule takes, in any order.
    using Intervals = std::vector<Interval>;

    static Intervals any() { return Intervals(1); }

    explicit RuleField(std::vector<Intervals> rules)
        : rules_{std::move(rules)},
          blocks_{(rules_.size() + RuleLine::kRules - 1) / RuleLine::kRules},
          bounds_{bounds_of(rules_)},
          rows_(bounds_.size() * blocks_) {}

    /// Adds the lines of one block of rules.
    void compile(size_t block, RuleLines& lines) {
        const size_t begin = block * RuleLine::kRules;
        const std::span<const Intervals> rules = std::span{rules_}.subspan(
            begin, std::min<size_t>(RuleLine::kRules, rules_.size() - begin));
        // Where no rule of the block begins or ends, neighbouring classes have the same line.
        const std::vector<Value> bounds = bounds_of(rules);
        const std::vector<RuleLine> local = lines_of(rules, bounds);
        size_t at = 0;
        uint32_t line = lines.add(local.front());
        for (size_t i = 0; i < bounds_.size(); ++i) {
            if (at + 1 < bounds.size() && bounds[at + 1] == bounds_[i])
                line = lines.add(local[++at]);
            rows_[i * blocks_ + block] = line;
        }
    }
    /// What was only needed to compile.
    void finish() { rules_ = {}; }

    /// The line for each block of rules.
    [[nodiscard]] const uint32_t* row(Value value) const noexcept {
        return &rows_[class_of(bounds_, value) * blocks_];
    }
    /// The same for several values: their searches wait for memory together.
    template <size_t kCount>
    [[nodiscard]] std::array<const uint32_t*, kCount> rows(
        const std::array<Value, kCount>& values) const noexcept {
        std::array<const Value*, kCount> bases{};
        bases.fill(bounds_.data());
        for (size_t count = bounds_.size(); count > 1;) {
            const size_t half = count / 2;
            for (size_t i = 0; i < kCount; ++i)
                bases[i] += half * static_cast<size_t>(bases[i][half] <= values[i]);
            count -= half;
        }
        std::array<const uint32_t*, kCount> found{};
        for (size_t i = 0; i < kCount; ++i) {
            found[i] = &rows_[static_cast<size_t>(bases[i] - bounds_.data()) * blocks_];
            __builtin_prefetch(found[i]);
        }
        return found;
    }
    [[nodiscard]] size_t memory_bytes() const noexcept {
        return bounds_.size() * sizeof(Value) + rows_.size() * sizeof(uint32_t);
    }

  private:
    /// The least value of each class, in order.
    static std::vector<Value> bounds_of(std::span<const Intervals> rules) {
        std::vector<Value> bounds{Value{}};
        for (const Intervals& intervals : rules) {
            for (const Interval& interval : intervals) {
                bounds.push_back(interval.first);
                if (interval.last != ~Value{}) bounds.push_back(interval.last + 1);
            }
        }
        std::sort(bounds.begin(), bounds.end());
        bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
        bounds.shrink_to_fit();
        return bounds;
    }
    static std::vector<RuleLine> lines_of(std::span<const Intervals> rules,
                                          const std::vector<Value>& bounds) {
        std::vector<RuleLine> lines(bounds.size());
        for (size_t rule = 0; rule < rules.size(); ++rule) {
            for (const Interval& interval : rules[rule]) {
                const size_t last = class_of(bounds, interval.last);
                for (size_t i = class_of(bounds, interval.first); i <= last; ++i)
                    lines[i].words[rule / 64] |= uint64_t{1} << rule % 64;
            }
        }
        return lines;
    }
    /// The last bound that isn't above the value. Without a branch on what is compared: which way
    /// it goes can't be predicted, and the searches of a query's fields overlap.
    static size_t class_of(const std::vector<Value>& bounds, Value value) noexcept {
        const Value* base = bounds.data();
        for (size_t count = bounds.size(); count > 1;) {
            const size_t half = count / 2;
            base += half * static_cast<size_t>(base[half] <= value);
            count -= half;
        }
        return static_cast<size_t>(base - bounds.data());
    }

    std::vector<Intervals> rules_;
    size_t blocks_;
    std::vector<Value> bounds_;
    std::vector<uint32_t> rows_;
};

}  // namespace ravelin
