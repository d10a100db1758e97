// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/metrics_catalog.h"

#include "mgmt/health.h"
#include "mgmt/text.h"

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;

HistogramValue histogram(const PhaseDurations& durations) {
    HistogramValue value;
    value.upper_bounds.assign(PhaseDurations::kBounds.begin(), PhaseDurations::kBounds.end());
    uint64_t cumulative = 0;
    for (const uint64_t count : durations.count)
        value.cumulative.push_back(cumulative += count);
    value.sum = durations.sum;
    return value;
}

void register_reload_metrics(Registry& registry, const ConfigState& config) {
    registry.add({"ravelin_config_reloads_total",
                  MetricType::Counter,
                  "Configuration reload attempts by result (applied, unchanged, rejected).",
                  {"result"}},
                 Registry::Collect{[&config] {
                     Samples samples;
                     const ConfigStatus status = config.status();
                     for (size_t i = 0; i < status.reloads.size(); ++i)
                         samples.push_back(sample({keyword(static_cast<ReloadResult>(i))},
                                                  static_cast<double>(status.reloads[i])));
                     return samples;
                 }});
    registry.add({"ravelin_config_reload_duration_seconds",
                  MetricType::Histogram,
                  "Time spent in each phase of a configuration reload (parse, compile, publish, "
                  "retire).",
                  {"phase"}},
                 Registry::Collect{[&config] {
                     Samples samples;
                     const ConfigStatus status = config.status();
                     for (size_t i = 0; i < status.phases.size(); ++i) {
                         Sample phase = sample({keyword(static_cast<ReloadPhase>(i))}, 0);
                         phase.histogram = histogram(status.phases[i]);
                         samples.push_back(std::move(phase));
                     }
                     return samples;
                 }});
}

}  // namespace

void register_config_metrics(Registry& registry, const MetricSources& sources) {
    const Appliance& appliance = sources.appliance;
    const ConfigState& config = sources.config;
    registry.add(
        {"ravelin_build_info",
         MetricType::Gauge,
         "Build and library versions of the running binary; always 1.",
         {"version", "revision", "dpdk", "compiler"}},
        Registry::Collect{[&appliance] {
            const BuildInfo& build = appliance.build;
            return Samples{sample({build.version, build.revision, build.dpdk, build.compiler}, 1)};
        }});
    registry.add({"ravelin_ready",
                  MetricType::Gauge,
                  "Whether the appliance is forwarding with a valid configuration (1) or not (0); "
                  "same verdict as /readyz.",
                  {}},
                 [&appliance] { return all_ok(check_health(appliance)) ? 1.0 : 0.0; });
    registry.add({"ravelin_health_check_up",
                  MetricType::Gauge,
                  "Result of each named check behind /readyz (1 pass, 0 fail).",
                  {"check"}},
                 Registry::Collect{[&appliance] {
                     Samples samples;
                     for (const HealthCheck& check : check_health(appliance))
                         if (!check.advisory)
                             samples.push_back(sample({check.name}, check.ok ? 1 : 0));
                     return samples;
                 }});
    registry.add(
        {"ravelin_config_info",
         MetricType::Gauge,
         "Digest of the active configuration file; always 1.",
         {"sha256"}},
        Registry::Collect{[&config] { return Samples{sample({config.status().sha256}, 1)}; }});
    registry.add({"ravelin_config_generation",
                  MetricType::Gauge,
                  "Number of the active configuration generation, raised by every applied change.",
                  {}},
                 [&config] { return static_cast<double>(config.status().generation); });
    registry.add({"ravelin_config_last_reload_successful",
                  MetricType::Gauge,
                  "Whether the last configuration reload attempt was successful.",
                  {}},
                 [&config] { return config.status().last_reload_successful ? 1.0 : 0.0; });
    registry.add({"ravelin_config_last_reload_success_timestamp_seconds",
                  MetricType::Gauge,
                  "Unix time of the last successful configuration reload.",
                  {}},
                 [&config] { return seconds(config.status().last_success_unix); });
    register_reload_metrics(registry, config);
}

void register_metrics(Registry& registry, const MetricSources& sources) {
    register_config_metrics(registry, sources);
    register_port_metrics(registry, sources);
    register_packet_metrics(registry, sources);
    register_conntrack_metrics(registry, sources);
    register_rule_metrics(registry, sources);
    register_tunnel_metrics(registry, sources);
    register_worker_metrics(registry, sources);
    register_clock_metrics(registry, sources);
    register_management_metrics(registry, sources);
    register_process_metrics(registry);
}

}  // namespace ravelin
