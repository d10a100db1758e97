// SPDX-License-Identifier: BSD-3-Clause
#include "commands.h"
#include "exit_code.h"
#include "options.h"
#include "output.h"

#include <CLI/Error.hpp>

#include <exception>
#include <iostream>

namespace ravelin::ctl {

namespace {

int run(const Options& options) {
    auto client = Client::connect(options.socket);
    if (!client) return complain(client.error().message, kUnreachable);
    const Style style = Style::detect(options.no_color);
    switch (options.command) {
        case Command::Flows:
            return run_flows(*client, options);
        case Command::Events:
            return run_events(*client, options);
        case Command::Stale:
            return run_stale(*client, options);
        case Command::Denied:
            return run_denied(*client, options);
        case Command::Tunnels:
            return run_tunnels(*client, options);
        case Command::Tunnel:
            return run_tunnel(*client, options);
        case Command::Drops:
            return run_drops(*client, options, style);
        case Command::Stats:
            return run_stats(*client, options, style);
        case Command::Version:
            return run_version(*client, options);
        case Command::Health:
            return run_health(*client, style);
        case Command::Clock:
            return run_clock(*client, options, style);
        case Command::Reload:
            return run_reload(*client);
        case Command::Flush:
            return run_flush(*client, options);
    }
    return kUsage;
}

}  // namespace

}  // namespace ravelin::ctl

int main(int argc, char** argv) {
    using namespace ravelin::ctl;
    Options options;
    const auto app = make_command_line(options);
    try {
        app->parse(argc, argv);
        return run(options);
    } catch (const CLI::ParseError& error) {
        // 0 for --help; every mistake is the same to a script.
        return app->exit(error) == 0 ? kOk : kUsage;
    } catch (const std::exception& error) {
        return complain(error.what(), kFailed);
    }
}
