// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"

#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace ravelin {

/// Tells management when every worker has let go of what it read before.
///
/// Workers report a quiescent point once per iteration; that is the only cost on their side. The
/// memory is the process's own (no EAL needed). rte_rcu_qsbr inside.
class Quiescence {
  public:
    explicit Quiescence(uint32_t workers) : workers_{workers} {
        const size_t bytes = rte_rcu_qsbr_get_memsize(workers);
        state_ = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(
            RTE_CACHE_LINE_SIZE,
            (bytes + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE));
        CHECK(state_ != nullptr && rte_rcu_qsbr_init(state_, workers) == 0);
    }
    ~Quiescence() { std::free(state_); }
    Quiescence(const Quiescence&) = delete;
    Quiescence& operator=(const Quiescence&) = delete;

    /// Worker: from here on management waits for it.
    void enter(uint32_t worker) noexcept {
        CHECK(rte_rcu_qsbr_thread_register(state_, worker) == 0);
        rte_rcu_qsbr_thread_online(state_, worker);
    }
    /// Worker: holds no published value now.
    void report(uint32_t worker) noexcept { rte_rcu_qsbr_quiescent(state_, worker); }
    /// Worker: never reads a published value again.
    void leave(uint32_t worker) noexcept {
        rte_rcu_qsbr_thread_offline(state_, worker);
        rte_rcu_qsbr_thread_unregister(state_, worker);
    }

    /// Management: a mark for everything that was published until now ...
    uint64_t mark() noexcept { return rte_rcu_qsbr_start(state_); }
    /// ... and whether every worker has passed it. Never waits.
    bool passed(uint64_t mark) noexcept { return rte_rcu_qsbr_check(state_, mark, false) == 1; }
    [[nodiscard]] uint32_t workers() const noexcept { return workers_; }

  private:
    rte_rcu_qsbr* state_ = nullptr;
    uint32_t workers_;
};

/// A whole value that management replaces and workers read.
///
/// publish() hands back the old value; whoever has it frees it when Quiescence says that every
/// worker has passed. get() is one load; what it returns is valid until the worker's next report.
template <class T>
class Published {
  public:
    explicit Published(std::unique_ptr<const T> first) noexcept : value_{first.release()} {}
    ~Published() { delete value_.load(std::memory_order_relaxed); }
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;

    /// Management only.
    [[nodiscard]] std::unique_ptr<const T> publish(std::unique_ptr<const T> next) noexcept {
        return std::unique_ptr<const T>{value_.exchange(next.release(), std::memory_order_acq_rel)};
    }
    [[nodiscard]] const T& get() const noexcept { return *value_.load(std::memory_order_acquire); }

  private:
    std::atomic<const T*> value_;
};

}  // namespace ravelin
