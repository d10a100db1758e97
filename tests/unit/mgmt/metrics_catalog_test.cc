// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/metrics_catalog.h"

#include "conntrack_lines.h"
#include "fake_appliance.h"
#include "metrics/reference.h"
#include "mgmt/clock_health.h"
#include "mgmt/drops_reference.h"
#include "mgmt/exposition.h"
#include "packet/drop_reason.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace ravelin {
namespace {

using test::FakeAppliance;

struct Lab {
    explicit Lab(size_t workers = 1) : fake{workers} {}

    FakeAppliance fake;
    ManagementCounters counters;
    ConfigState config{fake.appliance};
    Registry registry = [this] {
        Registry filled;
        register_metrics(filled, {fake.appliance, config, counters});
        return filled;
    }();
    MetricsPage page{registry, config};

    /// The value of the series with these labels.
    double value(const char* name, const std::vector<std::string>& labels = {}) {
        const Registry::Family* family = registry.find(name);
        if (family != nullptr)
            for (const Sample& sample : family->collect())
                if (sample.label_values == labels) return sample.value;
        ADD_FAILURE() << "no series of " << name;
        return -1;
    }
};

struct Entry {
    std::string type;
    std::string labels;
};

/// The catalogue that the names come from, by name.
std::map<std::string, Entry> catalogue() {
    std::map<std::string, Entry> entries;
    const auto lines = test::data_lines("metrics.tsv");
    for (size_t i = 1; i < lines.size(); ++i) {
        std::istringstream fields{lines[i]};
        std::string name;
        Entry entry;
        std::getline(fields, name, '\t');
        std::getline(fields, entry.type, '\t');
        std::getline(fields, entry.labels, '\t');
        entries[name] = entry;
    }
    return entries;
}

/// Metrics of the catalogue whose subject Ravelin doesn't have yet.
const std::set<std::string> kNotYet{
    "ravelin_packet_size_bytes",
    "ravelin_consumed_packets_total",
    "ravelin_originated_packets_total",
    "ravelin_conntrack_early_drops_total",
    "ravelin_conntrack_flow_duration_seconds",
    "ravelin_conntrack_lookup_probes",
    "ravelin_rule_accounted_bytes_total",
    "ravelin_rate_limited_packets_total",
    "ravelin_nexthop_reachable",
    "ravelin_worker_polls_total",
    "ravelin_packet_latency_seconds",
    "ravelin_heap_bytes",
    "ravelin_heap_free_bytes",
    "ravelin_capture_packets_total",
    "ravelin_flow_export_records_total",
};

/// Metrics beyond the catalogue: the two of the law of conservation, what tracking says, and
/// clocks.
const std::set<std::string> kOwn{
    "ravelin_conntrack_ipv6_entries",
    "ravelin_conntrack_ipv6_entries_limit",
    "ravelin_port_misdirected_packets_total",
    "ravelin_unaccounted_packets",
    "ravelin_held_packets",
    "ravelin_classified_packets_total",
    "ravelin_conntrack_tombstones",
    "ravelin_stale_rejected_total",
    "ravelin_stale_resurrected_total",
    "ravelin_conntrack_tombstones_limit",
    "ravelin_conntrack_tombstones_overwritten_total",
    "ravelin_conntrack_tombstone_overwritten_age_seconds",
    "ravelin_stale_packets_total",
    "ravelin_denied_unwritten_packets_total",
    "ravelin_ntp_messages_total",
    "ravelin_tunnels",
    "ravelin_tunnels_silent",
    "ravelin_tunnel_handshake_retries_total",
    "ravelin_tunnel_handshake_duration_seconds",
    "ravelin_tunnel_handshake_failures_total",
    "ravelin_tunnel_renegotiation_interval_seconds",
    "ravelin_tunnel_renegotiations_total",
    "ravelin_tunnel_moves_total",
    "ravelin_tunnel_resets_total",
    "ravelin_tunnel_resets_after_renegotiation_total",
    "ravelin_tunnel_flaps_total",
    "ravelin_tunnel_server_clock_offset_seconds",
    "ravelin_tunnel_clocks_off",
    "ravelin_tunnel_clock_steps_total",
    "ravelin_tunnel_events_total",
    "ravelin_tunnel_events_lost_total",
    "ravelin_timer_clock_error_seconds",
    "ravelin_timer_clock_rate_error_ratio",
    "ravelin_timer_clock_corrections_total",
    "ravelin_timer_clock_jumps_total",
    "ravelin_timer_clock_invariant",
    "ravelin_worker_pauses_total",
    "ravelin_worker_paused_seconds_total",
    "ravelin_wall_clock_synchronized",
    "ravelin_wall_clock_offset_seconds",
    "ravelin_wall_clock_max_error_seconds",
    "ravelin_wall_clock_estimated_error_seconds",
    "ravelin_wall_clock_frequency_adjustment_ratio",
    "ravelin_wall_clock_tai_offset_seconds",
    "ravelin_wall_clock_steps_total",
    "ravelin_wall_clock_last_step_seconds",
    "ravelin_chronyd_up",
    "ravelin_chronyd_stratum",
    "ravelin_chronyd_rms_offset_seconds",
    "ravelin_chronyd_root_distance_seconds",
};

TEST(MetricsCatalog, names_types_and_labels_are_those_of_the_catalogue) {
    Lab lab;
    const auto entries = catalogue();
    for (const Registry::Family& family : lab.registry.families()) {
        const MetricInfo& info = family.info;
        if (kOwn.contains(info.name)) continue;
        const auto entry = entries.find(info.name);
        ASSERT_NE(entry, entries.end()) << info.name << " is not in the catalogue";
        EXPECT_EQ(keyword(info.type), entry->second.type) << info.name;
        std::string labels;
        for (const std::string& label : info.labels)
            labels += (labels.empty() ? "" : ",") + label;
        EXPECT_EQ(labels, entry->second.labels) << info.name;
    }
}

TEST(MetricsCatalog, every_metric_of_the_catalogue_is_there_or_known_to_be_missing) {
    Lab lab;
    for (const auto& [name, entry] : catalogue())
        EXPECT_NE(lab.registry.find(name) != nullptr, kNotYet.contains(name)) << name;
    for (const std::string& name : kOwn)
        EXPECT_NE(lab.registry.find(name), nullptr) << name;
}

TEST(MetricsCatalog, every_drop_reason_has_a_series_from_the_start) {
    Lab lab;
    for (const char* name : {"ravelin_dropped_packets_total", "ravelin_dropped_bytes_total"}) {
        std::set<std::string> reasons;
        for (const Sample& sample : lab.registry.find(name)->collect()) {
            reasons.insert(sample.label_values.at(0));
            EXPECT_EQ(sample.value, 0);
        }
        EXPECT_EQ(reasons.size(), kDropReasonCount - 1) << name;
    }
}

TEST(MetricsCatalog, no_two_series_of_a_family_have_the_same_labels) {
    Lab lab{3};
    for (const Registry::Family& family : lab.registry.families()) {
        std::set<std::vector<std::string>> seen;
        for (const Sample& sample : family.collect()) {
            EXPECT_EQ(sample.label_values.size(), family.info.labels.size()) << family.info.name;
            EXPECT_TRUE(seen.insert(sample.label_values).second) << family.info.name;
        }
    }
}

TEST(MetricsCatalog, the_number_of_series_does_not_depend_on_traffic) {
    Lab lab;
    const auto count = [](const std::string& page) {
        std::istringstream lines{page};
        size_t series = 0;
        for (std::string line; std::getline(lines, line);)
            if (!line.starts_with("#")) ++series;
        return series;
    };
    const std::string before = lab.page.text();
    WorkerCounters& counters = lab.fake.links[0]->counters;
    for (auto& dropped : counters.dropped)
        dropped.packets.add(3);
    for (auto& matched : counters.rule_matched)
        matched.add(5);
    for (auto& phase : counters.tcp_entries)
        phase.add(7);
    const std::string after = lab.page.text();
    EXPECT_EQ(count(before), count(after));
    EXPECT_LE(count(after), 2000U);
    EXPECT_NE(after.find("\nravelin_metrics_series " + std::to_string(count(after)) + "\n"),
              std::string::npos)
        << count(after);
}

TEST(MetricsCatalog, counters_are_summed_over_workers) {
    Lab lab{2};
    for (auto& link : lab.fake.links) {
        link->counters.received[0].packets.add(10);
        link->counters.forwarded[0][1].packets.add(9);
        link->counters.tcp_entries[3].add(2);
        link->counters.other_entries[1][2].add(4);
        link->counters.created[0].add(5);
        link->counters.classes[3].add(6);
        link->counters.lookup_hits.add(8);
    }
    EXPECT_EQ(lab.value("ravelin_port_receive_packets_total", {"outside"}), 20);
    EXPECT_EQ(lab.value("ravelin_port_receive_packets_total", {"inside"}), 0);
    EXPECT_EQ(lab.value("ravelin_forwarded_packets_total", {"outside", "inside", "ipv4"}), 18);
    EXPECT_EQ(lab.value("ravelin_conntrack_entries", {"tcp", "established"}), 4);
    EXPECT_EQ(lab.value("ravelin_conntrack_entries", {"udp", "assured"}), 8);
    EXPECT_EQ(lab.value("ravelin_conntrack_created_total", {"tcp"}), 10);
    EXPECT_EQ(lab.value("ravelin_classified_packets_total", {"related"}), 12);
    EXPECT_EQ(lab.value("ravelin_conntrack_lookups_total", {"hit"}), 16);
    EXPECT_EQ(lab.value("ravelin_conntrack_entries_limit"), 2000);
}

TEST(MetricsCatalog, a_heartbeat_is_told_in_unix_time) {
    Lab lab;
    lab.fake.links[0]->counters.heartbeat_nanoseconds.set(2500000000);
    EXPECT_EQ(lab.value("ravelin_worker_last_heartbeat_timestamp_seconds", {"1"}), 1700000002.5);
}

TEST(MetricsCatalog, tunnels_have_series_for_every_word_and_none_for_an_address) {
    Lab lab;
    TunnelTally& counts = lab.counters.tunnels;
    constexpr auto kWireGuard = static_cast<size_t>(VpnProtocol::WireGuard);
    TunnelTally::add(counts.tunnels[kWireGuard][static_cast<size_t>(TunnelStage::Established)], 3);
    TunnelTally::add(counts.tunnels[kWireGuard][static_cast<size_t>(TunnelStage::Handshake)], 2);
    TunnelTally::add(counts.resets[static_cast<size_t>(TunnelVerdict::ServerFreeze)]);
    TunnelTally::add(counts.handshake_time[kWireGuard].counts[0], 4);
    counts.renegotiation_interval[kWireGuard].add(TunnelTally::kRenegotiationBounds, 121500ms);
    lab.fake.links[0]->counters.tunnels.events_lost.add(7);
    EXPECT_EQ(lab.value("ravelin_vpn_flows", {"wireguard"}), 5);
    EXPECT_EQ(lab.value("ravelin_tunnels", {"wireguard", "established"}), 3);
    EXPECT_EQ(lab.value("ravelin_tunnels", {"openvpn", "established"}), 0);
    EXPECT_EQ(lab.value("ravelin_tunnel_resets_total", {"server_freeze"}), 1);
    EXPECT_EQ(lab.value("ravelin_tunnel_events_lost_total", {"worker"}), 7);
    EXPECT_EQ(lab.value("ravelin_tunnel_events_total", {"picked_up"}), 0);
    EXPECT_NE(lab.page.text().find("ravelin_tunnel_handshake_duration_seconds_bucket{vpn="
                                   "\"wireguard\",le=\"0.01\"} 4\n"),
              std::string::npos);
    const std::string text = lab.page.text();
    for (const char* line :
         {"bucket{vpn=\"wireguard\",le=\"110\"} 0\n", "bucket{vpn=\"wireguard\",le=\"150\"} 1\n",
          "bucket{vpn=\"wireguard\",le=\"+Inf\"} 1\n", "count{vpn=\"openvpn\"} 0\n",
          "sum{vpn=\"wireguard\"} 121.5\n"})
        EXPECT_NE(text.find(std::string{"ravelin_tunnel_renegotiation_interval_seconds_"} + line),
                  std::string::npos)
            << line;
}

TEST(MetricsCatalog, a_heartbeat_of_a_worker_that_was_paused_is_not_late) {
    Lab lab;
    PauseHistory pauses;
    pauses.add(Instant{2s}, 5s);
    lab.fake.links[0]->pauses.write(pauses);
    lab.fake.links[0]->counters.heartbeat_nanoseconds.set(2500000000);
    EXPECT_EQ(lab.value("ravelin_worker_last_heartbeat_timestamp_seconds", {"1"}), 1700000007.5);
    EXPECT_EQ(lab.value("ravelin_worker_pauses_total", {"1"}), 1);
    EXPECT_EQ(lab.value("ravelin_worker_paused_seconds_total", {"1"}), 5);
}

TEST(MetricsCatalog, the_clocks_are_described) {
    Lab lab;
    EXPECT_EQ(lab.value("ravelin_wall_clock_synchronized"), 0) << "nobody has looked yet";
    EXPECT_EQ(lab.value("ravelin_timer_clock_invariant"), 1);
    ClockHealth clocks{[](double) {}};
    lab.fake.appliance.clocks = &clocks;
    ClockReading reading;
    reading.kernel = {.known = true, .synchronised = true, .max_error = 16ms};
    reading.kernel.frequency_ppm = -2.5;
    reading.kernel.tai_offset = 37;
    clocks.look(reading);
    reading.own += 4s;
    for (Duration* clock : {&reading.boot, &reading.monotonic, &reading.raw})
        *clock += 4s - 100us;
    reading.wall -= 3600s;
    clocks.look(reading);
    EXPECT_EQ(lab.value("ravelin_wall_clock_synchronized"), 1);
    EXPECT_EQ(lab.value("ravelin_wall_clock_max_error_seconds"), 0.016);
    EXPECT_DOUBLE_EQ(lab.value("ravelin_wall_clock_frequency_adjustment_ratio"), -2.5e-6);
    EXPECT_EQ(lab.value("ravelin_wall_clock_tai_offset_seconds"), 37);
    EXPECT_EQ(lab.value("ravelin_wall_clock_steps_total", {"back"}), 1);
    EXPECT_EQ(lab.value("ravelin_wall_clock_steps_total", {"forward"}), 0);
    EXPECT_NEAR(lab.value("ravelin_wall_clock_last_step_seconds"), -3604, 0.001);
    for (const char* reference : {"monotonic", "monotonic_raw"}) {
        EXPECT_NEAR(lab.value("ravelin_timer_clock_error_seconds", {reference}), 1e-4, 1e-9);
        EXPECT_EQ(lab.value("ravelin_timer_clock_rate_error_ratio", {reference}), 0)
            << "no whole window yet";
    }
    lab.fake.appliance.clocks = nullptr;
}

TEST(MetricsCatalog, the_process_is_described) {
    Lab lab;
    EXPECT_GT(lab.value("process_resident_memory_bytes"), 1e6);
    EXPECT_GE(lab.value("process_open_fds"), 3);
    EXPECT_GT(lab.value("process_start_time_seconds"), 1.5e9);
}

TEST(MetricsCatalog, a_histogram_has_cumulative_buckets_count_and_sum) {
    Lab lab;
    lab.config.observe(ReloadPhase::Parse, 2ms);
    lab.config.observe(ReloadPhase::Parse, 40s);
    const std::string page = lab.page.text();
    const std::string name = "ravelin_config_reload_duration_seconds";
    for (const char* line :
         {"_bucket{phase=\"parse\",le=\"0.001\"} 0\n", "_bucket{phase=\"parse\",le=\"0.005\"} 1\n",
          "_bucket{phase=\"parse\",le=\"30\"} 1\n", "_bucket{phase=\"parse\",le=\"+Inf\"} 2\n",
          "_count{phase=\"parse\"} 2\n"})
        EXPECT_NE(page.find(name + line), std::string::npos) << line;
}

/// The page of the documentation that is generated from the program. With RAVELIN_UPDATE_DOCS set,
/// writes it instead of comparing.
void compare_with_page(const std::string& name, const std::string& generated) {
    const std::string path = std::string{RAVELIN_SOURCE} + "/docs/" + name;
    if (std::getenv("RAVELIN_UPDATE_DOCS") != nullptr) std::ofstream{path} << generated;
    std::ifstream file{path};
    const std::string written{std::istreambuf_iterator<char>{file}, {}};
    EXPECT_EQ(written, generated) << path << " is stale: run the test with RAVELIN_UPDATE_DOCS=1";
}

TEST(MetricsCatalog, docs_metrics_md_is_what_the_program_registers) {
    Lab lab;
    compare_with_page("metrics.md", metrics_reference(lab.registry));
}

TEST(DropsReference, docs_drops_md_is_what_the_program_knows) {
    compare_with_page("drops.md", drops_reference());
}

}  // namespace
}  // namespace ravelin
