// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/conntrack_format.h"
#include "mgmt/metrics_catalog.h"

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;

std::string lower(std::string_view word) {
    std::string result{word};
    for (char& character : result)
        if (character >= 'A' && character <= 'Z') character = static_cast<char>(character + 32);
    return result;
}

Samples read_entries(const Appliance& appliance) {
    Samples samples;
    for (uint8_t phase = 1; phase < kTcpPhaseCount; ++phase)
        samples.push_back(sample({"tcp", lower(tcp_state_word(phase))},
                                 static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                     return c.tcp_entries[phase].value();
                                 }))));
    for (uint8_t phase = 1; phase < kSctpPhaseCount; ++phase)
        samples.push_back(sample({"sctp", lower(sctp_state_word(phase))},
                                 static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                     return c.sctp_entries[phase].value();
                                 }))));
    for (size_t protocol = 0; protocol < kProtocolLabelCount; ++protocol) {
        if (protocol == static_cast<size_t>(ProtocolLabel::Tcp) ||
            protocol == static_cast<size_t>(ProtocolLabel::Sctp)) {
            continue;
        }
        for (size_t reply = 0; reply < kReplyLabelCount; ++reply)
            samples.push_back(sample({keyword(static_cast<ProtocolLabel>(protocol)),
                                      keyword(static_cast<ReplyLabel>(reply))},
                                     static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                         return c.other_entries[protocol][reply].value();
                                     }))));
    }
    return samples;
}

void register_table_gauges(Registry& registry, const Appliance& appliance) {
    registry.add({"ravelin_conntrack_entries",
                  MetricType::Gauge,
                  "Tracked connections now in the table; the sum over all labels is the table use.",
                  {"protocol", "state"}},
                 Registry::Collect{[&appliance] { return read_entries(appliance); }});
    registry.add({"ravelin_conntrack_entries_limit",
                  MetricType::Gauge,
                  "Largest number of tracked connections the table may hold.",
                  {}},
                 [&appliance] {
                     double limit = 0;
                     for (const WorkerHandle& worker : appliance.workers)
                         limit += worker.link->capacity;
                     return limit;
                 });
    registry.add({"ravelin_conntrack_ipv6_entries",
                  MetricType::Gauge,
                  "Tracked connections now in the table that are IPv6.",
                  {}},
                 [&appliance] {
                     return static_cast<double>(sum_workers(
                         appliance, [](const auto& c) { return c.ipv6_entries.value(); }));
                 });
    registry.add({"ravelin_conntrack_ipv6_entries_limit",
                  MetricType::Gauge,
                  "Largest number of IPv6 connections the table may hold "
                  "(conntrack.ipv6_percent).",
                  {}},
                 [&appliance] {
                     double limit = 0;
                     for (const WorkerHandle& worker : appliance.workers)
                         limit += std::min(worker.link->capacity, worker.link->ipv6_capacity);
                     return limit;
                 });
    registry.add({"ravelin_conntrack_entries_peak",
                  MetricType::Gauge,
                  "Largest number of tracked connections seen since start.",
                  {}},
                 [&appliance] {
                     return static_cast<double>(sum_workers(
                         appliance, [](const auto& c) { return c.entries_peak.value(); }));
                 });
    registry.add({"ravelin_conntrack_expiry_lag_seconds",
                  MetricType::Gauge,
                  "How far behind its schedule the slowest expiry sweep is.",
                  {}},
                 [&appliance] {
                     uint64_t lag = 0;
                     for (const WorkerHandle& worker : appliance.workers)
                         lag = std::max(lag, worker.link->counters.expiry_lag_ticks.value());
                     return std::chrono::duration<double>(kTick).count() * static_cast<double>(lag);
                 });
}

Samples read_created(const Appliance& appliance) {
    Samples samples;
    for (size_t protocol = 0; protocol < kProtocolLabelCount; ++protocol)
        samples.push_back(sample({keyword(static_cast<ProtocolLabel>(protocol))},
                                 static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                     return c.created[protocol].value();
                                 }))));
    return samples;
}

Samples read_deleted(const Appliance& appliance) {
    Samples samples;
    for (size_t reason = 1; reason < kEndReasonCount; ++reason)
        samples.push_back(sample({keyword(static_cast<EndReason>(reason))},
                                 static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                     return c.deleted[reason].value();
                                 }))));
    return samples;
}

double sum_of(const Appliance& appliance, Counter WorkerCounters::*counter) {
    return static_cast<double>(
        sum_workers(appliance, [counter](const auto& c) { return (c.*counter).value(); }));
}

Samples read_stale(const Appliance& appliance) {
    Samples samples;
    for (size_t reason = 1; reason < kCloseReasonCount; ++reason)
        samples.push_back(sample({keyword(static_cast<CloseReason>(reason))},
                                 static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                     return c.stale[reason].value();
                                 }))));
    return samples;
}

void register_tombstone_metrics(Registry& registry, const Appliance& appliance) {
    registry.add({"ravelin_conntrack_tombstones",
                  MetricType::Gauge,
                  "Ended connections that are remembered, those past their time included.",
                  {}},
                 [&appliance] { return sum_of(appliance, &WorkerCounters::tombstones); });
    registry.add({"ravelin_conntrack_tombstones_limit",
                  MetricType::Gauge,
                  "Most ended connections that may be remembered.",
                  {}},
                 [&appliance] { return static_cast<double>(appliance.config.tombstones); });
    registry.add(
        {"ravelin_conntrack_tombstones_overwritten_total",
         MetricType::Counter,
         "Ended connections that gave way to newer ones.",
         {}},
        [&appliance] { return sum_of(appliance, &WorkerCounters::tombstones_overwritten); });
    registry.add({"ravelin_conntrack_tombstone_overwritten_age_seconds",
                  MetricType::Gauge,
                  "How long ago the last connection that gave way had ended, of the worker where "
                  "that is shortest; 0 while none had to. Below conntrack.tombstones.ttl late "
                  "packets may go unrecognised: raise conntrack.tombstones.capacity.",
                  {}},
                 [&appliance] {
                     uint64_t shortest = 0;
                     for (const WorkerHandle& worker : appliance.workers) {
                         const auto& c = worker.link->counters;
                         if (c.tombstones_overwritten.value() == 0) continue;
                         const uint64_t age = c.tombstone_overwritten_age_seconds.value();
                         shortest = shortest == 0 ? age : std::min(shortest, age);
                     }
                     return static_cast<double>(shortest);
                 });
    registry.add(
        {"ravelin_stale_packets_total",
         MetricType::Counter,
         "Late packets of connections that have ended, by how those ended (idle, fin, rst, "
         "shutdown, answered, icmp_error, replaced, operator).",
         {"reason"}},
        Registry::Collect{[&appliance] { return read_stale(appliance); }});
    registry.add(
        {"ravelin_stale_rejected_total",
         MetricType::Counter,
         "Late packets whose sender was told by an ICMP error or a TCP reset; they left by "
         "the port that they came in on and are counted as transmitted.",
         {}},
        [&appliance] { return sum_of(appliance, &WorkerCounters::rejected); });
    registry.add({"ravelin_stale_resurrected_total",
                  MetricType::Counter,
                  "Tunnels that had idled out and went on with a late packet.",
                  {}},
                 [&appliance] { return sum_of(appliance, &WorkerCounters::resurrected); });
}

using Count = uint64_t (*)(const WorkerCounters&);

/// A family with one label whose values each have a counter of their own.
void add_counts(Registry& registry, const Appliance& appliance, MetricInfo info,
                std::vector<std::pair<const char*, Count>> counts) {
    registry.add(std::move(info), Registry::Collect{[&appliance, counts = std::move(counts)] {
                     Samples samples;
                     for (const auto& [label, count] : counts)
                         samples.push_back(
                             sample({label}, static_cast<double>(sum_workers(appliance, count))));
                     return samples;
                 }});
}

/// Drop reasons that mean: fits no valid state of its connection.
constexpr DropReason kInvalid[] = {DropReason::TcpFlags,
                                   DropReason::TcpNoConnection,
                                   DropReason::TcpState,
                                   DropReason::TcpWindow,
                                   DropReason::IcmpTypeRefused,
                                   DropReason::IcmpReplyUnmatched,
                                   DropReason::IcmpErrorMalformed,
                                   DropReason::IcmpErrorUnmatched,
                                   DropReason::IcmpErrorMtu,
                                   DropReason::IcmpErrorSequence,
                                   DropReason::IcmpErrorDestination,
                                   DropReason::ProtocolInvalid};

Samples read_invalid(const Appliance& appliance) {
    Samples samples;
    for (const DropReason reason : kInvalid)
        samples.push_back(sample({std::string{keyword(reason)}},
                                 static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                     return c.dropped[static_cast<size_t>(reason)].packets.value();
                                 }))));
    return samples;
}

}  // namespace

void register_conntrack_metrics(Registry& registry, const MetricSources& sources) {
    const Appliance& appliance = sources.appliance;
    register_table_gauges(registry, appliance);
    registry.add({"ravelin_conntrack_created_total",
                  MetricType::Counter,
                  "Connections inserted into the table.",
                  {"protocol"}},
                 Registry::Collect{[&appliance] { return read_created(appliance); }});
    registry.add({"ravelin_conntrack_deleted_total",
                  MetricType::Counter,
                  "Connections removed from the table by reason (timeout, answered, tcp_reset, "
                  "icmp_error, replaced, operator).",
                  {"reason"}},
                 Registry::Collect{[&appliance] { return read_deleted(appliance); }});
    add_counts(registry, appliance,
               {"ravelin_conntrack_lookups_total",
                MetricType::Counter,
                "Connection table look-ups by result (hit, miss).",
                {"result"}},
               {{"hit", [](const WorkerCounters& c) { return c.lookup_hits.value(); }},
                {"miss", [](const WorkerCounters& c) { return c.lookup_misses.value(); }}});
    add_counts(
        registry, appliance,
        {"ravelin_conntrack_insert_failed_total",
         MetricType::Counter,
         "Connections that could not be inserted (table_full, bucket_full).",
         {"reason"}},
        {{"table_full", [](const WorkerCounters& c) { return c.insert_failed_full.value(); }},
         {"bucket_full", [](const WorkerCounters& c) { return c.insert_failed_bucket.value(); }}});
    registry.add({"ravelin_conntrack_invalid_packets_total",
                  MetricType::Counter,
                  "Packets that fit no valid state of their connection, by the reason they were "
                  "dropped for.",
                  {"reason"}},
                 Registry::Collect{[&appliance] { return read_invalid(appliance); }});
    register_tombstone_metrics(registry, appliance);
}

void register_rule_metrics(Registry& registry, const MetricSources& sources) {
    const ConfigState& config = sources.config;
    registry.add({"ravelin_rules",
                  MetricType::Gauge,
                  "Policy rules loaded, by the address family that they can match.",
                  {"family"}},
                 Registry::Collect{[&config] {
                     const ConfigStatus status = config.status();
                     return Samples{sample({"ipv4"}, static_cast<double>(status.rules_ipv4)),
                                    sample({"ipv6"}, static_cast<double>(status.rules_ipv6))};
                 }});
    registry.add({"ravelin_rules_memory_bytes",
                  MetricType::Gauge,
                  "Memory held by the active rule table.",
                  {}},
                 [&config] { return static_cast<double>(config.status().rules_bytes); });
    registry.add({"ravelin_rule_matched_packets_total",
                  MetricType::Counter,
                  "First packets of connections (or stateless packets) that matched the rule.",
                  {"rule", "action"}},
                 Registry::Collect{[&config] {
                     Samples samples;
                     for (const ConfigState::RuleSeries& series : config.rule_matches())
                         samples.push_back(sample({series.rule, series.action},
                                                  static_cast<double>(series.matched)));
                     return samples;
                 }});
}

}  // namespace ravelin
