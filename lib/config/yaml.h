// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/findings.h"
#include "config/node.h"

#include <optional>
#include <string_view>

namespace ravelin::config {

/// Deeper files are refused.
inline constexpr size_t kMaxDepth = 16;

/// The file's tree, or nothing when there is an error that leaves none.
///
/// Refuses what makes YAML surprising: duplicate keys, anchors and aliases, tags, several
/// documents, keys that aren't text. `text` has passed check_text().
std::optional<Node> read_yaml(std::string_view text, Findings& findings);

}  // namespace ravelin::config
