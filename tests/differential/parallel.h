// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "session.h"

namespace ravelin::differential {

/// Runs the task in `processes` processes, each with namespaces of its own and tied to one CPU, so
/// that the kernel handles a process's frames in their order. While one waits for the kernel's
/// timers another works. Throws std::runtime_error when one of them fails.
[[nodiscard]] Tally run_parallel(const Task& task, uint32_t processes);

/// Ties this process to the nth CPU that it may use.
void bind_to_cpu(uint32_t nth);
[[nodiscard]] uint32_t cpu_count();

}  // namespace ravelin::differential
