// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/reload.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace ravelin {

namespace {

bool same(const PortConfig& a, const PortConfig& b) {
    return a.name == b.name && a.device == b.device && a.queues == b.queues &&
           a.descriptors == b.descriptors && a.mtu == b.mtu;
}

/// What happens to NEW by default may change; where a wire runs may not.
bool same(const WireConfig& a, const WireConfig& b) {
    return a.name == b.name && a.outside == b.outside && a.inside == b.inside;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const T& x, const T& y) { return same(x, y); });
}

/// Where a top-level key stands in the file.
uint32_t line_of(std::string_view text, std::string_view key) {
    uint32_t line = 1;
    for (size_t start = 0; start < text.size(); ++line) {
        const size_t end = std::min(text.find('\n', start), text.size());
        const std::string_view content = text.substr(start, end - start);
        if (content.starts_with(key) && content.substr(key.size()).starts_with(":")) return line;
        start = end + 1;
    }
    return 0;
}

void needs_restart(LoadResult& loaded, std::string_view key, std::string_view what) {
    Finding finding;
    finding.line = line_of(loaded.text, key);
    finding.column = finding.line == 0 ? 0 : 1;
    finding.length = static_cast<uint32_t>(key.size());
    finding.message = std::string{what} + " can't change while ravelind runs: restart it, or undo";
    loaded.findings.push_back(std::move(finding));
}

}  // namespace

std::unique_ptr<const Runtime> make_runtime(const Config& config, uint16_t generation,
                                            TimeoutSets& sets) {
    auto runtime = std::make_unique<Runtime>();
    runtime->generation = generation;
    runtime->tracking = config.tracking;
    runtime->tunnels = config.observation;
    runtime->services = config.services;
    runtime->policy = config.policy;
    runtime->tracking_of_rules = sets.assign(runtime->policy.rules, config.tracking);
    runtime->pass_ethertypes = config.pass_ethertypes;
    return runtime;
}

std::unique_ptr<const Runtime> first_runtime(const Config& config) {
    TimeoutSets sets;
    return make_runtime(config, 1, sets);
}

void find_restarts(const Config& active, LoadResult& loaded) {
    const Config& next = *loaded.config;
    if (active.eal != next.eal) needs_restart(loaded, "eal", "the options of EAL");
    if (active.cores.management != next.cores.management ||
        active.cores.workers != next.cores.workers ||
        active.cores.nap_microseconds != next.cores.nap_microseconds)
        needs_restart(loaded, "cores", "the cores");
    if (active.steering != next.steering) needs_restart(loaded, "steering", "the steering");
    if (!same(active.ports, next.ports)) needs_restart(loaded, "ports", "the ports");
    if (!same(active.wires, next.wires)) needs_restart(loaded, "wires", "the ends of the wires");
    if (active.connections != next.connections || active.ipv6_percent != next.ipv6_percent)
        needs_restart(loaded, "conntrack", "the size of the connection table");
    if (active.tombstones != next.tombstones)
        needs_restart(loaded, "conntrack", "the room for tombstones");
    if (active.tunnels != next.tunnels) needs_restart(loaded, "tunnels", "the room for tunnels");
    if (active.fragments != next.fragments)
        needs_restart(loaded, "conntrack", "the room for fragments");
    if (active.control.socket != next.control.socket || active.control.mode != next.control.mode)
        needs_restart(loaded, "control", "the control socket");
    if (active.http.enabled != next.http.enabled || active.http.listen != next.http.listen)
        needs_restart(loaded, "http", "the HTTP address");
}

Reloader::Reloader(const Appliance& appliance, ConfigState& state, Applied applied)
    : appliance_{appliance},
      state_{state},
      applied_{std::move(applied)},
      active_{appliance.config} {
    // As whoever made the first one did.
    static_cast<void>(make_runtime(active_, generation_, timeout_sets_));
}

ReloadOutcome Reloader::reload() {
    const std::lock_guard lock{mutex_};
    retire_locked();
    const Instant start = appliance_.now();
    LoadResult loaded = load_config_file(active_.path);
    if (loaded.config) {
        const size_t before = loaded.findings.size();
        find_restarts(active_, loaded);
        if (loaded.findings.size() != before) loaded.config.reset();
    }
    state_.observe(ReloadPhase::Parse, appliance_.now() - start);
    if (!loaded.config) return reject(loaded);
    if (loaded.config->sha256 == active_.sha256) {
        state_.count(ReloadResult::Unchanged);
        return {
            ReloadResult::Unchanged,
            generation_,
            active_.path + " is what runs already (generation " + std::to_string(generation_) + ")",
            {}};
    }
    return apply(std::move(loaded));
}

ReloadOutcome Reloader::reject(const LoadResult& loaded) {
    state_.count(ReloadResult::Rejected);
    return {
        ReloadResult::Rejected, generation_,
        active_.path + " was refused; generation " + std::to_string(generation_) + " stays active",
        render_findings(loaded, loaded.text, active_.path)};
}

ReloadOutcome Reloader::apply(LoadResult loaded) {
    const Instant start = appliance_.now();
    const auto generation = static_cast<uint16_t>(generation_ == UINT16_MAX ? 1 : generation_ + 1);
    auto next = make_runtime(*loaded.config, generation, timeout_sets_);
    const Instant built = appliance_.now();
    state_.observe(ReloadPhase::Compile, built - start);

    auto old = appliance_.runtime->publish(std::move(next));
    retired_.push_back({appliance_.quiescence->mark(), std::move(old)});
    generation_ = generation;
    active_ = std::move(*loaded.config);
    state_.applied(active_, generation,
                   appliance_.now().time_since_epoch() + appliance_.unix_offset());
    const Instant published = appliance_.now();
    state_.observe(ReloadPhase::Publish, published - built);

    const bool everywhere = wait_for_workers();
    state_.observe(ReloadPhase::Retire, appliance_.now() - published);
    state_.count(ReloadResult::Applied);
    if (applied_) applied_(active_);

    ReloadOutcome outcome{ReloadResult::Applied,
                          generation_,
                          active_.path + " is active as generation " + std::to_string(generation_),
                          {}};
    if (!everywhere) outcome.message += ", but a worker has not taken it up yet";
    if (!loaded.findings.empty())
        outcome.findings = render_findings(loaded, loaded.text, active_.path);
    return outcome;
}

bool Reloader::wait_for_workers() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (retire_locked(); !retired_.empty(); retire_locked()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(100us);
    }
    return true;
}

void Reloader::retire_locked() {
    std::erase_if(retired_, [this](const Retired& retired) {
        return appliance_.quiescence->passed(retired.mark);
    });
}

void Reloader::retire() {
    const std::lock_guard lock{mutex_};
    retire_locked();
}

size_t Reloader::retiring() const {
    const std::lock_guard lock{mutex_};
    return retired_.size();
}

}  // namespace ravelin
