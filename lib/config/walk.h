// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/draft.h"
#include "config/findings.h"

namespace ravelin::config {

/// Fills the draft from the tree by the table of keys; reports unknown, missing and wrong ones.
/// The draft points into the tree.
void walk(const Node& root, Draft& draft, Findings& findings);

}  // namespace ravelin::config
