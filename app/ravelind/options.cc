// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include "exit_code.h"

#include <CLI/CLI.hpp>

#include <iostream>

namespace ravelin {

std::variant<Options, int> parse_options(int argc, char** argv) {
    Options options;
    std::string check;
    bool version = false;
    bool reference = false;
    bool schema = false;

    CLI::App app{
        "ravelind: the Ravelin appliance. Forwards packets between the ports of each wire, "
        "tracks every connection and drops what doesn't belong."};
    app.get_formatter()->column_width(32);
    app.footer(
        "Signals: SIGTERM and SIGINT stop, SIGHUP reloads the configuration.\n"
        "Exit codes: 0 ok, 1 failure, 2 usage, 4 configuration, 5 environment.");
    app.add_option("--config", options.config, "Configuration file")
        ->envname("RAVELIN_CONFIG")
        ->capture_default_str()
        ->type_name("FILE");
    auto* checking = app.add_option("--check", check, "Check FILE, tell all that is wrong, and end")
                         ->type_name("FILE");
    app.add_option("--log-level", options.log_level, "debug, info, warning or error")
        ->envname("RAVELIN_LOG_LEVEL")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->type_name("LEVEL");
    auto* replaying = app.add_option("--replay", options.replay,
                                     "Run captures through the packet path instead of ports: "
                                     "outside=A.pcap,inside=B.pcap (one of them may be left out); "
                                     "each holds what came in on its port (tcpdump -Q in)")
                          ->type_name("PORT=FILE,...")
                          ->excludes(checking);
    const auto output = [&](const char* name, std::string& value, const char* help) {
        app.add_option(name, value, help)->type_name("FILE")->needs(replaying);
    };
    output("--verdicts", options.verdicts, "Replay: one JSON line for each packet");
    output("--forwarded", options.forwarded, "Replay: capture of what was forwarded");
    output("--dropped", options.dropped, "Replay: capture of what was dropped");
    output("--flows", options.flows, "Replay: connections that are open at the end");
    output("--tunnels", options.tunnels, "Replay: one JSON line for whatever happened to a tunnel");
    app.add_flag("--version", version, "Print the version");
    app.add_flag("--print-config-reference", reference, "Print what every key of the file means");
    app.add_flag("--print-config-schema", schema, "Print the JSON Schema of the file, for editors");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? static_cast<int>(ExitCode::Ok)
                                                          : static_cast<int>(ExitCode::Usage);
    }
    if (!check.empty()) {
        options.action = Options::Action::Check;
        options.config = check;
    }
    if (!options.replay.empty()) options.action = Options::Action::Replay;
    if (version) options.action = Options::Action::Version;
    if (reference) options.action = Options::Action::ConfigReference;
    if (schema) options.action = Options::Action::ConfigSchema;
    return options;
}

}  // namespace ravelin
