// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "session.h"

#include <cstdint>

namespace ravelin::differential {

/// Each difference that is meant has a script that shows it, and nothing else; says which don't.
/// Runs them in so many processes.
[[nodiscard]] Outcome test_differences(uint32_t processes);

}  // namespace ravelin::differential
