// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/tsc_time.h"
#include "options.h"
#include "ports.h"
#include "report.h"
#include "run.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

namespace ravelin::load {
namespace {

std::atomic<bool> stop{false};

/// A client of memif or vhost-user meets its server some time after its start.
Result<void> wait_for_links(const Ports& ports) {
    constexpr int kTries = 500;
    Result<void> links = ports.links();
    for (int i = 0; !links && !stop && i < kTries; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        links = ports.links();
    }
    return links;
}

int fail_with(ExitCode code, const std::string& message) {
    std::cerr << "ravelin-load: " << message << '\n';
    return static_cast<int>(code);
}

int run(const Options& options) {
    std::ofstream file;
    if (!options.json.empty() && options.json != "-") {
        file.open(options.json);
        if (!file) return fail_with(ExitCode::Environment, "can't write " + options.json);
    }
    const TscSample begin = TscSample::take();
    const auto ports = Ports::open(options);
    if (!ports) return fail_with(ExitCode::Environment, ports.error().message);
    for (const int number : {SIGINT, SIGTERM})
        std::signal(number, [](int) { stop = true; });
    if (const auto links = wait_for_links(**ports); !links)
        return fail_with(ExitCode::Environment, links.error().message);

    const uint64_t hertz = measure_tsc_hertz(begin);
    std::unique_ptr<CoreProbe> probe;
    if (options.probe_cpu) {
        auto started = CoreProbe::start(*options.probe_cpu, static_cast<double>(hertz));
        if (!started) return fail_with(ExitCode::Environment, started.error().message);
        probe = std::move(*started);
    }
    // Its connections and frames in flight are too large for the stack.
    const auto load = std::make_unique<Run>(options, **ports, hertz, probe.get(), stop);
    const Report report = load->go();
    if (options.json != "-") std::cout << text_of(report);
    if (options.json == "-") std::cout << json_of(report);
    if (file.is_open()) file << json_of(report) << std::flush;
    if (file.is_open() && !file)
        return fail_with(ExitCode::Environment, "can't write " + options.json);
    return static_cast<int>(report.flawless() || options.allow_loss ? ExitCode::Ok
                                                                    : ExitCode::Loss);
}

}  // namespace
}  // namespace ravelin::load

int main(int argc, char** argv) {
    try {
        const auto options = ravelin::load::parse_options(argc, argv);
        if (const int* code = std::get_if<int>(&options)) return *code;
        return ravelin::load::run(std::get<ravelin::load::Options>(options));
    } catch (const std::exception& error) {
        return ravelin::load::fail_with(ravelin::load::ExitCode::Environment, error.what());
    }
}
