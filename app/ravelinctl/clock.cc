// SPDX-License-Identifier: BSD-3-Clause
#include "commands.h"
#include "exit_code.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>

namespace ravelin::ctl {

namespace {

using nlohmann::json;

template <class... Values>
std::string print(const char* format, Values... values) {
    std::array<char, 128> text{};
    std::snprintf(text.data(), text.size(), format, values...);
    return text.data();
}

/// In the unit that reads best, with its sign.
std::string with_sign(double seconds) {
    if (std::fabs(seconds) < 1e-4) return print("%+.1f us", seconds * 1e6);
    if (std::fabs(seconds) < 0.1) return print("%+.1f ms", seconds * 1e3);
    return print("%+.1f s", seconds);
}

double number(const json& object, const char* key) {
    return object.value(key, json{0.0}).get<double>();
}

std::string line(const std::string& key, const std::string& value) {
    return "  " + key + std::string(key.size() < 20 ? 20 - key.size() : 1, ' ') + value + "\n";
}

std::string yes_or_no(bool yes, const Style& style) {
    return yes ? style.good("yes") : style.bad("no");
}

std::string chrony_text(const json& chrony) {
    if (chrony.is_null()) return "chronyd doesn't answer";
    if (!chrony.value("synchronised", false)) return "chronyd has no source that it can follow";
    return "chronyd follows " + chrony.value("source", "") +
           print(", stratum %u, ", chrony.value("stratum", 0U)) +
           with_sign(number(chrony, "last_offset_s")) +
           print(" off %.0f s ago", number(chrony, "updated_ago_s"));
}

std::string wall_text(const json& wall, const Style& style) {
    std::string text = line("synchronised", yes_or_no(wall.value("synchronised", false), style));
    if (const json& kernel = wall["kernel"]; kernel.is_null()) {
        text += line("error", "the kernel doesn't tell");
    } else {
        text += line("error", print("%.1f ms estimated, %.1f ms at most",
                                    number(kernel, "estimated_error_s") * 1e3,
                                    number(kernel, "max_error_s") * 1e3));
        text +=
            line("correction", with_sign(number(kernel, "offset_s")) + " left, frequency " +
                                   print("%+.3f ppm, TAI %+.0f s", number(kernel, "frequency_ppm"),
                                         number(kernel, "tai_offset_s")));
    }
    text += line("time service", chrony_text(wall["chrony"]));
    const auto forward = wall.value("steps_forward", uint64_t{0});
    const auto back = wall.value("steps_back", uint64_t{0});
    std::string steps = grouped(forward) + " forward, " + grouped(back) + " back";
    if (forward + back != 0)
        steps += "; the last by " + with_sign(number(wall, "last_step_s")) + ", " +
                 print("%.0f s ago", number(wall, "last_step_ago_s"));
    return text + line("steps", steps);
}

std::string rate_text(const json& rate) {
    if (rate["ppm"].is_null()) return "not measured yet";
    return print("%+.2f ppm, ", number(rate, "ppm")) + with_sign(number(rate, "error_s")) +
           " since the start";
}

std::string timer_text(const json& timer, const Style& style) {
    return line("invariant counter", yes_or_no(timer.value("invariant", false), style) +
                                         print(", %.3f MHz", number(timer, "hertz") * 1e-6)) +
           line("against monotonic", rate_text(timer["monotonic"])) +
           line("against raw", rate_text(timer["monotonic_raw"])) +
           line("rate corrected", grouped(timer.value("corrections", uint64_t{0})) + " times") +
           line("counter jumped", grouped(timer.value("jumps", uint64_t{0})) + " times");
}

std::string pauses_text(const json& workers, const Style& style) {
    Table table{{"WORKER", ">PAUSES", ">IN ALL", ">LAST", ">AGO"}};
    for (const json& worker : workers) {
        const auto pauses = worker.value("pauses", uint64_t{0});
        const auto cell = [&](const char* key) {
            return pauses == 0 ? "-" : print("%.1f s", number(worker, key));
        };
        table.add({worker.value("worker", ""), grouped(pauses), cell("paused_s"),
                   cell("last_pause_s"), cell("last_pause_ago_s")});
    }
    return table.text(style, 2);
}

/// How far a clock is off, or "-" where nobody knows.
std::string offset_text(const json& server, const char* offset, const char* error) {
    if (server[offset].is_null()) return "-";
    std::string text = with_sign(number(server, offset));
    if (error != nullptr) text += print(" +-%.1f ms", number(server, error) * 1e3);
    return text;
}

std::string ntp_text(const json& all, const Style& style) {
    if (all.is_null()) return line("unknown", "a worker doesn't answer");
    if (all.empty()) return line("nobody asks", "no NTP request has come by");
    Table table{
        {"CLIENT", "SERVER", ">STRATUM", ">ANSWERED", ">LAST", ">SERVER OFF", ">CLIENT OFF"}};
    for (const json& one : all) {
        const bool answered = !one["stratum"].is_null();
        const auto lost = one.value("unanswered", uint64_t{0});
        std::string stratum = answered ? std::to_string(one.value("stratum", 0U)) : "-";
        if (answered && !one.value("synchronised", false)) stratum += " (refuses)";
        table.add({one.value("client", ""), one.value("server", ""), stratum,
                   grouped(one.value("answers", uint64_t{0})) + "/" +
                       grouped(one.value("requests", uint64_t{0})) +
                       (lost > 1 ? ", none of the last " + grouped(lost) : ""),
                   answered ? print("%.1f s", number(one, "last_answer_ago_s")) : "-",
                   offset_text(one, "server_offset_s", "server_offset_error_s"),
                   offset_text(one, "client_offset_s", nullptr)});
    }
    return table.text(style, 2);
}

}  // namespace

int run_clock(Client& client, const Options& options, const Style& style) {
    json answer;
    const auto asked = client.ask(R"({"cmd":"clock"})", [&](std::string_view text) {
        answer = json::parse(text, nullptr, false);
        return true;
    });
    if (!asked) return complain(asked.error().message, kFailed);
    if (answer.contains("error")) return complain(answer["error"].get<std::string>(), kFailed);
    answer.erase("end");
    if (options.output == "json") {
        std::cout << answer.dump() << "\n";
        return kOk;
    }
    std::cout << style.bold("Wall clock") << " (for display only)\n"
              << wall_text(answer["wall_clock"], style) << style.bold("Timers' clock") << "\n"
              << timer_text(answer["timer_clock"], style) << style.bold("Workers' pauses") << "\n"
              << pauses_text(answer["workers"], style)
              << style.bold("Time service through the wires")
              << " (NTP; off against our wall clock)\n"
              << ntp_text(answer["ntp"], style);
    return kOk;
}

}  // namespace ravelin::ctl
