// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "metrics/registry.h"
#include "mgmt/config_state.h"

#include <atomic>
#include <string>

namespace ravelin {

/// GET /metrics: one reading of the registry in Prometheus' text format 0.0.4.
class MetricsPage {
  public:
    /// Adds the families about the page itself.
    MetricsPage(Registry& registry, const ConfigState& config);

    /// Several threads may ask at a time.
    [[nodiscard]] std::string text();

  private:
    const Registry& registry_;
    std::atomic<uint64_t> series_{0};  ///< of the last reading
    std::atomic<double> duration_{0};  ///< seconds, of the last reading
};

}  // namespace ravelin
