// SPDX-License-Identifier: BSD-3-Clause
#include "banner.h"
#include "build_info.h"
#include "config/load.h"
#include "config/reference.h"
#include "daemon.h"
#include "exit_code.h"
#include "options.h"
#include "replay_command.h"

#include <exception>
#include <iostream>
#include <string>

namespace ravelin {
namespace {

ExitCode check(const std::string& path) {
    const LoadResult loaded = load_config_file(path);
    if (!loaded.findings.empty()) std::cerr << render_findings(loaded, loaded.text, path);
    if (!loaded.config) return ExitCode::Configuration;
    const Config& config = *loaded.config;
    std::cout << path << ": ok (" << count(config.ports.size(), "port") << ", "
              << count(config.wires.size(), "wire") << ", "
              << count(config.policy.rules.size(), "rule") << ")\n";
    return ExitCode::Ok;
}

ExitCode with_config(const Options& options) {
    LoadResult loaded = load_config_file(options.config);
    if (!loaded.findings.empty()) std::cerr << render_findings(loaded, loaded.text, options.config);
    if (!loaded.config) return ExitCode::Configuration;
    Config config = std::move(*loaded.config);
    if (!options.log_level.empty()) config.log.level = options.log_level;
    if (options.action == Options::Action::Replay) return run_replay(options, config);
    return run_appliance(config);
}

ExitCode run(const Options& options) {
    switch (options.action) {
        case Options::Action::Version:
            std::cout << version_line() << '\n';
            return ExitCode::Ok;
        case Options::Action::ConfigReference:
            std::cout << config_reference_markdown();
            return ExitCode::Ok;
        case Options::Action::ConfigSchema:
            std::cout << config_json_schema();
            return ExitCode::Ok;
        case Options::Action::Check:
            return check(options.config);
        case Options::Action::Run:
        case Options::Action::Replay:
            return with_config(options);
    }
    return ExitCode::Usage;
}

}  // namespace
}  // namespace ravelin

int main(int argc, char** argv) {
    try {
        const auto options = ravelin::parse_options(argc, argv);
        if (const int* code = std::get_if<int>(&options)) return *code;
        return static_cast<int>(ravelin::run(std::get<ravelin::Options>(options)));
    } catch (const std::exception& error) {
        std::cerr << "ravelind: " << error.what() << '\n';
        return static_cast<int>(ravelin::ExitCode::Failure);
    }
}
