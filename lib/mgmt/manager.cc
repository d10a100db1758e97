// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/manager.h"

#include "mgmt/clock_health.h"
#include "mgmt/metrics_catalog.h"

#include <cerrno>
#include <sys/random.h>
#include <system_error>
#include <utility>

namespace ravelin {

namespace {

/// The whole catalogue, before the page adds the families about itself.
Registry make_registry(const MetricSources& sources) {
    Registry registry;
    register_metrics(registry, sources);
    return registry;
}

}  // namespace

Manager::Manager(const Appliance& appliance, ManagementCounters& counters, Log& log,
                 std::unique_ptr<TbbPool> pool, const HashSecret& secret)
    : appliance_{appliance},
      counters_{counters},
      log_{log},
      pool_{std::move(pool)},
      config_{appliance},
      registry_{make_registry({appliance, config_, counters})},
      metrics_{registry_, config_},
      reloader_{
          appliance, config_,
          [&log](const Config& config) { log.configure(config.log.level, config.log.format); }},
      tunnels_{appliance, counters.tunnels, log, secret},
      commands_{{appliance, registry_, config_, [this] { return reload(); }, *pool_, &tunnels_}},
      host_clocks_{appliance.now} {}

Result<std::unique_ptr<Manager>> Manager::open(const Appliance& appliance,
                                               ManagementCounters& counters, Log& log) {
    auto pool = TbbPool::create(appliance.config.cores.management);
    if (!pool) return tl::unexpected<Error>{pool.error()};
    HashSecret secret;
    if (getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size()))
        return fail(std::string{"getrandom: "} + std::system_category().message(errno));
    std::unique_ptr<Manager> manager{
        new Manager{appliance, counters, log, std::move(*pool), secret}};
    if (auto started = manager->start(); !started) return tl::unexpected<Error>{started.error()};
    return manager;
}

Result<void> Manager::start() {
    auto control = ControlServer::open(appliance_, commands_, config_, counters_);
    if (!control) return tl::unexpected<Error>{control.error()};
    control_.emplace(std::move(*control));
    if (!appliance_.config.http.enabled) return {};
    auto http = HttpServer::open(appliance_.config.http.listen, appliance_, metrics_, counters_);
    if (!http) return tl::unexpected<Error>{http.error()};
    http_.emplace(std::move(*http));
    return {};
}

void Manager::run_once(Duration timeout) {
    control_->run_once(timeout);
    const std::vector<TunnelNews> news = tunnels_.run_once();
    control_->tell(news, tunnels_.take_lost());
    reloader_.retire();
    watch_clocks();
}

void Manager::watch_clocks() {
    const Instant now = appliance_.now();
    if (appliance_.clocks == nullptr || now < next_clock_look_) return;
    next_clock_look_ = now + kClockInterval;
    std::vector<ClockNews> news = appliance_.clocks->look(host_clocks_.read());
    for (ClockNews& pause : appliance_.clocks->look_at_workers(appliance_))
        news.push_back(std::move(pause));
    tunnels_.set_synchronised(appliance_.clocks->wall_clock_trust().synchronised);
    for (const ClockNews& item : news) {
        if (item.level == LogLevel::Warning)
            log_.warning("clock", item.text);
        else
            log_.info("clock", item.text);
        control_->announce(clock_event_json(item, now, appliance_.unix_offset()));
    }
}

ReloadOutcome Manager::reload() {
    ReloadOutcome outcome = reloader_.reload();
    const bool rejected = outcome.result == ReloadResult::Rejected;
    log_.block(rejected ? LogLevel::Error : LogLevel::Warning, "reload", outcome.findings);
    if (rejected)
        log_.error("reload", outcome.message);
    else
        log_.info("reload", outcome.message);
    return outcome;
}

std::vector<std::string> Manager::describe() const {
    std::vector<std::string> lines{pool_->describe(),
                                   "control socket: " + appliance_.config.control.socket};
    if (http_) lines.push_back("metrics: http://" + appliance_.config.http.listen + "/metrics");
    return lines;
}

}  // namespace ravelin
