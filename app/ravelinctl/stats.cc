// SPDX-License-Identifier: BSD-3-Clause
#include "commands.h"
#include "exit_code.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <set>
#include <vector>

namespace ravelin::ctl {

namespace {

using nlohmann::json;
using Labels = std::map<std::string, std::string>;

/// The daemon's counter registry, as it answered: the same that /metrics shows.
class Reading {
  public:
    void add(json family) {
        std::string name = family.value("name", "");
        families_.emplace(std::move(name), std::move(family));
    }
    /// Sum of the series that have all of these labels.
    [[nodiscard]] double sum(const std::string& name, const Labels& labels = {}) const {
        double total = 0;
        each(name, [&](const json& series) {
            for (const auto& [label, value] : labels)
                if (series["labels"].value(label, "") != value) return;
            total += series.value("value", 0.0);
        });
        return total;
    }
    [[nodiscard]] std::string count(const std::string& name, const Labels& labels = {}) const {
        const double value = sum(name, labels);
        return value < 0 ? "-" + grouped(static_cast<uint64_t>(-value))
                         : grouped(static_cast<uint64_t>(value));
    }
    /// The values that a label has in a family.
    [[nodiscard]] std::vector<std::string> values(const std::string& name,
                                                  const std::string& label) const {
        std::vector<std::string> found;
        std::set<std::string> seen;
        each(name, [&](const json& series) {
            const std::string value = series["labels"].value(label, "");
            if (seen.insert(value).second) found.push_back(value);
        });
        return found;
    }

  private:
    template <class Use>
    void each(const std::string& name, const Use& use) const {
        const auto found = families_.find(name);
        if (found == families_.end()) return;
        for (const json& series : found->second["series"])
            use(series);
    }
    std::map<std::string, json> families_;
};

std::string percent(double part, double whole) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", whole > 0 ? 100 * part / whole : 0.0);
    return text;
}

void print_ports(const Reading& reading, const Style& style) {
    Table table{{"PORT", "LINK", ">RX PACKETS", ">RX BYTES", ">TX PACKETS", ">TX BYTES", ">MISSED",
                 ">ERRORS"}};
    for (const std::string& port : reading.values("ravelin_port_up", "port")) {
        const Labels labels{{"port", port}};
        const double errors = reading.sum("ravelin_port_receive_errors_total", labels) +
                              reading.sum("ravelin_port_receive_nombuf_total", labels) +
                              reading.sum("ravelin_port_transmit_errors_total", labels);
        table.add({port, reading.sum("ravelin_port_up", labels) > 0 ? "up" : "down",
                   reading.count("ravelin_port_receive_packets_total", labels),
                   human_bytes(reading.sum("ravelin_port_receive_bytes_total", labels)),
                   reading.count("ravelin_port_transmit_packets_total", labels),
                   human_bytes(reading.sum("ravelin_port_transmit_bytes_total", labels)),
                   reading.count("ravelin_port_receive_missed_packets_total", labels),
                   grouped(static_cast<uint64_t>(errors))});
    }
    std::cout << style.bold("Ports") << "\n" << table.text(style, 2) << "\n";
}

void print_packets(const Reading& reading, const Style& style) {
    Table table{{"PACKETS", ">COUNT"}};
    table.add({"received", reading.count("ravelin_port_receive_packets_total")});
    table.add({"transmitted", reading.count("ravelin_port_transmit_packets_total")});
    table.add({"dropped", reading.count("ravelin_dropped_packets_total")});
    table.add({"held now", reading.count("ravelin_held_packets")});
    table.add({"unaccounted", reading.count("ravelin_unaccounted_packets")});
    std::cout << style.bold("Packets") << "\n" << table.text(style, 2) << "\n";

    Table classes{{"CLASS", ">PACKETS"}};
    for (const std::string& name : reading.values("ravelin_classified_packets_total", "class"))
        classes.add({name, reading.count("ravelin_classified_packets_total", {{"class", name}})});
    std::cout << classes.text(style, 2) << "\n";
}

void print_connections(const Reading& reading, const Style& style) {
    const double entries = reading.sum("ravelin_conntrack_entries");
    const double limit = reading.sum("ravelin_conntrack_entries_limit");
    std::cout << style.bold("Connections") << "\n  " << reading.count("ravelin_conntrack_entries")
              << " of " << reading.count("ravelin_conntrack_entries_limit") << " ("
              << percent(entries, limit) << "), most so far "
              << reading.count("ravelin_conntrack_entries_peak") << "\n";
    Table table{{"PROTOCOL", "STATE", ">NOW"}};
    for (const std::string& protocol : reading.values("ravelin_conntrack_entries", "protocol"))
        for (const std::string& state : reading.values("ravelin_conntrack_entries", "state")) {
            const Labels labels{{"protocol", protocol}, {"state", state}};
            if (reading.sum("ravelin_conntrack_entries", labels) > 0)
                table.add({protocol, state, reading.count("ravelin_conntrack_entries", labels)});
        }
    if (!table.empty()) std::cout << table.text(style, 2);
    std::cout << "\n";
    Table totals{{"SINCE START", ">COUNT"}};
    totals.add({"created", reading.count("ravelin_conntrack_created_total")});
    for (const std::string& reason : reading.values("ravelin_conntrack_deleted_total", "reason"))
        totals.add({"ended: " + reason,
                    reading.count("ravelin_conntrack_deleted_total", {{"reason", reason}})});
    totals.add({"refused: table full", reading.count("ravelin_conntrack_insert_failed_total")});
    std::cout << totals.text(style, 2) << "\n";
}

void print_workers(const Reading& reading, const Style& style) {
    Table table{{"WORKER", ">BUSY", ">HANDED OVER"}};
    for (const std::string& lcore : reading.values("ravelin_worker_time_seconds_total", "lcore")) {
        const double busy =
            reading.sum("ravelin_worker_time_seconds_total", {{"lcore", lcore}, {"state", "busy"}});
        const double all = reading.sum("ravelin_worker_time_seconds_total", {{"lcore", lcore}});
        table.add({lcore, percent(busy, all),
                   reading.count("ravelin_worker_handoff_packets_total", {{"lcore", lcore}})});
    }
    std::cout << style.bold("Workers") << "\n" << table.text(style, 2);
}

}  // namespace

int run_stats(Client& client, const Options& options, const Style& style) {
    Reading reading;
    std::vector<std::string> lines;
    std::string error;
    const auto asked = client.ask(R"({"cmd":"stats"})", [&](std::string_view line) {
        json family = json::parse(line, nullptr, false);
        if (family.contains("error")) error = family["error"].get<std::string>();
        if (!family.contains("name")) return true;
        lines.emplace_back(line);
        reading.add(std::move(family));
        return true;
    });
    if (!asked) return complain(asked.error().message, kFailed);
    if (!error.empty()) return complain(error, kFailed);
    if (options.output == "json" || options.output == "jsonl") {
        const bool array = options.output == "json";
        if (array) std::cout << "[\n";
        for (size_t i = 0; i < lines.size(); ++i)
            std::cout << lines[i] << (array && i + 1 < lines.size() ? ",\n" : "\n");
        if (array) std::cout << "]\n";
        return kOk;
    }
    print_ports(reading, style);
    print_packets(reading, style);
    print_connections(reading, style);
    print_workers(reading, style);
    return kOk;
}

}  // namespace ravelin::ctl
