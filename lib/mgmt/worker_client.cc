// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/worker_client.h"

#include "mgmt/worker_time.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>
#include <tuple>

namespace ravelin {

namespace {

/// Records that one request copies: small enough that a worker's burst doesn't wait for it.
constexpr size_t kSlice = 1024;

}  // namespace

void WorkerClient::sweep() {
    std::erase_if(abandoned_, [](const auto& errand) {
        return errand->request.done.load(std::memory_order_acquire);
    });
}

Result<void> WorkerClient::ask(Errand& errand, size_t worker) {
    using clock = std::chrono::steady_clock;
    const WorkerHandle& handle = appliance_.workers[worker];
    const auto stuck = [&] {
        return fail("worker " + handle.lcore + " on CPU " + std::to_string(handle.cpu) +
                    " doesn't answer");
    };
    errand.request.done.store(false, std::memory_order_relaxed);
    if (!handle.link->requests.push(&errand.request)) {
        errand.request.done.store(true, std::memory_order_relaxed);
        return stuck();
    }
    const clock::time_point deadline = clock::now() + patience_;
    // The first answers come within microseconds; after that the thread gives its CPU away.
    for (auto pause = 0us; !errand.request.done.load(std::memory_order_acquire);
         pause = std::min(pause + 5us, 200us)) {
        if (clock::now() > deadline) return stuck();
        std::this_thread::sleep_for(pause);
    }
    return {};
}

Result<void> WorkerClient::run(std::unique_ptr<Errand>& errand, size_t worker) {
    sweep();
    auto asked = ask(*errand, worker);
    // The worker may still write to it: keep it until it says done.
    if (!asked && !errand->request.done.load(std::memory_order_acquire))
        abandoned_.push_back(std::move(errand));
    return asked;
}

template <class Record>
Result<std::vector<Record>> WorkerClient::collect(Request::Kind kind,
                                                  std::vector<Record> Errand::*slice,
                                                  std::span<Record> Request::*out,
                                                  uint64_t expected) {
    std::vector<Record> all;
    all.reserve(expected + expected / 16);
    for (size_t worker = 0; worker < appliance_.workers.size(); ++worker) {
        auto errand = std::make_unique<Errand>();
        std::vector<Record>& records = (*errand).*slice;
        records.resize(kSlice);
        errand->request.kind = kind;
        errand->request.*out = records;
        do {
            errand->request.written = 0;
            if (auto asked = run(errand, worker); !asked)
                return tl::unexpected<Error>{asked.error()};
            put_on_the_clock(std::span{records}.first(errand->request.written),
                             *appliance_.workers[worker].link);
            all.insert(all.end(), records.begin(), records.begin() + errand->request.written);
        } while (!errand->request.at_end);
    }
    return all;
}

Result<std::vector<FlowRecord>> WorkerClient::dump() {
    uint64_t expected = 0;
    for (const WorkerHandle& worker : appliance_.workers)
        expected += worker.link->counters.entries.value();
    return collect(Request::Kind::Dump, &Errand::slice, &Request::out, expected);
}

namespace {

template <class Record>
Result<std::vector<Record>> last_first(Result<std::vector<Record>> all) {
    if (all)
        std::stable_sort(all->begin(), all->end(),
                         [](const auto& a, const auto& b) { return a.last > b.last; });
    return all;
}

}  // namespace

Result<std::vector<StaleRecord>> WorkerClient::stale() {
    return last_first(collect(Request::Kind::Stale, &Errand::stale, &Request::stale));
}

Result<std::vector<DenialRecord>> WorkerClient::denials() {
    return last_first(collect(Request::Kind::Denials, &Errand::denials, &Request::denials));
}

Result<std::vector<TunnelRecord>> WorkerClient::tunnels() {
    return collect(Request::Kind::Tunnels, &Errand::tunnels, &Request::tunnels);
}

Result<std::vector<NtpRecord>> WorkerClient::ntp() {
    auto all = collect(Request::Kind::Ntp, &Errand::ntp, &Request::ntp);
    if (all)
        std::stable_sort(all->begin(), all->end(), [](const auto& a, const auto& b) {
            return std::tie(a.client, a.server) < std::tie(b.client, b.server);
        });
    return all;
}

Result<void> WorkerClient::ask_all(Request::Kind kind) {
    for (size_t worker = 0; worker < appliance_.workers.size(); ++worker) {
        auto errand = std::make_unique<Errand>();
        errand->request.kind = kind;
        if (auto asked = run(errand, worker); !asked) return asked;
    }
    return {};
}

Result<void> WorkerClient::flush() {
    return ask_all(Request::Kind::Flush);
}

Result<void> WorkerClient::ping() {
    return ask_all(Request::Kind::Ping);
}

}  // namespace ravelin
