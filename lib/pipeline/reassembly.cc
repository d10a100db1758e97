// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/reassembly.h"

#include "packet/icmp.h"
#include "pipeline/burst.h"
#include "pipeline/pipeline.h"

namespace ravelin {

static_assert(FragmentTable::kSpare >= kBurstSize);

namespace {

/// RFC 6980 5: whoever discovers neighbours does so in one piece.
bool is_fragmented_discovery(const Packet& datagram, const ParseOptions& options) noexcept {
    return options.refuse_martians && datagram.headers.protocol == ip_protocol::kIcmpv6 &&
           is_neighbour_discovery(datagram.headers.icmp_type);
}

DatagramVerdict judge_datagram(uint32_t index, const Packet& last, Shard& shard,
                               const Runtime& runtime, Instant now) noexcept {
    DropReason reason = DropReason::None;
    Packet datagram;
    datagram.frame = shard.fragments.assemble(index, reason);
    datagram.headers.family = last.headers.family;
    datagram.ct_class = CtClass::Invalid;
    datagram.from_fragments = true;
    if (reason != DropReason::None) {
        datagram.drop(reason);
    } else {
        judge(datagram, shard, runtime, now);
        if (datagram.action != Action::Drop &&
            is_fragmented_discovery(datagram, runtime.tracking.parse)) {
            datagram.ct_class = CtClass::Invalid;
            datagram.drop(DropReason::NdFragmented);
        }
    }
    return {.reason = datagram.action == Action::Drop ? datagram.reason : DropReason::None,
            .ct_class = datagram.ct_class,
            .direction = datagram.direction,
            .family = datagram.headers.family,
            .out_port = datagram.out_port,
            .owner = datagram.target,
            .hand_off = datagram.action == Action::HandOff,
            .flow = datagram.flow};
}

}  // namespace

void reassemble(Packet& packet, uint32_t place, Shard& shard, const Runtime& runtime,
                Instant now) noexcept {
    if (!packet.steered)
        shard.counters.fragments_received[static_cast<size_t>(packet.headers.family)].add();
    const FragmentTable::Added added = shard.fragments.add(
        packet.frame, packet.headers, packet.id.hash, place, runtime.tracking.fragments, now);
    if (added.reason != DropReason::None) {
        packet.ct_class = CtClass::Invalid;
        return packet.drop(added.reason);
    }
    packet.action = Action::Hold;
    if (added.complete == FragmentTable::kNone) return;
    shard.fragments.settle(added.complete,
                           judge_datagram(added.complete, packet, shard, runtime, now), place);
}

void continue_as(const DatagramVerdict& verdict, Packet& packet) noexcept {
    packet.headers.family = verdict.family;
    packet.ct_class = verdict.ct_class;
    packet.direction = verdict.direction;
    packet.flow = verdict.flow;
    packet.out_port = verdict.out_port;
    packet.target = verdict.owner;
    packet.steered = verdict.hand_off;
    if (verdict.reason != DropReason::None) return packet.drop(verdict.reason);
    packet.action = verdict.hand_off ? Action::HandOff : Action::Forward;
}

}  // namespace ravelin
