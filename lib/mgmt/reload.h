// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/load.h"
#include "mgmt/appliance.h"
#include "mgmt/config_state.h"
#include "mgmt/timeout_sets.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ravelin {

/// The part of a configuration that workers read and a reload may replace.
std::unique_ptr<const Runtime> make_runtime(const Config& config, uint16_t generation,
                                            TimeoutSets& sets);

/// That of a start.
std::unique_ptr<const Runtime> first_runtime(const Config& config);

/// Appends an error to `loaded` for everything in its configuration that differs from `active` and
/// can't change while the appliance runs (ports, wires, cores, EAL, table size, control, http).
void find_restarts(const Config& active, LoadResult& loaded);

struct ReloadOutcome {
    ReloadResult result = ReloadResult::Rejected;
    uint16_t generation = 0;  ///< that is active now
    std::string message;      ///< one line
    std::string findings;     ///< rendered; warnings also stand here when it was applied
};

/// Replaces what the workers read, in this order: load, check, build aside, publish, wait until
/// every worker has let go of the old value, free it. Until the publication nothing has changed, so
/// that a broken file leaves everything as it was. One reload at a time; others wait.
class Reloader {
  public:
    /// How long the answer waits for the workers; a value that one of them may still read is kept
    /// beyond that and freed later.
    static constexpr Duration kPatience = 1s;
    using Applied = std::function<void(const Config&)>;

    /// `applied` is called with every configuration that became active.
    Reloader(const Appliance& appliance, ConfigState& state, Applied applied = {});

    /// Reads the file that the appliance was started with.
    ReloadOutcome reload();

    /// Frees what workers have let go of meanwhile. Now and then.
    void retire();

    /// Old values that a worker may still read.
    [[nodiscard]] size_t retiring() const;

  private:
    struct Retired {
        uint64_t mark = 0;
        std::unique_ptr<const Runtime> runtime;
    };

    ReloadOutcome reject(const LoadResult& loaded);
    ReloadOutcome apply(LoadResult loaded);
    void retire_locked();
    [[nodiscard]] bool wait_for_workers();

    const Appliance& appliance_;
    ConfigState& state_;
    Applied applied_;
    mutable std::mutex mutex_;
    Config active_;
    TimeoutSets timeout_sets_;
    uint16_t generation_ = 1;
    std::vector<Retired> retired_;
};

}  // namespace ravelin
