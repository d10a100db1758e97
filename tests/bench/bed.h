// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"
#include "bench/device.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ravelin::bench {

/// What one benchmark measures between two looks at the time stamp counter.
struct Turns {
    /// Prepares the next turns, unmeasured.
    std::function<void()> prepare;
    /// One turn; returns how many packets it was about.
    std::function<uint32_t()> turn;
    /// Clears up after them, unmeasured.
    std::function<void()> finish;
    /// When there are several, the first of a batch doesn't count.
    uint32_t per_batch = Ports::kTurns;
    uint32_t batches = 48;
};

/// Registers a benchmark. Its counter `ticks` is the median over turns of the ticks per packet:
/// a turn that was interrupted doesn't move it. `stolen` is the share of turns above ten medians.
void measure(const std::string& name, Turns turns);

/// `count` rules, all of which but the last one are about other ports; `scattered`: about other
/// blocks of clients too.
Runtime rules_before_the_last(uint32_t count, bool scattered);

/// The families; each registers its benchmarks, and what they need lives as long as `keep`.
using Keep = std::vector<std::shared_ptr<void>>;
/// io, macswap, and Ravelin with established connections.
void add_established(Keep& keep, Ports& ports, uint32_t connections);
/// A tenth ICMP errors, a twentieth fragments, a hundredth new connections; a flood of new ones.
void add_exceptions(Keep& keep, Ports& ports, uint32_t connections);
/// Established connections that are tunnels, beside others that aren't.
void add_tunnels(Keep& keep, Ports& ports, uint32_t connections);
/// Established connections in smaller bursts; in other orders; in few buffers and in many.
void add_bursts(Keep& keep, Ports& ports, uint32_t connections);
void add_orders(Keep& keep, Ports& ports, uint32_t connections);
void add_buffers(Keep& keep, uint32_t connections);
/// The tracking stage alone, one, two and three cache lines, rte_hash in two ways.
void add_stages(Keep& keep, Ports& ports, uint32_t connections, bool timers);
/// Each packet opens a connection, under rules_before_the_last().
void add_new(Keep& keep, Ports& ports, uint32_t rules, bool scattered);
/// Not a benchmark: it can be done once per table. Prints its own JSON.
void measure_expiry(Ports& ports, uint32_t connections, int repetitions);

/// Likewise: one worker, two of them with a queue each, and two with one queue for both.
void measure_scaling(uint32_t connections, int blocks);

/// Likewise: established traffic while another thread compiles rules, and publishes them.
void measure_reload(Ports& ports, uint32_t connections, int blocks);

/// Likewise: established traffic while `connections` others end, and under a flood of new ones.
void measure_strain(Ports& ports, uint32_t connections, int repetitions);

/// Says how much of what the benchmarks run on lies on huge pages: a large table that doesn't is
/// slower than whatever is compared here. To be called while it is still there.
void tell_pages();

/// The thread runs on this CPU alone from here on.
void stay_on(uint32_t cpu);

/// Of benchmarks that aren't Google's: their blocks, by name.
struct Block {
    double ticks = 0;  ///< per packet
    /// Of turns that had packets, if looked at: ticks of the median, of 99.9 % at most, of all.
    std::vector<double> turns{};
};
using Samples = std::map<std::string, std::vector<Block>>;
void print_samples(const char* family, uint32_t connections, const Samples& samples);

/// How long the device took, turn by turn.
class Times {
  public:
    /// Turns until no packet is left: a batch.
    void run(Device& device);
    /// The ticks are the mean over batches, without those during which the machine did something
    /// else; nothing is left out of the turns.
    [[nodiscard]] Block block(uint32_t packets_per_batch) const;

  private:
    std::vector<double> batches_;
    std::vector<double> turns_;
};

/// Kinds of connections.
using KindOf = std::function<Kind(uint32_t)>;
inline KindOf only(Kind kind) {
    return [kind](uint32_t) { return kind; };
}

/// A device with established connections and the traffic over them.
struct EstablishedBed {
    EstablishedBed(Ports& ports, uint32_t connections, const KindOf& kind_of, uint32_t tunnels = 0)
        : device{ports, capacity_for(connections), open_from_inside(), tunnels,
                 ipv6_room(connections, kind_of)},
          traffic{connections, kind_of} {
        device.establish(connections, kind_of);
    }
    static uint32_t capacity_for(uint32_t connections) { return connections + connections / 8; }
    /// As shipped, half, or all where there is any IPv6.
    static uint32_t ipv6_room(uint32_t connections, const KindOf& kind_of) {
        for (uint32_t i = 0; i < connections; ++i) {
            if (is_ipv6(kind_of(i))) return UINT32_MAX;
        }
        return capacity_for(connections) / 2;
    }
    Device device;
    Established traffic;
};

/// Both ports filled by `writer`, `device.turn()`, and what was transmitted taken away.
template <class Forwards>
Turns turns_of(Ports& ports, Forwards& device, Ports::Writer writer) {
    return {.prepare =
                [&ports, writer = std::move(writer)] {
                    for (const uint8_t port : {kOutside, kInside})
                        ports.fill(port, Ports::kTurns * kBurstSize, writer);
                },
            .turn =
                [&device] {
                    device.turn();
                    return 2 * kBurstSize;
                },
            .finish = [&device] { device.drain(); }};
}

}  // namespace ravelin::bench
