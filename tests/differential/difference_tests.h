// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "session.h"

#include <cstdint>

namespace ravelin::differential {

struct Outcome {
    uint32_t passed = 0;
    uint32_t failed = 0;
};

/// Each difference that is meant has a script that shows it, and nothing else; says which don't.
[[nodiscard]] Outcome test_differences(Session& session);

}  // namespace ravelin::differential
