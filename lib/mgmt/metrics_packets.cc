// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/accounting.h"
#include "mgmt/metrics_catalog.h"
#include "packet/drop_reason.h"

#include <array>
#include <functional>
#include <utility>

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;
using Member = Counter PacketsBytes::*;

constexpr std::array<const char*, 3> kFamilies{"other", "ipv4", "ipv6"};
constexpr std::array<const char*, kCtClassCount> kClasses{
    "none", "new", "established", "related", "invalid", "untracked", "stale"};

void add_forwarded(Registry& registry, const Appliance& appliance, MetricInfo info, Member member) {
    registry.add(
        std::move(info), Registry::Collect{[&appliance, member] {
            Samples samples;
            const auto& ports = appliance.config.ports;
            for (size_t from = 0; from < ports.size(); ++from) {
                const size_t to = appliance.topology->ports[from].peer;
                for (size_t family = 0; family < kFamilies.size(); ++family) {
                    const uint64_t sum =
                        sum_workers(appliance, [&](const WorkerCounters& counters) {
                            return (counters.forwarded[from][family].*member).value();
                        });
                    samples.push_back(sample({ports[from].name, ports[to].name, kFamilies[family]},
                                             static_cast<double>(sum)));
                }
            }
            return samples;
        }});
}

void add_dropped(Registry& registry, const Appliance& appliance, MetricInfo info, Member member) {
    registry.add(std::move(info), Registry::Collect{[&appliance, member] {
                     Samples samples;
                     for (size_t reason = 1; reason < kDropReasonCount; ++reason) {
                         const uint64_t sum =
                             sum_workers(appliance, [&](const WorkerCounters& counters) {
                                 return (counters.dropped[reason].*member).value();
                             });
                         samples.push_back(sample({std::string{kDropReasons[reason].keyword}},
                                                  static_cast<double>(sum)));
                     }
                     return samples;
                 }});
}

/// Drop reasons of reassembly; the metric's label leaves out what they have in common.
constexpr std::string_view kFragmentPrefix = "fragment_";

Samples read_fragments_failed(const Appliance& appliance) {
    Samples samples;
    for (size_t reason = 1; reason < kDropReasonCount; ++reason) {
        const std::string_view word = kDropReasons[reason].keyword;
        if (!word.starts_with(kFragmentPrefix)) continue;
        const uint64_t sum = sum_workers(appliance, [&](const WorkerCounters& counters) {
            return counters.dropped[reason].packets.value();
        });
        samples.push_back(
            sample({std::string{word.substr(kFragmentPrefix.size())}}, static_cast<double>(sum)));
    }
    return samples;
}

void register_fragments(Registry& registry, const Appliance& appliance) {
    registry.add({"ravelin_fragments_received_total",
                  MetricType::Counter,
                  "IP fragments received.",
                  {"family"}},
                 Registry::Collect{[&appliance] {
                     Samples samples;
                     for (size_t family = 1; family < kFamilies.size(); ++family)
                         samples.push_back(
                             sample({kFamilies[family]},
                                    static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                        return c.fragments_received[family].value();
                                    }))));
                     return samples;
                 }});
    registry.add({"ravelin_fragments_failed_total",
                  MetricType::Counter,
                  "IP fragments discarded by reassembly: the drop reasons that begin with "
                  "fragment_, without that.",
                  {"reason"}},
                 Registry::Collect{[&appliance] { return read_fragments_failed(appliance); }});
    registry.add({"ravelin_fragment_datagrams",
                  MetricType::Gauge,
                  "Incomplete datagrams now held for reassembly.",
                  {}},
                 [&appliance] {
                     return static_cast<double>(sum_workers(
                         appliance, [](const auto& c) { return c.fragment_datagrams.value(); }));
                 });
}

void register_account(Registry& registry, const Appliance& appliance) {
    registry.add(
        {"ravelin_held_packets",
         MetricType::Gauge,
         "Packets now inside: in a worker's bursts, among its fragments, or in a ring between "
         "workers.",
         {}},
        [&appliance] {
            const PacketAccount account = read_account(appliance);
            return static_cast<double>(account.held + account.in_flight);
        });
    registry.add({"ravelin_unaccounted_packets",
                  MetricType::Gauge,
                  "Packets received less those transmitted, dropped and held, over all workers; "
                  "not 0 when idle is a bug in the appliance. Under load it is 0 unless more is "
                  "missing than moves while it is read.",
                  {}},
                 [&appliance] { return static_cast<double>(read_account(appliance).unaccounted); });
}

}  // namespace

void register_packet_metrics(Registry& registry, const MetricSources& sources) {
    const Appliance& appliance = sources.appliance;
    add_forwarded(registry, appliance,
                  {"ravelin_forwarded_packets_total",
                   MetricType::Counter,
                   "Packets accepted by policy and handed to the output port.",
                   {"from", "to", "family"}},
                  &PacketsBytes::packets);
    add_forwarded(registry, appliance,
                  {"ravelin_forwarded_bytes_total",
                   MetricType::Counter,
                   "Bytes accepted by policy and handed to the output port.",
                   {"from", "to", "family"}},
                  &PacketsBytes::bytes);
    add_dropped(registry, appliance,
                {"ravelin_dropped_packets_total",
                 MetricType::Counter,
                 "Packets dropped by the appliance, by exactly one reason each.",
                 {"reason"}},
                &PacketsBytes::packets);
    add_dropped(registry, appliance,
                {"ravelin_dropped_bytes_total",
                 MetricType::Counter,
                 "Bytes dropped by the appliance, by exactly one reason each.",
                 {"reason"}},
                &PacketsBytes::bytes);
    registry.add({"ravelin_denied_unwritten_packets_total",
                  MetricType::Counter,
                  "Denied packets that `ravelinctl denied` doesn't tell of: each worker writes up "
                  "10,000 a second at most.",
                  {}},
                 [&appliance] {
                     return static_cast<double>(sum_workers(
                         appliance, [](const auto& c) { return c.denials_skipped.value(); }));
                 });
    registry.add({"ravelin_classified_packets_total",
                  MetricType::Counter,
                  "Packets by what connection tracking says they are (new, established, related, "
                  "invalid, untracked, stale; none: not IP).",
                  {"class"}},
                 Registry::Collect{[&appliance] {
                     Samples samples;
                     for (size_t i = 0; i < kClasses.size(); ++i)
                         samples.push_back(sample(
                             {kClasses[i]},
                             static_cast<double>(sum_workers(appliance, [&](const auto& counters) {
                                 return counters.classes[i].value();
                             }))));
                     return samples;
                 }});
    register_fragments(registry, appliance);
    register_account(registry, appliance);
}

}  // namespace ravelin
