// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "mgmt/appliance.h"
#include "mgmt/log.h"
#include "mgmt/tunnel_registry.h"
#include "mgmt/worker_client.h"

#include <cstdint>
#include <vector>

namespace ravelin {

/// Feeds the registry from the workers: takes their events also when nobody listens, asks them for
/// figures when a verdict needs some, and now and then so that silences show, and writes verdicts
/// to the log.
class TunnelWatch {
  public:
    /// Events that one call takes from each worker at most.
    static constexpr uint32_t kMostEvents = 1024;
    static constexpr Duration kFiguresPace = 200ms;
    /// Between two looks at all tunnels: what nobody tells, as how long a client is silent before
    /// it moves, is known to within so much.
    static constexpr Duration kLookPace = 10s;
    static constexpr Duration kLookAfterFailure = 60s;
    /// After a worker didn't answer it is left alone for so long.
    static constexpr Duration kAfterFailure = 10s;

    TunnelWatch(const Appliance& appliance, TunnelTally& counters, Log& log,
                const HashSecret& secret);

    /// Whether our own wall clock is right; until somebody says so it counts as not known.
    void set_synchronised(bool synchronised) noexcept { synchronised_ = synchronised; }

    /// Takes what waits; returns what is to be told.
    [[nodiscard]] std::vector<TunnelNews> run_once();

    /// How much has been lost since the last call: events of workers, and news.
    [[nodiscard]] uint64_t take_lost();

    /// Brings the registry's figures up to date, for somebody who wants to see them.
    Result<void> refresh();

    [[nodiscard]] const TunnelRegistry& registry() const noexcept { return registry_; }

  private:
    void drain();
    void look(Instant now);

    const Appliance& appliance_;
    Log& log_;
    const TunnelTally& tally_;
    TunnelRegistry registry_;
    WorkerClient workers_;
    std::vector<TunnelEvent> events_;
    Instant next_figures_{};
    Instant next_look_;
    bool synchronised_ = false;
    uint64_t lost_ = 0;  ///< of what was counted, what has been reported
};

}  // namespace ravelin
