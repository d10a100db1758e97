// SPDX-License-Identifier: BSD-3-Clause
#include "commands.h"
#include "exit_code.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>
#include <unistd.h>
#include <vector>

namespace ravelin::ctl {

namespace {

using nlohmann::json;

/// All lines of a short answer, the last one included.
Result<std::vector<json>> collect(Client& client, const json& request) {
    std::vector<json> lines;
    const auto asked = client.ask(request.dump(), [&](std::string_view line) {
        lines.push_back(json::parse(line, nullptr, false));
        return true;
    });
    if (!asked) return tl::unexpected<Error>{asked.error()};
    if (lines.back().contains("error")) return fail(lines.back()["error"].get<std::string>());
    return lines;
}

std::string text(const json& object, const char* key) {
    return object.value(key, std::string{});
}

void print_lines(const std::vector<json>& lines, bool array) {
    if (array) std::cout << "[\n";
    for (size_t i = 0; i < lines.size(); ++i)
        std::cout << lines[i].dump() << (array && i + 1 < lines.size() ? ",\n" : "\n");
    if (array) std::cout << "]\n";
}

void print_drops(const std::vector<json>& drops, const Style& style) {
    size_t width = 0;
    for (const json& drop : drops)
        width = std::max(width, grouped(drop.value("packets", uint64_t{0})).size());
    for (const json& drop : drops) {
        const std::string count = grouped(drop.value("packets", uint64_t{0}));
        std::cout << std::string(width - count.size(), ' ') << style.bold(count) << "  "
                  << text(drop, "sentence") << " (" << text(drop, "reason") << ")\n"
                  << std::string(width + 2, ' ') << style.dim(text(drop, "fix")) << "\n";
    }
}

}  // namespace

int complain(const std::string& message, int code) {
    std::cout.flush();
    std::cerr << "ravelinctl: " << message << "\n";
    return code;
}

int run_drops(Client& client, const Options& options, const Style& style) {
    auto lines = collect(client, {{"cmd", "drops"}});
    if (!lines) return complain(lines.error().message, kFailed);
    const uint64_t packets = lines->back().value("packets", uint64_t{0});
    lines->pop_back();
    const size_t reasons = lines->size();
    if (!options.all)
        std::erase_if(*lines, [](const json& drop) { return drop.value("packets", 0ULL) == 0; });
    if (options.output == "json" || options.output == "jsonl") {
        print_lines(*lines, options.output == "json");
        return kOk;
    }
    std::stable_sort(lines->begin(), lines->end(), [](const json& a, const json& b) {
        return a.value("packets", uint64_t{0}) > b.value("packets", uint64_t{0});
    });
    print_drops(*lines, style);
    std::cout.flush();
    std::cerr << grouped(packets) << " packets dropped";
    if (!options.all && lines->size() < reasons)
        std::cerr << "; " << reasons - lines->size()
                  << " reasons have not occurred (--all shows them)";
    std::cerr << "\n";
    return kOk;
}

int run_health(Client& client, const Style& style) {
    auto lines = collect(client, {{"cmd", "health"}});
    if (!lines) return complain(lines.error().message, kFailed);
    const bool ready = lines->back().value("ready", false);
    lines->pop_back();
    for (const json& check : *lines) {
        const bool ok = check.value("ok", false);
        const std::string bad = check.value("advisory", false) ? "warns " : "failed";
        std::cout << (ok ? style.good("ok    ") : style.bad(bad)) << "  " << text(check, "check");
        if (!ok) std::cout << ": " << text(check, "detail");
        std::cout << "\n";
    }
    std::cout << (ready ? "ready\n" : "not ready\n");
    return ready ? kOk : kFailed;
}

int run_reload(Client& client) {
    auto lines = collect(client, {{"cmd", "reload"}});
    if (!lines) return complain(lines.error().message, kFailed);
    const json& answer = lines->back();
    // Findings are words about a file, as a compiler's are: stderr.
    std::cerr << text(answer, "findings");
    if (text(answer, "result") == "rejected")
        return complain(text(answer, "message"), kConfigInvalid);
    std::cout << text(answer, "message") << "\n";
    return kOk;
}

int run_flush(Client& client, const Options& options) {
    if (!options.yes) {
        if (isatty(STDIN_FILENO) != 1)
            return complain("flush ends every connection; without a terminal it needs --yes",
                            kUsage);
        std::cerr << "End every connection? [y/N] ";
        std::string reply;
        std::getline(std::cin, reply);
        if (reply != "y" && reply != "yes") return complain("nothing was done", kFailed);
    }
    auto lines = collect(client, {{"cmd", "flush"}});
    if (!lines) return complain(lines.error().message, kFailed);
    std::cout << grouped(lines->back().value("flushed", uint64_t{0})) << " connections ended\n";
    return kOk;
}

int run_version(Client& client, const Options& options) {
    auto lines = collect(client, {{"cmd", "version"}});
    if (!lines) return complain(lines.error().message, kFailed);
    json& answer = lines->back();
    answer.erase("end");
    answer["ravelinctl"] = RAVELIN_VERSION;
    if (options.output == "json") {
        std::cout << answer.dump() << "\n";
        return kOk;
    }
    std::cout << "ravelinctl     " << RAVELIN_VERSION << "\n"
              << "ravelind       " << text(answer, "version") << " (" << text(answer, "revision")
              << ")\n"
              << "DPDK           " << text(answer, "dpdk") << "\n"
              << "compiler       " << text(answer, "compiler") << "\n"
              << "configuration  " << text(answer, "config") << ", generation "
              << answer.value("generation", 0) << ", sha256 "
              << text(answer, "sha256").substr(0, 12) << "\n";
    return kOk;
}

}  // namespace ravelin::ctl
