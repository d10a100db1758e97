// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "config/schema.h"
#include "dpdk/buffers.h"
#include "dpdk/eal.h"
#include "dpdk/port.h"
#include "dpdk/port_io.h"
#include "dpdk/tsc_time.h"
#include "dpdk/worker_threads.h"
#include "mgmt/appliance.h"
#include "pipeline/pause_guard.h"
#include "pipeline/worker.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

/// Everything that touches packets, in construction order: EAL, buffers, ports, what workers share,
/// the workers, their threads.
class DataPath {
  public:
    /// Opens the ports and builds the workers; no packet moves yet.
    static Result<std::unique_ptr<DataPath>> open(const Config& config, EalLogSink sink);
    /// Ends what runs, as drain() does.
    ~DataPath();
    DataPath(const DataPath&) = delete;
    DataPath& operator=(const DataPath&) = delete;

    /// Starts the ports, then the workers.
    Result<void> start();

    /// Takes nothing new from the ports, waits until what is inside has left, at most
    /// `kDrainLimit`, then ends the workers and stops the ports. `hurry` is asked meanwhile: true
    /// ends the waiting.
    void drain(const std::function<bool()>& hurry);

    /// What management is given. The functions in it are good for as long as this lives.
    [[nodiscard]] Appliance appliance(BuildInfo build);

    struct LinkChange {
        std::string port;
        bool up = false;
    };
    /// Ports that lost or got their link since the last call; counts them.
    std::vector<LinkChange> watch_links();
    /// Ports whose card has turned out to spread packets otherwise than it was told; each is named
    /// once.
    std::vector<std::string> watch_spread();

    [[nodiscard]] const std::vector<Port>& ports() const noexcept { return ports_; }
    [[nodiscard]] const IdlePolicy& idle() const noexcept { return idle_; }
    [[nodiscard]] bool without_hugepages() const noexcept { return eal_.without_hugepages(); }
    [[nodiscard]] size_t table_bytes() const noexcept;

  private:
    static constexpr Duration kDrainLimit = 400ms;

    enum class Phase : uint8_t { Run, Drain, End };

    /// One worker with the parts that are its own.
    struct PollingWorker {
        PollingWorker(const WorkerParts& parts, std::vector<PortIo::ReceiveQueue> receive,
                      const std::array<PortIo::TransmitQueue, kMaxPorts>& transmit,
                      const TscTime& time)
            : io{std::move(receive), transmit},
              clock{time.clock(), parts.link.pauses},
              worker{parts, io, clock} {}
        PortIo io;
        PauseGuard<TscClock> clock;
        Worker<PortIo, PauseGuard<TscClock>> worker;
    };

    /// What was seen of a port so far.
    struct PortWatch {
        std::atomic<bool> up{false};
        std::atomic<uint64_t> changes{0};
        bool misdirects = false;  ///< and that was told
    };

    DataPath(const Config& config, IdlePolicy idle, Eal eal, Buffers buffers,
             std::vector<Port> ports, uint64_t tsc_hertz);

    Result<void> build_workers();
    std::unique_ptr<PollingWorker> build_worker(uint8_t index, const HashSecret& secret,
                                                const std::vector<Source>& sources);
    void loop(uint32_t worker);
    [[nodiscard]] bool empty() const noexcept;
    [[nodiscard]] std::vector<PortStats> port_stats() const;
    [[nodiscard]] std::vector<RingStats> ring_stats() const;

    Config config_;
    Eal eal_;
    Buffers buffers_;
    std::vector<Port> ports_;
    std::vector<PortWatch> watches_;
    IdlePolicy idle_;
    Topology topology_;
    Indirection indirection_;
    Published<Runtime> runtime_;
    std::optional<SessionDirectory> sessions_;
    Quiescence quiescence_;
    HandoffMesh mesh_;
    TscTime time_;
    std::vector<std::unique_ptr<WorkerLink>> links_;
    std::vector<std::unique_ptr<PollingWorker>> workers_;
    std::atomic<Phase> phase_{Phase::Run};
    WorkerThreads threads_;
};

}  // namespace ravelin
