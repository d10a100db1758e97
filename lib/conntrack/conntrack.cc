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

/// The first timeout of a connection whose first packet was just accepted.
Duration opening_timeout(const Connection& connection, const TrackingOptions& options) noexcept {
    const Timeouts& timeouts = options.timeouts;
    switch (connection.key.protocol) {
        case ip_protocol::kTcp:
            return TcpTracker::opening_timeout(connection.protocol.tcp,
                                               static_cast<TcpPhase>(connection.state), options);
        case ip_protocol::kUdp:
            return timeouts.udp_unreplied;
        case ip_protocol::kIcmp:
            return timeouts.icmp;
        case ip_protocol::kIcmpv6:
            return timeouts.icmpv6;
        case ip_protocol::kSctp:
            return timeouts.sctp(static_cast<SctpPhase>(connection.state));
        case ip_protocol::kGre:
            return timeouts.gre_unreplied;
        default:
            return timeouts.generic;
    }
}

ReplyLabel reply_label(const Connection& connection) noexcept {
    if (connection.has(flag::kAssured)) return ReplyLabel::Assured;
    return connection.has(flag::kSeenReply) ? ReplyLabel::Replied : ReplyLabel::Unreplied;
}

void decrement(Counter& gauge) noexcept {
    gauge.set(gauge.value() - 1);
}

/// Whether an error about a packet of this direction leaves nothing to wait for.
bool ends_by_error(Connection& connection, Direction quoted) noexcept {
    if (is_one_way(connection.key)) return false;
    const uint8_t protocol = connection.key.protocol;
    if (protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6)
        return quoted == Direction::Original && IcmpTracker::refused(connection.protocol.icmp);
    return !connection.has(flag::kSeenReply);
}

}  // namespace

Conntrack::Conntrack(uint32_t capacity, const HashSecret& secret, uint8_t shard,
                     ConntrackCounters& counters, EventPort events, Instant start,
                     uint32_t tombstones)
    : capacity_{capacity},
      shard_{shard},
      started_{start},
      extractor_{secret},
      table_{capacity},
      wheel_{capacity, Tick::at(start)},
      connections_{capacity},
      ipv6_{capacity},
      tombstones_{tombstones},
      reports_{tombstones != 0 ? StaleReports::kCapacity : 0},
      counters_{counters},
      events_{events} {
    CHECK(capacity > 0 && capacity < kNone);
    for (uint32_t index = capacity; index-- > 0;) {
        connections_[index].hash = free_;
        free_ = index;
    }
}

uint32_t Conntrack::prefetch_connection(const FlowId& id) const noexcept {
    const uint32_t candidate = table_.candidate(id.hash);
    if (candidate == kNone) return kNone;
    const auto* connection = reinterpret_cast<const char*>(&connections_[candidate]);
    __builtin_prefetch(connection, 1);
    // TCP keeps its windows in the second line; IPv6 its addresses beside the connection.
    if (id.key.protocol == ip_protocol::kTcp) __builtin_prefetch(connection + 64, 1);
    if (id.key.family == Family::Ipv6) __builtin_prefetch(&ipv6_[candidate]);
    return candidate;
}

bool Conntrack::same(uint32_t index, const FlowId& id) const noexcept {
    const Connection& connection = connections_[index];
    if (!connection.has(flag::kUsed) || !(connection.key == id.key)) return false;
    return id.key.family == Family::Ipv4 || ipv6_[index] == id.ipv6;
}

Direction Conntrack::direction_of(const Connection& connection, const FlowId& id) const noexcept {
    return connection.has(flag::kOriginalSwapped) == id.swapped ? Direction::Original
                                                                : Direction::Reply;
}

uint32_t Conntrack::find(const FlowId& id, uint32_t candidate, Instant now) noexcept {
    uint32_t index = candidate;
    if (index == kNone || !same(index, id))
        index = table_.find(id.hash, [&](uint32_t at) { return same(at, id); });
    if (index == kNone) return kNone;
    if (!Tick::at(now).before(connections_[index].deadline)) {
        end(index, EndReason::Timeout, now);
        return kNone;
    }
    return index;
}

void Conntrack::move(Connection& connection, uint8_t state, Direction by) noexcept {
    if (state == connection.state) return;
    const uint8_t protocol = connection.key.protocol;
    if (is_closing(protocol, state) && !is_closing(protocol, connection.state))
        connection.closed_by = closer(by);
    decrement(gauge(connection));
    connection.state = state;
    gauge(connection).add();
}

TrackStep Conntrack::step(Connection& connection, const Headers& headers, const uint8_t* l4,
                          Direction direction, const TrackingOptions& options,
                          Instant now) noexcept {
    const bool seen_reply = connection.has(flag::kSeenReply);
    const bool assured = connection.has(flag::kAssured);
    switch (headers.protocol) {
        case ip_protocol::kTcp: {
            auto phase = static_cast<TcpPhase>(connection.state);
            const TrackStep result =
                TcpTracker::update(connection.protocol.tcp, phase, TcpSegment::read(headers, l4),
                                   direction, seen_reply, assured, options);
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
        case ip_protocol::kUdp:
            return UdpTracker::update(connection.protocol.udp, direction, seen_reply, assured,
                                      connection.packets[0] + connection.packets[1] + 1, options,
                                      Tick::at(now));
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return IcmpTracker::update(connection.protocol.icmp, headers.family, direction,
                                       options);
        default:
            return GenericTracker::update(headers.protocol, seen_reply, options);
    }
}

Tracked Conntrack::track(const Headers& headers, const FlowId& id, const uint8_t* l4,
                         uint32_t candidate, const TrackingOptions& options, Instant now) noexcept {
    Tracked tracked;
    const uint32_t index = find(id, candidate, now);
    if (index != kNone) {
        Connection& connection = connections_[index];
        tracked.direction = direction_of(connection, id);
        // Netfilter's words: NEW is every packet of the opener until somebody has answered.
        const bool established =
            tracked.direction == Direction::Reply || connection.has(flag::kSeenReply);
        if (identify_) tracked.flow = id_of(index);

        const TrackStep result = step(connection, headers, l4, tracked.direction, options, now);
        switch (result.outcome) {
            case Outcome::Invalid:
                tracked.ct_class = CtClass::Invalid;
                tracked.reason = result.reason;
                // Both ends may have closed in a way that we could not follow.
                if (result.timeout != Duration{} &&
                    Tick::not_before(now + result.timeout).before(connection.deadline)) {
                    renew(index, result.timeout, now);
                }
                return tracked;
            case Outcome::Reopen:
                connection.closed_by = closer(tracked.direction);
                end(index, EndReason::Replaced, now);
                tracked = Tracked{};
                break;
            case Outcome::Pass:
            case Outcome::PassAndEnd:
                tracked.ct_class = established ? CtClass::Established : CtClass::New;
                apply(index, headers, tracked.direction, result, now);
                return tracked;
        }
    }
    Connection unused;
    tracked.missing = true;
    tracked.ct_class = may_open(headers, l4, options, now, unused, tracked.reason)
                           ? CtClass::New
                           : CtClass::Invalid;
    return tracked;
}

void Conntrack::apply(uint32_t index, const Headers& headers, Direction direction,
                      const TrackStep& step, Instant now) noexcept {
    Connection& connection = connections_[index];
    const auto side = static_cast<size_t>(direction);
    if (step.renew) {
        ++connection.packets[side];
        connection.bytes[side] += headers.ip_length;
        renew(index, step.timeout, now);
    }
    // Netfilter sets SEEN_REPLY after the protocol's handler has judged the packet.
    const bool first_reply = direction == Direction::Reply && !connection.has(flag::kSeenReply);
    const bool newly_assured = step.assured && !connection.has(flag::kAssured);
    if (first_reply || newly_assured) {
        decrement(gauge(connection));
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

Tracked Conntrack::relate(const FlowId& id, uint32_t quoted_sequence, uint32_t candidate,
                          const TrackingOptions& options, Instant now) noexcept {
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
    if (identify_) tracked.flow = id_of(index);
    if (options.icmp_error_check_sequence && id.key.protocol == ip_protocol::kTcp &&
        !TcpTracker::quotes_window(connection.protocol.tcp, quoted, quoted_sequence)) {
        tracked.reason = DropReason::IcmpErrorSequence;
        return tracked;
    }
    tracked.ct_class = CtClass::Related;
    if (options.icmp_error_ends_unanswered && ends_by_error(connection, quoted)) {
        connection.closed_by = closer(tracked.direction);
        end(index, EndReason::IcmpError, now);
    }
    return tracked;
}

bool Conntrack::may_open(const Headers& headers, const uint8_t* l4, const TrackingOptions& options,
                         Instant now, Connection& connection, DropReason& reason) const noexcept {
    switch (headers.protocol) {
        case ip_protocol::kTcp: {
            auto phase = TcpPhase::None;
            // After a start there are connections that we have never seen begin.
            const bool pick_up = options.tcp_loose || now - started_ < options.tcp_pickup;
            const bool ok = TcpTracker::open(TcpSegment::read(headers, l4), pick_up, options,
                                             connection.protocol.tcp, phase, reason);
            connection.state = static_cast<uint8_t>(phase);
            if (phase != TcpPhase::SynSent) connection.flags |= flag::kPickedUp;
            return ok;
        }
        case ip_protocol::kUdp:
            connection.protocol.udp = {};
            UdpTracker::open(connection.protocol.udp, Tick::at(now));
            return true;
        case ip_protocol::kSctp: {
            auto phase = SctpPhase::None;
            const bool ok = SctpTracker::open(SctpPacket::read(headers, l4), options,
                                              connection.protocol.sctp, phase);
            connection.state = static_cast<uint8_t>(phase);
            if (!ok) reason = DropReason::ProtocolInvalid;
            return ok;
        }
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            connection.protocol.icmp = {};
            return IcmpTracker::open(headers, options, connection.protocol.icmp, reason);
        default:
            return true;
    }
}

Opened Conntrack::open(const Headers& headers, const FlowId& id, const uint8_t* l4,
                       const Opening& opening, const TrackingOptions& options,
                       Instant now) noexcept {
    const uint32_t index = free_;
    if (index == kNone) {
        counters_.insert_failed_full.add();
        return {.reason = DropReason::TableFull};
    }
    Connection& connection = connections_[index];
    const uint32_t next_free = connection.hash;
    if (!table_.insert(id.hash, index)) {
        counters_.insert_failed_bucket.add();
        return {.reason = DropReason::TableFull};
    }
    free_ = next_free;

    connection = Connection{};
    DropReason reason = DropReason::None;
    const bool ok = may_open(headers, l4, options, now, connection, reason);
    DCHECK(ok);
    static_cast<void>(ok);
    connection.key = id.key;
    connection.hash = id.hash;
    connection.flags |= flag::kUsed;
    if (id.swapped) connection.flags |= flag::kOriginalSwapped;
    if (opening.from_inside) connection.flags |= flag::kFromInside;
    connection.rule = opening.rule;
    connection.policy_generation = opening.policy_generation;
    connection.packets[0] = 1;
    connection.bytes[0] = headers.ip_length;
    connection.created = Tick::at(now);
    connection.deadline = Tick::not_before(now + opening_timeout(connection, options));
    connection.armed = connection.deadline;
    if (id.key.family == Family::Ipv6) ipv6_[index] = id.ipv6;
    wheel_.arm(index, connection.deadline);

    counters_.created[static_cast<size_t>(protocol_label(headers.protocol))].add();
    counters_.entries.set(table_.size());
    counters_.entries_peak.set(std::max<uint64_t>(counters_.entries_peak.value(), table_.size()));
    gauge(connection).add();
    emit(EventKind::New, index, EndReason::None, now);
    return {.flow = identify_ ? id_of(index) : 0};
}

void Conntrack::renew(uint32_t index, Duration timeout, Instant now) noexcept {
    Connection& connection = connections_[index];
    const Tick deadline = Tick::not_before(now + timeout);
    // The wheel has the connection no later than its old deadline: only a shorter one can be news.
    if (deadline.before(connection.deadline) && deadline.before(connection.armed)) {
        connection.armed = deadline;
        wheel_.arm(index, deadline);
    }
    connection.deadline = deadline;
}

void Conntrack::end(uint32_t index, EndReason reason, Instant now) noexcept {
    emit(EventKind::Destroy, index, reason, now);
    Connection& connection = connections_[index];
    bury(connection, reason, Tick::at(now));
    decrement(gauge(connection));
    table_.erase(connection.hash, index);
    wheel_.disarm(index);
    connection.flags = 0;
    connection.hash = free_;
    free_ = index;
    counters_.deleted[static_cast<size_t>(reason)].add();
    counters_.entries.set(table_.size());
}

void Conntrack::expire(Instant now, uint32_t budget) noexcept {
    wheel_.advance(
        Tick::at(now), budget,
        [this](uint32_t index) { __builtin_prefetch(&connections_[index], 1); },
        [this](uint32_t index) {
            Connection& connection = connections_[index];
            connection.armed = connection.deadline;
            return connection.deadline;
        },
        [this, now](uint32_t index) { end(index, EndReason::Timeout, now); });
    counters_.expiry_lag_ticks.set(wheel_.lag(Tick::at(now)));
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
