// SPDX-License-Identifier: BSD-3-Clause
#include "capture/replay.h"

#include "base/check.h"
#include "flow/hash.h"
#include "packet/parse.h"
#include "packet/unfinished.h"
#include "pipeline/handoff.h"
#include "pipeline/worker.h"
#include "sync/published.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ravelin {

namespace {

/// Ticks compare within 248 days, so a longer gap between two packets is crossed in steps.
constexpr Duration kLongestStep = 100 * 24h;

/// Whoever captures on the sending host sees checksums that the card was yet to finish.
bool left_to_a_card(std::span<const uint8_t> frame) noexcept {
    Headers headers;
    return parse(frame, ParseOptions{}, false, headers) == DropReason::L4Checksum &&
           has_unfinished_checksum(frame, headers);
}

}  // namespace

void ReplayIo::offer(const ReplayedPacket& packet) {
    Inside& last = inside_.emplace_back();
    last.packet = packet;
    last.bytes.assign(packet.frame.bytes.begin(), packet.frame.bytes.end());
    last.packet.frame.bytes = last.bytes;
    waiting_ = true;
}

void ReplayIo::deliver(const ReplaySink& sink) {
    for (; !inside_.empty() && inside_.front().decided; inside_.pop_front())
        sink(inside_.front().packet);
}

void ReplayIo::deliver_rest(const ReplaySink& sink) {
    for (; !inside_.empty(); inside_.pop_front())
        sink(inside_.front().packet);
}

uint32_t ReplayIo::receive(uint32_t, Burst& burst) noexcept {
    if (!waiting_) return 0;
    waiting_ = false;
    Inside& inside = inside_.back();
    burst.add({.buffer = &inside,
               .data = inside.bytes.data(),
               .length = static_cast<uint32_t>(inside.bytes.size()),
               .port = inside.packet.port,
               .l4_checksum_good = left_to_a_card(inside.bytes)});
    return 1;
}

uint32_t ReplayIo::transmit(uint8_t, std::span<void*> buffers) noexcept {
    return static_cast<uint32_t>(buffers.size());
}

void ReplayIo::release(std::span<void*>) noexcept {}

void ReplayIo::observe(const Packet& packet) noexcept {
    auto& inside = *static_cast<Inside*>(packet.frame.buffer);
    inside.packet.ct_class = packet.ct_class;
    inside.packet.action = packet.action;
    inside.packet.reason = packet.reason;
    inside.packet.flow = packet.flow;
    inside.decided = true;
}

struct Replay::Engine {
    Engine(const Topology& wiring, std::unique_ptr<const Runtime> first, uint32_t connections,
           const HashSecret& secret, const ShardCapacity& capacity)
        : topology{wiring}, runtime{std::move(first)}, sessions{secret, 4096} {
        link.capacity = connections;
        topology.worker_count = 1;
        for (std::vector<uint8_t>& transmitter : topology.transmitter)
            transmitter.assign(1, 0);
        worker = std::make_unique<Worker<ReplayIo, ReplayClock>>(
            WorkerParts{0, topology, indirection, runtime, quiescence, mesh, link, secret, capacity,
                        &sessions},
            io, clock);
        worker->shard().conntrack.identify(true);
        quiescence.enter(0);
    }

    Topology topology;
    Indirection indirection{1};
    Published<Runtime> runtime;
    SessionDirectory sessions;
    Quiescence quiescence{1};
    HandoffMesh mesh{1};
    WorkerLink link{1};
    ReplayIo io;
    ReplayClock clock;
    std::unique_ptr<Worker<ReplayIo, ReplayClock>> worker;
};

Replay::Replay(const Topology& topology, std::unique_ptr<const Runtime> runtime,
               uint32_t connections, const HashSecret& secret, const ShardCapacity& capacity)
    : engine_{
          std::make_unique<Engine>(topology, std::move(runtime), connections, secret, capacity)} {}

Replay::~Replay() {
    engine_->quiescence.leave(0);
}

void Replay::advance_to(Instant instant) {
    Engine& engine = *engine_;
    const TunnelTable& tunnels = engine.worker->shard().tunnels;
    while (engine.clock.now() < instant) {
        const Duration step = tunnels.is_empty() ? kLongestStep : TunnelTable::kRound;
        engine.clock.set(std::min(instant, engine.clock.now() + step));
        do {
            engine.worker->run_once(false);
        } while (engine.link.counters.expiry_lag_ticks.value() != 0 || tunnels.is_in_round());
    }
}

void Replay::run(CaptureMerge& captures, const ReplaySink& sink) {
    Engine& engine = *engine_;
    uint64_t number = 0;
    int64_t origin = 0;
    while (const auto merged = captures.next()) {
        if (number == 0) origin = merged->clock;
        advance_to(Instant{Duration{merged->clock - origin}});
        ReplayedPacket packet;
        packet.number = ++number;
        packet.port = merged->port;
        packet.frame = merged->frame;
        engine.io.offer(packet);
        engine.worker->run_once();
        engine.io.deliver(sink);
    }
    engine.io.deliver_rest(sink);
}

std::vector<TunnelEvent> Replay::take_tunnel_events() {
    SpscRing<TunnelEvent>& ring = engine_->link.tunnel_events;
    std::vector<TunnelEvent> events(ring.size());
    events.resize(ring.pop(events.data(), static_cast<uint32_t>(events.size())));
    return events;
}

std::vector<TunnelRecord> Replay::tunnels() {
    constexpr size_t kSlice = 1024;
    std::vector<TunnelRecord> all;
    std::vector<TunnelRecord> slice(kSlice);
    Request request;
    request.kind = Request::Kind::Tunnels;
    request.tunnels = slice;
    do {
        request.written = 0;
        request.done.store(false, std::memory_order_relaxed);
        CHECK(engine_->link.requests.push(&request));
        while (!request.done.load(std::memory_order_acquire))
            engine_->worker->run_once(false);
        all.insert(all.end(), slice.begin(), slice.begin() + request.written);
    } while (!request.at_end);
    return all;
}

std::vector<FlowRecord> Replay::flows() {
    std::vector<FlowRecord> flows(engine_->link.counters.entries.value());
    Request request;
    request.kind = Request::Kind::Dump;
    request.out = flows;
    CHECK(engine_->link.requests.push(&request));
    while (!request.done.load(std::memory_order_acquire))
        engine_->worker->run_once(false);
    flows.resize(request.written);
    return flows;
}

const WorkerCounters& Replay::counters() const noexcept {
    return engine_->link.counters;
}

}  // namespace ravelin
