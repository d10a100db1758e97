// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/record.h"

#include "conntrack/counters.h"
#include "packet/headers.h"

namespace ravelin {

namespace {

constexpr std::array<const char*, kEndReasonCount> kEndReasons{
    "none", "timeout", "answered", "tcp_reset", "icmp_error", "replaced", "operator"};
constexpr std::array<const char*, kProtocolLabelCount> kProtocols{
    "tcp", "udp", "icmp", "icmpv6", "esp", "ah", "gre", "sctp", "other"};
constexpr std::array<const char*, kReplyLabelCount> kReplies{"unreplied", "replied", "assured"};

}  // namespace

const char* keyword(EndReason reason) noexcept {
    return kEndReasons[static_cast<size_t>(reason)];
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

}  // namespace ravelin
