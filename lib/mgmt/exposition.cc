// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/exposition.h"

#include "base/check.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <limits>

namespace ravelin {

namespace {

constexpr std::string_view kSeries = "ravelin_metrics_series";
constexpr std::string_view kDuration = "ravelin_metrics_collection_duration_seconds";

prometheus::MetricType type_of(MetricType type) {
    switch (type) {
        case MetricType::Counter:
            return prometheus::MetricType::Counter;
        case MetricType::Gauge:
            return prometheus::MetricType::Gauge;
        case MetricType::Histogram:
            return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric::Histogram to_histogram(const HistogramValue& value) {
    CHECK(value.cumulative.size() == value.upper_bounds.size() + 1);
    prometheus::ClientMetric::Histogram histogram;
    histogram.sample_count = value.cumulative.back();
    histogram.sample_sum = value.sum;
    for (size_t i = 0; i < value.cumulative.size(); ++i) {
        const bool last = i == value.upper_bounds.size();
        histogram.bucket.push_back(
            {value.cumulative[i],
             last ? std::numeric_limits<double>::infinity() : value.upper_bounds[i]});
    }
    return histogram;
}

prometheus::ClientMetric to_metric(const MetricInfo& info, const Sample& sample) {
    CHECK(sample.label_values.size() == info.labels.size());
    prometheus::ClientMetric metric;
    for (size_t i = 0; i < info.labels.size(); ++i)
        metric.label.push_back({info.labels[i], sample.label_values[i]});
    switch (info.type) {
        case MetricType::Counter:
            metric.counter.value = sample.value;
            break;
        case MetricType::Gauge:
            metric.gauge.value = sample.value;
            break;
        case MetricType::Histogram:
            metric.histogram = to_histogram(sample.histogram);
            break;
    }
    return metric;
}

/// Lines that a family has on the page.
size_t series_of(const Registry::Family& family, const std::vector<Sample>& samples) {
    if (family.info.type != MetricType::Histogram) return samples.size();
    size_t series = 0;
    for (const Sample& sample : samples)
        series += sample.histogram.cumulative.size() + 2;
    return series;
}

}  // namespace

MetricsPage::MetricsPage(Registry& registry, const ConfigState& config) : registry_{registry} {
    registry.add({"ravelin_metrics_truncated_series",
                  MetricType::Gauge,
                  "Time series left out of this scrape by a cardinality limit.",
                  {"family"}},
                 Registry::Collect{[&config] {
                     const size_t rules = config.status().rule_names.size();
                     const size_t most = ConfigState::kMaxRuleSeries;
                     Sample sample;
                     sample.label_values = {"ravelin_rule_matched_packets_total"};
                     sample.value = rules > most ? static_cast<double>(rules - most) : 0;
                     return std::vector<Sample>{sample};
                 }});
    registry.add({std::string{kSeries}, MetricType::Gauge, "Time series in this scrape.", {}},
                 [this] { return static_cast<double>(series_.load()); });
    registry.add({std::string{kDuration},
                  MetricType::Gauge,
                  "Time the appliance spent collecting this scrape.",
                  {}},
                 [this] { return duration_.load(); });
}

std::string MetricsPage::text() {
    const auto start = std::chrono::steady_clock::now();
    std::vector<prometheus::MetricFamily> page;
    size_t series = 0;
    for (const Registry::Family& family : registry_.families()) {
        std::vector<Sample> samples = family.collect();
        series += series_of(family, samples);
        // The two that tell about this page stand last and are known only now.
        if (family.info.name == kSeries) samples.front().value = static_cast<double>(series + 1);
        if (family.info.name == kDuration) {
            const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
            samples.front().value = spent.count();
            duration_ = spent.count();
        }
        prometheus::MetricFamily written;
        written.name = family.info.name;
        written.help = family.info.help;
        written.type = type_of(family.info.type);
        for (const Sample& sample : samples)
            written.metric.push_back(to_metric(family.info, sample));
        page.push_back(std::move(written));
    }
    series_ = series;
    return prometheus::TextSerializer{}.Serialize(page);
}

}  // namespace ravelin
