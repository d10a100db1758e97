// SPDX-License-Identifier: BSD-3-Clause
#include "data_path.h"

#include "dpdk/eal_arguments.h"
#include "dpdk/idling.h"
#include "dpdk/rss.h"
#include "mgmt/reload.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/random.h>
#include <system_error>
#include <thread>
#include <utility>

namespace ravelin {
namespace {

Result<std::vector<HashSecret>> draw_secrets(size_t count) {
    std::vector<HashSecret> secrets(count);
    for (HashSecret& secret : secrets) {
        if (getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size()))
            return fail(std::string{"getrandom: "} + std::system_category().message(errno));
    }
    return secrets;
}

std::vector<QueuePlan> queue_plans(const std::vector<Port>& ports) {
    std::vector<QueuePlan> plans;
    for (const Port& port : ports)
        plans.push_back(port.queues());
    return plans;
}

}  // namespace

Result<std::unique_ptr<DataPath>> DataPath::open(const Config& config, EalLogSink sink) {
    // Asked before EAL binds this thread to the management CPUs.
    IdlePolicy idle = choose_idle_policy(config, usable_cpus());
    const TscSample begin = TscSample::take();
    auto eal = Eal::start(config, std::move(sink));
    if (!eal) return tl::unexpected{eal.error()};
    auto buffers = Buffers::create(buffer_plan(config), eal->without_hugepages());
    if (!buffers) return tl::unexpected{buffers.error()};
    const Spread spread{static_cast<uint32_t>(config.cores.workers.size()), config.steering};
    std::vector<Port> ports;
    for (const PortConfig& port_config : config.ports) {
        auto port = Port::open(port_config, spread, *buffers, *eal);
        if (!port) return tl::unexpected{port.error()};
        ports.push_back(std::move(*port));
    }
    std::unique_ptr<DataPath> path{new DataPath{config, std::move(idle), std::move(*eal),
                                                std::move(*buffers), std::move(ports),
                                                measure_tsc_hertz(begin)}};
    if (auto built = path->build_workers(); !built) return tl::unexpected{built.error()};
    return path;
}

DataPath::DataPath(const Config& config, IdlePolicy idle, Eal eal, Buffers buffers,
                   std::vector<Port> ports, uint64_t tsc_hertz)
    : config_{config},
      eal_{std::move(eal)},
      buffers_{std::move(buffers)},
      ports_{std::move(ports)},
      watches_(ports_.size()),
      idle_{std::move(idle)},
      topology_{make_topology(config, queue_plans(ports_))},
      indirection_{topology_.worker_count},
      runtime_{first_runtime(config)},
      quiescence_{topology_.worker_count},
      mesh_{topology_.worker_count},
      time_{tsc_hertz, TscSample::take().ticks} {}

Result<void> DataPath::build_workers() {
    const uint32_t count = topology_.worker_count;
    const auto secrets = draw_secrets(count + 1);
    if (!secrets) return tl::unexpected{secrets.error()};
    sessions_.emplace(secrets->back());
    const auto sources = assign_sources(queue_plans(ports_), count);
    for (uint32_t i = 0; i < count; ++i) {
        links_.push_back(std::make_unique<WorkerLink>());
        links_.back()->capacity = (config_.connections + count - 1) / count;
        links_.back()->ipv6_capacity =
            static_cast<uint32_t>(uint64_t{links_.back()->capacity} * config_.ipv6_percent / 100);
    }
    // Each on its own thread, so that the memory of its tables comes from its own node.
    workers_.resize(count);
    std::vector<std::function<void()>> builders;
    for (uint32_t i = 0; i < count; ++i) {
        builders.emplace_back([this, i, &secrets, &sources] {
            workers_[i] = build_worker(static_cast<uint8_t>(i), (*secrets)[i], sources[i]);
        });
    }
    WorkerThreads threads;
    threads.launch(std::move(builders));
    threads.join();
    return {};
}

std::unique_ptr<DataPath::PollingWorker> DataPath::build_worker(
    uint8_t index, const HashSecret& secret, const std::vector<Source>& sources) {
    std::vector<PortIo::ReceiveQueue> receive;
    for (const Source& source : sources)
        receive.push_back({ports_[source.port].device(), source.queue, source.port});
    std::array<PortIo::TransmitQueue, kMaxPorts> transmit{};
    for (size_t port = 0; port < ports_.size(); ++port) {
        if (index < ports_[port].queues().transmit) transmit[port] = {ports_[port].device(), index};
    }
    const ShardCapacity capacity{
        config_.fragments, config_.tombstones / topology_.worker_count,
        std::min(config_.tunnels / topology_.worker_count, TunnelTable::kMost)};
    return std::make_unique<PollingWorker>(
        WorkerParts{index, topology_, indirection_, runtime_, quiescence_, mesh_, *links_[index],
                    secret, capacity, &*sessions_},
        std::move(receive), transmit, time_);
}

Result<void> DataPath::start() {
    for (Port& port : ports_) {
        if (auto started = port.start(eal_); !started) return started;
    }
    watch_links();
    std::vector<std::function<void()>> loops;
    for (uint32_t i = 0; i < workers_.size(); ++i) {
        // Registered before anybody can publish, so that no reload misses a worker.
        quiescence_.enter(i);
        loops.emplace_back([this, i] { loop(i); });
    }
    threads_.launch(std::move(loops));
    return {};
}

void DataPath::loop(uint32_t worker) {
    auto& own = workers_[worker]->worker;
    Idling idling{idle_};
    workers_[worker]->clock.begin();
    Phase phase = Phase::Run;
    while (phase != Phase::End) {
        const bool busy = own.run_once(phase == Phase::Run);
        if (phase != Phase::Run) own.drop_held();
        idling.turned(busy);
        phase = phase_.load(std::memory_order_relaxed);
    }
    quiescence_.leave(worker);
}

bool DataPath::empty() const noexcept {
    uint64_t off = 0;
    uint64_t in = 0;
    uint64_t held = 0;
    for (const auto& link : links_) {
        in += link->counters.handed_in.value();
        off += link->counters.handed_off.value();
        held += link->counters.held.value();
    }
    return held == 0 && off == in;
}

void DataPath::drain(const std::function<bool()>& hurry) {
    if (phase_.exchange(Phase::Drain) == Phase::End) return;
    const auto iterations = [&] {
        std::vector<uint64_t> counts;
        for (const auto& link : links_)
            counts.push_back(link->counters.iterations.value());
        return counts;
    };
    // A worker that was in the middle of an iteration may still take packets in: two iterations of
    // each must pass before emptiness means anything.
    const std::vector<uint64_t> before = iterations();
    const auto all_turned = [&] {
        const std::vector<uint64_t> now = iterations();
        return std::equal(now.begin(), now.end(), before.begin(),
                          [](uint64_t a, uint64_t b) { return a >= b + 2; });
    };
    const Instant limit = time_.now() + kDrainLimit;
    while (!(all_turned() && empty()) && time_.now() < limit && !hurry())
        std::this_thread::sleep_for(1ms);
    phase_.store(Phase::End);
    threads_.join();
    for (Port& port : ports_)
        port.stop();
}

DataPath::~DataPath() {
    drain([] { return false; });
}

Appliance DataPath::appliance(BuildInfo build) {
    Appliance appliance;
    appliance.build = std::move(build);
    for (size_t i = 0; i < links_.size(); ++i) {
        appliance.workers.push_back({links_[i].get(),
                                     std::to_string(lcore_of_worker(static_cast<uint32_t>(i))),
                                     config_.cores.workers[i]});
    }
    appliance.topology = &topology_;
    appliance.runtime = &runtime_;
    appliance.quiescence = &quiescence_;
    appliance.config = config_;
    appliance.now = [this] { return time_.now(); };
    appliance.bend_clock = [this](double rate) { time_.bend(rate); };
    appliance.timer_clock = [this] { return TimerClock{tsc_is_invariant(), time_.hertz()}; };
    appliance.unix_offset = [this] {
        const auto wall = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::duration_cast<Duration>(wall) - time_.now().time_since_epoch();
    };
    appliance.ports = [this] { return port_stats(); };
    appliance.mempools = [this] {
        return std::vector<MempoolStats>{{"packets", buffers_.total(), buffers_.available()}};
    };
    appliance.rings = [this] { return ring_stats(); };
    return appliance;
}

std::vector<PortStats> DataPath::port_stats() const {
    std::vector<PortStats> all;
    for (size_t i = 0; i < ports_.size(); ++i) {
        const Port& port = ports_[i];
        const PortStatistics counted = port.statistics();
        PortStats stats;
        stats.name = port.config().name;
        stats.driver = port.driver();
        stats.device = port.config().device;
        stats.mac = port.mac();
        stats.up = watches_[i].up.load(std::memory_order_relaxed);
        stats.speed_bytes = port.link().bytes_per_second;
        stats.missed = counted.missed;
        stats.rx_errors = counted.receive_errors;
        stats.nombuf = counted.no_buffer;
        stats.tx_errors = counted.transmit_errors;
        stats.link_changes = watches_[i].changes.load(std::memory_order_relaxed);
        all.push_back(std::move(stats));
    }
    return all;
}

std::vector<RingStats> DataPath::ring_stats() const {
    std::vector<RingStats> all;
    for (uint32_t from = 0; from < mesh_.workers(); ++from) {
        for (uint32_t to = 0; to < mesh_.workers(); ++to) {
            if (from == to) continue;
            RingStats stats;
            stats.name = "handover-" + std::to_string(from) + "-" + std::to_string(to);
            stats.entries = mesh_.ring(from, to).size();
            stats.capacity = mesh_.ring(from, to).capacity();
            all.push_back(std::move(stats));
        }
    }
    return all;
}

std::vector<DataPath::LinkChange> DataPath::watch_links() {
    std::vector<LinkChange> changes;
    for (size_t i = 0; i < ports_.size(); ++i) {
        const bool up = ports_[i].link().up;
        if (up == watches_[i].up.exchange(up)) continue;
        watches_[i].changes.fetch_add(1, std::memory_order_relaxed);
        changes.push_back({ports_[i].config().name, up});
    }
    return changes;
}

std::vector<std::string> DataPath::watch_spread() {
    std::vector<std::string> names;
    for (size_t i = 0; i < ports_.size(); ++i) {
        const bool owned = ports_[i].queues().owned_by(topology_.worker_count);
        if (!owned || watches_[i].misdirects) continue;
        uint64_t received = 0;
        uint64_t misdirected = 0;
        for (const auto& link : links_) {
            received += link->counters.received[i].packets.value();
            misdirected += link->counters.misdirected[i].value();
        }
        watches_[i].misdirects = spreads_otherwise(received, misdirected);
        if (watches_[i].misdirects) names.push_back(ports_[i].config().name);
    }
    return names;
}

size_t DataPath::table_bytes() const noexcept {
    size_t bytes = 0;
    for (const auto& worker : workers_)
        bytes += worker->worker.shard().conntrack.memory_bytes();
    return bytes;
}

}  // namespace ravelin
