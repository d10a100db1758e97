// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "session.h"

#include <string>

namespace ravelin::differential {

/// Sequences, packets, how fast, the kernel's classes, the differences, and the coverage tables.
[[nodiscard]] std::string to_text(const Tally& tally, double seconds);

}  // namespace ravelin::differential
