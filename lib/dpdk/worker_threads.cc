// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/worker_threads.h"

#include "base/check.h"
#include "dpdk/eal_arguments.h"

#include <rte_launch.h>
#include <rte_lcore.h>

#include <algorithm>
#include <array>
#include <sched.h>
#include <set>
#include <string_view>
#include <utility>

namespace ravelin {
namespace {

bool is_kernel_interface(const PortConfig& port) {
    constexpr std::array<std::string_view, 4> kKernel{"net_af_packet", "net_af_xdp", "net_tap",
                                                      "net_pcap"};
    return std::any_of(kKernel.begin(), kKernel.end(),
                       [&](std::string_view name) { return port.device.starts_with(name); });
}

/// Why a worker must let others run on its CPU; empty: it needn't.
std::string why_yield(const Config& config, uint32_t cpus) {
    const std::vector<uint16_t>& workers = config.cores.workers;
    const std::set<uint16_t> distinct{workers.begin(), workers.end()};
    if (distinct.size() < workers.size()) return "workers share a CPU";
    const bool shared = std::any_of(config.cores.management.begin(), config.cores.management.end(),
                                    [&](uint16_t cpu) { return distinct.contains(cpu); });
    if (shared && config.cores.management.size() == 1) return "workers share a CPU with management";
    if (workers.size() + 1 > cpus) return "there are more threads than CPUs";
    if (std::all_of(config.ports.begin(), config.ports.end(), is_kernel_interface))
        return "all ports are kernel interfaces";
    return {};
}

int run_loop(void* loop) {
    (*static_cast<std::function<void()>*>(loop))();
    return 0;
}

}  // namespace

IdlePolicy choose_idle_policy(const Config& config, uint32_t cpus) {
    IdlePolicy policy{.yield = false,
                      .why = "each worker has its CPU",
                      .nap = std::chrono::microseconds{config.cores.nap_microseconds}};
    const std::string why = why_yield(config, cpus);
    if (!why.empty()) {
        policy.yield = true;
        policy.why = why;
    }
    return policy;
}

uint32_t usable_cpus() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    return static_cast<uint32_t>(CPU_COUNT(&allowed));
}

void WorkerThreads::launch(std::vector<std::function<void()>> loops) {
    loops_ = std::move(loops);
    for (uint32_t worker = 0; worker < loops_.size(); ++worker)
        CHECK(rte_eal_remote_launch(run_loop, &loops_[worker], lcore_of_worker(worker)) == 0);
}

void WorkerThreads::join() {
    for (uint32_t worker = 0; worker < loops_.size(); ++worker)
        rte_eal_wait_lcore(lcore_of_worker(worker));
    loops_.clear();
}

}  // namespace ravelin
