// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/draft.h"
#include "config/findings.h"

#include <string>

namespace ravelin::config {

/// Checks what no key can see alone: names that must be unique, references, rules that can't
/// match; resolves names and completes draft.config. `path` stands in Rule::where.
void validate(Draft& draft, const std::string& path, Findings& findings);

/// Warns of rules that never decide, because an earlier one takes all that they would.
void find_unreachable(const std::vector<RuleDraft>& rules, Findings& findings);

/// What rule checks share: where a key's value stands, or the element itself.
[[nodiscard]] Place place_of(const Node& element, std::string_view key);

}  // namespace ravelin::config
