// SPDX-License-Identifier: BSD-3-Clause
// The in-process bed: generator and device take turns in one thread, and only the device is timed.
// Blocks of all benchmarks in random order; each block's figures side by side make the ratios.
//
//   bed --family FAMILY --connections N [--blocks N] [--hugepages] [--filter REGEX] --out FILE
#include "bench/bed.h"

#include "base/check.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

namespace ravelin::bench {

namespace {

struct Figures {
    double ticks = 0;
    double trimmed = 0;
    double stolen = 0;
};

Figures evaluate(std::vector<double>& samples) {
    std::sort(samples.begin(), samples.end());
    const size_t count = samples.size();
    Figures figures{.ticks = samples[count / 2]};
    const size_t kept = count - count / 10;
    for (size_t i = 0; i < kept; ++i)
        figures.trimmed += samples[i] / static_cast<double>(kept);
    const auto above = std::upper_bound(samples.begin(), samples.end(), 10 * figures.ticks);
    figures.stolen = static_cast<double>(samples.end() - above) / static_cast<double>(count);
    return figures;
}

/// Collects the counters of each run; one run per benchmark and block.
class Collector : public benchmark::BenchmarkReporter {
  public:
    bool ReportContext(const Context&) override { return true; }
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            std::string name = run.run_name.function_name;
            results_[name].push_back({run.counters.at("ticks").value,
                                      run.counters.at("trimmed").value,
                                      run.counters.at("stolen").value});
        }
    }
    void write(std::FILE* out, std::string_view family, uint32_t connections) const {
        std::fprintf(out,
                     "{\"family\": \"%s\", \"connections\": %u, \"ticks_per_second\": %llu, "
                     "\"benchmarks\": {",
                     std::string{family}.c_str(), connections,
                     static_cast<unsigned long long>(rte_get_tsc_hz()));
        const char* separator = "";
        for (const auto& [name, blocks] : results_) {
            std::fprintf(out, "%s\n\"%s\": [", separator, name.c_str());
            separator = ",";
            const char* comma = "";
            for (const Figures& figures : blocks) {
                std::fprintf(out, "%s[%.2f, %.2f, %.4f]", comma, figures.ticks, figures.trimmed,
                             figures.stolen);
                comma = ", ";
            }
            std::fprintf(out, "]");
        }
        std::fprintf(out, "}}\n");
    }

  private:
    std::map<std::string, std::vector<Figures>> results_;
};

struct Options {
    std::string family = "established";
    std::string out;
    std::string filter = ".";
    uint32_t connections = 65536;
    int blocks = 20;
    bool hugepages = false;
};

Options read_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--hugepages") {
            options.hugepages = true;
            continue;
        }
        CHECK(i + 1 < argc);
        const char* value = argv[++i];
        if (word == "--family") options.family = value;
        if (word == "--out") options.out = value;
        if (word == "--filter") options.filter = value;
        const auto number = static_cast<uint32_t>(std::strtoul(value, nullptr, 10));
        if (word == "--connections") options.connections = number;
        if (word == "--blocks") options.blocks = static_cast<int>(number);
    }
    return options;
}

int run(const Options& options) {
    start_eal(options.hugepages, 960);
    Ports ports;
    std::FILE* out = options.out.empty() ? stdout : std::fopen(options.out.c_str(), "w");
    CHECK(out != nullptr);
    if (options.family == "expiry") {
        measure_expiry(ports, options.connections, options.blocks);
        return 0;
    }
    if (options.family == "scaling") {
        measure_scaling(options.connections, options.blocks);
        return 0;
    }
    if (options.family == "reload") {
        measure_reload(ports, options.connections, options.blocks);
        return 0;
    }
    if (options.family == "strain") {
        measure_strain(ports, options.connections, options.blocks);
        return 0;
    }
    Keep keep;
    if (options.family == "established") add_established(keep, ports, options.connections);
    if (options.family == "exceptions") add_exceptions(keep, ports, options.connections);
    if (options.family == "tunnels") add_tunnels(keep, ports, options.connections);
    if (options.family == "bursts") add_bursts(keep, ports, options.connections);
    if (options.family == "orders") add_orders(keep, ports, options.connections);
    if (options.family == "buffers") add_buffers(keep, options.connections);
    if (options.family == "stages")
        add_stages(keep, ports, options.connections, options.connections <= 1U << 20);
    if (options.family == "new") {
        for (const uint32_t rules : {0, 1, 10, 100, 1000, 10000})
            add_new(keep, ports, rules, false);
        for (const uint32_t rules : {100, 1000, 10000})
            add_new(keep, ports, rules, true);
    }
    CHECK(!keep.empty());
    Collector collector;
    for (int block = 0; block < options.blocks; ++block)
        benchmark::RunSpecifiedBenchmarks(&collector, options.filter);
    collector.write(out, options.family, options.connections);
    tell_pages();
    return std::fclose(out);
}

}  // namespace

void tell_pages() {
    std::ifstream file{"/proc/self/smaps_rollup"};
    std::map<std::string, double> kilobytes;
    std::string line;
    while (std::getline(file, line)) {
        const size_t colon = line.find(':');
        if (colon != std::string::npos)
            kilobytes[line.substr(0, colon)] = std::strtod(line.c_str() + colon + 1, nullptr);
    }
    const double all = kilobytes["Anonymous"];
    std::fprintf(stderr, "%.0f %% of memory on huge pages\n",
                 all == 0 ? 0 : 100 * kilobytes["AnonHugePages"] / all);
}

void measure(const std::string& name, Turns turns) {
    benchmark::RegisterBenchmark(
        name.c_str(),
        [turns = std::move(turns)](benchmark::State& state) {
            std::vector<double> samples;
            for ([[maybe_unused]] const auto step : state) {
                uint64_t sum = 0;
                for (uint32_t batch = 0; batch < turns.batches; ++batch) {
                    turns.prepare();
                    for (uint32_t turn = 0; turn < turns.per_batch; ++turn) {
                        const uint64_t begin = rte_rdtsc_precise();
                        const uint32_t packets = turns.turn();
                        const uint64_t took = rte_rdtsc_precise() - begin;
                        sum += took;
                        // The first turn finishes what the batch before left, long gone from the
                        // caches.
                        if (turn != 0 || turns.per_batch == 1)
                            samples.push_back(static_cast<double>(took) /
                                              static_cast<double>(packets));
                    }
                    turns.finish();
                }
                state.SetIterationTime(static_cast<double>(sum) /
                                       static_cast<double>(rte_get_tsc_hz()));
            }
            const Figures figures = evaluate(samples);
            state.counters["ticks"] = figures.ticks;
            state.counters["trimmed"] = figures.trimmed;
            state.counters["stolen"] = figures.stolen;
        })
        ->Iterations(1)
        ->UseManualTime();
}

}  // namespace ravelin::bench

int main(int argc, char** argv) {
    // Google Benchmark shuffles what one call runs: that is a block.
    const char* arguments[] = {argv[0], "--benchmark_enable_random_interleaving=true"};
    int count = 2;
    benchmark::Initialize(&count, const_cast<char**>(arguments));
    return ravelin::bench::run(ravelin::bench::read_options(argc, argv));
}
