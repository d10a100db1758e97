// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/denials.h"

#include "pipeline/query.h"
#include "pipeline/shard.h"
#include "pipeline/stale.h"

#include <bit>

namespace ravelin {

namespace {

bool is_icmp(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
}

/// What packets of one report have in common; never 0.
uint64_t key_of(const Packet& packet, const FlowExtractor& extractor) noexcept {
    FlowKey key = packet.id.key;
    if (is_icmp(key.protocol)) {
        key.low_port = 0;  // the identifier
    } else if (!is_ipsec(key.protocol)) {
        (packet.id.swapped ? key.high_port : key.low_port) = 0;
    }
    const uint64_t what = static_cast<uint64_t>(packet.reason) << 2 |
                          static_cast<uint64_t>(packet.is_icmp_error) << 1 |
                          static_cast<uint64_t>(packet.id.swapped);
    // Odd, so that different ones stay different: 2^64 divided by the golden ratio.
    const uint64_t key64 = (extractor.hash64(key) ^ what) * 0x9e3779b97f4a7c15U;
    return key64 != 0 ? key64 : 1;
}

/// The rule that was asked; the default rule where none was.
uint16_t rule_of(const Packet& packet, const Query& query, const Runtime& runtime) noexcept {
    if (packet.ct_class != CtClass::New || packet.is_icmp_error) return Policy::kDefaultRule;
    return runtime.policy.judge(query).rule;
}

}  // namespace

[[gnu::noinline]] void report_denied(const Packet& packet, Shard& shard, const Runtime& runtime,
                                     Instant now) noexcept {
    if (!shard.denials.admits(now)) return shard.counters.denials_skipped.add();
    Conntrack& conntrack = shard.conntrack;
    DenialRecord& report = shard.denials.of(key_of(packet, conntrack.extractor())).record;
    DenialInfo& info = report.info;
    if (info.packets == 0) report.first = now;
    report.last = now;
    if (info.packets != UINT32_MAX) ++info.packets;
    info.reason = packet.reason;
    info.ct_class = packet.ct_class;
    info.direction = packet.direction;
    info.from_inside = shard.topology.ports[packet.frame.port].inside;
    info.is_icmp_error = packet.is_icmp_error;
    info.has_connection = !packet.missed;
    info.looked_back = packet.missed && looks_for_late(runtime);
    const Query query = query_of(packet);
    info.sender = query.source;
    if (info.has_connection) {
        conntrack.record(packet.connection, now, report.flow);
    } else {
        report.flow = FlowRecord{};
        set_ends(report.flow, packet.id.key, packet.id.ipv6, packet.id.swapped);
        report.flow.shard = shard.index;
        report.flow.rule = rule_of(packet, query, runtime);
        report.flow.policy_generation = runtime.generation;
    }
    if (!std::has_single_bit(info.packets) || !conntrack.is_heard()) return;
    FlowEvent event;
    event.kind = EventKind::Denied;
    event.at = now;
    event.flow = report.flow;
    event.denial = info;
    conntrack.push(event);
}

}  // namespace ravelin
