// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/eal.h"

#include "dpdk/buffers.h"
#include "dpdk/diagnosis.h"
#include "dpdk/eal_arguments.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_version.h>

#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace ravelin {
namespace {

/// EAL panics when it can't bind a thread, so the CPUs are looked at before.
Result<void> check_cpus(const CoresConfig& cores) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {};
    const auto refuse = [&](const char* key, uint16_t cpu) {
        return fail("cores." + std::string{key} + ": CPU " + std::to_string(cpu) +
                    " isn't there for this process, which may run on " +
                    std::to_string(CPU_COUNT(&allowed)) +
                    " CPUs (see `taskset -p $$` and `nproc`)");
    };
    for (const uint16_t cpu : cores.management) {
        if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed)) return refuse("management", cpu);
    }
    for (const uint16_t cpu : cores.workers) {
        if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed)) return refuse("workers", cpu);
    }
    return {};
}

}  // namespace

Result<Eal> Eal::start(const Config& config, EalLogSink sink) {
    if (auto checked = check_cpus(config.cores); !checked) return tl::unexpected{checked.error()};
    auto arguments = eal_arguments(config, static_cast<uint32_t>(getpid()));
    if (!arguments) return tl::unexpected{arguments.error()};

    std::vector<char*> pointers;
    for (std::string& argument : *arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);

    auto log = std::make_unique<EalLog>(std::move(sink));
    log->hold();
    OutputCapture output;
    const int parsed = rte_eal_init(static_cast<int>(pointers.size()) - 1, pointers.data());
    const int error = rte_errno;
    const std::string printed = output.finish();
    const std::string text = log->release();
    if (parsed < 0)
        return fail(diagnose_eal(text + printed, error, hugepages_for(buffer_plan(config).bytes)));
    return Eal{std::move(log), runs_without_hugepages(config)};
}

std::string dpdk_version() {
    return rte_version();
}

Eal::~Eal() {
    if (log_ == nullptr) return;
    // The directory outlives rte_eal_cleanup(), which only empties it.
    const std::string directory = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    rmdir(directory.c_str());
}

}  // namespace ravelin
