// SPDX-License-Identifier: BSD-3-Clause
#include "report.h"

#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>

namespace ravelin::load {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kNames{"outside_to_inside", "inside_to_outside"};
constexpr std::array kTitles{"outside to inside", "inside to outside"};

Json json_of(const Counts& counts) {
    return {{"sent", counts.sent},       {"sent_bytes", counts.sent_bytes},
            {"arrived", counts.arrived}, {"lost", counts.lost},
            {"damaged", counts.damaged}, {"unknown", counts.unknown},
            {"foreign", counts.foreign}};
}

Json json_of(const Latency& latency) {
    return {{"p50", latency.p50},
            {"p99", latency.p99},
            {"p99.9", latency.p999},
            {"max", latency.largest}};
}

Json json_of(const std::optional<Condition>& condition) {
    if (!condition) return nullptr;
    return {{"distance_ns", condition->distance},
            {"own_work_ns", condition->own_work},
            {"other_work_ns", condition->other_work}};
}

Json json_of(const Slice& slice) {
    return {{"seconds", slice.measured.seconds},
            {"packets_per_second", slice.measured.per_second(slice.measured.arrived())},
            {"new_connections_per_second", slice.measured.per_second(slice.measured.opened)},
            {"idle", slice.idle},
            {"before", json_of(slice.before)},
            {"after", json_of(slice.after)}};
}

std::string direction_text(const Report& report, size_t direction) {
    const Counts& measured = report.measured.counts[direction];
    const Counts& total = report.total[direction];
    const Latency& latency = report.latency[direction];
    return fmt::format("{:18} {:9.3f} {:12} {:8} {:8} {:8}   {:9.1f} {:9.1f} {:9.1f} {:9.1f}\n",
                       kTitles[direction], report.measured.per_second(measured.arrived) / 1e6,
                       total.sent, total.lost, total.damaged, total.unknown, latency.p50 / 1e3,
                       latency.p99 / 1e3, latency.p999 / 1e3, latency.largest / 1e3);
}

}  // namespace

Stretch& Stretch::operator+=(const Stretch& other) noexcept {
    seconds += other.seconds;
    opened += other.opened;
    for (size_t i = 0; i < counts.size(); ++i)
        counts[i] += other.counts[i];
    return *this;
}

bool Report::flawless() const noexcept {
    for (const Counts& counts : total) {
        if (counts.lost != 0 || counts.damaged != 0 || counts.unknown != 0) return false;
    }
    return all_opened;
}

std::string text_of(const Report& report) {
    std::string text = fmt::format(
        "                        Mpps         sent     lost  damaged  unknown     p50 µs    p99 µs "
        " "
        "p99.9 µs    max µs\n{}{}\n",
        direction_text(report, 0), direction_text(report, 1));
    if (report.opening.opened != 0) {
        text += fmt::format("opened {} of {} connections in {:.2f} s: {:.0f} per second\n",
                            report.opening.opened, report.connections, report.opening.seconds,
                            report.opening.per_second(report.opening.opened));
    }
    text += fmt::format("measured {:.2f} s: {:.3f} Mpps, {:.0f} new connections per second\n",
                        report.measured.seconds,
                        report.measured.per_second(report.measured.arrived()) / 1e6,
                        report.measured.per_second(report.measured.opened));
    if (report.rate_missed != 0) {
        text += fmt::format("the rate was too high: {} clients' packets were not sent\n",
                            report.rate_missed);
    }
    text += fmt::format("the generator was idle {:.0f} % of the time{}\n", report.idle * 100,
                        report.generator_was_limit() ? ": it was the limit, not the device" : "");
    if (!report.first_damage.empty()) text += "first damaged frame: " + report.first_damage + "\n";
    if (!report.all_opened) text += "NOT ALL CONNECTIONS COULD BE OPENED\n";
    return text;
}

std::string json_of(const Report& report) {
    Json measured{
        {"seconds", report.measured.seconds},
        {"packets_per_second", report.measured.per_second(report.measured.arrived())},
        {"new_connections", report.measured.opened},
        {"new_connections_per_second", report.measured.per_second(report.measured.opened)},
        {"rate_missed", report.rate_missed},
    };
    Json total;
    for (size_t direction = 0; direction < kNames.size(); ++direction) {
        const Counts& counts = report.measured.counts[direction];
        measured[kNames[direction]] = {
            {"sent", counts.sent},
            {"arrived", counts.arrived},
            {"packets_per_second", report.measured.per_second(counts.arrived)},
            {"latency_ns", json_of(report.latency[direction])}};
        total[kNames[direction]] = json_of(report.total[direction]);
    }
    Json slices = Json::array();
    for (const Slice& slice : report.slices)
        slices.push_back(json_of(slice));
    const Json json{
        {"connections", report.connections},
        {"opening",
         {{"opened", report.opening.opened},
          {"seconds", report.opening.seconds},
          {"per_second", report.opening.per_second(report.opening.opened)}}},
        {"measured", measured},
        {"slices", slices},
        {"total", total},
        {"generator", {{"idle", report.idle}, {"was_limit", report.generator_was_limit()}}},
        {"first_damage", report.first_damage},
        {"flawless", report.flawless()},
    };
    return json.dump(2) + "\n";
}

}  // namespace ravelin::load
