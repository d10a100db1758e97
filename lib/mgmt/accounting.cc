// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/accounting.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace ravelin {

namespace {

/// A worker that hasn't finished two iterations within this time isn't waited for.
constexpr auto kIterationPatience = std::chrono::milliseconds{5};

struct WaysOut {
    uint64_t transmitted = 0;
    uint64_t dropped = 0;
    uint64_t handed_off = 0;
    uint64_t held = 0;
    [[nodiscard]] uint64_t sum() const { return transmitted + dropped + handed_off + held; }
};

struct WaysIn {
    uint64_t received = 0;
    uint64_t handed_in = 0;
    [[nodiscard]] uint64_t sum() const { return received + handed_in; }
};

uint64_t packets(const auto& counters) {
    uint64_t sum = 0;
    for (const PacketsBytes& counter : counters)
        sum += counter.packets.value();
    return sum;
}

WaysOut read_out(const Appliance& appliance) {
    WaysOut out;
    for (const WorkerHandle& worker : appliance.workers) {
        const WorkerCounters& counters = worker.link->counters;
        out.transmitted += packets(counters.transmitted);
        out.dropped += packets(counters.dropped);
        out.handed_off += counters.handed_off.value();
        out.held += counters.held.value();
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return out;
}

WaysIn read_in(const Appliance& appliance) {
    WaysIn in;
    for (const WorkerHandle& worker : appliance.workers) {
        in.received += packets(worker.link->counters.received);
        in.handed_in += worker.link->counters.handed_in.value();
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return in;
}

/// Until every worker has finished the iteration that it is in and one more.
void let_iterations_pass(const Appliance& appliance) {
    std::vector<uint64_t> until;
    until.reserve(appliance.workers.size());
    for (const WorkerHandle& worker : appliance.workers)
        until.push_back(worker.link->counters.iterations.value() + 2);
    const auto deadline = std::chrono::steady_clock::now() + kIterationPatience;
    for (size_t i = 0; i < until.size(); ++i)
        while (appliance.workers[i].link->counters.iterations.value() < until[i] &&
               std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::microseconds{50});
}

}  // namespace

PacketAccount read_account(const Appliance& appliance) {
    const WaysOut before = read_out(appliance);
    const WaysIn in = read_in(appliance);
    let_iterations_pass(appliance);
    const WaysOut after = read_out(appliance);

    const auto upper = static_cast<int64_t>(in.sum() - before.sum());
    const auto lower = static_cast<int64_t>(in.sum() - after.sum());
    PacketAccount account;
    account.received = in.received;
    account.transmitted = before.transmitted;
    account.dropped = before.dropped;
    account.held = before.held;
    account.in_flight = before.handed_off > in.handed_in ? before.handed_off - in.handed_in : 0;
    account.unaccounted = lower > 0 ? lower : upper < 0 ? upper : 0;
    return account;
}

}  // namespace ravelin
