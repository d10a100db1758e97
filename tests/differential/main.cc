// SPDX-License-Identifier: BSD-3-Clause
// Ravelin's connection tracking against that of the kernel it runs on.
#include "difference_tests.h"
#include "parallel.h"
#include "report.h"
#include "suite.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>

namespace {

using namespace ravelin::differential;

struct Options {
    uint64_t seed = 0;  ///< 0: the fixed one and a random one
    uint64_t sequences = 30'000;
    uint32_t minutes = 0;
    uint32_t processes = 0;
    uint32_t workers = 0;   ///< 0: each number for a part of the sequences
    uint32_t batch = 2500;  ///< 30,000 sequences are all campaigns then
    std::string replay;
    uint32_t minimised = 5;
    std::string output = "build/differential";
};

constexpr uint64_t kFixedSeed = 20250101;

int replay_file(const Options& options) {
    std::ifstream file{options.replay};
    std::stringstream text;
    text << file.rdbuf();
    if (!file) throw std::runtime_error{"can't read " + options.replay};
    bind_to_cpu(0);
    const auto tally = std::make_unique<Tally>();
    const std::vector<Finding> findings = Session{*tally}.replay(replay_from_text(text.str()));
    bool unexplained = false;
    for (const Finding& finding : findings) {
        unexplained |= finding.why == nullptr;
        std::printf("%s %s\n", finding.why == nullptr ? "UNEXPLAINED" : finding.why->code.data(),
                    finding.why == nullptr ? finding.what.c_str() : finding.why->reason.data());
    }
    if (findings.empty()) std::printf("no difference\n");
    return unexplained ? 1 : 0;
}

int run_all(const Options& options) {
    Suite suite{.seeds = {kFixedSeed, std::random_device{}()},
                .task = {.sequences = options.minutes != 0 ? 0 : options.sequences,
                         .limit = std::chrono::minutes{options.minutes},
                         .batch = options.batch,
                         .workers = static_cast<uint8_t>(options.workers),
                         .minimised = options.minimised,
                         .output = options.output},
                .processes = options.processes != 0 ? options.processes : 6 * cpu_count()};
    if (options.minutes != 0) suite.seeds.erase(suite.seeds.begin());
    if (options.seed != 0) suite.seeds.assign(1, options.seed);
    for (const uint64_t seed : suite.seeds)
        std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    Outcome outcome = untested_differences();
    const auto begun = std::chrono::steady_clock::now();
    const auto tally = std::make_unique<Tally>(run_suite(suite));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    outcome.add(tally->tests);
    for (size_t i = 0; i < suite.seeds.size(); ++i)
        ++(tally->unexplained_of[i] == 0 ? outcome.passed : outcome.failed);
    std::printf("\n%s\n", to_text(*tally, took.count()).c_str());
    const std::vector<std::string> empty = tally->coverage.empty_cells(options.workers);
    for (const std::string& cell : empty)
        std::printf("FAILED never reached: %s\n", cell.c_str());
    ++(empty.empty() ? outcome.passed : outcome.failed);
    std::printf("%u passed, %u failed\n", outcome.passed, outcome.failed);
    return outcome.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{
        "Compares Ravelin's connection tracking with that of the kernel, packet by packet"};
    app.add_option("--seed", options.seed, "this seed alone");
    app.add_option("--sequences", options.sequences, "how many sequences each seed gets");
    app.add_option("--minutes", options.minutes, "go on for so long");
    app.add_flag_callback(
        "--long", [&] { options.minutes = 30; }, "the same as --minutes 30");
    app.add_option("--processes", options.processes, "default: six for each CPU");
    app.add_option("--workers", options.workers, "of Ravelin; default: 1 to 4, a quarter with each")
        ->check(CLI::Range(1U, kMostWorkers));
    app.add_option("--batch", options.batch, "sequences that are under way together");
    app.add_option("--replay", options.replay, "run one script, as failures are printed");
    app.add_option("--minimise", options.minimised, "kinds of failures that are made small");
    app.add_option("--output", options.output, "folder for scripts and captures of failures");
    CLI11_PARSE(app, argc, argv);
    try {
        return options.replay.empty() ? run_all(options) : replay_file(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "differential: %s\n", error.what());
        return 2;
    }
}
