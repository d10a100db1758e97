// SPDX-License-Identifier: BSD-3-Clause
#include "run.h"

#include <rte_cycles.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iostream>

namespace ravelin::load {
namespace {

/// Opening is given up when that long not one more connection has opened.
constexpr double kPatience = 5;
constexpr double kExpiryInterval = 0.05;

Counts minus(const Counts& now, const Counts& then) {
    return {.sent = now.sent - then.sent,
            .sent_bytes = now.sent_bytes - then.sent_bytes,
            .arrived = now.arrived - then.arrived,
            .damaged = now.damaged - then.damaged,
            .lost = now.lost - then.lost,
            .unknown = now.unknown - then.unknown,
            .foreign = now.foreign - then.foreign};
}

}  // namespace

Run::Run(const Options& options, Ports& ports, uint64_t tsc_hertz, CoreProbe* probe,
         const std::atomic<bool>& stop)
    : options_{options},
      ports_{ports},
      hertz_{static_cast<double>(tsc_hertz)},
      probe_{probe},
      stop_{stop},
      generator_{options.traffic, ports} {}

Report Run::go() {
    report_.connections = options_.traffic.connections;
    begun_ = rte_rdtsc();
    next_second_ = begun_ + ticks(1);
    if (!options_.only_new) open_all();
    drain();
    if (report_.all_opened && !stop_) {
        measure();
        drain();
        if (!options_.leave_open) close_all();
        drain();
    }
    report_.total = {generator_.counts(Side::Outside), generator_.counts(Side::Inside)};
    report_.first_damage = generator_.first_damage();
    return report_;
}

template <class Speak>
Run::Turn Run::turn(const Speak& speak) {
    Turn turn;
    for (const Side port : {Side::Inside, Side::Outside}) {
        turn.now = rte_rdtsc();
        const Side sender = options_.loopback ? port : other(port);
        // Answers leave from the other end than the frames came from.
        const uint32_t room = std::min(ports_.room(other(sender)), Ports::kBurst);
        turn.busy |= ports_.receive(port, room, [&](std::span<const uint8_t> frame) {
            generator_.arrived(sender, frame, turn.now);
        }) != 0;
        ports_.flush(other(sender));
    }
    turn.busy |= speak(turn.now) != 0;
    ports_.flush(Side::Outside);
    if (turn.now >= next_expiry_) {
        generator_.expire(turn.now - ticks(options_.timeout));
        next_expiry_ = turn.now + ticks(kExpiryInterval);
    }
    return turn;
}

uint32_t Run::speak(Generator::Plan plan, uint32_t most, uint64_t now) {
    // A message may be two fragments.
    return generator_.speak(plan, std::min(most, ports_.room(Side::Outside) / 2), now);
}

void Run::open_all() {
    const Stretch begin = state();
    const uint64_t begun = rte_rdtsc();
    Pace pace{options_.rate, hertz_, begun};
    uint64_t progress = begun;
    uint32_t open = 0;
    while (generator_.connections().open() < options_.traffic.connections && !stop_) {
        const Turn now = turn([&](uint64_t at) {
            const uint32_t sent = speak(Generator::Plan::Open, pace.due(at, Ports::kBurst), at);
            pace.take(sent);
            return sent;
        });
        if (generator_.connections().open() > open) {
            open = generator_.connections().open();
            progress = now.now;
        } else if (now.now > progress + ticks(kPatience)) {
            break;
        }
        second_has_passed("opening", now.now);
    }
    report_.opening = since(begin, begun);
    report_.all_opened = generator_.connections().open() == options_.traffic.connections;
}

void Run::measure() {
    uint64_t missed = 0;  // of no interest
    if (options_.warm_up > 0) static_cast<void>(measure_slice(options_.warm_up, missed));
    take_latency();
    latency_ = {};
    const double slice = options_.slice > 0 ? options_.slice : options_.seconds;
    double idle = 0;
    std::optional<Condition> before = condition();
    for (double left = options_.seconds; left > slice / 2 && !stop_; left -= slice) {
        Slice done = measure_slice(slice, report_.rate_missed);
        if (options_.slice > 0) drain();
        done.before = before;
        done.after = before = condition();
        report_.measured += done.measured;
        idle += done.idle * done.measured.seconds;
        report_.slices.push_back(done);
    }
    if (report_.measured.seconds > 0) report_.idle = idle / report_.measured.seconds;
    take_latency();
    for (const Side side : {Side::Outside, Side::Inside}) {
        const Histogram& histogram = latency_[index_of(side)];
        const auto nanoseconds = [&](uint64_t value) {
            return static_cast<double>(value) * 1e9 / hertz_;
        };
        report_.latency[index_of(side)] = {.p50 = nanoseconds(histogram.quantile(0.5)),
                                           .p99 = nanoseconds(histogram.quantile(0.99)),
                                           .p999 = nanoseconds(histogram.quantile(0.999)),
                                           .largest = nanoseconds(histogram.largest())};
    }
}

std::optional<Condition> Run::condition() {
    if (probe_ == nullptr) return std::nullopt;
    return probe_->take();
}

Slice Run::measure_slice(double seconds, uint64_t& missed) {
    using Plan = Generator::Plan;
    const Stretch begin = state();
    const uint64_t begun = rte_rdtsc();
    const uint64_t end = begun + ticks(seconds);
    Pace pace{options_.rate, hertz_, begun};
    Pace renewals{options_.new_per_second, hertz_, begun};
    const Plan plan = options_.only_new ? Plan::Hurry : Plan::Speak;
    uint64_t idle = 0;
    Turn last{.now = begun};
    while (last.now < end && !stop_) {
        const Turn now = turn([&](uint64_t at) {
            uint32_t sent = 0;
            if (options_.new_per_second > 0) {
                sent = speak(Plan::Renew, renewals.due(at, Ports::kBurst), at);
                renewals.take(sent);
            }
            const uint32_t spoken = speak(plan, pace.due(at, Ports::kBurst), at);
            pace.take(spoken);
            return sent + spoken;
        });
        if (!last.busy) idle += now.now - last.now;
        last = now;
        second_has_passed("measuring", now.now);
    }
    missed += pace.missed() + renewals.missed();
    return {.measured = since(begin, begun),
            .idle = static_cast<double>(idle) / static_cast<double>(last.now - begun),
            .before = {},
            .after = {}};
}

void Run::drain() {
    const uint64_t limit = rte_rdtsc() + ticks(options_.timeout * 2);
    while (generator_.in_flight() != 0) {
        const Turn now = turn([](uint64_t) { return 0U; });
        if (now.now > limit) generator_.expire(now.now);
    }
}

void Run::close_all() {
    // A round in which no connection has anything to say is the last one.
    const uint32_t calls = options_.traffic.connections / Ports::kBurst + 1;
    uint32_t silent = 0;
    while (silent <= calls) {
        const Turn now = turn([&](uint64_t at) {
            if (generator_.room() == 0) return 0U;
            const uint32_t sent = speak(Generator::Plan::Close, Ports::kBurst, at);
            silent = sent == 0 ? silent + 1 : 0;
            return sent;
        });
        second_has_passed("closing", now.now);
    }
}

Stretch Run::state() const {
    Stretch state;
    state.counts = {generator_.counts(Side::Outside), generator_.counts(Side::Inside)};
    state.opened = generator_.connections().opened();
    return state;
}

Stretch Run::since(const Stretch& begin, uint64_t begun) const {
    Stretch stretch = state();
    for (size_t i = 0; i < stretch.counts.size(); ++i)
        stretch.counts[i] = minus(stretch.counts[i], begin.counts[i]);
    stretch.opened -= begin.opened;
    stretch.seconds = static_cast<double>(rte_rdtsc() - begun) / hertz_;
    return stretch;
}

void Run::take_latency() {
    for (const Side side : {Side::Outside, Side::Inside}) {
        latency_[index_of(side)].add(generator_.latency(side));
        generator_.latency(side).clear();
    }
}

void Run::second_has_passed(const char* what, uint64_t now) {
    if (now < next_second_) return;
    const Stretch second = since(last_second_, next_second_ - ticks(1));
    last_second_ = state();
    next_second_ = now + ticks(1);
    Histogram both = generator_.latency(Side::Outside);
    both.add(generator_.latency(Side::Inside));
    take_latency();
    if (options_.quiet) return;
    const auto microseconds = [&](double share) {
        return static_cast<double>(both.quantile(share)) * 1e6 / hertz_;
    };
    std::cerr << fmt::format(
        "{:5.0f} s {:9} {:7.3f} Mpps, {} open, {:.0f} new/s, lost {}, p50 {:.1f} µs, p99 {:.1f} "
        "µs\n",
        static_cast<double>(now - begun_) / hertz_, what, second.per_second(second.arrived()) / 1e6,
        generator_.connections().open(), second.per_second(second.opened),
        last_second_.counts[0].lost + last_second_.counts[1].lost, microseconds(0.5),
        microseconds(0.99));
}

}  // namespace ravelin::load
