// SPDX-License-Identifier: BSD-3-Clause
// What it costs to look at a connection whose time may have come, and to end one.
#include "base/check.h"
#include "bench/bed.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>

namespace ravelin::bench {

namespace {

/// Turns without packets until the wheel has caught up; returns the ticks per handled connection,
/// the median over turns that handled as many as a turn may and `ended` all or none of them.
double catch_up(Device& device, bool ended) {
    constexpr uint32_t kBudget = 64;
    const Counter& deleted = device.counters().deleted[static_cast<size_t>(EndReason::Timeout)];
    std::vector<double> samples;
    do {
        const uint64_t before = deleted.value();
        const uint64_t begin = rte_rdtsc_precise();
        device.turn();
        const uint64_t took = rte_rdtsc_precise() - begin;
        if (deleted.value() - before == (ended ? kBudget : 0))
            samples.push_back(static_cast<double>(took) / kBudget);
    } while (device.counters().expiry_lag_ticks.value() != 0);
    std::nth_element(samples.begin(), samples.begin() + static_cast<ptrdiff_t>(samples.size() / 2),
                     samples.end());
    return samples[samples.size() / 2];
}

}  // namespace

void measure_expiry(Ports& ports, uint32_t connections, int repetitions) {
    const auto bed = std::make_unique<EstablishedBed>(ports, connections, only(Kind::UdpIpv4));
    Device& device = bed->device;
    std::printf(
        "{\"family\": \"expiry\", \"connections\": %u, \"ticks_per_second\": %llu, "
        "\"bytes_per_connection\": %.1f, \"benchmarks\": {\n\"check\": [",
        connections, static_cast<unsigned long long>(rte_get_tsc_hz()),
        static_cast<double>(device.worker().shard().conntrack.memory_bytes()) /
            device.worker().shard().conntrack.capacity());
    // Traffic once round within 60 s of the device's time: deadlines in an order of its own.
    const auto renew_all = [&] {
        const uint32_t turns = connections / kBurstSize;
        device.clock().set_step(Duration{60s} / turns);
        for (uint32_t turn = 0; turn < turns; turn += Ports::kTurns) {
            for (const uint8_t port : {kOutside, kInside})
                ports.fill(port, Ports::kTurns * kBurstSize,
                           [&](uint8_t to, uint8_t* frame) { return bed->traffic(to, frame); });
            for (uint32_t i = 0; i < Ports::kTurns; ++i)
                device.turn();
            device.drain();
        }
        device.clock().set_step(1ns);
        device.settle();
    };
    renew_all();
    tell_pages();
    std::vector<double> deletions;
    for (int repetition = 0; repetition < repetitions; ++repetition) {
        // The wheel has them by the round before, so each is looked at and put off.
        renew_all();
        CHECK(device.worker().shard().conntrack.size() == connections);
        device.clock().jump(119s);
        std::printf("%s[%.2f, 0, 0]", repetition == 0 ? "" : ", ", catch_up(device, false));
        CHECK(device.worker().shard().conntrack.size() == connections);
        if (repetition + 1 != repetitions) continue;
        device.clock().jump(200s);
        deletions.push_back(catch_up(device, true));
        CHECK(device.worker().shard().conntrack.size() == 0);
    }
    std::printf("],\n\"delete\": [[%.2f, 0, 0]]}}\n", deletions.front());
}

}  // namespace ravelin::bench
