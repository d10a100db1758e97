// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/metrics_catalog.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;

constexpr std::array<const char*, 2> kTransports{"unix", "http"};
constexpr std::array<const char*, kLogLevelCount> kLevels{"debug", "info", "warning", "error"};

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_bytes() {
    std::ifstream file{"/proc/self/statm"};
    double total = 0;
    double resident = 0;
    file >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double open_files() {
    std::error_code error;
    std::filesystem::directory_iterator file{"/proc/self/fd", error};
    if (error) return 0;
    double count = -1;  // the directory itself
    for (; !error && file != std::filesystem::directory_iterator{}; file.increment(error))
        ++count;
    return count;
}

double most_files() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<double>(limit.rlim_cur);
}

/// proc(5): field 22 of stat is the start in clock ticks since boot; btime is the boot's Unix time.
double start_time() {
    std::ifstream stat{"/proc/self/stat"};
    std::string text{std::istreambuf_iterator<char>{stat}, {}};
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields{text.substr(name_end + 2)};
    std::string field;
    for (int i = 3; i <= 22; ++i)
        fields >> field;
    double boot = 0;
    std::ifstream system{"/proc/stat"};
    for (std::string key; system >> key;)
        if (key == "btime") system >> boot;
    return boot + std::strtod(field.c_str(), nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void register_event_metrics(Registry& registry, const MetricSources& sources) {
    const Appliance& appliance = sources.appliance;
    const ManagementCounters& management = sources.management;
    registry.add({"ravelin_events_emitted_total",
                  MetricType::Counter,
                  "Events offered to subscribers (new, update, destroy, stale, denied).",
                  {"kind"}},
                 Registry::Collect{[&appliance] {
                     Samples samples;
                     for (size_t i = 0; i < kEventKindCount; ++i)
                         samples.push_back(
                             sample({keyword(static_cast<EventKind>(i))},
                                    static_cast<double>(sum_workers(appliance, [&](const auto& c) {
                                        return c.events_emitted[i].value();
                                    }))));
                     return samples;
                 }});
    registry.add(
        {"ravelin_events_lost_total",
         MetricType::Counter,
         "Events lost because a consumer was too slow (management, subscriber).",
         {"consumer"}},
        Registry::Collect{[&appliance, &management] {
            const uint64_t rings =
                sum_workers(appliance, [](const auto& c) { return c.events_lost.value(); });
            return Samples{sample({"management"}, static_cast<double>(rings)),
                           sample({"subscriber"}, value(management.events_lost_subscriber))};
        }});
}

}  // namespace

void register_management_metrics(Registry& registry, const MetricSources& sources) {
    const ManagementCounters& management = sources.management;
    register_event_metrics(registry, sources);
    registry.add({"ravelin_log_messages_total",
                  MetricType::Counter,
                  "Log messages written by level.",
                  {"level"}},
                 Registry::Collect{[&management] {
                     Samples samples;
                     for (size_t i = 0; i < kLevels.size(); ++i)
                         samples.push_back(sample({kLevels[i]}, value(management.log_messages[i])));
                     return samples;
                 }});
    registry.add({"ravelin_log_suppressed_total",
                  MetricType::Counter,
                  "Log messages suppressed by the log rate limit.",
                  {}},
                 [&management] { return value(management.log_suppressed); });
    registry.add({"ravelin_control_requests_total",
                  MetricType::Counter,
                  "Management requests (unix, http) by result (ok, error).",
                  {"transport", "result"}},
                 Registry::Collect{[&management] {
                     Samples samples;
                     for (size_t i = 0; i < kTransports.size(); ++i) {
                         const auto& counts = management.requests[i];
                         samples.push_back(sample({kTransports[i], "ok"}, value(counts.ok)));
                         samples.push_back(sample({kTransports[i], "error"}, value(counts.error)));
                     }
                     return samples;
                 }});
}

void register_process_metrics(Registry& registry) {
    registry.add({"process_cpu_seconds_total",
                  MetricType::Counter,
                  "Total user and system CPU time spent in seconds.",
                  {}},
                 cpu_seconds);
    registry.add(
        {"process_resident_memory_bytes", MetricType::Gauge, "Resident memory size in bytes.", {}},
        resident_bytes);
    registry.add({"process_open_fds", MetricType::Gauge, "Number of open file descriptors.", {}},
                 open_files);
    registry.add(
        {"process_max_fds", MetricType::Gauge, "Maximum number of open file descriptors.", {}},
        most_files);
    registry.add({"process_start_time_seconds",
                  MetricType::Gauge,
                  "Start time of the process since unix epoch in seconds.",
                  {}},
                 [start = start_time()] { return start; });
}

}  // namespace ravelin
