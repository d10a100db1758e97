// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/accounting.h"
#include "mgmt/clock_health.h"
#include "mgmt/metrics_catalog.h"
#include "mgmt/text.h"

#include <functional>
#include <utility>

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;

ClockStatus status_of(const Appliance& appliance) {
    return appliance.clocks != nullptr ? appliance.clocks->status() : ClockStatus{};
}

void add_gauge(Registry& registry, const Appliance& appliance, const char* name, const char* help,
               std::function<double(const ClockStatus&)> value) {
    registry.add({name, MetricType::Gauge, help, {}},
                 [&appliance, value = std::move(value)] { return value(status_of(appliance)); });
}

void add_rate_metric(Registry& registry, const Appliance& appliance, const char* name,
                     const char* help, std::function<double(const ClockRate&)> value) {
    registry.add({name, MetricType::Gauge, help, {"reference"}},
                 Registry::Collect{[&appliance, value = std::move(value)] {
                     const ClockStatus status = status_of(appliance);
                     return Samples{sample({"monotonic"}, value(status.against_monotonic)),
                                    sample({"monotonic_raw"}, value(status.against_raw))};
                 }});
}

void add_pause_metric(Registry& registry, const Appliance& appliance, const char* name,
                      const char* help, std::function<double(const PauseHistory&)> value) {
    registry.add(
        {name, MetricType::Counter, help, {"lcore"}},
        Registry::Collect{[&appliance, value = std::move(value)] {
            Samples samples;
            for (const WorkerHandle& worker : appliance.workers)
                samples.push_back(sample({worker.lcore}, value(worker.link->pauses.value())));
            return samples;
        }});
}

void register_ntp_metrics(Registry& registry, const Appliance& appliance) {
    registry.add({"ravelin_ntp_messages_total",
                  MetricType::Counter,
                  "NTP requests that crossed a wire, and answers that fitted one: of servers whose "
                  "clock follows another (answer), and of those that follow nobody or want to be "
                  "left alone (refusal).",
                  {"kind"}},
                 Registry::Collect{[&appliance] {
                     const auto sum = [&](Counter WorkerCounters::*counter) {
                         return static_cast<double>(sum_workers(
                             appliance, [&](const auto& c) { return (c.*counter).value(); }));
                     };
                     return Samples{sample({"request"}, sum(&WorkerCounters::ntp_requests)),
                                    sample({"answer"}, sum(&WorkerCounters::ntp_answers)),
                                    sample({"refusal"}, sum(&WorkerCounters::ntp_bad_answers))};
                 }});
}

void register_wall_metrics(Registry& registry, const Appliance& appliance) {
    add_gauge(registry, appliance, "ravelin_wall_clock_synchronized",
              "Whether the kernel holds the host's wall clock to be synchronised (1) or not (0).",
              [](const ClockStatus& status) {
                  return status.kernel.known && status.kernel.synchronised ? 1.0 : 0.0;
              });
    add_gauge(registry, appliance, "ravelin_wall_clock_offset_seconds",
              "What the kernel has still to correct of the wall clock.",
              [](const ClockStatus& status) { return seconds(status.kernel.offset); });
    add_gauge(registry, appliance, "ravelin_wall_clock_max_error_seconds",
              "How wrong the wall clock may be at most, as the kernel was told.",
              [](const ClockStatus& status) { return seconds(status.kernel.max_error); });
    add_gauge(registry, appliance, "ravelin_wall_clock_estimated_error_seconds",
              "How wrong the wall clock is, as the time service estimates.",
              [](const ClockStatus& status) { return seconds(status.kernel.estimated_error); });
    add_gauge(registry, appliance, "ravelin_wall_clock_frequency_adjustment_ratio",
              "By how much the kernel lets the wall clock run faster than its counter; 1e-6 is "
              "one ppm.",
              [](const ClockStatus& status) { return status.kernel.frequency_ppm * 1e-6; });
    add_gauge(registry, appliance, "ravelin_wall_clock_tai_offset_seconds",
              "TAI less UTC, as the kernel was told; 0 when it wasn't.",
              [](const ClockStatus& status) { return status.kernel.tai_offset; });
    registry.add({"ravelin_wall_clock_steps_total",
                  MetricType::Counter,
                  "Times that the host's wall clock was set, by direction (forward, back). Timers "
                  "don't use it.",
                  {"direction"}},
                 Registry::Collect{[&appliance] {
                     const ClockStatus status = status_of(appliance);
                     return Samples{sample({"forward"}, static_cast<double>(status.steps[0])),
                                    sample({"back"}, static_cast<double>(status.steps[1]))};
                 }});
    add_gauge(registry, appliance, "ravelin_wall_clock_last_step_seconds",
              "By how much the wall clock was last set; 0 while it wasn't.",
              [](const ClockStatus& status) { return seconds(status.last_step); });
}

void register_chrony_metrics(Registry& registry, const Appliance& appliance) {
    const auto add = [&](const char* name, const char* help,
                         std::function<double(const ChronyTracking&)> value) {
        add_gauge(registry, appliance, name, help,
                  [value = std::move(value)](const ClockStatus& status) {
                      return status.chrony ? value(*status.chrony) : 0.0;
                  });
    };
    add("ravelin_chronyd_up", "Whether the host's chronyd answers (1) or not (0).",
        [](const ChronyTracking&) { return 1.0; });
    add("ravelin_chronyd_stratum",
        "Stratum of the wall clock, by chronyd; 0 while it follows no source.",
        [](const ChronyTracking& chrony) { return chrony.synchronised ? chrony.stratum : 0; });
    add("ravelin_chronyd_rms_offset_seconds",
        "How far the wall clock lately was off chronyd's source, root mean square.",
        [](const ChronyTracking& chrony) { return seconds(chrony.rms_offset); });
    add("ravelin_chronyd_root_distance_seconds",
        "How wrong the wall clock may be because of the way to the reference: half the root delay "
        "and the root dispersion.",
        [](const ChronyTracking& chrony) { return seconds(chrony.root_distance()); });
}

void register_timer_metrics(Registry& registry, const Appliance& appliance) {
    add_rate_metric(registry, appliance, "ravelin_timer_clock_error_seconds",
                    "What the timers' clock has gained since the start on a clock of the kernel "
                    "(monotonic, monotonic_raw), without jumps.",
                    [](const ClockRate& rate) { return seconds(rate.error); });
    add_rate_metric(registry, appliance, "ravelin_timer_clock_rate_error_ratio",
                    "By how much the timers' clock lately ran too fast, against a clock of the "
                    "kernel (monotonic, monotonic_raw); 1e-6 is one ppm. NTP moves monotonic.",
                    [](const ClockRate& rate) { return rate.ppm * 1e-6; });
    registry.add({"ravelin_timer_clock_corrections_total",
                  MetricType::Counter,
                  "Times that the rate of the timers' clock was corrected, which is never a step.",
                  {}},
                 [&appliance] { return static_cast<double>(status_of(appliance).bends); });
    registry.add({"ravelin_timer_clock_jumps_total",
                  MetricType::Counter,
                  "Jumps of the time stamp counter, either way, as a migration may bring.",
                  {}},
                 [&appliance] { return static_cast<double>(status_of(appliance).jumps); });
    registry.add({"ravelin_timer_clock_invariant",
                  MetricType::Gauge,
                  "Whether the processor promises a time stamp counter of constant rate (1) or not "
                  "(0).",
                  {}},
                 [&appliance] {
                     return !appliance.timer_clock || appliance.timer_clock().invariant ? 1.0 : 0.0;
                 });
}

}  // namespace

void register_clock_metrics(Registry& registry, const MetricSources& sources) {
    const Appliance& appliance = sources.appliance;
    register_timer_metrics(registry, appliance);
    add_pause_metric(registry, appliance, "ravelin_worker_pauses_total",
                     "Times that the worker didn't run for more than 250 ms; its timers stood "
                     "still meanwhile.",
                     [](const PauseHistory& pauses) { return static_cast<double>(pauses.count); });
    add_pause_metric(registry, appliance, "ravelin_worker_paused_seconds_total",
                     "Time that the worker's timers stood still because it didn't run.",
                     [](const PauseHistory& pauses) { return seconds(pauses.total()); });
    register_wall_metrics(registry, appliance);
    register_ntp_metrics(registry, appliance);
    register_chrony_metrics(registry, appliance);
}

}  // namespace ravelin
