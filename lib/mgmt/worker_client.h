// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "mgmt/appliance.h"
#include "pipeline/request.h"

#include <memory>
#include <span>
#include <vector>

namespace ravelin {

/// Puts questions to workers and waits for the answers, but never for long: a worker that doesn't
/// answer in time is reported, and what it may still write to is kept until it has.
///
/// One thread at a time.
class WorkerClient {
  public:
    /// A worker answers within one iteration, microseconds; what takes longer than this is stuck.
    static constexpr Duration kPatience = 1s;

    explicit WorkerClient(const Appliance& appliance, Duration patience = kPatience)
        : appliance_{appliance}, patience_{patience} {}

    /// All connections of all workers, each worker's in slices.
    Result<std::vector<FlowRecord>> dump();

    /// All that workers have written up about late packets; the last one first. Times are those of
    /// the clock that all share.
    Result<std::vector<StaleRecord>> stale();

    /// The same of packets that were denied.
    Result<std::vector<DenialRecord>> denials();

    /// All tunnels that workers know now.
    Result<std::vector<TunnelRecord>> tunnels();

    /// Who asks whom for the time; by client and server.
    Result<std::vector<NtpRecord>> ntp();

    /// Ends every connection of every worker.
    Result<void> flush();

    /// Every worker has finished an iteration.
    Result<void> ping();

  private:
    struct Errand {
        Request request;
        std::vector<FlowRecord> slice;
        std::vector<StaleRecord> stale;
        std::vector<DenialRecord> denials;
        std::vector<TunnelRecord> tunnels;
        std::vector<NtpRecord> ntp;
    };

    /// Every record of one kind that workers have: each worker is asked until it is at its end.
    template <class Record>
    Result<std::vector<Record>> collect(Request::Kind kind, std::vector<Record> Errand::*slice,
                                        std::span<Record> Request::*out, uint64_t expected = 0);
    Result<void> ask(Errand& errand, size_t worker);
    Result<void> ask_all(Request::Kind kind);
    /// Lets go of abandoned errands that have been answered since.
    void sweep();
    Result<void> run(std::unique_ptr<Errand>& errand, size_t worker);

    const Appliance& appliance_;
    Duration patience_;
    std::vector<std::unique_ptr<Errand>> abandoned_;
};

}  // namespace ravelin
