// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/stats_json.h"

#include "metrics/reference.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace ravelin {

namespace {

using nlohmann::json;

/// Counts print as whole numbers, as they are.
json number(double value) {
    if (std::floor(value) == value && std::fabs(value) < 9e15) return static_cast<int64_t>(value);
    return value;
}

}  // namespace

void append_family_json(std::string& out, const Registry::Family& family) {
    const MetricInfo& info = family.info;
    json series = json::array();
    for (const Sample& sample : family.collect()) {
        json one = {{"labels", json::object()}};
        for (size_t i = 0; i < info.labels.size(); ++i)
            one["labels"][info.labels[i]] = sample.label_values[i];
        if (info.type == MetricType::Histogram) {
            one["count"] = sample.histogram.cumulative.back();
            one["sum"] = sample.histogram.sum;
        } else {
            one["value"] = number(sample.value);
        }
        series.push_back(std::move(one));
    }
    const json line = {{"name", info.name},
                       {"type", keyword(info.type)},
                       {"help", info.help},
                       {"series", std::move(series)}};
    out += line.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

}  // namespace ravelin
