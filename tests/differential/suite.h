// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "session.h"

#include <cstdint>
#include <vector>

namespace ravelin::differential {

/// All that one run of the program compares.
struct Suite {
    std::vector<uint64_t> seeds;  ///< kMostSeeds at most
    Task task{};                  ///< for each of them
    uint32_t processes = 1;
};

/// The tests of differences, and every seed's sequences. Each process has one world for all of it,
/// and as many batches as the others.
[[nodiscard]] Tally run_suite(const Suite& suite);

}  // namespace ravelin::differential
