// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "config/schema.h"
#include "dpdk/eal_log.h"

#include <memory>
#include <string>

namespace ravelin {

/// DPDK's environment: memory, lcores, drivers. One per process, once per process.
///
/// The calling thread becomes the main lcore and is bound to the management CPUs; threads that it
/// creates later inherit that. Lcore threads inherit the signal mask of the moment.
class Eal {
  public:
    /// On failure the message names the call, what it means, and what mends it.
    static Result<Eal> start(const Config& config, EalLogSink sink);
    ~Eal();
    Eal(Eal&&) noexcept = default;
    Eal& operator=(Eal&&) = delete;
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    [[nodiscard]] EalLog& log() noexcept { return *log_; }
    [[nodiscard]] bool without_hugepages() const noexcept { return without_hugepages_; }

  private:
    Eal(std::unique_ptr<EalLog> log, bool without_hugepages) noexcept
        : log_{std::move(log)}, without_hugepages_{without_hugepages} {}

    std::unique_ptr<EalLog> log_;
    bool without_hugepages_;
};

/// "DPDK 22.11.11"
std::string dpdk_version();

}  // namespace ravelin
