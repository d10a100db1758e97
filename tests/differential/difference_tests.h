// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "session.h"

#include <cstdint>

namespace ravelin::differential {

/// Each difference that is meant has a script that shows it, and nothing else; says which don't.
/// Runs every `stride`-th, from the one with this index on, and adds to `tally.tests` alone: what
/// they cover isn't counted.
void test_differences(Session& session, uint32_t first, uint32_t stride, Tally& tally);

/// How many differences have no script; says which.
[[nodiscard]] Outcome untested_differences();

}  // namespace ravelin::differential
