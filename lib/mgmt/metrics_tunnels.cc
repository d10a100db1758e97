// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/metrics_catalog.h"

#include <utility>

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;
using Counts = TunnelTally;

/// Calls `each(protocol, its keyword)` for every protocol that a tunnel may speak.
void each_protocol(const auto& each) {
    for (size_t i = 1; i < kVpnProtocolCount; ++i)
        each(i, std::string{keyword(static_cast<VpnProtocol>(i))});
}

void add_by_protocol(Registry& registry, MetricInfo info,
                     const std::array<Counts::Count, kVpnProtocolCount>& counts) {
    registry.add(std::move(info), Registry::Collect{[&counts] {
                     Samples samples;
                     each_protocol([&](size_t i, const std::string& word) {
                         samples.push_back(sample({word}, value(counts[i])));
                     });
                     return samples;
                 }});
}

void add_by_side(Registry& registry, MetricInfo info, const std::array<Counts::Count, 2>& counts) {
    registry.add(std::move(info), Registry::Collect{[&counts] {
                     return Samples{sample({keyword(Side::Client)}, value(counts[0])),
                                    sample({keyword(Side::Server)}, value(counts[1]))};
                 }});
}

void add_count(Registry& registry, MetricInfo info, const Counts::Count& count) {
    registry.add(std::move(info), [&count] { return value(count); });
}

void register_gauges(Registry& registry, const Counts& counts) {
    registry.add({"ravelin_vpn_flows",
                  MetricType::Gauge,
                  "Tunnels to the concentrator that are tracked now, by VPN protocol (openvpn, "
                  "wireguard, ike, esp, dtls).",
                  {"vpn"}},
                 Registry::Collect{[&counts] {
                     Samples samples;
                     each_protocol([&](size_t i, const std::string& word) {
                         double sum = 0;
                         for (const auto& count : counts.tunnels[i])
                             sum += value(count);
                         samples.push_back(sample({word}, sum));
                     });
                     return samples;
                 }});
    registry.add(
        {"ravelin_tunnels",
         MetricType::Gauge,
         "Tunnels now, by how far they have come (candidate, handshake, established, "
         "closing).",
         {"vpn", "stage"}},
        Registry::Collect{[&counts] {
            Samples samples;
            each_protocol([&](size_t i, const std::string& word) {
                for (size_t stage = 0; stage < static_cast<size_t>(TunnelStage::Closed); ++stage)
                    samples.push_back(sample({word, keyword(static_cast<TunnelStage>(stage))},
                                             value(counts.tunnels[i][stage])));
            });
            return samples;
        }});
    add_by_side(registry,
                {"ravelin_tunnels_silent",
                 MetricType::Gauge,
                 "Tunnels one side of which is silent now, though the other one goes on.",
                 {"side"}},
                counts.silent);
}

template <size_t N>
HistogramValue histogram(const std::array<double, N>& bounds,
                         const Counts::Durations<N>& durations) {
    HistogramValue histogram;
    histogram.upper_bounds.assign(bounds.begin(), bounds.end());
    uint64_t cumulative = 0;
    for (const auto& count : durations.counts)
        histogram.cumulative.push_back(cumulative += count.load(std::memory_order_relaxed));
    histogram.sum = value(durations.nanoseconds) * 1e-9;
    return histogram;
}

template <size_t N>
void add_histogram(Registry& registry, const char* name, const char* help,
                   const std::array<double, N>& bounds,
                   const std::array<Counts::Durations<N>, kVpnProtocolCount>& durations) {
    registry.add({name, MetricType::Histogram, help, {"vpn"}},
                 Registry::Collect{[&bounds, &durations] {
                     Samples samples;
                     each_protocol([&](size_t i, const std::string& word) {
                         Sample one = sample({word}, 0);
                         one.histogram = histogram(bounds, durations[i]);
                         samples.push_back(std::move(one));
                     });
                     return samples;
                 }});
}

/// What the shield of declared services refused.
double refused(const Appliance& appliance,
               const std::array<Counter, kVpnProtocolCount> GateCounters::*member,
               size_t protocol) {
    return static_cast<double>(sum_workers(appliance, [&](const WorkerCounters& counters) {
        return (counters.handshakes.*member)[protocol].value();
    }));
}

void register_handshakes(Registry& registry, const Appliance& appliance, const Counts& counts) {
    registry.add(
        {"ravelin_vpn_handshakes_total",
         MetricType::Counter,
         "VPN handshake initiations seen towards the concentrator by result (forwarded; limited "
         "and malformed: refused by the shield of a declared service, over its budget, or because "
         "it is no handshake or was made for another server).",
         {"vpn", "result"}},
        Registry::Collect{[&appliance, &counts] {
            Samples samples;
            each_protocol([&](size_t i, const std::string& word) {
                samples.push_back(sample({word, "forwarded"}, value(counts.handshakes[i])));
                samples.push_back(
                    sample({word, "limited"}, refused(appliance, &GateCounters::limited, i)));
                samples.push_back(
                    sample({word, "malformed"}, refused(appliance, &GateCounters::malformed, i)));
            });
            return samples;
        }});
    add_by_protocol(registry,
                    {"ravelin_tunnel_handshake_retries_total",
                     MetricType::Counter,
                     "First packets of handshakes that clients sent again for want of an answer.",
                     {"vpn"}},
                    counts.retries);
    add_histogram(registry, "ravelin_tunnel_handshake_duration_seconds",
                  "Time from a handshake's first packet until data had gone both ways.",
                  Counts::kHandshakeBounds, counts.handshake_time);
    registry.add(
        {"ravelin_tunnel_handshake_failures_total",
         MetricType::Counter,
         "Handshakes that came to nothing, by where they stopped: candidate (the server never "
         "answered), handshake (it did, but no data followed).",
         {"vpn", "stage"}},
        Registry::Collect{[&counts] {
            Samples samples;
            each_protocol([&](size_t i, const std::string& word) {
                for (const TunnelStage stage : {TunnelStage::Candidate, TunnelStage::Handshake})
                    samples.push_back(
                        sample({word, keyword(stage)},
                               value(counts.failures[i][static_cast<size_t>(stage)])));
            });
            return samples;
        }});
}

void register_resets(Registry& registry, const Counts& counts) {
    registry.add(
        {"ravelin_tunnel_resets_total",
         MetricType::Counter,
         "Clients that began a new tunnel though they had one, by cause (see "
         "docs/tunnels.md).",
         {"verdict"}},
        Registry::Collect{[&counts] {
            Samples samples;
            for (const TunnelVerdictInfo& info : kTunnelVerdicts)
                samples.push_back(sample({std::string{info.keyword}},
                                         value(counts.resets[static_cast<size_t>(info.verdict)])));
            return samples;
        }});
    add_count(registry,
              {"ravelin_tunnel_resets_after_renegotiation_total",
               MetricType::Counter,
               "Of these, those whose tunnel fell silent within 70 s after a renegotiation.",
               {}},
              counts.resets_after_renegotiation);
    add_count(registry,
              {"ravelin_tunnel_flaps_total",
               MetricType::Counter,
               "Clients that began to flap: three new tunnels within ten minutes.",
               {}},
              counts.flaps);
}

void register_life(Registry& registry, const Counts& counts) {
    registry.add({"ravelin_tunnel_renegotiations_total",
                  MetricType::Counter,
                  "Renegotiations of keys, by the side that began.",
                  {"vpn", "side"}},
                 Registry::Collect{[&counts] {
                     Samples samples;
                     each_protocol([&](size_t i, const std::string& word) {
                         for (const Side side : {Side::Client, Side::Server})
                             samples.push_back(sample(
                                 {word, keyword(side)},
                                 value(counts.renegotiations[i][static_cast<size_t>(side)])));
                     });
                     return samples;
                 }});
    add_histogram(registry, "ravelin_tunnel_renegotiation_interval_seconds",
                  "Time between two renegotiations of one tunnel, whoever began them; the first "
                  "one of a tunnel has none.",
                  Counts::kRenegotiationBounds, counts.renegotiation_interval);
    add_by_protocol(registry,
                    {"ravelin_tunnel_moves_total",
                     MetricType::Counter,
                     "Changes of a client's address or port within a tunnel.",
                     {"vpn"}},
                    counts.moves);
}

void register_clocks(Registry& registry, const Counts& counts) {
    registry.add({"ravelin_tunnel_server_clock_offset_seconds",
                  MetricType::Gauge,
                  "How far VPN servers' clocks are ahead of this host's, of all servers the lowest "
                  "and the highest bound; 0 while unknown.",
                  {"bound"}},
                 Registry::Collect{[&counts] {
                     return Samples{
                         sample({"low"}, counts.clock_low.load(std::memory_order_relaxed)),
                         sample({"high"}, counts.clock_high.load(std::memory_order_relaxed))};
                 }});
    add_by_side(registry,
                {"ravelin_tunnel_clocks_off",
                 MetricType::Gauge,
                 "Peers whose clocks are off by more than 2 s.",
                 {"side"}},
                counts.clock_suspects);
    add_by_side(registry,
                {"ravelin_tunnel_clock_steps_total",
                 MetricType::Counter,
                 "Times that a peer's clock was set by more than drift explains.",
                 {"side"}},
                counts.clock_steps);
}

void register_events(Registry& registry, const Appliance& appliance, const Counts& counts) {
    registry.add({"ravelin_tunnel_events_total",
                  MetricType::Counter,
                  "What workers told about tunnels.",
                  {"kind"}},
                 Registry::Collect{[&counts] {
                     Samples samples;
                     for (size_t i = 0; i < kTunnelEventKindCount; ++i)
                         samples.push_back(sample({keyword(static_cast<TunnelEventKind>(i))},
                                                  value(counts.events[i])));
                     return samples;
                 }});
    registry.add({"ravelin_tunnel_events_lost_total",
                  MetricType::Counter,
                  "Events about tunnels that were lost: a worker's ring was full (worker), the "
                  "registry had no room for another tunnel (registry), or nobody took the message "
                  "in time (message).",
                  {"where"}},
                 Registry::Collect{[&appliance, &counts] {
                     const uint64_t rings = sum_workers(
                         appliance, [](const auto& c) { return c.tunnels.events_lost.value(); });
                     return Samples{sample({"worker"}, static_cast<double>(rings)),
                                    sample({"registry"}, value(counts.unregistered)),
                                    sample({"message"}, value(counts.news_lost))};
                 }});
}

}  // namespace

void register_tunnel_metrics(Registry& registry, const MetricSources& sources) {
    const Counts& counts = sources.management.tunnels;
    register_gauges(registry, counts);
    register_handshakes(registry, sources.appliance, counts);
    register_life(registry, counts);
    register_resets(registry, counts);
    register_clocks(registry, counts);
    register_events(registry, sources.appliance, counts);
}

}  // namespace ravelin
