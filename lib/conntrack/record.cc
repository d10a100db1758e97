// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/record.h"

#include "conntrack/counters.h"
#include "packet/headers.h"

namespace ravelin {

namespace {

constexpr std::array<const char*, kEndReasonCount> kEndReasons{
    "none",     "timeout",  "answered", "tcp_reset", "icmp_error",
    "replaced", "operator", "exit",     "moved"};
constexpr std::array<const char*, kProtocolLabelCount> kProtocols{
    "tcp", "udp", "icmp", "icmpv6", "esp", "ah", "gre", "sctp", "other"};
constexpr std::array<const char*, kEventKindCount> kEventKinds{"new", "update", "destroy", "stale",
                                                               "denied"};
constexpr std::array<const char*, kReplyLabelCount> kReplies{"unreplied", "replied", "assured"};

}  // namespace

const char* keyword(EndReason reason) noexcept {
    return kEndReasons[static_cast<size_t>(reason)];
}

const char* keyword(EventKind kind) noexcept {
    return kEventKinds[static_cast<size_t>(kind)];
}

const char* keyword(ProtocolLabel label) noexcept {
    return kProtocols[static_cast<size_t>(label)];
}

const char* keyword(ReplyLabel label) noexcept {
    return kReplies[static_cast<size_t>(label)];
}

ProtocolLabel protocol_label(uint8_t protocol) noexcept {
    switch (protocol) {
        case ip_protocol::kTcp:
            return ProtocolLabel::Tcp;
        case ip_protocol::kUdp:
            return ProtocolLabel::Udp;
        case ip_protocol::kIcmp:
            return ProtocolLabel::Icmp;
        case ip_protocol::kIcmpv6:
            return ProtocolLabel::Icmpv6;
        case ip_protocol::kEsp:
            return ProtocolLabel::Esp;
        case ip_protocol::kAh:
            return ProtocolLabel::Ah;
        case ip_protocol::kGre:
            return ProtocolLabel::Gre;
        case ip_protocol::kSctp:
            return ProtocolLabel::Sctp;
        default:
            return ProtocolLabel::Other;
    }
}

void set_ends(FlowRecord& record, const FlowKey& key, const Ipv6Ends& ipv6, bool swapped) noexcept {
    Address low;
    Address high;
    if (key.family == Family::Ipv4) {
        low = Address::from_ipv4(key.addresses.data());
        high = Address::from_ipv4(key.addresses.data() + 4);
    } else {
        low.bytes = ipv6.low;
        high.bytes = ipv6.high;
    }
    // ICMP keys are ordered by request and reply, their "ports" belong to no end.
    const bool icmp = key.protocol == ip_protocol::kIcmp || key.protocol == ip_protocol::kIcmpv6;
    const bool swap_ports = swapped && !icmp;
    record.source = swapped ? high : low;
    record.destination = swapped ? low : high;
    record.source_port = swap_ports ? key.high_port : key.low_port;
    record.destination_port = swap_ports ? key.low_port : key.high_port;
    record.outer_vlan = key.outer_vlan;
    record.inner_vlan = key.inner_vlan;
    record.protocol = key.protocol;
    record.family = key.family;
    record.wire = key.wire;
}

}  // namespace ravelin
