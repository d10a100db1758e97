// SPDX-License-Identifier: BSD-3-Clause
// What is told about the clocks, for machines.
#include "mgmt/clock_health.h"
#include "mgmt/text.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>

namespace ravelin {

namespace {

using nlohmann::json;

json kernel_json(const KernelClock& kernel) {
    if (!kernel.known) return nullptr;
    return {{"state", kernel.state},
            {"status", kernel.status},
            {"offset_s", seconds(kernel.offset)},
            {"max_error_s", seconds(kernel.max_error)},
            {"estimated_error_s", seconds(kernel.estimated_error)},
            {"frequency_ppm", kernel.frequency_ppm},
            {"tai_offset_s", kernel.tai_offset}};
}

json chrony_json(const std::optional<ChronyTracking>& chrony, Duration wall) {
    if (!chrony) return nullptr;
    return {{"synchronised", chrony->synchronised},
            {"source", chrony->source},
            {"stratum", chrony->stratum},
            {"last_offset_s", seconds(chrony->last_offset)},
            {"rms_offset_s", seconds(chrony->rms_offset)},
            {"root_delay_s", seconds(chrony->root_delay)},
            {"root_dispersion_s", seconds(chrony->root_dispersion)},
            {"updated_ago_s",
             chrony->synchronised ? json(seconds(wall - chrony->reference_time)) : json(nullptr)}};
}

json rate_json(const ClockRate& rate, bool measured) {
    return {{"error_s", seconds(rate.error)}, {"ppm", measured ? json(rate.ppm) : json(nullptr)}};
}

json pauses_json(const WorkerHandle& worker, Instant now) {
    const PauseHistory history = worker.link->pauses.value();
    json one = {{"worker", worker.lcore},
                {"pauses", history.count},
                {"paused_s", seconds(history.total())},
                {"last_pause_s", nullptr},
                {"last_pause_ago_s", nullptr}};
    if (history.count == 0) return one;
    const Pause pause = history.latest();
    one["last_pause_s"] = seconds(pause.length);
    one["last_pause_ago_s"] = seconds(now - history.on_the_clock(pause.resumed));
    return one;
}

}  // namespace

std::string clock_event_json(const ClockNews& news, Instant now, Duration unix_offset) {
    std::array<char, 64> time{};
    std::snprintf(time.data(), time.size(), "%.6f", seconds(now.time_since_epoch() + unix_offset));
    std::array<char, 64> by{};
    std::snprintf(by.data(), by.size(), "%.6f", seconds(news.by));
    std::string line = "{\"event\":\"clock\",\"time\":";
    line.append(time.data()).append(",\"kind\":\"").append(keyword(news.kind));
    line.append("\",\"by_s\":").append(by.data()).append(",\"message\":");
    append_json_string(line, news.text);
    return line + "}\n";
}

std::string clock_json(const Appliance& appliance) {
    const ClockStatus status =
        appliance.clocks != nullptr ? appliance.clocks->status() : ClockStatus{};
    const TimerClock timer = appliance.timer_clock ? appliance.timer_clock() : TimerClock{};
    const Instant now = appliance.now();
    const Duration wall = now.time_since_epoch() + appliance.unix_offset();
    const uint64_t steps = status.steps[0] + status.steps[1];
    json workers = json::array();
    for (const WorkerHandle& worker : appliance.workers)
        workers.push_back(pauses_json(worker, now));
    const json all = {
        {"wall_clock",
         {{"unix_time", seconds(wall)},
          {"synchronised", status.kernel.known && status.kernel.synchronised},
          {"kernel", kernel_json(status.kernel)},
          {"chrony", chrony_json(status.chrony, wall)},
          {"steps_forward", status.steps[0]},
          {"steps_back", status.steps[1]},
          {"last_step_s", steps != 0 ? json(seconds(status.last_step)) : json(nullptr)},
          {"last_step_ago_s",
           steps != 0 ? json(seconds(now - status.last_step_at)) : json(nullptr)}}},
        {"timer_clock",
         {{"invariant", timer.invariant},
          {"hertz", timer.hertz},
          {"monotonic", rate_json(status.against_monotonic, status.measured)},
          {"monotonic_raw", rate_json(status.against_raw, status.measured)},
          {"corrections", status.bends},
          {"jumps", status.jumps}}},
        {"workers", std::move(workers)}};
    return all.dump();
}

}  // namespace ravelin
