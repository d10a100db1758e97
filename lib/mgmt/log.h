// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/management_counters.h"

#include <spdlog/sinks/sink.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace ravelin {

/// One line per event on stderr: text for people, JSON for machines.
///
///     2026-01-31T12:00:00.250Z warning port: outside has no link
///     {"time":"2026-01-31T12:00:00.250Z","level":"warning","site":"port","message":"..."}
///
/// Each site (a short word that names where a message comes from, never a part of it) has a
/// budget; what is over it is counted and told with the next line that the site may write. Bytes
/// outside printable ASCII are escaped (threats T73). Any thread.
class Log {
  public:
    using WallClock = std::function<std::chrono::system_clock::time_point()>;

    /// Lines that a site may write at once, and how often it gets one more.
    static constexpr uint32_t kBurst = 10;
    static constexpr std::chrono::seconds kRefill{1};
    /// More sites than this share one budget.
    static constexpr size_t kMaxSites = 128;

    /// To stderr.
    explicit Log(ManagementCounters& counters);
    /// To anywhere, by any clock: for tests.
    Log(ManagementCounters& counters, std::shared_ptr<spdlog::sinks::sink> sink, WallClock now);

    /// `level`: debug, info, warning, error; `format`: text, json. Anything else changes nothing.
    void configure(std::string_view level, std::string_view format);

    void debug(std::string_view site, std::string_view message);
    void info(std::string_view site, std::string_view message);
    void warning(std::string_view site, std::string_view message);
    void error(std::string_view site, std::string_view message);
    /// Text of several lines, such as findings: one message of the budget, a line for each.
    void block(LogLevel level, std::string_view site, std::string_view text);

  private:
    using Time = std::chrono::system_clock::time_point;

    struct Budget {
        uint32_t tokens = kBurst;
        Time refilled{};
        uint64_t suppressed = 0;
    };

    void write(LogLevel level, std::string_view site, std::string_view message);
    /// Whether the site may write now; takes one from its budget.
    [[nodiscard]] bool admit(LogLevel level, std::string_view site, Time now);
    void emit(LogLevel level, std::string_view site, std::string_view message, Time now);
    [[nodiscard]] Budget& budget(std::string_view site, Time now);

    ManagementCounters& counters_;
    std::shared_ptr<spdlog::sinks::sink> sink_;
    WallClock now_;
    std::mutex mutex_;
    LogLevel least_ = LogLevel::Info;
    bool json_ = false;
    std::map<std::string, Budget, std::less<>> budgets_;
};

}  // namespace ravelin
