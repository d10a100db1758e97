// SPDX-License-Identifier: BSD-3-Clause
// Established traffic while a set of rules is swapped every 10 ms.
#include "base/check.h"
#include "bench/bed.h"

#include <rte_cycles.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace ravelin::bench {

namespace {

constexpr uint32_t kRules = 1000;
constexpr uint32_t kReloadsPerSecond = 100;
constexpr uint32_t kPerBatch = 2 * Ports::kTurns * kBurstSize;

enum class Does : uint8_t { Nothing, Compile, Reload };

/// What ravelind's management does when its file has changed, all the time. In a thread with a CPU
/// of its own, as there: the worker meets rules that are in another CPU's caches, but keeps its
/// own for the connections. Compile is the same without publishing: what the other CPU costs.
class Management {
  public:
    Management(Device& device, Does does)
        : device_{device}, does_{does}, thread_{[this](const std::stop_token& stop) {
              run(stop);
          }} {}
    [[nodiscard]] uint32_t rounds() const noexcept { return rounds_; }

  private:
    using Clock = std::chrono::steady_clock;

    void run(const std::stop_token& stop) {
        stay_on(1);
        for (auto due = Clock::now(); wait(stop, due); due += 1s / kReloadsPerSecond) {
            auto next = std::make_unique<Runtime>(rules_before_the_last(kRules, true));
            next->generation = static_cast<uint16_t>(rounds_ + 2);
            if (does_ == Does::Reload) reload(stop, std::move(next));
            ++rounds_;
        }
    }
    /// The old rules are freed when the worker has let go of them, or takes no turns any more.
    void reload(const std::stop_token& stop, std::unique_ptr<const Runtime> next) {
        const auto old = device_.published().publish(std::move(next));
        const uint64_t mark = device_.quiescence().mark();
        while (!device_.quiescence().passed(mark) && wait(stop, Clock::now() + 100us)) {
        }
    }
    /// False when it is to stop.
    bool wait(const std::stop_token& stop, Clock::time_point until) {
        std::unique_lock lock{mutex_};
        stopped_.wait_until(lock, stop, until, [] { return false; });
        return !stop.stop_requested();
    }

    Device& device_;
    Does does_;
    std::atomic<uint32_t> rounds_{0};
    std::mutex mutex_;
    std::condition_variable_any stopped_;
    std::jthread thread_;
};

/// A second of it. Every packet must come out again.
Block run_second(Ports& ports, Device& device, Established& traffic, Does does) {
    std::optional<Management> management;
    if (does != Does::Nothing) management.emplace(device, does);
    Times times;
    const uint64_t begin = rte_rdtsc();
    while (rte_rdtsc() - begin < rte_get_tsc_hz()) {
        for (const uint8_t port : {kOutside, kInside})
            ports.fill(port, Ports::kTurns * kBurstSize,
                       [&](uint8_t to, uint8_t* frame) { return traffic(to, frame); });
        times.run(device);
        CHECK(device.drain() == kPerBatch);
    }
    // On a machine that is so busy this isn't what it says.
    CHECK(!management || management->rounds() > kReloadsPerSecond / 2);
    return times.block(kPerBatch);
}

}  // namespace

void measure_reload(Ports& ports, uint32_t connections, int blocks) {
    stay_on(0);
    const KindOf kind_of = only(Kind::UdpIpv4);
    const uint32_t capacity = EstablishedBed::capacity_for(connections);
    Device device{ports, capacity, rules_before_the_last(kRules, true), 0, capacity / 2};
    device.establish(connections, kind_of);
    Established traffic{connections, kind_of};
    Samples samples;
    for (int block = 0; block < blocks; ++block) {
        samples["quiet"].push_back(run_second(ports, device, traffic, Does::Nothing));
        samples["compiling"].push_back(run_second(ports, device, traffic, Does::Compile));
        samples["reloading"].push_back(run_second(ports, device, traffic, Does::Reload));
        samples["quiet_again"].push_back(run_second(ports, device, traffic, Does::Nothing));
    }
    print_samples("reload", connections, samples);
}

}  // namespace ravelin::bench
