// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "policy/rule.h"
#include "policy/rule_field.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ravelin {

/// Rules that were compiled: the first one that takes a query, in a time that hardly depends on how
/// many there are (ADR 15).
///
/// Theory of operation: Lucent's bit vectors. For each of a query's six fields the rules cut the
/// values into classes (RuleField); a class has one bit for each rule, set where the rule takes
/// it. The rules that take a query are the AND of six bit vectors, and the lowest bit is the first
/// of them. The vectors are cut into lines of 512 rules, so that equal lines are kept once and a
/// block in which one field has none is passed over without reading it.
///
/// Memory: rules and prefixes have two bounds at most; each bound costs a line of 64 bytes, and for
/// every 512 rules 4 bytes.
class RuleMatcher {
  public:
    static constexpr size_t kNone = SIZE_MAX;

    explicit RuleMatcher(const std::vector<Rule>& rules);

    /// Index of the first rule that takes the query, or kNone.
    [[nodiscard]] size_t find(const Query& query) const noexcept;

    static constexpr size_t kTogether = 8;
    /// The same for several queries at a time: where one would wait for memory, the others go on.
    [[nodiscard]] std::array<size_t, kTogether> find(
        const std::array<Query, kTogether>& queries) const noexcept;
    [[nodiscard]] size_t memory_bytes() const noexcept;

  private:
    __extension__ using AddressNumber = unsigned __int128;
    using Numbers = RuleField<uint32_t>;
    using Addresses = RuleField<AddressNumber>;

    /// A query's row in each field.
    using Rows = std::array<const uint32_t*, 6>;

    [[nodiscard]] size_t next_block(const Rows& rows, size_t block) const noexcept;
    [[nodiscard]] size_t first_from(const Rows& rows, size_t block) const noexcept;
    static AddressNumber number(const Address& address) noexcept;
    static Addresses::Intervals intervals(const std::vector<Prefix>& prefixes);
    static Numbers::Intervals intervals(const std::vector<PortRange>& ranges);
    static Numbers::Intervals protocols(const Rule& rule);

    size_t blocks_;
    Numbers from_port_;
    Numbers protocol_;
    Numbers source_port_;
    Numbers destination_port_;
    Addresses source_;
    Addresses destination_;
    RuleLines lines_;
};

}  // namespace ravelin
