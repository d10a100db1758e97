// SPDX-License-Identifier: BSD-3-Clause
// Established traffic at its highest rate, while other connections end, and under a flood of new
// ones for which there is no room. A second of it at a time, on the device's clock too.
#include "base/check.h"
#include "bench/bed.h"

#include <rte_cycles.h>

#include <algorithm>
#include <vector>

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
        batches_ =
            static_cast<uint32_t>(static_cast<double>(rte_get_tsc_hz()) / kPerBatch / run(0));
        device_.clock().set_step(Duration{1s} / (batches_ * kOffered));
    }

    /// Fills the table with connections that nobody speaks in.
    void fill() {
        filled_ = device_.clock().now();
        device_.establish(kActive, idle_, kind_of_);
        CHECK(size() == capacity());
    }

    /// A second of established traffic, and `fresh` new connections a second, none of which finds
    /// room; returns ticks per established packet.
    double run(uint64_t fresh) {
        std::vector<double> samples;
        const uint64_t refused = device_.refused();
        uint64_t offered = 0;
        for (uint32_t batch = 0; batch < batches_; ++batch) {
            const uint64_t due = fresh * (batch + 1) / batches_;
            const auto now = static_cast<uint32_t>(due - offered);
            offered = due;
            samples.push_back(one_batch(now));
        }
        CHECK(device_.refused() - refused == fresh);
        return mean(samples) / kPerBatch;
    }

    /// The second in which all idle connections end. In one of those before the wheel has put each
    /// where its very tick is: their mean is `nearer`.
    void run_ending(Samples& ticks) {
        jump_to(filled_ + 90s);
        // What has traffic lives on.
        for (uint32_t packets = 0; packets < kActive; packets += kOffered * kBurstSize)
            one_batch(0);
        constexpr int kBefore = 3;
        jump_to(filled_ + std::chrono::milliseconds{176'800});
        double sum = 0;
        for (int second = 0; second < kBefore; ++second)
            sum += run(0);
        jump_to(filled_ + std::chrono::milliseconds{179'900});
        CHECK(size() == capacity());
        ticks["ending"].push_back(run(0));
        CHECK(size() == kActive);
        ticks["nearer"].push_back(sum / kBefore);
    }

    [[nodiscard]] uint32_t capacity() const { return kActive + idle_; }

  private:
    /// Ticks that the device takes for a batch; every established packet must come out again.
    double one_batch(uint32_t fresh) {
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
        const uint64_t begin = rte_rdtsc_precise();
        while (device_.turn()) {
        }
        const uint64_t took = rte_rdtsc_precise() - begin;
        CHECK(device_.drain() == kPerBatch);
        return static_cast<double>(took);
    }
    void jump_to(Instant when) {
        device_.clock().jump(when - device_.clock().now());
        do
            device_.turn();
        while (device_.counters().expiry_lag_ticks.value() != 0);
    }

    /// Without batches during which the machine did something else.
    static double mean(std::vector<double>& samples) {
        std::vector<double> sorted = samples;
        std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2),
                         sorted.end());
        const double most = 10 * sorted[sorted.size() / 2];
        double sum = 0;
        uint32_t count = 0;
        for (const double sample : samples) {
            if (sample > most) continue;
            sum += sample;
            ++count;
        }
        return sum / count;
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
    Samples ticks;
    for (int repetition = 0; repetition < repetitions; ++repetition) {
        strain.fill();
        ticks["quiet"].push_back(strain.run(0));
        ticks["flood"].push_back(strain.run(five_times / kLife));
        ticks["quiet_again"].push_back(strain.run(0));
        ticks["flood_at_once"].push_back(strain.run(five_times));
        strain.run_ending(ticks);
    }
    print_samples("strain", connections, ticks);
}

}  // namespace ravelin::bench
