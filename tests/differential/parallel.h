// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "session.h"

#include <cstdint>
#include <functional>

namespace ravelin::differential {

/// What one process does: its number, how many there are, and where it leaves what it found.
using Work = std::function<void(uint32_t index, uint32_t processes, Tally& tally)>;

/// Does the work in `processes` processes, each with namespaces of its own and tied to one CPU, so
/// that the kernel handles a process's frames in their order. While one waits for the kernel's
/// timers another works. Returns the sum; throws std::runtime_error when one of them fails.
[[nodiscard]] Tally run_parallel(uint32_t processes, const Work& work);

/// Ties this process to the nth CPU that it may use.
void bind_to_cpu(uint32_t nth);
[[nodiscard]] uint32_t cpu_count();

}  // namespace ravelin::differential
