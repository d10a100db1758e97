// SPDX-License-Identifier: BSD-3-Clause
#include "commands.h"
#include "exit_code.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace ravelin::ctl {

namespace {

using nlohmann::json;

json filters_of(const Options& options) {
    json filters = json::object();
    for (const auto& [key, value] : options.filters)
        if (!value.empty()) filters[key] = value;
    for (const auto& [key, value] : options.filter_flags)
        if (value) filters[key] = true;
    return filters;
}

void put(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

/// Prints what the daemon formatted ("text"), and everything else as it is.
class Printer {
  public:
    explicit Printer(bool array) : array_{array} {}

    /// False when nobody reads any more.
    bool line(std::string_view line) {
        if (line.starts_with("{\"text\":") || line.starts_with("{\"lost\":")) return print(line);
        if (line.starts_with("{\"end\":") || line.starts_with("{\"error\":") ||
            line.starts_with("{\"listening\":")) {
            const json last = json::parse(line, nullptr, false);
            if (last.contains("error")) error = last["error"].get<std::string>();
            shown = last.value("shown", uint64_t{0});
            total = last.value("total", uint64_t{0});
            return true;
        }
        if (array_) put(first_ ? "[\n" : ",\n");
        first_ = false;
        put(line);
        if (!array_) put("\n");
        return std::ferror(stdout) == 0;
    }
    void finish() const {
        if (array_) put(first_ ? "[]\n" : "\n]\n");
        std::fflush(stdout);
    }

    std::string error;
    uint64_t shown = 0;
    uint64_t total = 0;

  private:
    bool print(std::string_view line) {
        const json text = json::parse(line, nullptr, false);
        if (text.contains("text"))
            put(text["text"].get_ref<const std::string&>());
        else
            put(std::string{line} + "\n");
        return std::ferror(stdout) == 0;
    }

    bool array_;
    bool first_ = true;
};

/// A whole answer; the exit code.
int print_all(Client& client, const json& request, Printer& printer) {
    const auto asked =
        client.ask(request.dump(), [&](std::string_view line) { return printer.line(line); });
    if (!asked) return complain(asked.error().message, kFailed);
    if (!printer.error.empty()) return complain(printer.error, kFailed);
    printer.finish();
    return kOk;
}

}  // namespace

int run_flows(Client& client, const Options& options) {
    const bool structured = options.output == "json" || options.output == "jsonl";
    json request = {{"cmd", "flows"}, {"filters", filters_of(options)}};
    request["output"] = structured ? "json" : options.output.empty() ? "table" : options.output;
    if (options.id) request["id"] = true;
    if (options.delta_time) request["delta_time"] = true;

    Printer printer{options.output == "json"};
    if (const int code = print_all(client, request, printer); code != kOk) return code;
    // As conntrack does, so that the data alone goes through a pipe.
    if (options.output == "conntrack")
        std::fprintf(stderr, "ravelinctl v%s: %llu flow entries have been shown.\n",
                     RAVELIN_VERSION, static_cast<unsigned long long>(printer.shown));
    else if (!structured)
        std::fprintf(stderr, "%llu of %llu connections\n",
                     static_cast<unsigned long long>(printer.shown),
                     static_cast<unsigned long long>(printer.total));
    return kOk;
}

int run_events(Client& client, const Options& options) {
    json request = {{"cmd", "events"}, {"filters", filters_of(options)}};
    request["output"] = options.output == "jsonl" ? "json" : "conntrack";
    if (options.count != 0) request["count"] = options.count;
    if (options.id) request["id"] = true;
    if (options.timestamp) request["timestamp"] = true;
    if (options.delta_time) request["delta_time"] = true;

    Printer printer{false};
    const auto asked = client.ask(request.dump(), [&](std::string_view line) {
        const bool more = printer.line(line);
        // Somebody watches: each event at once.
        std::fflush(stdout);
        return more;
    });
    if (!asked) return complain(asked.error().message, kUnreachable);
    if (!printer.error.empty()) return complain(printer.error, kFailed);
    return kOk;
}

int run_stale(Client& client, const Options& options) {
    const bool structured = options.output == "json" || options.output == "jsonl";
    const json request = {{"cmd", "stale"}, {"output", structured ? "json" : "table"}};
    Printer printer{options.output == "json"};
    return print_all(client, request, printer);
}

int run_denied(Client& client, const Options& options) {
    const bool structured = options.output == "json" || options.output == "jsonl";
    json request = {{"cmd", "denied"}, {"filters", filters_of(options)}};
    request["output"] = structured ? "json" : "table";
    Printer printer{options.output == "json"};
    return print_all(client, request, printer);
}

int run_tunnels(Client& client, const Options& options) {
    const bool structured = options.output == "json" || options.output == "jsonl";
    json request = {{"cmd", "tunnels"}, {"output", structured ? "json" : "table"}};
    if (options.all) request["all"] = true;
    if (!options.ids.empty()) request["ids"] = options.ids;
    Printer printer{options.output == "json"};
    if (const int code = print_all(client, request, printer); code != kOk) return code;
    if (structured) return kOk;
    std::fprintf(stderr, "%llu tunnels", static_cast<unsigned long long>(printer.shown));
    if (printer.shown < printer.total)
        std::fprintf(stderr, "; %llu that ended or were not answered aren't shown (--all)",
                     static_cast<unsigned long long>(printer.total - printer.shown));
    std::fprintf(stderr, "\n");
    return kOk;
}

int run_tunnel(Client& client, const Options& options) {
    json request = {{"cmd", "tunnel"}, {"id", options.tunnel}};
    request["output"] = options.output == "json" ? "json" : "text";
    if (!options.ids.empty()) request["ids"] = options.ids;
    Printer printer{false};
    return print_all(client, request, printer);
}

}  // namespace ravelin::ctl
