// SPDX-License-Identifier: BSD-3-Clause
#include "config/network_values.h"
#include "config/text.h"
#include "config/validate.h"

#include <algorithm>
#include <vector>

namespace ravelin::config {
namespace {

/// A rule as three sets that can be compared: what an empty list means is written out, and
/// neighbouring port ranges are one.
struct Extent {
    const RuleDraft* rule = nullptr;
    std::vector<Prefix> source;
    std::vector<Prefix> destination;
    std::vector<PortRange> source_ports;
    std::vector<PortRange> destination_ports;
    bool needs_ports = false;  ///< takes protocols with ports only
};

Prefix everything(Family family) {
    Prefix prefix;
    prefix.family = family;
    if (family == Family::Ipv4) {
        constexpr std::array<uint8_t, 4> kZero{};
        prefix.address = Address::from_ipv4(kZero.data());
        prefix.length = 96;
    }
    return prefix;
}

/// The families that a rule can meet at all.
std::vector<Family> families(const Rule& rule) {
    std::vector<Family> left;
    for (const Family family : {Family::Ipv4, Family::Ipv6}) {
        const auto has = [&](const std::vector<Prefix>& list) {
            return list.empty() || std::any_of(list.begin(), list.end(), [&](const Prefix& prefix) {
                       return prefix.family == family;
                   });
        };
        const bool fits_protocol =
            rule.protocol != (family == Family::Ipv4 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp);
        if (has(rule.source) && has(rule.destination) && fits_protocol) left.push_back(family);
    }
    return left;
}

std::vector<Prefix> written_out(const std::vector<Prefix>& list,
                                const std::vector<Family>& families) {
    if (!list.empty()) return list;
    std::vector<Prefix> all;
    for (const Family family : families)
        all.push_back(everything(family));
    return all;
}

std::vector<PortRange> merged(std::vector<PortRange> list) {
    if (list.empty()) return {{0, 65535}};
    std::sort(list.begin(), list.end(),
              [](const PortRange& a, const PortRange& b) { return a.first < b.first; });
    std::vector<PortRange> joined;
    for (const PortRange& range : list) {
        if (!joined.empty() && range.first <= joined.back().last + 1) {
            joined.back().last = std::max(joined.back().last, range.last);
        } else {
            joined.push_back(range);
        }
    }
    return joined;
}

/// How many comparisons may still be made: every rule is compared with every earlier one, and a
/// file of a megabyte has more pairs than anybody waits for.
class Budget {
  public:
    bool spend() noexcept {
        if (left_ > 0) --left_;
        return left_ > 0;
    }
    [[nodiscard]] bool is_spent() const noexcept { return left_ == 0; }

  private:
    size_t left_ = 50'000'000;
};

bool covers(const std::vector<Prefix>& outer, const std::vector<Prefix>& inner, Budget& budget) {
    return std::all_of(inner.begin(), inner.end(), [&](const Prefix& small) {
        return std::any_of(outer.begin(), outer.end(), [&](const Prefix& big) {
            return budget.spend() && big.family == small.family && big.length <= small.length &&
                   big.contains(small.address);
        });
    });
}

/// Both are in order and don't overlap.
bool covers(const std::vector<PortRange>& outer, const std::vector<PortRange>& inner) {
    return std::all_of(inner.begin(), inner.end(), [&](const PortRange& small) {
        const auto big = std::lower_bound(
            outer.begin(), outer.end(), small,
            [](const PortRange& a, const PortRange& b) { return a.last < b.last; });
        return big != outer.end() && big->first <= small.first;
    });
}

/// True when `early` takes every packet that `late` would take. Looks at each prefix alone, so two
/// halves aren't seen to make a whole; that costs a warning, never a wrong one.
bool covers(const Extent& early, const Extent& late, Budget& budget) {
    const Rule& first = early.rule->value;
    const Rule& second = late.rule->value;
    if (!budget.spend()) return false;
    if (first.from_port && first.from_port != second.from_port) return false;
    if (first.protocol && first.protocol != second.protocol) return false;
    if (early.needs_ports && !late.needs_ports) return false;
    return covers(early.destination_ports, late.destination_ports) &&
           covers(early.source_ports, late.source_ports) &&
           covers(early.destination, late.destination, budget) &&
           covers(early.source, late.source, budget);
}

Extent extent_of(const RuleDraft& draft) {
    const Rule& rule = draft.value;
    const std::vector<Family> possible = families(rule);
    Extent extent;
    extent.rule = &draft;
    extent.source = written_out(rule.source, possible);
    extent.destination = written_out(rule.destination, possible);
    extent.source_ports = merged(rule.source_ports);
    extent.destination_ports = merged(rule.destination_ports);
    extent.needs_ports = !rule.source_ports.empty() || !rule.destination_ports.empty() ||
                         (rule.protocol && has_ports(*rule.protocol));
    return extent;
}

}  // namespace

void find_unreachable(const std::vector<RuleDraft>& rules, Findings& findings) {
    Budget budget;
    std::vector<Extent> earlier;
    for (const RuleDraft& rule : rules) {
        if (!rule.good) continue;
        Extent late = extent_of(rule);
        const auto cover = std::find_if(earlier.begin(), earlier.end(), [&](const Extent& early) {
            return covers(early, late, budget);
        });
        if (budget.is_spent()) {
            findings.warning(place_of(*rule.node, "name"),
                             "from here on rules are not checked for being unreachable: there are "
                             "too many");
            return;
        }
        if (cover != earlier.end()) {
            findings.warning(place_of(*rule.node, "name"),
                             "rule " + in_quotes(rule.value.name) + " is never reached: rule " +
                                 in_quotes(cover->rule->value.name) + " in line " +
                                 std::to_string(cover->rule->node->place.line) +
                                 " takes all that it would");
        } else {
            earlier.push_back(std::move(late));
        }
    }
}

}  // namespace ravelin::config
