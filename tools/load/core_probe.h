// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <semaphore>
#include <thread>

namespace ravelin::load {

/// How near two CPUs are to each other and how fast they run, in nanoseconds. A virtual machine's
/// host moves them about without telling: figures taken under different conditions don't compare.
struct Condition {
    double distance = 0;    ///< for a line of memory to go from one to the other, one way
    double own_work = 0;    ///< a fixed piece of work, here
    double other_work = 0;  ///< the same on the other CPU
};

/// Looks at the condition of this thread's CPU and of another one, on which something else polls:
/// for a moment a thread of a real-time class takes its place there.
class CoreProbe {
  public:
    /// Fails when the other thread may not be bound to `other_cpu` or not have its class, which
    /// takes CAP_SYS_NICE.
    static Result<std::unique_ptr<CoreProbe>> start(uint16_t other_cpu, double ticks_per_second);
    ~CoreProbe();
    CoreProbe(const CoreProbe&) = delete;
    CoreProbe& operator=(const CoreProbe&) = delete;

    /// Takes about a millisecond of both.
    Condition take();

  private:
    explicit CoreProbe(double ticks_per_second) : ticks_per_second_{ticks_per_second} {}

    void answer();
    [[nodiscard]] double nanoseconds(uint64_t ticks) const noexcept;

    double ticks_per_second_;
    std::binary_semaphore wanted_{0};
    std::atomic<bool> over_{false};
    alignas(64) std::atomic<uint32_t> ball_{0};
    alignas(64) std::atomic<uint64_t> other_ticks_{0};  ///< of its work; 0: not done yet
    std::thread other_;
};

}  // namespace ravelin::load
