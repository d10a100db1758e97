// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/reference.h"

namespace ravelin {

std::string_view keyword(MetricType type) noexcept {
    switch (type) {
        case MetricType::Counter:
            return "counter";
        case MetricType::Gauge:
            return "gauge";
        case MetricType::Histogram:
            return "histogram";
    }
    return "untyped";
}

std::string metrics_reference(const Registry& registry) {
    std::string out =
        "# Metrics\n\n"
        "Everything that `GET /metrics` of `ravelind` answers; `ravelinctl stats` shows the same\n"
        "registry. Generated from the program and compared with it by a test: don't edit.\n\n"
        "No label ever holds an address, a port number or free text; the number of series is "
        "fixed\n"
        "by the configuration. All label values are there from the start, also when they are 0.\n\n"
        "| Metric | Type | Labels | Help |\n|---|---|---|---|\n";
    for (const Registry::Family& family : registry.families()) {
        std::string labels;
        for (const std::string& label : family.info.labels)
            labels += (labels.empty() ? "`" : ", `") + label + "`";
        out += "| `" + family.info.name + "` | " + std::string{keyword(family.info.type)} + " | " +
               (labels.empty() ? "" : labels) + " | " + family.info.help + " |\n";
    }
    return out;
}

}  // namespace ravelin
