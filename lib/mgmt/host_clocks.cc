// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/host_clocks.h"

#include <cerrno>
#include <ctime>
#include <limits>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <unistd.h>
#include <utility>

namespace ravelin {

namespace {

constexpr int kAttempts = 8;

Duration read_clock(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec};
}

KernelClock ask_kernel() {
    timex read{};  // modes 0: nothing is changed, no privilege is needed
    return to_kernel_clock(adjtimex(&read), read);
}

}  // namespace

KernelClock to_kernel_clock(int code, const timex& read) noexcept {
    KernelClock clock;
    clock.known = code >= 0;
    if (!clock.known) return clock;
    clock.state = code;
    clock.status = read.status;
    clock.synchronised = code != TIME_ERROR && (read.status & STA_UNSYNC) == 0;
    clock.offset = (read.status & STA_NANO) != 0 ? Duration{read.offset}
                                                 : std::chrono::microseconds{read.offset};
    clock.max_error = std::chrono::microseconds{read.maxerror};
    clock.estimated_error = std::chrono::microseconds{read.esterror};
    clock.frequency_ppm = static_cast<double>(read.freq) / 65536.0;
    clock.tai_offset = read.tai;
    return clock;
}

HostClocks::HostClocks(std::function<Instant()> own)
    : own_{std::move(own)}, timer_{timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)} {
    arm();
}

void HostClocks::arm() {
    itimerspec never{};
    never.it_value.tv_sec = std::numeric_limits<time_t>::max();
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
}

bool HostClocks::was_set() {
    uint64_t expirations = 0;
    if (::read(timer_.get(), &expirations, sizeof expirations) >= 0 || errno != ECANCELED)
        return false;
    arm();
    return true;
}

ClockReading HostClocks::read() {
    ClockReading best;
    best.uncertainty = Duration::max();
    // Asked before the clocks are read: a step in between is seen, and told, the next time at the
    // latest.
    const bool set = was_set();
    for (int i = 0; i < kAttempts; ++i) {
        ClockReading reading;
        const Instant before = own_();
        reading.monotonic = read_clock(CLOCK_MONOTONIC);
        reading.raw = read_clock(CLOCK_MONOTONIC_RAW);
        reading.boot = read_clock(CLOCK_BOOTTIME);
        reading.wall = read_clock(CLOCK_REALTIME);
        reading.uncertainty = own_() - before;
        reading.own = before + reading.uncertainty / 2;
        if (reading.uncertainty < best.uncertainty) best = reading;
    }
    best.set = set;
    best.kernel = ask_kernel();
    best.chrony = chrony_.look(best.own);
    return best;
}

}  // namespace ravelin
