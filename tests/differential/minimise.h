// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "script.h"

#include <functional>
#include <string>

namespace ravelin::differential {

/// Runs a script; what was unexplained about it, empty when nothing was.
using Trial = std::function<std::string(const Replay&)>;

struct Minimised {
    Replay replay;
    std::string what;
    bool reproduced = false;
};

/// The fewest workers, the fewest packets, and then the fewest time steps, that still show a
/// difference. A script that doesn't show it when it runs alone, twice, is returned as it is.
[[nodiscard]] Minimised minimise(const Replay& found, const Trial& trial);

}  // namespace ravelin::differential
