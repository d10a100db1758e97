// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/conntrack.h"

#include "base/check.h"
#include "conntrack/closing.h"
#include "conntrack/generic_tracker.h"
#include "conntrack/icmp_tracker.h"
#include "conntrack/sctp_tracker.h"
#include "conntrack/tcp_tracker.h"
#include "conntrack/udp_tracker.h"

#include <algorithm>

namespace ravelin {

namespace flag = connection_flag;

namespace {

ReplyLabel reply_label(const Connection& connection) noexcept {
    if (connection.has(flag::kAssured)) return ReplyLabel::Assured;
    return connection.has(flag::kSeenReply) ? ReplyLabel::Replied : ReplyLabel::Unreplied;
}

/// Whether an error about a packet of this direction leaves nothing to wait for.
bool ends_by_error(Connection& connection, Direction quoted) noexcept {
    if (is_one_way(connection.key)) return false;
    const uint8_t protocol = connection.key.protocol;
    if (protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6)
        return quoted == Direction::Original && IcmpTracker::refused(connection.protocol.icmp);
    return !connection.has(flag::kSeenReply);
}

TrackStep update_tcp(Connection& connection, TcpPhase& phase, const Headers& headers,
                     const uint8_t* l4, Direction direction,
                     const TrackingOptions& options) noexcept {
    return TcpTracker::update(connection.protocol.tcp, phase, TcpSegment::read(headers, l4),
                              direction, connection.has(flag::kSeenReply),
                              connection.has(flag::kAssured), options);
}

}  // namespace

Conntrack::Conntrack(const ConntrackCapacity& capacity, const FlowExtractor& extractor,
                     uint8_t shard, ConntrackCounters& counters, EventPort events, Instant start)
    : capacity_{capacity.connections},
      ipv6_from_{capacity_ - std::min(capacity_, capacity.ipv6)},
      shard_{shard},
      started_{start},
      extractor_{extractor},
      table_{capacity_},
      connections_{capacity_},
      wheel_{capacity_, Tick::at(start), &connections_[0].timer_place, sizeof(Connection)},
      ipv6_{capacity_ - ipv6_from_},
      tombstones_{capacity.tombstones},
      reports_{capacity.tombstones != 0 ? StaleReports::kCapacity : 0},
      counters_{counters},
      events_{events} {
    CHECK(capacity_ > 0 && capacity_ < kNone);
    for (uint32_t index = capacity_; index-- > 0;) {
        uint32_t& free = free_[has_ipv6_room(index)];
        connections_[index].hash = free;
        free = index;
    }
}

uint32_t Conntrack::prefetch_candidate(const FlowId& id, uint32_t candidate) const noexcept {
    if (candidate == kNone) return kNone;
    const auto* connection = reinterpret_cast<const char*>(&connections_[candidate]);
    __builtin_prefetch(connection, 1);
    // TCP keeps its windows in the second line; IPv6 its addresses beside the connection.
    if (id.key.protocol == ip_protocol::kTcp) __builtin_prefetch(connection + 64, 1);
    if (id.key.family == Family::Ipv6 && has_ipv6_room(candidate))
        __builtin_prefetch(&ipv6_of(candidate));
    return candidate;
}

bool Conntrack::same(uint32_t index, const FlowId& id) const noexcept {
    const Connection& connection = connections_[index];
    if (!connection.has(flag::kUsed) || !(connection.key == id.key)) return false;
    return id.key.family == Family::Ipv4 || ipv6_of(index) == id.ipv6;
}

Direction Conntrack::direction_of(const Connection& connection, const FlowId& id) const noexcept {
    return connection.has(flag::kOriginalSwapped) == id.swapped ? Direction::Original
                                                                : Direction::Reply;
}

// Whatever stands apart here is rare, and would cost track()'s callers registers.

[[gnu::noinline]] uint32_t Conntrack::find_in_table(const FlowId& id) const noexcept {
    return table_.find(id.hash, [&](uint32_t at) { return same(at, id); });
}

uint32_t Conntrack::find(const FlowId& id, uint32_t candidate, Instant now) noexcept {
    uint32_t index = candidate;
    if (index == kNone || !same(index, id)) [[unlikely]] {
        index = find_in_table(id);
        if (index == kNone) return kNone;
    }
    if (!Tick::at(now).before(connections_[index].deadline)) [[unlikely]] {
        end(index, EndReason::Timeout, now);
        return kNone;
    }
    return index;
}

void Conntrack::move(Connection& connection, uint8_t state, Direction by) noexcept {
    if (state == connection.state) [[likely]]
        return;
    const uint8_t protocol = connection.key.protocol;
    if (is_closing(protocol, state) && !is_closing(protocol, connection.state))
        connection.closed_by = closer(by);
    gauge(connection).subtract();
    connection.state = state;
    gauge(connection).add();
}

/// The protocols that are rare, and TCP with timeouts of its own.
[[gnu::noinline]] TrackStep Conntrack::step_other(Connection& connection, const Headers& headers,
                                                  const uint8_t* l4, Direction direction,
                                                  const TrackingOptions& options) noexcept {
    switch (headers.protocol) {
        case ip_protocol::kTcp: {
            auto phase = static_cast<TcpPhase>(connection.state);
            const TrackStep result = update_tcp(connection, phase, headers, l4, direction, options);
            move(connection, static_cast<uint8_t>(phase), direction);
            return result;
        }
        case ip_protocol::kSctp: {
            auto phase = static_cast<SctpPhase>(connection.state);
            const TrackStep result = SctpTracker::update(
                connection.protocol.sctp, phase, SctpPacket::read(headers, l4), direction, options);
            move(connection, static_cast<uint8_t>(phase), direction);
            return result;
        }
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return IcmpTracker::update(connection.protocol.icmp, headers.family, direction,
                                       options);
        default:
            return GenericTracker::update(headers.protocol, connection.has(flag::kSeenReply),
                                          options);
    }
}

TrackStep Conntrack::step_udp(Connection& connection, const Headers& headers, const uint8_t* l4,
                              Direction direction, const TrackingSets& options,
                              Instant now) noexcept {
    const auto update = [&](uint8_t set) {
        return UdpTracker::update(
            connection.protocol.udp, direction, connection.has(flag::kSeenReply),
            connection.has(flag::kAssured),
            connection.packets(Direction::Original) + connection.packets(Direction::Reply) + 1,
            options.of(set), Tick::at(now));
    };
    if (!connection.has(flag::kWatched)) [[likely]]
        return update(connection.state);
    // What passes by has the general timeouts (let_pass()): its second line stays untouched.
    const bool passes = connection.is_plain_data(direction, l4, headers.l4_length);
    TrackStep result = update(passes ? uint8_t{0} : connection.timeout_set);
    result.passes = passes;
    if (!passes)
        result.timeout = std::max(result.timeout, connection.protocol.udp.lifetime * kTick);
    return result;
}

TrackStep Conntrack::step(Connection& connection, const Headers& headers, const uint8_t* l4,
                          Direction direction, const TrackingSets& options, Instant now) noexcept {
    if (headers.protocol == ip_protocol::kUdp)
        return step_udp(connection, headers, l4, direction, options, now);
    if (headers.protocol != ip_protocol::kTcp || connection.timeout_set != 0) [[unlikely]]
        return step_other(connection, headers, l4, direction, options.of(connection.timeout_set));
    auto phase = static_cast<TcpPhase>(connection.state);
    const TrackStep result =
        update_tcp(connection, phase, headers, l4, direction, options.general());
    move(connection, static_cast<uint8_t>(phase), direction);
    return result;
}

Tracked Conntrack::track(const Headers& headers, const FlowId& id, const uint8_t* l4,
                         uint32_t candidate, const TrackingSets& options, Instant now) noexcept {
    const uint32_t index = find(id, candidate, now);
    if (index == kNone) [[unlikely]]
        return missing(headers, l4, options.general(), now);
    Connection& connection = connections_[index];
    Tracked tracked;
    tracked.direction = direction_of(connection, id);
    // Netfilter's words: NEW is every packet of the opener until somebody has answered.
    const bool established =
        tracked.direction == Direction::Reply || connection.has(flag::kSeenReply);
    tracked.flow = told_id(index);

    const TrackStep result = step(connection, headers, l4, tracked.direction, options, now);
    if (result.outcome == Outcome::Reopen) [[unlikely]] {
        connection.closed_by = closer(tracked.direction);
        end(index, EndReason::Replaced, now);
        return missing(headers, l4, options.general(), now);
    }
    tracked.index = index;
    if (result.outcome == Outcome::Invalid) [[unlikely]] {
        tracked.reason = result.reason;
        // Both ends may have closed in a way that we could not follow.
        if (result.timeout != Duration{} &&
            Tick::not_before(now + result.timeout).before(connection.deadline)) {
            renew(index, result.timeout, now);
        }
        return tracked;
    }
    tracked.ct_class = established ? CtClass::Established : CtClass::New;
    if (connection.has(flag::kWatched) && !result.passes) [[unlikely]] {
        tracked.tunnel = connection.watcher();
        if (tracked.tunnel != kWatchedStream)
            ++connection.protocol.udp.seen[static_cast<size_t>(tracked.direction)];
    }
    apply(index, headers, tracked.direction, result, now);
    return tracked;
}

void Conntrack::apply(uint32_t index, const Headers& headers, Direction direction,
                      const TrackStep& step, Instant now) noexcept {
    Connection& connection = connections_[index];
    if (step.renew) [[likely]] {
        connection.count(direction, headers.ip_length);
        renew(index, step.timeout, now, step.passes);
    }
    // Netfilter sets SEEN_REPLY after the protocol's handler has judged the packet.
    const bool first_reply = direction == Direction::Reply && !connection.has(flag::kSeenReply);
    const bool newly_assured = step.assured && !connection.has(flag::kAssured);
    if (first_reply || newly_assured || step.changed || step.outcome == Outcome::PassAndEnd)
        [[unlikely]] {
        progress(index, step, direction, first_reply, newly_assured, now);
    }
}

[[gnu::noinline]] void Conntrack::progress(uint32_t index, const TrackStep& step,
                                           Direction direction, bool first_reply,
                                           bool newly_assured, Instant now) noexcept {
    Connection& connection = connections_[index];
    if (first_reply || newly_assured) {
        gauge(connection).subtract();
        if (first_reply) connection.flags |= flag::kSeenReply;
        if (newly_assured) connection.flags |= flag::kAssured;
        gauge(connection).add();
    }
    if (first_reply || newly_assured || step.changed) {
        emit(EventKind::Update, index, EndReason::None, now);
    }
    if (step.outcome == Outcome::PassAndEnd) {
        const bool tcp = connection.key.protocol == ip_protocol::kTcp;
        connection.closed_by = closer(direction);
        end(index, tcp ? EndReason::TcpReset : EndReason::Answered, now);
    }
}

[[gnu::noinline]] Tracked Conntrack::relate(const FlowId& id, uint32_t quoted_sequence,
                                            uint32_t candidate, const TrackingOptions& options,
                                            Instant now) noexcept {
    Tracked tracked;
    const uint32_t index = find(id, candidate, now);
    if (index == kNone) {
        tracked.missing = true;
        tracked.reason = DropReason::IcmpErrorUnmatched;
        return tracked;
    }
    Connection& connection = connections_[index];
    const Direction quoted = direction_of(connection, id);
    tracked.direction = opposite(quoted);
    tracked.index = index;
    tracked.flow = told_id(index);
    if (options.icmp_error_check_sequence && id.key.protocol == ip_protocol::kTcp &&
        !TcpTracker::quotes_window(connection.protocol.tcp, quoted, quoted_sequence)) {
        tracked.reason = DropReason::IcmpErrorSequence;
        return tracked;
    }
    tracked.ct_class = CtClass::Related;
    tracked.tunnel = connection.watcher();
    if (options.icmp_error_ends_unanswered && ends_by_error(connection, quoted)) {
        connection.closed_by = closer(tracked.direction);
        end(index, EndReason::IcmpError, now);
    }
    return tracked;
}

void Conntrack::renew(uint32_t index, Duration timeout, Instant now, bool only_later) noexcept {
    Connection& connection = connections_[index];
    const Tick deadline = Tick::not_before(now + timeout);
    // The wheel has the connection no later than its old deadline: only a shorter one can be news.
    if (deadline.before(connection.deadline)) [[unlikely]] {
        if (!only_later && timeout != Duration{}) hasten(index, deadline);
        return;
    }
    connection.deadline = deadline;
}

[[gnu::noinline]] void Conntrack::hasten(uint32_t index, Tick deadline) noexcept {
    Connection& connection = connections_[index];
    connection.deadline = deadline;
    if (!deadline.before(connection.armed)) return;
    connection.armed = deadline;
    wheel_.arm(index, deadline);
}

[[gnu::noinline]] void Conntrack::end(uint32_t index, EndReason reason, Instant now) noexcept {
    emit(EventKind::Destroy, index, reason, now);
    Connection& connection = connections_[index];
    bury(connection, reason, Tick::at(now));
    gauge(connection).subtract();
    table_.erase(connection.hash, index);
    wheel_.disarm(index);
    if (connection.key.family == Family::Ipv6) counters_.ipv6_entries.subtract();
    connection.flags = 0;
    uint32_t& free = free_[has_ipv6_room(index)];
    connection.hash = free;
    free = index;
    counters_.deleted[static_cast<size_t>(reason)].add();
    counters_.entries.set(table_.size());
}

void Conntrack::expire(Instant now, uint32_t budget) noexcept {
    const Tick tick = Tick::at(now);
    wheel_.advance(
        tick, budget + Wheel::kMostHandlings * opened_,
        [this](uint32_t index) { __builtin_prefetch(&connections_[index], 1); },
        [this, tick](uint32_t index) {
            const Connection& connection = connections_[index];
            if (!tick.before(connection.deadline)) prefetch_end(connection);
        },
        [this](uint32_t index) {
            Connection& connection = connections_[index];
            connection.armed = connection.deadline;
            return connection.deadline;
        },
        [this, now](uint32_t index) { end(index, EndReason::Timeout, now); });
    opened_ = 0;
    counters_.expiry_lag_ticks.set(wheel_.lag(tick));
}

void Conntrack::prefetch_end(const Connection& connection) const noexcept {
    table_.prefetch(connection.hash);
    if (tombstones_.capacity() == 0) return;
    __builtin_prefetch(&connection.created);
    tombstones_.prefetch(extractor_.hash64(connection.key));
}

Counter& Conntrack::gauge(const Connection& connection) noexcept {
    if (connection.key.protocol == ip_protocol::kTcp)
        return counters_.tcp_entries[connection.state];
    if (connection.key.protocol == ip_protocol::kSctp)
        return counters_.sctp_entries[connection.state];
    return counters_.other_entries[static_cast<size_t>(protocol_label(connection.key.protocol))]
                                  [static_cast<size_t>(reply_label(connection))];
}

size_t Conntrack::memory_bytes() const noexcept {
    return table_.memory_bytes() + wheel_.memory_bytes() + connections_.bytes() + ipv6_.bytes() +
           tombstones_.memory_bytes() + reports_.memory_bytes();
}

}  // namespace ravelin
