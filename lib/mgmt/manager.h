// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "mgmt/appliance.h"
#include "mgmt/commands.h"
#include "mgmt/control_server.h"
#include "mgmt/exposition.h"
#include "mgmt/host_clocks.h"
#include "mgmt/http_server.h"
#include "mgmt/log.h"
#include "mgmt/reload.h"
#include "mgmt/tbb_pool.h"
#include "mgmt/tunnel_watch.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

/// The management side, whole: metrics, health, control socket, HTTP, reload. Construct it in the
/// management thread, pinned to the management CPUs, once the workers run; that thread then calls
/// run_once() until the program ends, and reload() on SIGHUP.
class Manager {
  public:
    /// `log` and `counters` are made first, since starting up logs too; all three outlive it.
    static Result<std::unique_ptr<Manager>> open(const Appliance& appliance,
                                                 ManagementCounters& counters, Log& log);
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;
    ~Manager() = default;

    /// Serves what is ready, at most `timeout` later.
    void run_once(Duration timeout);

    /// What SIGHUP asks for; the outcome is logged.
    ReloadOutcome reload();

    /// What an operator is told at start, one line each.
    [[nodiscard]] std::vector<std::string> describe() const;

    [[nodiscard]] const Registry& registry() const noexcept { return registry_; }
    /// 0 when HTTP is off.
    [[nodiscard]] uint16_t http_port() const { return http_ ? http_->port() : uint16_t{0}; }

  private:
    Manager(const Appliance& appliance, ManagementCounters& counters, Log& log,
            std::unique_ptr<TbbPool> pool, const HashSecret& secret);
    Result<void> start();
    /// Once a second.
    void watch_clocks();

    static constexpr Duration kClockInterval = 1s;

    const Appliance& appliance_;
    ManagementCounters& counters_;
    Log& log_;
    std::unique_ptr<TbbPool> pool_;
    ConfigState config_;
    Registry registry_;
    MetricsPage metrics_;
    Reloader reloader_;
    TunnelWatch tunnels_;
    Commands commands_;
    HostClocks host_clocks_;
    Instant next_clock_look_{};
    std::optional<ControlServer> control_;
    std::optional<HttpServer> http_;
};

}  // namespace ravelin
