// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "config/schema.h"
#include "pipeline/link.h"
#include "pipeline/runtime.h"
#include "sync/published.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ravelin {

class ClockHealth;

/// What the program is made of; ravelin_build_info, `ravelinctl version`.
struct BuildInfo {
    std::string version;   ///< "0.1.0"
    std::string revision;  ///< git, short
    std::string dpdk;      ///< "DPDK 22.11.11"
    std::string compiler;  ///< "g++ 12.2.0"
};

/// Facts and the driver's own counters of one port, in the configuration's order.
struct PortStats {
    std::string name;
    std::string driver;
    std::string device;
    std::string mac;
    bool up = false;
    uint64_t speed_bytes = 0;  ///< per second; 0: unknown
    uint64_t missed = 0;       ///< lost because the receive queue was full
    uint64_t rx_errors = 0;
    uint64_t nombuf = 0;  ///< lost because no buffer was free
    uint64_t tx_errors = 0;
    uint64_t link_changes = 0;
};

struct MempoolStats {
    std::string name;
    uint64_t buffers = 0;
    uint64_t available = 0;
};

/// One internal ring that management doesn't own, such as those between workers.
struct RingStats {
    std::string name;  ///< "handover-0-1"
    uint64_t entries = 0;
    uint64_t capacity = 0;
    uint64_t failures = 0;  ///< items lost because it was full
};

/// One worker as management sees it.
struct WorkerHandle {
    WorkerLink* link = nullptr;
    std::string lcore;  ///< the label: unique, bounded by the configuration
    uint16_t cpu = 0;
};

/// The counter behind Appliance::now.
struct TimerClock {
    bool invariant = true;  ///< runs at one rate whatever the processor does
    double hertz = 0;       ///< as it is taken to be now
};

/// Everything that management is given of the running appliance. Whoever builds the parts owns
/// them and lets them outlive management. The functions are called from management threads, several
/// at a time, and never wait for a worker.
struct Appliance {
    BuildInfo build;
    std::vector<WorkerHandle> workers;
    const Topology* topology = nullptr;
    Published<Runtime>* runtime = nullptr;
    Quiescence* quiescence = nullptr;
    Config config;  ///< as started; names of ports and wires stay so
    /// The clock that the workers read. Times that come from a worker are its own, less its pauses:
    /// take them through PauseHistory::on_the_clock().
    std::function<Instant()> now;
    std::function<Duration()> unix_offset;  ///< Unix time at Instant{}, by today's wall clock
    std::function<TimerClock()> timer_clock;
    /// Lets `now` run that many times as fast from here on, without a jump.
    std::function<void(double rate)> bend_clock;
    ClockHealth* clocks = nullptr;  ///< what is known about the host's clocks
    std::function<std::vector<PortStats>()> ports;
    std::function<std::vector<MempoolStats>()> mempools;
    std::function<std::vector<RingStats>()> rings;
};

}  // namespace ravelin
