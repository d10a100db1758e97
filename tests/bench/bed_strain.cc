// SPDX-License-Identifier: BSD-3-Clause
// Established traffic at its highest rate, while other connections end, and under a flood of new
// ones for which there is no room. A second of it at a time, on the device's clock too.
#include "base/check.h"
#include "bench/bed.h"

#include <rte_cycles.h>

#include <chrono>

namespace ravelin::bench {

namespace {

/// Connections with traffic.
constexpr uint32_t kActive = 1U << 16;
/// As many as there are unless somebody asks for more.
constexpr uint32_t kTombstones = 262144;
/// Bursts of established packets for each port that are offered together.
constexpr uint32_t kOffered = 16;
constexpr uint32_t kPerBatch = 2 * kOffered * kBurstSize;

class Strain {
  public:
    Strain(Ports& ports, uint32_t idle)
        : ports_{ports},
          idle_{idle},
          device_{ports, kActive + idle, open_from_inside(), 0, (kActive + idle) / 2, kTombstones},
          traffic_{kActive, kind_of_} {
        device_.establish(0, kActive, kind_of_);
        batches_ = 512;
        run(0);  // warm
        const double ticks = run(0).ticks;
        batches_ = static_cast<uint32_t>(static_cast<double>(rte_get_tsc_hz()) / kPerBatch / ticks);
    }

    /// Fills the table with connections that nobody speaks in, all at one time: they are to end in
    /// one tick.
    void fill() {
        device_.clock().set_step(Duration{0});
        filled_ = device_.clock().now();
        device_.establish(kActive, idle_, kind_of_);
        CHECK(size() == capacity());
        device_.clock().set_step(Duration{1s} / (batches_ * kOffered));
    }

    /// A second of established traffic, and `fresh` new connections a second, none of which finds
    /// room; ticks are those per established packet.
    Block run(uint64_t fresh) {
        Times times;
        run(fresh, times);
        return times.block(kPerBatch);
    }

    /// The second in which all idle connections end. In one of those before the wheel has put each
    /// where its very tick is: all of them together are `nearer`.
    void run_ending(Samples& samples) {
        jump_to(filled_ + 90s);
        // What has traffic lives on.
        Times ignored;
        for (uint32_t packets = 0; packets < kActive; packets += kOffered * kBurstSize)
            run_batch(0, ignored);
        constexpr int kBefore = 3;
        jump_to(filled_ + std::chrono::milliseconds{176'800});
        Times before;
        for (int second = 0; second < kBefore; ++second)
            run(0, before);
        samples["nearer"].push_back(before.block(kPerBatch));
        jump_to(filled_ + std::chrono::milliseconds{179'900});
        CHECK(size() == capacity());
        samples["ending"].push_back(run(0));
        CHECK(size() == kActive);
    }

    [[nodiscard]] uint32_t capacity() const { return kActive + idle_; }

  private:
    void run(uint64_t fresh, Times& times) {
        const uint64_t refused = device_.refused();
        uint64_t offered = 0;
        for (uint32_t batch = 0; batch < batches_; ++batch) {
            const uint64_t due = fresh * (batch + 1) / batches_;
            const auto now = static_cast<uint32_t>(due - offered);
            offered = due;
            run_batch(now, times);
        }
        CHECK(device_.refused() - refused == fresh);
    }

    /// Every established packet must come out again.
    void run_batch(uint32_t fresh, Times& times) {
        uint32_t written = 0;
        uint32_t new_ones = 0;
        const uint32_t inside = kOffered * kBurstSize + fresh;
        ports_.fill(kOutside, kOffered * kBurstSize,
                    [&](uint8_t port, uint8_t* frame) { return traffic_(port, frame); });
        ports_.fill(kInside, inside, [&](uint8_t port, uint8_t* frame) {
            // Evenly among the others.
            if (uint64_t{++written} * fresh / inside == new_ones) return traffic_(port, frame);
            ++new_ones;
            next_ = (next_ + 1) % (1U << 22);
            return write_frame(frame, {Kind::UdpIpv4, capacity() + next_, true}, {});
        });
        times.run(device_);
        CHECK(device_.drain() == kPerBatch);
    }
    void jump_to(Instant when) {
        device_.clock().jump(when - device_.clock().now());
        do
            device_.turn();
        while (device_.counters().expiry_lag_ticks.value() != 0);
    }

    [[nodiscard]] uint32_t size() { return device_.worker().shard().conntrack.size(); }

    Ports& ports_;
    uint32_t idle_;
    KindOf kind_of_ = only(Kind::UdpIpv4);
    Instant filled_{};
    Device device_;
    Established traffic_;
    uint32_t batches_ = 0;
    uint32_t next_ = 0;
};

}  // namespace

void measure_strain(Ports& ports, uint32_t connections, int repetitions) {
    Strain strain{ports, connections};
    // So many new ones at a time would live, of five times the capacity; and all within a second.
    constexpr uint64_t kLife = 30;
    const uint64_t five_times = 5 * uint64_t{strain.capacity()};
    Samples samples;
    for (int repetition = 0; repetition < repetitions; ++repetition) {
        strain.fill();
        samples["quiet"].push_back(strain.run(0));
        samples["flood"].push_back(strain.run(five_times / kLife));
        samples["quiet_again"].push_back(strain.run(0));
        samples["flood_at_once"].push_back(strain.run(five_times));
        strain.run_ending(samples);
    }
    print_samples("strain", connections, samples);
}

}  // namespace ravelin::bench
