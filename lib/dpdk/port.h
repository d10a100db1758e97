// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "config/schema.h"
#include "dpdk/buffers.h"
#include "dpdk/eal.h"
#include "dpdk/port_plan.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ravelin {

/// What a device counts by itself; frames that never reached a worker stand here.
struct PortStatistics {
    uint64_t missed = 0;  ///< no free descriptor: workers too slow
    uint64_t receive_errors = 0;
    uint64_t no_buffer = 0;  ///< no free packet buffer
    uint64_t transmit_errors = 0;
};

struct LinkState {
    bool up = false;
    uint64_t bytes_per_second = 0;  ///< 0: unknown
};

/// Whom a port's packets are for.
struct Spread {
    uint32_t workers = 1;
    Steering steering = Steering::Addresses;
};

/// One configured DPDK port. Any device goes the same way: probe, configure, queues, start.
class Port {
  public:
    /// Probes the device (virtual ones; PCI devices were probed by EAL) and configures it. Receives
    /// nothing yet.
    static Result<Port> open(const PortConfig& config, const Spread& spread, const Buffers& buffers,
                             Eal& eal);
    ~Port();
    Port(Port&& other) noexcept;
    Port& operator=(Port&&) = delete;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    /// Packets may come from here on.
    Result<void> start(Eal& eal);
    /// Workers must have let go of it.
    void stop() noexcept;

    [[nodiscard]] const PortConfig& config() const noexcept { return config_; }
    [[nodiscard]] uint16_t device() const noexcept { return device_; }
    [[nodiscard]] const QueuePlan& queues() const noexcept { return queues_; }
    [[nodiscard]] const std::string& driver() const noexcept { return limits_.driver; }
    [[nodiscard]] int numa_node() const noexcept;
    /// "02:00:00:00:00:01"
    [[nodiscard]] std::string mac() const;
    /// Management may ask at any time while the port lives.
    [[nodiscard]] PortStatistics statistics() const noexcept;
    [[nodiscard]] LinkState link() const noexcept;
    /// What an operator should know about how it was set up; one line each.
    [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

  private:
    Port(PortConfig config, uint16_t device, const Spread& spread)
        : config_{std::move(config)}, device_{device}, spread_{spread} {}

    Result<void> set_up(const Buffers& buffers);
    Result<void> set_up_queues(const Buffers& buffers);

    PortConfig config_;
    uint16_t device_;
    bool open_ = true;
    bool started_ = false;
    Spread spread_;
    DeviceLimits limits_;
    QueuePlan queues_;
    std::vector<std::string> notes_;
};

}  // namespace ravelin
