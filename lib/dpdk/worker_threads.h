// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/schema.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ravelin {

/// What a worker does when an iteration found nothing to do.
struct IdlePolicy {
    bool yield = false;  ///< let another thread run on this CPU; false: poll again at once
    std::string why;     ///< for the log
    /// Longest sleep after nothing has come for a while; 0: none.
    std::chrono::microseconds nap{};
};

/// Polls flat out where each worker has a CPU for itself and a fast port; gives way where a CPU is
/// shared with another worker, with management or, on kernel interfaces, with the programs whose
/// packets it waits for. `cpus`: how many this process may use.
IdlePolicy choose_idle_policy(const Config& config, uint32_t cpus);

/// CPUs that the calling thread may run on.
uint32_t usable_cpus();

/// The workers' threads: EAL's lcores, pinned as `cores.workers` says.
class WorkerThreads {
  public:
    WorkerThreads() = default;
    /// Waits for all of them; their loops must have been told to end.
    ~WorkerThreads() { join(); }
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;

    /// Runs `loops[n]` on the lcore of worker n.
    void launch(std::vector<std::function<void()>> loops);
    void join();

  private:
    std::vector<std::function<void()>> loops_;
};

}  // namespace ravelin
