// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "metrics/registry.h"

#include <string>

namespace ravelin {

/// docs/metrics.md: every family with its type, labels and help, as Markdown.
std::string metrics_reference(const Registry& registry);

/// "counter", "gauge" or "histogram".
[[nodiscard]] std::string_view keyword(MetricType type) noexcept;

}  // namespace ravelin
