// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace ravelin::ctl {

namespace {

/// The filters of `flows` and `events`, named as conntrack names its own.
void add_filters(CLI::App& command, Options& options) {
    const auto filter = [&](const std::string& flags, const std::string& key,
                            const std::string& type, const std::string& help) {
        command.add_option(flags, options.filters[key], help)->type_name(type)->group("Filters");
    };
    const auto flag = [&](const std::string& flags, const std::string& key,
                          const std::string& help) {
        command.add_flag(flags, options.filter_flags[key], help)->group("Filters");
    };
    filter("-p,--protocol", "protocol", "NAME",
           "tcp, udp, icmp, icmpv6, esp, ah, gre, sctp or a number");
    filter("-s,--source", "source", "ADDRESS", "source of the original direction, or a prefix");
    filter("-d,--destination", "destination", "ADDRESS",
           "destination of the original direction, or a prefix");
    filter("--sport", "sport", "PORT", "source port, or a range as in 1000-2000");
    filter("--dport", "dport", "PORT", "destination port, or a range");
    filter("--state", "state", "STATE", "TCP state, as in ESTABLISHED");
    filter("-f,--family", "family", "FAMILY", "ipv4 or ipv6");
    filter("--wire", "wire", "NAME", "the wire that it crosses");
    flag("--assured", "assured", "only those that are ASSURED");
    flag("--unreplied", "unreplied", "only those that had no reply yet");
}

CLI::App* add_command(CLI::App& app, Options& options, Command command, const std::string& name,
                      const std::string& help) {
    CLI::App* added = app.add_subcommand(name, help);
    added->final_callback([&options, command] { options.command = command; });
    return added;
}

void add_output(CLI::App& command, Options& options, const std::vector<std::string>& words) {
    std::string list;
    for (const std::string& word : words)
        list += (list.empty() ? "" : ", ") + word;
    command.add_option("-o,--output", options.output, list + "; without it " + words.front())
        ->check(CLI::IsMember(words, CLI::ignore_case).name("").description(""))
        ->type_name("FORM");
}

void add_flows(CLI::App& app, Options& options) {
    CLI::App* flows =
        add_command(app, options, Command::Flows, "flows", "List the connections in the table");
    add_output(*flows, options, {"table", "conntrack", "json", "jsonl"});
    add_filters(*flows, options);
    flows
        ->add_option("--sort", options.filters["sort"],
                     "bytes, packets, age (largest first) or timeout (next to end first)")
        ->type_name("KEY");
    flows->add_option("--limit", options.filters["limit"], "at most this many")
        ->type_name("NUMBER");
    flows->add_flag("--id", options.id, "with -o conntrack: the connection's id, as -o id");
    flows->add_flag("--delta-time", options.delta_time, "with -o conntrack: the age in seconds");
    flows->footer(
        "With -o conntrack each line is what conntrack -L prints, and the number of entries goes\n"
        "to stderr as there.\n\nExamples:\n"
        "  ravelinctl flows -p udp --dport 1194\n"
        "  ravelinctl flows --sort bytes --limit 10\n"
        "  ravelinctl flows -o conntrack | grep UNREPLIED\n"
        "  ravelinctl flows -o jsonl | jq -r .original.source | sort | uniq -c");
}

void add_events(CLI::App& app, Options& options) {
    CLI::App* events = add_command(app, options, Command::Events, "events",
                                   "Follow connections as they come, change and end");
    add_output(*events, options, {"conntrack", "jsonl"});
    events->add_option("--count", options.count, "end after this many events")
        ->type_name("NUMBER")
        ->check([](const std::string& text) {
            return text == "0" ? std::string{"there must be one event at least"} : std::string{};
        });
    events->add_flag("--timestamp", options.timestamp,
                     "with -o conntrack: when, as conntrack -E -o timestamp");
    events->add_flag("--id", options.id, "with -o conntrack: the connection's id, as -o id");
    events->add_flag("--delta-time", options.delta_time,
                     "with -o conntrack: the age of what ended, in seconds");
    add_filters(*events, options);
    events->footer(
        "A reader that is too slow loses events and is told how many:\n"
        "  # lost 312 events");
}

void add_stale(CLI::App& app, Options& options) {
    CLI::App* stale = app.add_subcommand("stale", "Tell about late packets of ended connections");
    stale->require_subcommand(1);
    CLI::App* list =
        add_command(*stale, options, Command::Stale, "list",
                    "List the ended connections that late packets came for, the last first");
    add_output(*list, options, {"table", "json", "jsonl"});
    list->footer(
        "Each worker keeps the last 512 of them. A late packet is one without a connection whose\n"
        "addresses and ports belonged to one that has ended; conntrack.tombstones says for how\n"
        "long that is known and what happens to it.");
}

void add_denied(CLI::App& app, Options& options) {
    CLI::App* denied =
        add_command(app, options, Command::Denied, "denied",
                    "Tell what was denied: which packets, why, and what they belonged to");
    add_output(*denied, options, {"table", "json", "jsonl"});
    add_filters(*denied, options);
    denied->add_option("--limit", options.filters["limit"], "at most this many")
        ->type_name("NUMBER")
        ->group("Filters");
    denied->footer(
        "The last first. What one sender has sent to one address and port and was denied for one\n"
        "reason is one line; each worker keeps 512, and writes up 10,000 packets a second at\n"
        "most. Late packets of ended connections are in `ravelinctl stale list`, the number of\n"
        "packets by reason in `ravelinctl drops`.");
}

void add_ids(CLI::App& command, Options& options) {
    const std::vector<std::string> words{"session", "hashed"};
    command
        .add_option("--ids", options.ids,
                    "how tunnels are named: session (as the peers' logs have it; the default for "
                    "people) or hashed (the default of json and jsonl, and in events and the log)")
        ->check(CLI::IsMember(words).name("").description(""))
        ->type_name("HOW");
}

void add_tunnels(CLI::App& app, Options& options) {
    CLI::App* tunnels =
        app.add_subcommand("tunnels", "List the VPN tunnels, or tell one's whole story");
    tunnels->final_callback([&options] {
        options.command = options.tunnel.empty() ? Command::Tunnels : Command::Tunnel;
    });
    add_output(*tunnels, options, {"table", "json", "jsonl"});
    add_ids(*tunnels, options);
    tunnels->add_flag("--all", options.all,
                      "also those that have ended, and handshakes that nobody answered");
    CLI::App* show =
        tunnels->add_subcommand("show", "Tell everything about one tunnel, with its time line");
    show->add_option("ID", options.tunnel, "its id, or the beginning of that")->required();
    show->add_option("-o,--output", options.output, "text, json; without it text")
        ->check(CLI::IsMember(std::vector<std::string>{"text", "json"}).name("").description(""))
        ->type_name("FORM");
    add_ids(*show, options);
    tunnels->footer(
        "HEARD C/S is how long ago client and server were last heard, KEEPALIVE C/S how often "
        "each\n"
        "sends something when it is idle. NOTE is what matters most about a tunnel; why its "
        "client\n"
        "came back is explained in docs/tunnels.md.\n\nExamples:\n"
        "  ravelinctl tunnels\n"
        "  ravelinctl tunnels show 43e5\n"
        "  ravelinctl tunnels -o jsonl | jq -r 'select(.flap_score > 2) | .explanation'");
}

}  // namespace

std::unique_ptr<CLI::App> make_command_line(Options& options) {
    auto app = std::make_unique<CLI::App>(
        "Talks to a running ravelind: what it tracks, what it drops and why.", "ravelinctl");
    app->require_subcommand(1);
    app->fallthrough();
    app->get_formatter()->column_width(32);
    app->get_formatter()->label("SUBCOMMAND", "COMMAND");
    app->get_formatter()->label("Subcommands", "Commands");
    app->set_help_flag("-h,--help", "show this help");
    app->set_version_flag("--version", "ravelinctl " RAVELIN_VERSION);
    app->add_option("-S,--socket", options.socket, "control socket of ravelind")
        ->envname("RAVELIN_SOCKET")
        ->type_name("PATH")
        ->capture_default_str();
    app->add_flag("--no-color", options.no_color, "no colour; NO_COLOR does the same");

    add_flows(*app, options);
    add_events(*app, options);
    add_stale(*app, options);
    add_denied(*app, options);
    add_tunnels(*app, options);
    CLI::App* drops = add_command(*app, options, Command::Drops, "drops",
                                  "Tell what was dropped, why, and what to do about it");
    add_output(*drops, options, {"table", "json", "jsonl"});
    drops->add_flag("--all", options.all, "also the reasons that have not occurred");
    CLI::App* stats = add_command(*app, options, Command::Stats, "stats",
                                  "Show counters of ports, packets, connections and workers");
    add_output(*stats, options, {"table", "json", "jsonl"});
    add_command(*app, options, Command::Health, "health",
                "Tell whether it forwards; exit code 1 when not");
    CLI::App* clock = add_command(*app, options, Command::Clock, "clock",
                                  "Show the clocks: what timers run by, and the host's wall clock");
    add_output(*clock, options, {"table", "json"});
    add_command(*app, options, Command::Reload, "reload",
                "Read the configuration again; a broken one changes nothing (exit code 4)");
    CLI::App* flush =
        add_command(*app, options, Command::Flush, "flush", "End every connection in the table");
    flush->add_flag("--yes", options.yes, "don't ask");
    CLI::App* version = add_command(*app, options, Command::Version, "version",
                                    "Show the versions of this program and of ravelind");
    add_output(*version, options, {"table", "json"});

    app->footer(
        "Data goes to stdout, words to stderr. Exit codes: 0 ok, 1 failed, 2 wrong usage,\n"
        "3 ravelind can't be reached, 4 configuration invalid.\n\n"
        "ravelinctl COMMAND --help tells more.");
    return app;
}

}  // namespace ravelin::ctl
