// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/pipeline.h"

#include "conntrack/related.h"
#include "packet/parse.h"
#include "packet/plain.h"
#include "pipeline/denials.h"
#include "pipeline/observe.h"
#include "pipeline/query.h"
#include "pipeline/reassembly.h"
#include "pipeline/stale.h"

#include <array>
#include <bit>

namespace ravelin {

namespace {

const uint8_t* l3_of(const Packet& packet) noexcept {
    return packet.frame.data + packet.headers.l3_offset;
}

const uint8_t* l4_of(const Packet& packet) noexcept {
    return packet.frame.data + packet.headers.l4_offset;
}

bool is_icmp(const Headers& headers) noexcept {
    return headers.protocol == ip_protocol::kIcmp || headers.protocol == ip_protocol::kIcmpv6;
}

void drop_invalid(Packet& packet, DropReason reason) noexcept {
    packet.ct_class = CtClass::Invalid;
    packet.drop(reason);
}

/// An ICMP error is identified by what it quotes, so that it meets the connection that it is about
/// on the worker that owns it.
void parse_icmp_error(Packet& packet, const FlowExtractor& extractor, uint8_t wire,
                      const TrackingOptions& options) noexcept {
    const std::span<const uint8_t> l3{l3_of(packet), packet.headers.ip_length};
    QuotedError error;
    const DropReason reason = read_icmp_error(packet.headers, l3, options, error);
    if (reason != DropReason::None) return drop_invalid(packet, reason);
    error.quoted.outer_vlan = packet.headers.outer_vlan;
    error.quoted.inner_vlan = packet.headers.inner_vlan;
    if (options.ipsec_by_spi) identify_by_spi(error.quoted);
    extractor.extract(error.quoted, l3.data() + error.quoted_offset, wire, packet.id);
    packet.quoted_sequence = error.tcp_sequence;
    packet.is_icmp_error = true;
}

void parse_ip(Packet& packet, const FlowExtractor& extractor, uint8_t wire,
              const TrackingOptions& options) noexcept {
    Headers& headers = packet.headers;
    if (headers.is_fragment) [[unlikely]] {
        packet.id.steering_hash = extractor.steering_hash(headers, l3_of(packet));
        packet.action = Action::Fragment;
        return;
    }
    if (is_icmp(headers)) [[unlikely]] {
        if (is_untracked_icmp(headers.family, headers.icmp_type)) {
            packet.ct_class = CtClass::Untracked;
            packet.action = Action::Forward;
            return;
        }
        if (is_icmp_error(headers.family, headers.icmp_type))
            return parse_icmp_error(packet, extractor, wire, options);
    }
    if (options.ipsec_by_spi) identify_by_spi(headers);
    extractor.extract(headers, l3_of(packet), wire, packet.id);
}

/// Tracks one packet; true when there is no connection for it.
bool track_one(Packet& packet, Conntrack& conntrack, const TrackingSets& options,
               Instant now) noexcept {
    const Tracked tracked = packet.is_icmp_error
                                ? conntrack.relate(packet.id, packet.quoted_sequence,
                                                   packet.candidate, options.general(), now)
                                : conntrack.track(packet.headers, packet.id, l4_of(packet),
                                                  packet.candidate, options, now);
    packet.ct_class = tracked.ct_class;
    packet.direction = tracked.direction;
    packet.flow = tracked.flow;
    packet.tunnel = tracked.tunnel;
    packet.connection = tracked.index;
    packet.reason = tracked.reason;
    return tracked.missing;
}

/// What holds for every class but NEW without a connection.
void decide_by_class(Packet& packet) noexcept {
    if (packet.ct_class == CtClass::Invalid) {
        packet.action = Action::Drop;
    } else {
        packet.action = Action::Forward;
    }
}

void decide_new(Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept {
    const Headers& headers = packet.headers;
    const Query query = query_of(packet);
    const Judgement judgement = packet.classified ? runtime.policy.judgement(packet.rule, query)
                                                  : runtime.policy.judge(query);
    shard.counters.rule_matched[rule_counter_index(judgement.rule)].add();
    if (!judgement.allow) return packet.drop(judgement.reason);

    const bool udp = headers.protocol == ip_protocol::kUdp;
    if (udp && !runtime.services.empty()) {
        const DropReason reason = admit_handshake(packet, query, shard, runtime, now);
        if (reason != DropReason::None) return packet.drop(reason);
    }

    const Opening opening{.from_inside = shard.topology.ports[packet.frame.port].inside,
                          .rule = judgement.rule,
                          .policy_generation = runtime.generation,
                          .late = judgement.late,
                          .timeout_set = judgement.timeout_set};
    const Opened opened = shard.conntrack.open(headers, packet.id, l4_of(packet), opening,
                                               runtime.tracking_sets(), now);
    if (opened.reason != DropReason::None) return packet.drop(opened.reason);
    packet.flow = opened.flow;
    packet.action = Action::Forward;
    if (!runtime.tunnels.observe) return;
    if (udp || is_ipsec(headers.protocol)) {
        packet.connection = opened.index;
        look_for_tunnel(packet, query, shard, runtime, now);
    } else if (headers.protocol == ip_protocol::kTcp) {
        look_for_stream(opened.index, shard, now);
    }
}

/// Whatever isn't plain.
[[gnu::noinline]] void parse_one_rare(Packet& packet, uint8_t wire, const Shard& shard,
                                      const Runtime& runtime) noexcept {
    if (packet.frame.too_long) return packet.drop(DropReason::FrameTooLong);
    const DropReason reason =
        parse_rare({packet.frame.data, packet.frame.length}, runtime.tracking.parse,
                   packet.frame.l4_checksum_good, packet.headers);
    if (reason != DropReason::None) [[unlikely]] {
        packet.ct_class = packet.headers.family == Family::None ? CtClass::None : CtClass::Invalid;
        packet.drop(reason);
    } else if (packet.headers.family == Family::None) [[unlikely]] {
        if (runtime.passes(packet.headers.ether_type)) {
            packet.action = Action::Forward;
        } else {
            packet.drop(DropReason::EthertypeUnsupported);
        }
    } else {
        parse_ip(packet, shard.conntrack.extractor(), wire, runtime.tracking);
    }
}

void parse_one(Packet& packet, const Shard& shard, const Runtime& runtime) noexcept {
    const PortRole& role = shard.topology.ports[packet.frame.port];
    packet.out_port = role.peer;
    const Frame& frame = packet.frame;
    const bool verify = runtime.tracking.parse.verify_checksums && !frame.l4_checksum_good;
    if (!frame.too_long && parse_plain({frame.data, frame.length}, verify, packet.headers))
        [[likely]] {
        shard.conntrack.extractor().extract_plain(frame.data + plain::kIp, packet.headers.protocol,
                                                  role.wire, packet.id);
    } else {
        parse_one_rare(packet, role.wire, shard, runtime);
    }
}

/// A packet without a connection; false when there was none that it could be late for.
bool decide_late(Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept {
    Late late = shard.conntrack.find_late(packet.id, packet.is_icmp_error ? nullptr : l4_of(packet),
                                          runtime.tracking.tombstones, now);
    if (late.tombstone == nullptr) return false;
    const StalePolicy policy = policy_for(late, runtime);
    if (policy == StalePolicy::AsNew) return false;
    if (policy == StalePolicy::Resurrect && resurrect(packet, late, shard, runtime, now))
        return true;
    if (!begins_anew(packet, late)) {
        decide_stale(packet, late, policy, shard, now);
        return true;
    }
    decide_new(packet, shard, runtime, now);
    if (packet.action == Action::Forward) {
        shard.conntrack.forget(*late.tombstone);
    } else if (packet.reason != DropReason::TableFull) {
        deny_stale(packet, late, shard, now);
    }
    return true;
}

/// A packet that is looked at for the first time, or for which there was no connection before this
/// burst; an earlier packet of it may have opened that.
void decide_one(Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept {
    if (!packet.missed || shard.conntrack.may_have_opened(packet.id)) {
        packet.candidate = Conntrack::kNone;
        packet.missed = track_one(packet, shard.conntrack, runtime.tracking_sets(), now);
    }
    if (!packet.missed) {
        decide_by_class(packet);
        // Of a tunnel's data all that came in pieces is counted.
        if (packet.from_fragments && !packet.is_icmp_error)
            packet.tunnel = shard.conntrack.watched_as(packet.connection);
        if (packet.tunnel != 0) observe(packet, shard, runtime, now);
        return;
    }
    if (looks_for_late(runtime) && decide_late(packet, shard, runtime, now)) return;
    if (packet.ct_class == CtClass::New) {
        decide_new(packet, shard, runtime, now);
    } else {
        decide_by_class(packet);
    }
}

void decide_and_tell(Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept {
    decide_one(packet, shard, runtime, now);
    if (packet.action == Action::Drop && packet.ct_class != CtClass::Stale)
        report_denied(packet, shard, runtime, now);
}

/// Whatever is no plain packet of an established connection.
[[gnu::noinline]] void track_closely(Packet& packet, Shard& shard, const Runtime& runtime,
                                     Instant now) noexcept {
    packet.missed = track_one(packet, shard.conntrack, runtime.tracking_sets(), now);
    if (packet.missed) {
        shard.counters.lookup_misses.add();
        if (looks_for_late(runtime)) shard.conntrack.prefetch_tombstone(packet.id);
    } else {
        decide_by_class(packet);
    }
    if (packet.tunnel != 0) observe(packet, shard, runtime, now);
    if (packet.action == Action::Drop) report_denied(packet, shard, runtime, now);
}

}  // namespace

// Flattened: the calls of one packet would cost a sixth of all its instructions. What is rare isn't
// inlined, so that the loop keeps its registers.
[[gnu::flatten]] void parse(Burst& burst, const Shard& shard, const Runtime& runtime) noexcept {
    for (Packet& packet : burst) {
        if (packet.action == Action::Pending) parse_one(packet, shard, runtime);
    }
}

void steer(Burst& burst, const Shard& shard) noexcept {
    for (Packet& packet : burst) {
        const bool fragment = packet.action == Action::Fragment;
        if (packet.action != Action::Pending && !fragment) [[unlikely]]
            continue;
        const uint8_t owner = shard.indirection.owner(packet.id.steering_hash);
        if (fragment && (packet.steered || owner == shard.index)) {
            packet.id.hash = shard.fragments.prefetch(packet.frame, packet.headers);
            burst.leave_undecided(packet);
        } else if (owner == shard.index) {
            shard.conntrack.prefetch_bucket(packet.id);
        } else {
            packet.action = Action::HandOff;
            packet.target = owner;
        }
    }
}

void look_up(Burst& burst, const Shard& shard) noexcept {
    const Conntrack& conntrack = shard.conntrack;
    uint64_t not_found = 0;
    for (Packet& packet : burst) {
        packet.candidate = Conntrack::kNone;
        if (packet.action != Action::Pending) [[unlikely]]
            continue;
        packet.candidate = conntrack.prefetch_connection(packet.id);
        if (packet.candidate == Conntrack::kNone) [[unlikely]]
            not_found |= burst.bit_of(packet);
    }
    for (; not_found != 0; not_found &= not_found - 1) {
        Packet& packet = burst.packets[static_cast<size_t>(__builtin_ctzll(not_found))];
        packet.candidate = conntrack.prefetch_overflowed(packet.id);
    }
    for (const Packet& packet : burst)
        conntrack.fetch(packet.candidate, packet.id);
}

[[gnu::flatten]] void track(Burst& burst, Shard& shard, const Runtime& runtime,
                            Instant now) noexcept {
    const Renewals renewals{runtime.tracking, now};
    Conntrack& conntrack = shard.conntrack;
    uint64_t hits = 0;
    for (Packet& packet : burst) {
        if (packet.action != Action::Pending) [[unlikely]]
            continue;
        if (!packet.is_icmp_error &&
            conntrack.track_established(packet.headers, packet.id, l4_of(packet), packet.candidate,
                                        renewals, packet.direction)) [[likely]] {
            packet.ct_class = CtClass::Established;
            packet.action = Action::Forward;
            packet.flow = conntrack.told_id(packet.candidate);
        } else {
            track_closely(packet, shard, runtime, now);
            if (packet.missed) burst.leave_undecided(packet);
        }
        hits += packet.missed ? 0 : 1;
    }
    shard.counters.lookup_hits.add(hits);
}

void classify(Burst& burst, const Policy& policy) noexcept {
    // Few packets or few rules wait for nothing.
    constexpr int kPackets = 3;
    constexpr size_t kRules = 64;
    if (std::popcount(burst.undecided) < kPackets || policy.rules.size() < kRules) return;
    std::array<Query, Policy::kTogether> queries{};
    std::array<Packet*, Policy::kTogether> packets{};
    size_t count = 0;
    const auto ask = [&] {
        const auto rules = policy.match(queries);
        for (size_t i = 0; i < count; ++i) {
            packets[i]->rule = rules[i];
            packets[i]->classified = true;
        }
        count = 0;
    };
    for (uint64_t left = burst.undecided; left != 0; left &= left - 1) {
        Packet& packet = burst.packets[static_cast<size_t>(__builtin_ctzll(left))];
        if (!packet.missed || packet.ct_class != CtClass::New) continue;
        queries[count] = query_of(packet);
        packets[count++] = &packet;
        if (count == queries.size()) ask();
    }
    if (count != 0) ask();
}

void decide(Burst& burst, Shard& shard, const Runtime& runtime, Instant now) noexcept {
    if (burst.undecided == 0) return;
    shard.conntrack.note_opened();
    for (uint64_t left = burst.undecided; left != 0; left &= left - 1) {
        const auto at = static_cast<uint32_t>(__builtin_ctzll(left));
        Packet& packet = burst.packets[at];
        if (packet.action == Action::Fragment) {
            reassemble(packet, at, shard, runtime, now);
        } else {
            decide_and_tell(packet, shard, runtime, now);
        }
    }
}

void judge(Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept {
    parse_one(packet, shard, runtime);
    if (packet.action != Action::Pending) return;
    const uint8_t owner = shard.indirection.owner(packet.id.steering_hash);
    if (owner != shard.index) {
        packet.action = Action::HandOff;
        packet.target = owner;
        return;
    }
    decide_and_tell(packet, shard, runtime, now);
    (packet.missed ? shard.counters.lookup_misses : shard.counters.lookup_hits).add();
}

void account_received(Burst& burst, WorkerCounters& counters) noexcept {
    if (burst.count == 0) return;
    // A receive burst comes from one port.
    PacketsBytes& received = counters.received[burst.begin()->frame.port];
    received.packets.add(burst.count);
    received.bytes.add(burst.bytes);
}

}  // namespace ravelin
