// SPDX-License-Identifier: BSD-3-Clause
#include "policy/rule_matcher.h"

#include "base/byteorder.h"

#include <algorithm>
#include <array>

namespace ravelin {
namespace {

/// What `part` says of each rule.
template <class Field, class Part>
Field field_of(const std::vector<Rule>& rules, Part&& part) {
    std::vector<typename Field::Intervals> all;
    all.reserve(rules.size());
    for (const Rule& rule : rules)
        all.push_back(part(rule));
    return Field{std::move(all)};
}

/// The first rule that all six lines of the block have, or RuleLine::kRules.
uint32_t first_common(const RuleLines& lines, const std::array<const uint32_t*, 6>& rows,
                      size_t block) noexcept {
    RuleLine common = lines[rows[0][block]];
    for (const uint32_t* row : rows) {
        const RuleLine& line = lines[row[block]];
        for (size_t i = 0; i < common.words.size(); ++i)
            common.words[i] &= line.words[i];
    }
    for (uint32_t i = 0; i < common.words.size(); ++i) {
        if (common.words[i] != 0)
            return i * 64 + static_cast<uint32_t>(__builtin_ctzll(common.words[i]));
    }
    return RuleLine::kRules;
}

}  // namespace

RuleMatcher::RuleMatcher(const std::vector<Rule>& rules)
    : blocks_{(rules.size() + RuleLine::kRules - 1) / RuleLine::kRules},
      from_port_{field_of<Numbers>(rules,
                                   [](const Rule& rule) -> Numbers::Intervals {
                                       if (!rule.from_port) return Numbers::any();
                                       return {{*rule.from_port, *rule.from_port}};
                                   })},
      protocol_{field_of<Numbers>(rules, protocols)},
      source_port_{
          field_of<Numbers>(rules, [](const Rule& rule) { return intervals(rule.source_ports); })},
      destination_port_{field_of<Numbers>(
          rules, [](const Rule& rule) { return intervals(rule.destination_ports); })},
      source_{field_of<Addresses>(rules, [](const Rule& rule) { return intervals(rule.source); })},
      destination_{field_of<Addresses>(
          rules, [](const Rule& rule) { return intervals(rule.destination); })} {
    const auto each_field = [this](auto&& action) {
        for (Numbers* field : {&from_port_, &protocol_, &source_port_, &destination_port_})
            action(*field);
        for (Addresses* field : {&source_, &destination_})
            action(*field);
    };
    for (size_t block = 0; block < blocks_; ++block) {
        lines_.begin_block();
        each_field([&](auto& field) { field.compile(block, lines_); });
    }
    lines_.finish();
    each_field([](auto& field) { field.finish(); });
}

RuleMatcher::AddressNumber RuleMatcher::number(const Address& address) noexcept {
    return AddressNumber{load_be64(address.bytes.data())} << 64 |
           load_be64(address.bytes.data() + 8);
}

RuleMatcher::Addresses::Intervals RuleMatcher::intervals(const std::vector<Prefix>& prefixes) {
    if (prefixes.empty()) return Addresses::any();
    // Where IPv4 stands among the v4-mapped addresses. A prefix takes the family that it was
    // written in, so IPv6 has the rest.
    constexpr AddressNumber kFirst = AddressNumber{0xffff} << 32;
    constexpr AddressNumber kLast = kFirst | UINT32_MAX;
    Addresses::Intervals found;
    const auto add = [&](AddressNumber first, AddressNumber last) {
        if (first <= last) found.push_back({first, last});
    };
    for (const Prefix& prefix : prefixes) {
        const AddressNumber host =
            prefix.length == 0 ? ~AddressNumber{} : (AddressNumber{1} << (128 - prefix.length)) - 1;
        const AddressNumber first = number(prefix.address) & ~host;
        const AddressNumber last = first | host;
        if (prefix.family == Family::Ipv4) {
            add(std::max(first, kFirst), std::min(last, kLast));
        } else if (prefix.family == Family::Ipv6) {
            add(first, std::min(last, kFirst - 1));
            add(std::max(first, kLast + 1), last);
        }
    }
    return found;
}

RuleMatcher::Numbers::Intervals RuleMatcher::intervals(const std::vector<PortRange>& ranges) {
    if (ranges.empty()) return Numbers::any();
    Numbers::Intervals found;
    for (const PortRange& range : ranges) {
        if (range.first <= range.last) found.push_back({range.first, range.last});
    }
    return found;
}

RuleMatcher::Numbers::Intervals RuleMatcher::protocols(const Rule& rule) {
    if (!rule.has_ports() && !rule.protocol) return Numbers::any();
    if (!rule.has_ports()) return {{*rule.protocol, *rule.protocol}};
    Numbers::Intervals found;
    for (const uint32_t protocol : kProtocolsWithPorts) {
        if (!rule.protocol || *rule.protocol == protocol) found.push_back({protocol, protocol});
    }
    return found;
}

size_t RuleMatcher::find(const Query& query) const noexcept {
    if (blocks_ == 0) return kNone;
    const std::array<const uint32_t*, 6> rows{
        from_port_.row(query.from_port),     protocol_.row(query.protocol),
        source_port_.row(query.source_port), destination_port_.row(query.destination_port),
        source_.row(number(query.source)),   destination_.row(number(query.destination))};
    return first_from(rows, next_block(rows, 0));
}

std::array<size_t, RuleMatcher::kTogether> RuleMatcher::find(
    const std::array<Query, kTogether>& queries) const noexcept {
    std::array<size_t, kTogether> found{};
    found.fill(kNone);
    if (blocks_ == 0) return found;
    const auto rows_of = [&](const auto& field, auto&& part) {
        std::array<decltype(part(queries[0])), kTogether> values{};
        std::transform(queries.begin(), queries.end(), values.begin(), part);
        return field.rows(values);
    };
    using One = const Query&;
    const std::array<std::array<const uint32_t*, kTogether>, 6> of_fields{
        rows_of(from_port_, [](One query) -> uint32_t { return query.from_port; }),
        rows_of(protocol_, [](One query) -> uint32_t { return query.protocol; }),
        rows_of(source_port_, [](One query) -> uint32_t { return query.source_port; }),
        rows_of(destination_port_, [](One query) -> uint32_t { return query.destination_port; }),
        rows_of(source_, [](One query) { return number(query.source); }),
        rows_of(destination_, [](One query) { return number(query.destination); })};
    std::array<Rows, kTogether> rows{};
    std::array<size_t, kTogether> blocks{};
    for (size_t i = 0; i < kTogether; ++i) {
        for (size_t field = 0; field < of_fields.size(); ++field)
            rows[i][field] = of_fields[field][i];
        blocks[i] = next_block(rows[i], 0);
        if (blocks[i] == blocks_) continue;
        for (const uint32_t* row : rows[i])
            __builtin_prefetch(&lines_[row[blocks[i]]]);
    }
    for (size_t i = 0; i < kTogether; ++i)
        found[i] = first_from(rows[i], blocks[i]);
    return found;
}

/// The first block from `block` on of whose rules each field takes some, or blocks_.
size_t RuleMatcher::next_block(const Rows& rows, size_t block) const noexcept {
    const auto possible = [&] {
        bool each = true;
        for (const uint32_t* row : rows)
            each &= row[block] != RuleLines::kEmpty;
        return each;
    };
    while (block < blocks_ && !possible())
        ++block;
    return block;
}

/// The first rule from a block of next_block() on, or kNone.
size_t RuleMatcher::first_from(const Rows& rows, size_t block) const noexcept {
    for (; block < blocks_; block = next_block(rows, block + 1)) {
        const uint32_t rule = first_common(lines_, rows, block);
        if (rule != RuleLine::kRules) return block * RuleLine::kRules + rule;
    }
    return kNone;
}

size_t RuleMatcher::memory_bytes() const noexcept {
    size_t bytes = lines_.memory_bytes() + source_.memory_bytes() + destination_.memory_bytes();
    for (const Numbers* field : {&from_port_, &protocol_, &source_port_, &destination_port_})
        bytes += field->memory_bytes();
    return bytes;
}

}  // namespace ravelin
