// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tbb_pool.h"

#include "base/check.h"

#include <pthread.h>

namespace ravelin {

namespace {

cpu_set_t own_affinity() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CHECK(pthread_getaffinity_np(pthread_self(), sizeof set, &set) == 0);
    return set;
}

std::vector<uint16_t> to_cpus(const cpu_set_t& set) {
    std::vector<uint16_t> cpus;
    for (uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    return cpus;
}

cpu_set_t to_set(const std::vector<uint16_t>& cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const uint16_t cpu : cpus)
        CPU_SET(cpu, &set);
    return set;
}

}  // namespace

TbbPool::Pinning::Pinning(tbb::task_arena& arena, const cpu_set_t& cpus)
    : tbb::task_scheduler_observer{arena}, cpus_{cpus} {
    observe(true);
}

TbbPool::Pinning::~Pinning() {
    observe(false);
}

void TbbPool::Pinning::on_scheduler_entry(bool is_worker) {
    // A thread may leave the arena and enter again; pinning it again costs one system call. The
    // caller of execute() is pinned there, where its affinity is restored too.
    if (is_worker) CHECK(pthread_setaffinity_np(pthread_self(), sizeof cpus_, &cpus_) == 0);
}

TbbPool::PinnedCaller::PinnedCaller(const cpu_set_t& cpus) : before_{own_affinity()} {
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus) == 0);
}

TbbPool::PinnedCaller::~PinnedCaller() {
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof before_, &before_) == 0);
}

Result<std::unique_ptr<TbbPool>> TbbPool::create(std::vector<uint16_t> cpus, size_t threads) {
    const cpu_set_t before = own_affinity();
    if (cpus.empty()) cpus = to_cpus(before);
    for (const uint16_t cpu : cpus) {
        const cpu_set_t wanted = to_set({cpu});
        const bool usable = pthread_setaffinity_np(pthread_self(), sizeof wanted, &wanted) == 0;
        CHECK(pthread_setaffinity_np(pthread_self(), sizeof before, &before) == 0);
        if (!usable)
            return fail("cores: management CPU " + std::to_string(cpu) +
                        " can't be used by this process (see `taskset -p` and `nproc`)");
    }
    if (threads == 0) threads = cpus.size();
    return std::unique_ptr<TbbPool>{new TbbPool{std::move(cpus), threads}};
}

TbbPool::TbbPool(std::vector<uint16_t> cpus, size_t threads)
    : cpus_{std::move(cpus)},
      threads_{threads},
      cpu_set_{to_set(cpus_)},
      parallelism_{tbb::global_control::max_allowed_parallelism, threads_},
      arena_{static_cast<int>(threads_), 1},
      pinning_{arena_, cpu_set_} {}

TbbPool::~TbbPool() = default;

std::string TbbPool::describe() const {
    std::string text = "management pool: " + std::to_string(threads_) +
                       (threads_ == 1 ? " thread" : " threads") +
                       (cpus_.size() == 1 ? " on CPU " : " on CPUs ");
    for (size_t i = 0; i < cpus_.size(); ++i)
        text += (i == 0 ? "" : ",") + std::to_string(cpus_[i]);
    return text;
}

}  // namespace ravelin
