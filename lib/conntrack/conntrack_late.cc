// SPDX-License-Identifier: BSD-3-Clause
// What is left of connections that have ended, and which late packets belong to them.
#include "base/byteorder.h"
#include "conntrack/closing.h"
#include "conntrack/conntrack.h"

#include <algorithm>
#include <bit>

namespace ravelin {

namespace flag = connection_flag;

namespace {

CloseReason close_reason(const Connection& connection, EndReason reason) noexcept {
    switch (reason) {
        case EndReason::Answered:
            return CloseReason::Answered;
        case EndReason::TcpReset:
            return CloseReason::Reset;
        case EndReason::IcmpError:
            return CloseReason::IcmpError;
        case EndReason::Replaced:
            return CloseReason::Replaced;
        case EndReason::Operator:
            return CloseReason::Operator;
        case EndReason::Exit:
            return CloseReason::Exit;
        case EndReason::Moved:
            return CloseReason::Moved;
        case EndReason::Timeout:
        case EndReason::None:
        case EndReason::Count:
            break;
    }
    // What was closed by its ends stays for a while, until a timeout removes it.
    if (connection.closed_by == ClosedBy::Unknown) return CloseReason::Idle;
    if (connection.key.protocol != ip_protocol::kTcp) return CloseReason::Shutdown;
    return static_cast<TcpPhase>(connection.state) == TcpPhase::Close ? CloseReason::Reset
                                                                      : CloseReason::Fin;
}

ClosedBy closed_by(const Connection& connection, CloseReason reason) noexcept {
    if (reason == CloseReason::Idle) return ClosedBy::Nobody;
    return reason == CloseReason::Operator ? ClosedBy::Operator : connection.closed_by;
}

std::array<uint32_t, 2> expected_numbers(const Connection& connection) noexcept {
    const ProtocolState& protocol = connection.protocol;
    if (connection.key.protocol == ip_protocol::kTcp)
        return {protocol.tcp.window[0].end, protocol.tcp.window[1].end};
    if (connection.key.protocol == ip_protocol::kSctp) return protocol.sctp.tag;
    if (carries_handle(connection.key.protocol)) return {connection.remembered_by(), 0};
    return {};
}

/// A late segment is sent again, or the last one: it stands within a window of what was expected.
/// A stranger's number does so with a probability of 2^-15.
bool near(uint32_t sequence, uint32_t expected) noexcept {
    constexpr uint32_t kWindow = 1U << 16;
    return sequence - expected + kWindow <= 2 * kWindow;
}

Certainty certainty_of(const Tombstone& tombstone, const FlowKey& key, const uint8_t* l4,
                       Direction direction) noexcept {
    if (is_one_way(key)) return Certainty::Exact;
    const bool tcp = key.protocol == ip_protocol::kTcp;
    if (l4 == nullptr || (!tcp && key.protocol != ip_protocol::kSctp)) return Certainty::Tuple;
    // Of a side that was never heard no number is known.
    if (direction == Direction::Reply && !tombstone.has(flag::kSeenReply)) return Certainty::Tuple;
    // Sequence number and verification tag stand at the same place.
    const uint32_t number = load_be32(l4 + 4);
    const uint32_t expected = tombstone.expected[static_cast<size_t>(direction)];
    return (tcp ? near(number, expected) : number == expected) ? Certainty::Exact
                                                               : Certainty::Guess;
}

}  // namespace

void Conntrack::bury(const Connection& connection, EndReason reason, Tick now) noexcept {
    if (tombstones_.capacity() == 0) return;
    Tombstone tombstone;
    tombstone.hash = extractor_.hash64(connection.key);
    tombstone.ended = reason == EndReason::Timeout ? connection.deadline : now;
    tombstone.lasted =
        static_cast<uint32_t>(std::max(0, tombstone.ended.since(connection.created)));
    tombstone.expected = expected_numbers(connection);
    tombstone.protocol = connection.key.protocol;
    if (tombstone.protocol != ip_protocol::kUdp) tombstone.state = connection.state;
    tombstone.flags = connection.flags;
    tombstone.reason = close_reason(connection, reason);
    tombstone.closed_by = closed_by(connection, tombstone.reason);
    tombstone.late = connection.late;
    const TombstoneTable::Inserted inserted = tombstones_.insert(tombstone, now);
    if (inserted.place == TombstoneTable::Place::Oldest) {
        counters_.tombstones_overwritten.add();
        counters_.tombstone_overwritten_age_seconds.set(static_cast<uint64_t>(inserted.age / 1s));
    }
    counters_.tombstones.set(tombstones_.size());
}

Late Conntrack::find_late(const FlowId& id, const uint8_t* l4, const TombstoneOptions& options,
                          Instant now) noexcept {
    Late late;
    late.tombstone = tombstones_.find(extractor_.hash64(id.key), Tick::at(now), options.ttl);
    if (late.tombstone == nullptr) return late;
    const bool original = late.tombstone->has(flag::kOriginalSwapped) == id.swapped;
    late.direction = original ? Direction::Original : Direction::Reply;
    late.certainty = certainty_of(*late.tombstone, id.key, l4, late.direction);
    if (carries_handle(id.key.protocol)) late.tunnel = late.tombstone->expected[0];
    // An error goes against the packet that it quotes.
    if (l4 == nullptr) late.direction = opposite(late.direction);
    return late;
}

void Conntrack::report(const Late& late, const FlowId& id, DropReason drop, Instant now) noexcept {
    const Tombstone& tombstone = *late.tombstone;
    StaleRecord& report = reports_.of(*late.tombstone);
    StaleInfo& info = report.info;
    if (info.packets == 0) {
        report.first = now;
        set_ends(report.flow, id.key, id.ipv6, tombstone.has(flag::kOriginalSwapped));
        report.flow.shard = shard_;
        report.flow.state = tombstone.state;
        report.flow.flags = tombstone.flags;
        report.flow.age = tombstone.lasted * kTick;
        info.ended = now - Tick::at(now).since(tombstone.ended) * kTick;
        info.reason = tombstone.reason;
        info.closed_by = tombstone.closed_by;
    }
    report.last = now;
    info.certainty = late.certainty;
    info.direction = late.direction;
    info.drop = drop;
    info.tunnel = late.tunnel_id;
    if (info.packets != UINT32_MAX) ++info.packets;
    if (!std::has_single_bit(info.packets) || !is_heard()) return;
    FlowEvent event;
    event.kind = EventKind::Stale;
    event.at = now;
    event.flow = report.flow;
    event.stale = info;
    push(event);
}

void Conntrack::forget(Tombstone& tombstone) noexcept {
    tombstones_.erase(tombstone);
    counters_.tombstones.set(tombstones_.size());
}

}  // namespace ravelin
