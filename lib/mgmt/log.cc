// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/log.h"

#include "mgmt/text.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace ravelin {

namespace {

constexpr std::array<std::string_view, kLogLevelCount> kLevels{"debug", "info", "warning", "error"};
constexpr std::array<spdlog::level::level_enum, kLogLevelCount> kSpdLevels{
    spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};

/// RFC 3339 in UTC with milliseconds.
std::string time_text(std::chrono::system_clock::time_point now) {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    const auto seconds = static_cast<time_t>(milliseconds / 1000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text.data() + length, text.size() - length, ".%03dZ",
                  static_cast<int>(milliseconds % 1000));
    return text.data();
}

/// Printable ASCII stays, everything else becomes \xNN.
std::string escaped(std::string_view message) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (const char character : message) {
        const auto byte = static_cast<uint8_t>(character);
        if (byte >= 0x20 && byte <= 0x7e) {
            out.push_back(character);
        } else {
            out.append("\\x");
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 15]);
        }
    }
    return out;
}

}  // namespace

Log::Log(ManagementCounters& counters)
    : Log{counters, std::make_shared<spdlog::sinks::stderr_sink_mt>(),
          [] { return std::chrono::system_clock::now(); }} {}

Log::Log(ManagementCounters& counters, std::shared_ptr<spdlog::sinks::sink> sink, WallClock now)
    : counters_{counters}, sink_{std::move(sink)}, now_{std::move(now)} {
    sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
}

void Log::configure(std::string_view level, std::string_view format) {
    const std::lock_guard lock{mutex_};
    for (size_t i = 0; i < kLevels.size(); ++i)
        if (kLevels[i] == level) least_ = static_cast<LogLevel>(i);
    if (format == "json") json_ = true;
    if (format == "text") json_ = false;
}

void Log::debug(std::string_view site, std::string_view message) {
    write(LogLevel::Debug, site, message);
}
void Log::info(std::string_view site, std::string_view message) {
    write(LogLevel::Info, site, message);
}
void Log::warning(std::string_view site, std::string_view message) {
    write(LogLevel::Warning, site, message);
}
void Log::error(std::string_view site, std::string_view message) {
    write(LogLevel::Error, site, message);
}

Log::Budget& Log::budget(std::string_view site, Time now) {
    auto found = budgets_.find(site);
    if (found == budgets_.end()) {
        const bool full = budgets_.size() >= kMaxSites;
        found = budgets_.try_emplace(std::string{full ? "other" : site}).first;
        if (found->second.refilled == Time{}) found->second.refilled = now;
    }
    Budget& budget = found->second;
    // A wall clock that stepped back must not silence a site.
    if (now < budget.refilled) budget.refilled = now;
    const auto refills = (now - budget.refilled) / kRefill;
    if (refills > 0) {
        budget.tokens = static_cast<uint32_t>(
            std::min<int64_t>(kBurst, static_cast<int64_t>(budget.tokens) + refills));
        budget.refilled += refills * kRefill;
    }
    return budget;
}

bool Log::admit(LogLevel level, std::string_view site, Time now) {
    if (level < least_) return false;
    Budget& limit = budget(site, now);
    if (limit.tokens == 0) {
        ++limit.suppressed;
        counters_.log_suppressed.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    --limit.tokens;
    if (const uint64_t suppressed = std::exchange(limit.suppressed, 0); suppressed != 0)
        emit(level, site, std::to_string(suppressed) + " messages suppressed", now);
    return true;
}

void Log::write(LogLevel level, std::string_view site, std::string_view message) {
    const std::lock_guard lock{mutex_};
    const Time now = now_();
    if (admit(level, site, now)) emit(level, site, message, now);
}

void Log::block(LogLevel level, std::string_view site, std::string_view text) {
    const std::lock_guard lock{mutex_};
    const Time now = now_();
    if (!admit(level, site, now)) return;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        emit(level, site, text.substr(0, end), now);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

void Log::emit(LogLevel level, std::string_view site, std::string_view message, Time now) {
    const auto index = static_cast<size_t>(level);
    std::string line;
    if (json_) {
        line = "{\"time\":\"" + time_text(now) + "\",\"level\":\"";
        line.append(kLevels[index]).append("\",\"site\":");
        append_json_string(line, site);
        line.append(",\"message\":");
        append_json_string(line, message);
        line.push_back('}');
    } else {
        line = time_text(now) + " ";
        line.append(kLevels[index]).append(" ").append(site).append(": ").append(escaped(message));
    }
    counters_.log_messages[index].fetch_add(1, std::memory_order_relaxed);
    sink_->log(spdlog::details::log_msg{"ravelind", kSpdLevels[index], line});
    sink_->flush();
}

}  // namespace ravelin
