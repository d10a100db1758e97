// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/metrics_catalog.h"

#include <array>
#include <functional>
#include <utility>

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;

constexpr double kNanosecond = 1e-9;

double nanoseconds(const Counter& counter) {
    return static_cast<double>(counter.value()) * kNanosecond;
}

/// Every internal ring: those between management and workers, then whatever else there is.
std::vector<RingStats> all_rings(const Appliance& appliance) {
    std::vector<RingStats> rings;
    for (const WorkerHandle& worker : appliance.workers) {
        const WorkerLink& link = *worker.link;
        rings.push_back(
            {"requests-" + worker.lcore, link.requests.size(), link.requests.capacity(), 0});
        rings.push_back({"events-" + worker.lcore, link.events.size(), link.events.capacity(),
                         link.counters.events_lost.value()});
    }
    if (appliance.rings)
        for (RingStats& ring : appliance.rings())
            rings.push_back(std::move(ring));
    return rings;
}

void add_ring_metric(Registry& registry, const Appliance& appliance, MetricInfo info,
                     uint64_t RingStats::*member) {
    registry.add(std::move(info), Registry::Collect{[&appliance, member] {
                     Samples samples;
                     for (const RingStats& ring : all_rings(appliance))
                         samples.push_back(sample({ring.name}, static_cast<double>(ring.*member)));
                     return samples;
                 }});
}

void add_pool_metric(Registry& registry, const Appliance& appliance, MetricInfo info,
                     uint64_t MempoolStats::*member) {
    registry.add(std::move(info), Registry::Collect{[&appliance, member] {
                     Samples samples;
                     if (!appliance.mempools) return samples;
                     for (const MempoolStats& pool : appliance.mempools())
                         samples.push_back(sample({pool.name}, static_cast<double>(pool.*member)));
                     return samples;
                 }});
}

void add_worker_metric(Registry& registry, const Appliance& appliance, MetricInfo info,
                       std::function<double(const WorkerCounters&)> value) {
    registry.add(std::move(info), Registry::Collect{[&appliance, value = std::move(value)] {
                     Samples samples;
                     for (const WorkerHandle& worker : appliance.workers)
                         samples.push_back(sample({worker.lcore}, value(worker.link->counters)));
                     return samples;
                 }});
}

void register_ring_metrics(Registry& registry, const Appliance& appliance) {
    add_ring_metric(registry, appliance,
                    {"ravelin_ring_entries",
                     MetricType::Gauge,
                     "Items now waiting in an internal ring.",
                     {"ring"}},
                    &RingStats::entries);
    add_ring_metric(registry, appliance,
                    {"ravelin_ring_capacity_entries",
                     MetricType::Gauge,
                     "Most items an internal ring can hold.",
                     {"ring"}},
                    &RingStats::capacity);
    add_ring_metric(registry, appliance,
                    {"ravelin_ring_enqueue_failures_total",
                     MetricType::Counter,
                     "Items lost because an internal ring was full.",
                     {"ring"}},
                    &RingStats::failures);
}

}  // namespace

void register_worker_metrics(Registry& registry, const MetricSources& sources) {
    const Appliance& appliance = sources.appliance;
    registry.add({"ravelin_worker_time_seconds_total",
                  MetricType::Counter,
                  "Time spent by the worker, by state (busy, idle); their sum advances one second "
                  "per second but for its pauses.",
                  {"lcore", "state"}},
                 Registry::Collect{[&appliance] {
                     Samples samples;
                     for (const WorkerHandle& worker : appliance.workers) {
                         const WorkerCounters& counters = worker.link->counters;
                         samples.push_back(sample({worker.lcore, "busy"},
                                                  nanoseconds(counters.busy_nanoseconds)));
                         samples.push_back(sample({worker.lcore, "idle"},
                                                  nanoseconds(counters.idle_nanoseconds)));
                     }
                     return samples;
                 }});
    registry.add({"ravelin_worker_last_heartbeat_timestamp_seconds",
                  MetricType::Gauge,
                  "Unix time of the worker's last heartbeat.",
                  {"lcore"}},
                 Registry::Collect{[&appliance] {
                     Samples samples;
                     const Duration offset = appliance.unix_offset();
                     for (const WorkerHandle& worker : appliance.workers) {
                         const Duration unix =
                             worker.link->last_heartbeat().time_since_epoch() + offset;
                         samples.push_back(
                             sample({worker.lcore}, std::chrono::duration<double>(unix).count()));
                     }
                     return samples;
                 }});
    add_worker_metric(registry, appliance,
                      {"ravelin_worker_handoff_packets_total",
                       MetricType::Counter,
                       "Packets passed to another worker because that one owns the connection.",
                       {"lcore"}},
                      [](const WorkerCounters& counters) {
                          return static_cast<double>(counters.handed_off.value());
                      });
    register_ring_metrics(registry, appliance);
    add_pool_metric(
        registry, appliance,
        {"ravelin_mempool_buffers", MetricType::Gauge, "Packet buffers in the pool.", {"pool"}},
        &MempoolStats::buffers);
    add_pool_metric(registry, appliance,
                    {"ravelin_mempool_available_buffers",
                     MetricType::Gauge,
                     "Packet buffers now free in the pool.",
                     {"pool"}},
                    &MempoolStats::available);
}

}  // namespace ravelin
