// SPDX-License-Identifier: BSD-3-Clause
// What the benchmarks share that aren't Google's.
#include "base/check.h"
#include "bench/bed.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>
#include <pthread.h>

namespace ravelin::bench {

void stay_on(uint32_t cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus) == 0);
}

void Times::run(Device& device) {
    // No turn is to pay for the memory that these take.
    constexpr size_t kPerBatch = 4096;
    if (turns_.capacity() - turns_.size() < kPerBatch)
        turns_.reserve(2 * turns_.size() + kPerBatch);
    const uint64_t first = rte_rdtsc_precise();
    for (uint64_t begin = first; device.turn();) {
        const uint64_t end = rte_rdtsc();
        turns_.push_back(static_cast<double>(end - begin));
        begin = end;
    }
    batches_.push_back(static_cast<double>(rte_rdtsc_precise() - first));
}

Block Times::block(uint32_t packets_per_batch) const {
    std::vector<double> sorted = batches_;
    std::sort(sorted.begin(), sorted.end());
    const double most = 10 * sorted[sorted.size() / 2];
    double sum = 0;
    uint32_t count = 0;
    for (const double batch : sorted) {
        if (batch > most) break;
        sum += batch;
        ++count;
    }
    sorted = turns_;
    std::sort(sorted.begin(), sorted.end());
    return {.ticks = sum / count / packets_per_batch,
            .turns = {sorted[sorted.size() / 2], sorted[sorted.size() - 1 - sorted.size() / 1000],
                      sorted.back()}};
}

void print_samples(const char* family, uint32_t connections, const Samples& samples) {
    std::printf(
        "{\"family\": \"%s\", \"connections\": %u, \"ticks_per_second\": %llu, "
        "\"benchmarks\": {",
        family, connections, static_cast<unsigned long long>(rte_get_tsc_hz()));
    const char* separator = "";
    for (const auto& [name, blocks] : samples) {
        std::printf("%s\n\"%s\": [", separator, name.c_str());
        separator = ",";
        const char* comma = "";
        for (const Block& block : blocks) {
            std::printf("%s[%.2f, 0, 0", comma, block.ticks);
            for (const double ticks : block.turns)
                std::printf(", %.0f", ticks);
            std::printf("]");
            comma = ", ";
        }
        std::printf("]");
    }
    std::printf("}}\n");
    tell_pages();
}

}  // namespace ravelin::bench
