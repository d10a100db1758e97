// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <sched.h>
#include <string>
#include <utility>
#include <vector>

namespace ravelin {

/// The threads that list, sort and format large tables. Created once, in the management thread;
/// every call of TBB goes through execute().
///
/// Theory of operation. TBB asks for the affinity of the process's first thread, once, which EAL
/// has pinned: left alone it would either run everything serially or put threads on polling cores.
/// So the number of threads is set by global_control, and whoever enters the arena, TBB's own
/// threads and the caller of execute(), is pinned to the management CPUs before its first task.
class TbbPool {
  public:
    /// `cpus`: the management CPUs; empty: those that the calling thread may use. `threads`: 0: as
    /// many as CPUs. Fails when the process may not use one of the CPUs.
    static Result<std::unique_ptr<TbbPool>> create(std::vector<uint16_t> cpus, size_t threads = 0);

    TbbPool(const TbbPool&) = delete;
    TbbPool& operator=(const TbbPool&) = delete;
    ~TbbPool();

    /// Runs `work` inside the pool and waits for it.
    template <class Work>
    auto execute(Work&& work) {
        const PinnedCaller pinned{cpu_set_};
        return arena_.execute(std::forward<Work>(work));
    }

    [[nodiscard]] size_t threads() const noexcept { return threads_; }
    /// "management pool: 2 threads on CPUs 0,4"
    [[nodiscard]] std::string describe() const;

  private:
    TbbPool(std::vector<uint16_t> cpus, size_t threads);

    class PinnedCaller {
      public:
        explicit PinnedCaller(const cpu_set_t& cpus);
        ~PinnedCaller();
        PinnedCaller(const PinnedCaller&) = delete;
        PinnedCaller& operator=(const PinnedCaller&) = delete;

      private:
        cpu_set_t before_{};
    };

    class Pinning : public tbb::task_scheduler_observer {
      public:
        Pinning(tbb::task_arena& arena, const cpu_set_t& cpus);
        ~Pinning() override;
        Pinning(const Pinning&) = delete;
        Pinning& operator=(const Pinning&) = delete;
        void on_scheduler_entry(bool is_worker) override;

      private:
        cpu_set_t cpus_;
    };

    std::vector<uint16_t> cpus_;
    size_t threads_;
    cpu_set_t cpu_set_;
    tbb::global_control parallelism_;
    tbb::task_arena arena_;
    Pinning pinning_;
};

}  // namespace ravelin
