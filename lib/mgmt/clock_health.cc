// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/clock_health.h"

#include "mgmt/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ravelin {

namespace {

constexpr std::array<const char*, static_cast<size_t>(ClockNews::Kind::Count)> kKinds{
    "wall_step",  "synchronised", "unsynchronised", "time_source",
    "timer_jump", "timer_bent",   "worker_pause"};

Duration magnitude(Duration duration) {
    return std::chrono::abs(duration);
}

template <class... Values>
std::string print(const char* format, Values... values) {
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(), format, values...);
    return text.data();
}

std::string times(uint64_t count) {
    return count == 1 ? "once" : std::to_string(count) + " times";
}

}  // namespace

const char* keyword(ClockNews::Kind kind) noexcept {
    return kKinds[static_cast<size_t>(kind)];
}

std::string signed_duration(Duration duration) {
    if (magnitude(duration) < 100ms) return print("%+.1f ms", seconds(duration) * 1e3);
    return print("%+.1f s", seconds(duration));
}

std::vector<ClockNews> ClockHealth::look(const ClockReading& reading) {
    const std::lock_guard lock{mutex_};
    News news;
    judge_kernel(reading.kernel, news);
    judge_chrony(reading.chrony, news);
    if (previous_) {
        judge_wall(reading, news);
        judge_timers(reading, news);
    } else {
        first_ = window_ = reading;
    }
    previous_ = reading;
    status_.kernel = reading.kernel;
    status_.chrony = reading.chrony;
    status_.looked = true;
    return news;
}

void ClockHealth::judge_kernel(const KernelClock& kernel, News& news) {
    if (!kernel.known) return;
    const bool changed =
        !status_.kernel.known || status_.kernel.synchronised != kernel.synchronised;
    if (!changed || (kernel.synchronised && !status_.looked)) return;
    if (kernel.synchronised) {
        news.push_back({ClockNews::Kind::Synchronised,
                        LogLevel::Info,
                        {},
                        "wall clock is synchronised, to within " +
                            print("%.1f ms", seconds(kernel.max_error) * 1e3)});
    } else {
        news.push_back({ClockNews::Kind::Unsynchronised,
                        LogLevel::Warning,
                        {},
                        "wall clock isn't synchronised: times in logs and events may be wrong; "
                        "timers don't use it"});
    }
}

void ClockHealth::judge_chrony(const std::optional<ChronyTracking>& chrony, News& news) {
    const std::optional<ChronyTracking>& before = status_.chrony;
    if (!chrony) {
        if (before)
            news.push_back({ClockNews::Kind::TimeSource,
                            LogLevel::Warning,
                            {},
                            "chronyd doesn't answer any more"});
        return;
    }
    const bool same = before && before->synchronised == chrony->synchronised &&
                      (before->source == chrony->source || !chrony->synchronised);
    if (same) return;
    const bool follows = chrony->synchronised;
    news.push_back({ClockNews::Kind::TimeSource,
                    follows ? LogLevel::Info : LogLevel::Warning,
                    {},
                    (follows ? "chronyd follows " : "chronyd has ") + chrony->to_string()});
}

// Against CLOCK_BOOTTIME: a machine that slept has a wall clock that is right again, and no step.
void ClockHealth::judge_wall(const ClockReading& reading, News& news) {
    const Duration passed = reading.boot - previous_->boot;
    const Duration step = (reading.wall - reading.boot) - (previous_->wall - previous_->boot);
    const auto slew = std::chrono::duration_cast<Duration>(passed * kFastestSlew);
    const Duration least = reading.set ? kLeastToldStep : std::max(kLeastStep, slew);
    if (magnitude(step) <= least + reading.uncertainty + previous_->uncertainty) return;
    ++status_.steps[step < Duration{} ? 1 : 0];
    status_.last_step = step;
    status_.last_step_at = reading.own;
    news.push_back({ClockNews::Kind::WallStep, LogLevel::Warning, step,
                    "wall clock stepped by " + signed_duration(step) + "; timers don't use it"});
}

void ClockHealth::judge_timers(const ClockReading& reading, News& news) {
    const Duration gained = (reading.own - previous_->own) - (reading.raw - previous_->raw);
    if (magnitude(gained) > kJump + reading.uncertainty + previous_->uncertainty) {
        ++status_.jumps;
        first_.own += gained;
        window_ = reading;
        news.push_back({ClockNews::Kind::Jump, LogLevel::Warning, gained,
                        "the time stamp counter jumped by " + signed_duration(gained) +
                            (gained > Duration{} ? "; workers leave it out as a pause"
                                                 : "; timers go on from where they stood")});
        // It may be that many ticks before the clock moves again: begin anew at today's.
        if (gained < Duration{}) bend_(1.0);
    }
    if (reading.uncertainty > kWorstReading) return;
    const Duration own = reading.own - first_.own;
    status_.against_raw.error = own - (reading.raw - first_.raw);
    status_.against_monotonic.error = own - (reading.monotonic - first_.monotonic);
    judge_rate(reading, news);
}

void ClockHealth::judge_rate(const ClockReading& reading, News& news) {
    if (window_.uncertainty > kWorstReading) window_ = reading;
    if (reading.raw - window_.raw < kWindow) return;
    const double own = seconds(reading.own - window_.own);
    const auto ppm = [own](Duration reference) { return (own / seconds(reference) - 1) * 1e6; };
    status_.against_raw.ppm = ppm(reading.raw - window_.raw);
    status_.against_monotonic.ppm = ppm(reading.monotonic - window_.monotonic);
    status_.measured = true;
    window_ = reading;
    const double wrong = status_.against_raw.ppm;
    if (std::fabs(wrong) <= kBearablePpm) return;
    ++status_.bends;
    bend_(1 / (1 + wrong * 1e-6));
    news.push_back({ClockNews::Kind::Bent,
                    LogLevel::Warning,
                    {},
                    print("timers ran %.0f ppm too %s against CLOCK_MONOTONIC_RAW; their rate was "
                          "corrected, without a step",
                          std::fabs(wrong), wrong > 0 ? "fast" : "slow")});
}

std::vector<ClockNews> ClockHealth::look_at_workers(const Appliance& appliance) {
    News news;
    paused_.resize(appliance.workers.size());
    for (size_t i = 0; i < paused_.size(); ++i) {
        const WorkerHandle& worker = appliance.workers[i];
        const PauseHistory history = worker.link->pauses.value();
        auto& [count, total] = paused_[i];
        if (history.count == count) continue;
        const Duration length = history.total() - total;
        std::string text =
            "worker " + worker.lcore + " didn't run for " + print("%.1f s", seconds(length));
        if (history.count - count > 1) text += " (" + times(history.count - count) + ")";
        news.push_back({ClockNews::Kind::Pause, LogLevel::Warning, length,
                        text + "; its timers stood still meanwhile"});
        count = history.count;
        total = history.total();
    }
    return news;
}

ClockStatus ClockHealth::status() const {
    const std::lock_guard lock{mutex_};
    return status_;
}

WallClockTrust ClockHealth::wall_clock_trust() const {
    const KernelClock kernel = status().kernel;
    return {kernel.known && kernel.synchronised, kernel.max_error};
}

std::string ClockHealth::timer_finding(const TimerClock& timer) const {
    const ClockStatus now = status();
    const double raw = now.against_raw.ppm;
    const double monotonic = now.against_monotonic.ppm;
    if (std::fabs(raw) > kBearablePpm)
        return print("timers ran %.0f ppm too %s against CLOCK_MONOTONIC_RAW", std::fabs(raw),
                     raw > 0 ? "fast" : "slow");
    if (std::fabs(monotonic) > kOddPpm)
        return print(
            "CLOCK_MONOTONIC runs %.0f ppm %s than the timers: the host's time service is "
            "correcting a large error",
            std::fabs(monotonic), monotonic > 0 ? "slower" : "faster");
    if (!timer.invariant)
        return "the processor doesn't promise a time stamp counter of constant rate; timers are "
               "checked against CLOCK_MONOTONIC_RAW and corrected";
    return "";
}

std::string ClockHealth::wall_finding() const {
    const ClockStatus now = status();
    if (!now.looked || (now.kernel.known && now.kernel.synchronised)) return "";
    if (!now.kernel.known) return "the kernel doesn't tell whether the wall clock is synchronised";
    return std::string{
               "the wall clock isn't synchronised: times in logs and events may be wrong, and "
               "peers' clocks can't be judged by it ("} +
           (now.chrony ? "chronyd has " + now.chrony->to_string()
                       : "is chronyd or another time service running?") +
           ")";
}

}  // namespace ravelin
