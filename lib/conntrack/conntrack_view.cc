// SPDX-License-Identifier: BSD-3-Clause
// What leaves a shard: records for management and events.
#include "conntrack/conntrack.h"

#include <algorithm>

namespace ravelin {

namespace flag = connection_flag;

uint64_t Conntrack::id_of(uint32_t index) const noexcept {
    const Connection& connection = connections_[index];
    return extractor_.connection_id(connection.key, connection.created.value(), index);
}

void Conntrack::record(uint32_t index, Instant now, FlowRecord& out) const noexcept {
    const Connection& connection = connections_[index];
    out = FlowRecord{};
    out.id = id_of(index);
    set_ends(out, connection.key,
             connection.key.family == Family::Ipv6 ? ipv6_of(index) : Ipv6Ends{},
             connection.has(flag::kOriginalSwapped));
    out.shard = shard_;
    if (connection.key.protocol != ip_protocol::kUdp) out.state = connection.state;
    out.flags = connection.flags;
    out.rule = connection.allowed_by();
    out.policy_generation = connection.policy_generation;
    out.packets = {connection.packets(Direction::Original), connection.packets(Direction::Reply)};
    out.bytes = connection.bytes;
    out.remaining = std::max(0, connection.deadline.since(Tick::at(now))) * kTick;
    out.age = std::max(0, Tick::at(now).since(connection.created)) * kTick;
}

void Conntrack::emit(EventKind kind, uint32_t index, EndReason reason, Instant now) noexcept {
    if (!is_heard()) return;
    FlowEvent event;
    event.kind = kind;
    event.end_reason = reason;
    event.at = now;
    record(index, now, event.flow);
    push(event);
}

void Conntrack::push(const FlowEvent& event) noexcept {
    if (events_.ring->push(event)) {
        counters_.events_emitted[static_cast<size_t>(event.kind)].add();
    } else {
        counters_.events_lost.add();
    }
}

bool Conntrack::dump(uint32_t& cursor, uint32_t budget, std::span<FlowRecord> out,
                     uint32_t& written, Instant now) const noexcept {
    const Tick tick = Tick::at(now);
    for (; cursor < capacity_ && budget > 0 && written < out.size(); ++cursor, --budget) {
        const Connection& connection = connections_[cursor];
        // What is past its deadline has ended, though the wheel may not have come to it yet.
        if (connection.has(flag::kUsed) && tick.before(connection.deadline))
            record(cursor, now, out[written++]);
    }
    return cursor == capacity_;
}

bool Conntrack::flush(uint32_t& cursor, uint32_t budget, Instant now) noexcept {
    for (; cursor < capacity_ && budget > 0; ++cursor, --budget) {
        if (connections_[cursor].has(flag::kUsed)) end(cursor, EndReason::Operator, now);
    }
    return cursor == capacity_;
}

}  // namespace ravelin
