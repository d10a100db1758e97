// SPDX-License-Identifier: BSD-3-Clause
#include "core_probe.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <x86intrin.h>

namespace ravelin::load {
namespace {

constexpr uint32_t kRalliesPerSample = 200;
constexpr size_t kSamples = 9;
constexpr uint32_t kSteps = 100'000;

/// Ticks of a fixed piece of work: multiplications that wait for each other.
uint64_t work() noexcept {
    const uint64_t begin = __rdtsc();
    uint64_t value = begin | 1;
    for (uint32_t i = 0; i < kSteps; ++i) {
        value *= 0x9e3779b97f4a7c15;
        asm volatile("" : "+r"(value));  // the compiler must not see through it
    }
    return __rdtsc() - begin;
}

}  // namespace

Result<std::unique_ptr<CoreProbe>> CoreProbe::start(uint16_t other_cpu, double ticks_per_second) {
    std::unique_ptr<CoreProbe> probe{new CoreProbe{ticks_per_second}};
    probe->other_ = std::thread{[&probe = *probe] { probe.answer(); }};
    const pthread_t thread = probe->other_.native_handle();
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(other_cpu, &cpus);
    const sched_param parameters{.sched_priority = 1};
    int error = pthread_setaffinity_np(thread, sizeof cpus, &cpus);
    if (error == 0) error = pthread_setschedparam(thread, SCHED_FIFO, &parameters);
    if (error != 0) {
        return fail("--probe-cpu " + std::to_string(other_cpu) +
                    ": no real-time thread there: " + std::strerror(error));
    }
    return probe;
}

CoreProbe::~CoreProbe() {
    over_ = true;
    wanted_.release();
    other_.join();
}

Condition CoreProbe::take() {
    wanted_.release();
    std::array<uint64_t, kSamples> rallies{};
    for (size_t sample = 0; sample <= kSamples; ++sample) {
        const uint64_t begin = __rdtsc();
        for (uint32_t i = 0; i < kRalliesPerSample; ++i) {
            ball_.store(1, std::memory_order_release);
            while (ball_.load(std::memory_order_acquire) != 0)
                _mm_pause();
        }
        // The other one had to wake up during the first.
        if (sample != 0) rallies[sample - 1] = (__rdtsc() - begin) / kRalliesPerSample;
    }
    std::nth_element(rallies.begin(), rallies.begin() + kSamples / 2, rallies.end());
    ball_.store(2, std::memory_order_release);
    const uint64_t own = work();
    while (other_ticks_.load(std::memory_order_acquire) == 0)
        _mm_pause();
    return {.distance = nanoseconds(rallies[kSamples / 2]) / 2,
            .own_work = nanoseconds(own),
            .other_work = nanoseconds(other_ticks_.exchange(0))};
}

void CoreProbe::answer() {
    for (wanted_.acquire(); !over_; wanted_.acquire()) {
        for (uint32_t ball = 0; ball != 2;) {
            ball = ball_.load(std::memory_order_acquire);
            if (ball == 1) ball_.store(0, std::memory_order_release);
            if (ball == 0) _mm_pause();
        }
        ball_.store(0, std::memory_order_relaxed);
        other_ticks_.store(work(), std::memory_order_release);
    }
}

double CoreProbe::nanoseconds(uint64_t ticks) const noexcept {
    return static_cast<double>(ticks) * 1e9 / ticks_per_second_;
}

}  // namespace ravelin::load
