// SPDX-License-Identifier: BSD-3-Clause
#include "daemon.h"

#include "banner.h"
#include "build_info.h"
#include "data_path.h"
#include "mgmt/clock_health.h"
#include "mgmt/log.h"
#include "mgmt/manager.h"
#include "signals.h"

#include <cstdio>
#include <memory>
#include <string_view>
#include <unistd.h>

namespace ravelin {
namespace {

/// How long a signal waits at most before it is seen.
constexpr Duration kServe = 50ms;
constexpr Duration kLinkInterval = 250ms;

/// EAL and the drivers talk much; an operator wants to know what is wrong.
EalLogSink driver_log(Log& log) {
    return [&log](EalLogLevel level, std::string_view line) {
        switch (level) {
            case EalLogLevel::Debug:
            case EalLogLevel::Info:
                return log.debug("dpdk", line);
            case EalLogLevel::Warning:
                return log.warning("dpdk", line);
            case EalLogLevel::Error:
                return log.error("dpdk", line);
        }
    };
}

/// Until SIGTERM or SIGINT.
void serve(Manager& manager, DataPath& path, const Appliance& appliance, const Signals& signals,
           Log& log) {
    Instant next_look = appliance.now() + kLinkInterval;
    for (;;) {
        manager.run_once(kServe);
        switch (signals.next()) {
            case SIGHUP:
                manager.reload();
                break;
            case SIGTERM:
            case SIGINT:
                return;
            default:
                break;
        }
        if (appliance.now() < next_look) continue;
        next_look = appliance.now() + kLinkInterval;
        for (const DataPath::LinkChange& change : path.watch_links()) {
            if (change.up) {
                log.info("port", change.port + ": link is up");
            } else {
                log.warning("port", change.port + ": link is down");
            }
        }
        for (const std::string& port : path.watch_spread()) {
            log.warning("port", port +
                                    ": its card spreads packets over its queues otherwise than it "
                                    "was told, so that workers hand them over to each other: "
                                    "nothing is lost, but with one queue it may be faster");
        }
    }
}

}  // namespace

ExitCode run_appliance(const Config& config) {
    const Signals signals;
    ManagementCounters counters;
    Log log{counters};
    log.configure(config.log.level, config.log.format);

    auto path = DataPath::open(config, driver_log(log));
    if (!path) {
        log.error("start", path.error().message);
        return ExitCode::Environment;
    }
    Appliance appliance = (*path)->appliance(build_info());
    ClockHealth clocks{appliance.bend_clock};
    appliance.clocks = &clocks;
    if (!appliance.timer_clock().invariant)
        log.warning("clock",
                    "the processor doesn't promise a time stamp counter of constant rate (no "
                    "invariant TSC; a guest may need it switched on by its host): timers are "
                    "checked against CLOCK_MONOTONIC_RAW once a second and corrected");
    // Before the first packet, so that a socket or an address in use ends a start that has
    // disturbed nobody.
    auto manager = Manager::open(appliance, counters, log);
    if (!manager) {
        log.error("start", manager.error().message);
        return ExitCode::Environment;
    }
    if (const auto started = (*path)->start(); !started) {
        log.error("start", started.error().message);
        return ExitCode::Environment;
    }
    std::fputs(start_banner(config, **path).c_str(), stdout);
    std::fflush(stdout);

    serve(**manager, **path, appliance, signals, log);
    log.info("stop", "stopping: draining the workers");
    (*path)->drain([&] {
        const int number = signals.next();
        if (number == SIGTERM || number == SIGINT) _exit(static_cast<int>(ExitCode::Failure));
        return false;
    });
    log.info("stop", "stopped");
    return ExitCode::Ok;
}

}  // namespace ravelin
