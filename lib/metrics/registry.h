// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {

enum class MetricType : uint8_t { Counter, Gauge, Histogram };

/// What every surface says about a family: the CLI, the API, /metrics and docs/metrics.md.
struct MetricInfo {
    std::string name;  ///< "ravelin_dropped_packets_total"
    MetricType type = MetricType::Counter;
    std::string help;
    std::vector<std::string> labels;  ///< label names; never an address, a port number or free text
};

struct HistogramValue {
    std::vector<double> upper_bounds;  ///< without +Inf
    std::vector<uint64_t> cumulative;  ///< one per bound, then +Inf
    double sum = 0;
};

struct Sample {
    std::vector<std::string> label_values;  ///< as many as the family has labels
    double value = 0;
    HistogramValue histogram;  ///< for MetricType::Histogram instead of value
};

/// The one list of everything that is counted. Filled at start, read by management threads.
///
/// A family's collect function is called for each reading; it reads counters and never waits for
/// a worker. It must return a series for every label value from the start, also when it is 0.
class Registry {
  public:
    using Collect = std::function<std::vector<Sample>()>;

    struct Family {
        MetricInfo info;
        Collect collect;
    };

    void add(MetricInfo info, Collect collect);
    /// Without labels.
    void add(MetricInfo info, std::function<double()> value);

    [[nodiscard]] const std::vector<Family>& families() const noexcept { return families_; }
    [[nodiscard]] const Family* find(std::string_view name) const noexcept;

  private:
    std::vector<Family> families_;
};

}  // namespace ravelin
