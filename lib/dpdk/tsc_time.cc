// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/tsc_time.h"

#include <rte_cpuflags.h>
#include <rte_cycles.h>

#include <algorithm>
#include <ctime>
#include <thread>

namespace ravelin {

namespace {

constexpr Duration kShortestMeasurement = 100ms;
constexpr int kAttempts = 8;

Duration raw_now() noexcept {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec};
}

}  // namespace

TscSample TscSample::take() noexcept {
    // The attempt that nobody interrupted is the one that took the least.
    TscSample best;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < kAttempts; ++i) {
        const uint64_t before = rte_rdtsc();
        const Duration raw = raw_now();
        const uint64_t took = rte_rdtsc() - before;
        if (took >= least) continue;
        least = took;
        best = {before + took / 2, raw};
    }
    return best;
}

bool tsc_is_invariant() noexcept {
    return rte_cpu_get_flag_enabled(RTE_CPUFLAG_INVTSC) == 1;
}

uint64_t tsc_hertz_between(const TscSample& begin, const TscSample& end) noexcept {
    const double seconds = std::chrono::duration<double>(end.raw - begin.raw).count();
    const auto ticks = static_cast<double>(end.ticks - begin.ticks);
    return static_cast<uint64_t>(ticks / seconds);
}

uint64_t measure_tsc_hertz(const TscSample& begin) noexcept {
    TscSample end = TscSample::take();
    while (end.raw - begin.raw < kShortestMeasurement) {
        std::this_thread::sleep_for(kShortestMeasurement - (end.raw - begin.raw));
        end = TscSample::take();
    }
    return tsc_hertz_between(begin, end);
}

TscTime::TscTime(uint64_t hertz, uint64_t origin) noexcept
    : line_{TscLine::at_hertz(hertz, origin)} {}

Instant TscTime::now() noexcept {
    return at(rte_rdtsc());
}

Instant TscTime::at(uint64_t ticks) noexcept {
    const int64_t time = line_.value().at(ticks).time_since_epoch().count();
    int64_t latest = latest_.load(std::memory_order_relaxed);
    while (latest < time &&
           !latest_.compare_exchange_weak(latest, time, std::memory_order_relaxed)) {
    }
    return Instant{Duration{std::max(latest, time)}};
}

void TscTime::bend(double rate) noexcept {
    bend_at(rate, rte_rdtsc());
}

void TscTime::bend_at(double rate, uint64_t ticks) noexcept {
    const Instant start = at(ticks);
    const auto factor = static_cast<double>(line_.value().factor) * std::clamp(rate, 0.5, 2.0);
    line_.write({ticks, start, static_cast<uint64_t>(factor)});
}

double TscTime::hertz() const noexcept {
    return 1e9 * static_cast<double>(uint64_t{1} << 32) / static_cast<double>(line_.value().factor);
}

}  // namespace ravelin
