// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/conntrack_format.h"

#include "conntrack/connection.h"
#include "conntrack/options.h"
#include "mgmt/text.h"
#include "packet/headers.h"

#include <array>
#include <cstdio>

namespace ravelin {

namespace {

constexpr uint8_t kDccp = 33;
constexpr uint8_t kUdpLite = 136;

constexpr std::array<std::string_view, kTcpPhaseCount> kTcpWords{
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};

/// netfilter's sctp_conntrack states, in its order.
constexpr std::array<std::string_view, kSctpPhaseCount> kSctpWords{
    "NONE",          "CLOSED",        "COOKIE_WAIT",       "COOKIE_ECHOED", "ESTABLISHED",
    "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT"};

bool has(const FlowRecord& flow, uint8_t flag) {
    return (flow.flags & flag) != 0;
}

long long whole_seconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

void append_ends(std::string& out, const FlowRecord& flow, Direction direction) {
    const bool original = direction == Direction::Original;
    out.append("src=");
    append_address(out, original ? flow.source : flow.destination, flow.family);
    out.append(" dst=");
    append_address(out, original ? flow.destination : flow.source, flow.family);
    out.push_back(' ');
}

void append_key(std::string& out, std::string_view name, unsigned key) {
    std::array<char, 12> text{};
    std::snprintf(text.data(), text.size(), "=0x%x ", key);
    out.append(name).append(text.data());
}

void append_tuple(std::string& out, const FlowRecord& flow, Direction direction) {
    const bool original = direction == Direction::Original;
    append_ends(out, flow, direction);
    if (is_icmp(flow.protocol)) {
        const auto request = static_cast<uint8_t>(flow.destination_port >> 8);
        append_field(out, "type", original ? request : icmp_reply_type(flow.family, request));
        append_field(out, " code", flow.destination_port & 0xff);
        append_field(out, " id", flow.source_port);
        out.push_back(' ');
    } else if (flow.protocol == ip_protocol::kGre) {
        // The call id of enhanced GRE is the key of its destination; all other keys are 0.
        append_key(out, "srckey", original ? 0 : flow.destination_port);
        append_key(out, "dstkey", original ? flow.destination_port : 0);
    } else if (has_ports(flow.protocol)) {
        append_field(out, "sport", original ? flow.source_port : flow.destination_port);
        append_field(out, " dport", original ? flow.destination_port : flow.source_port);
        out.push_back(' ');
    }
}

void append_counters(std::string& out, const FlowRecord& flow, Direction direction) {
    append_field(out, "packets", flow.packets[static_cast<size_t>(direction)]);
    append_field(out, " bytes", flow.bytes[static_cast<size_t>(direction)]);
    out.push_back(' ');
}

void append_state(std::string& out, const FlowRecord& flow) {
    if (flow.protocol == ip_protocol::kTcp) {
        out.append(tcp_state_word(flow.state));
        out.push_back(' ');
    } else if (flow.protocol == ip_protocol::kSctp) {
        out.append(sctp_state_word(flow.state));
        out.push_back(' ');
    }
}

/// Everything from the protocol's name to the flags; each part ends with a space.
void append_body(std::string& out, const FlowRecord& flow, bool timeout, bool counters) {
    const std::string_view name = protocol_word(flow.protocol);
    out.append(name);
    out.append(name.size() < 8 ? 8 - name.size() : 0, ' ');
    out.push_back(' ');
    append_number(out, flow.protocol);
    out.push_back(' ');
    if (timeout) {
        append_number(out, whole_seconds(flow.remaining));
        out.push_back(' ');
    }
    append_state(out, flow);
    append_tuple(out, flow, Direction::Original);
    if (counters) append_counters(out, flow, Direction::Original);
    if (!has(flow, connection_flag::kSeenReply)) out.append("[UNREPLIED] ");
    append_tuple(out, flow, Direction::Reply);
    if (counters) append_counters(out, flow, Direction::Reply);
    if (has(flow, connection_flag::kAssured)) out.append("[ASSURED] ");
}

void append_delta_time(std::string& out, const FlowRecord& flow) {
    append_field(out, "delta-time", whole_seconds(flow.age));
    out.push_back(' ');
}

void append_id(std::string& out, const FlowRecord& flow) {
    append_field(out, "id", flow.id);
    out.push_back(' ');
}

void append_timestamp(std::string& out, Duration unix_time) {
    using std::chrono::microseconds;
    const auto whole = std::chrono::duration_cast<microseconds>(unix_time).count();
    std::string fraction = std::to_string(whole % 1000000);
    out.push_back('[');
    append_number(out, whole / 1000000);
    out.push_back('.');
    out.append(6 - fraction.size(), '0');
    out.append(fraction);
    out.append("]\t");
}

}  // namespace

void append_conntrack_line(std::string& out, const FlowRecord& flow,
                           const ConntrackLineOptions& options) {
    append_body(out, flow, true, true);
    out.append("mark=0 ");
    if (options.delta_time) append_delta_time(out, flow);
    out.append("use=1 ");
    if (options.id) append_id(out, flow);
    out.back() = '\n';
}

std::string conntrack_line(const FlowRecord& flow, const ConntrackLineOptions& options) {
    std::string out;
    append_conntrack_line(out, flow, options);
    return out;
}

void append_conntrack_event_line(std::string& out, const FlowEvent& event,
                                 const ConntrackLineOptions& options) {
    if (!is_known_to_conntrack(event.kind)) return;
    if (options.timestamp) append_timestamp(out, event.at.time_since_epoch() + options.unix_offset);
    const bool destroyed = event.kind == EventKind::Destroy;
    switch (event.kind) {
        case EventKind::New:
            out.append("    [NEW] ");
            break;
        case EventKind::Update:
            out.append(" [UPDATE] ");
            break;
        case EventKind::Destroy:
            out.append("[DESTROY] ");
            break;
        case EventKind::Stale:
        case EventKind::Denied:
        case EventKind::Count:
            break;
    }
    append_body(out, event.flow, !destroyed || whole_seconds(event.flow.remaining) > 0, destroyed);
    if (destroyed && options.delta_time) append_delta_time(out, event.flow);
    if (options.id) append_id(out, event.flow);
    out.back() = '\n';
}

std::string conntrack_event_line(const FlowEvent& event, const ConntrackLineOptions& options) {
    std::string out;
    append_conntrack_event_line(out, event, options);
    return out;
}

std::string_view tcp_state_word(uint8_t state) noexcept {
    return kTcpWords[state < kTcpWords.size() ? state : 0];
}

std::string_view sctp_state_word(uint8_t state) noexcept {
    return kSctpWords[state < kSctpWords.size() ? state : 0];
}

std::string_view protocol_word(uint8_t protocol) noexcept {
    switch (protocol) {
        case ip_protocol::kTcp:
            return "tcp";
        case ip_protocol::kUdp:
            return "udp";
        case ip_protocol::kIcmp:
            return "icmp";
        case ip_protocol::kIcmpv6:
            return "icmpv6";
        case ip_protocol::kGre:
            return "gre";
        case ip_protocol::kSctp:
            return "sctp";
        case kDccp:
            return "dccp";
        case kUdpLite:
            return "udplite";
        default:
            return "unknown";
    }
}

bool has_ports(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp ||
           protocol == ip_protocol::kSctp || protocol == kDccp || protocol == kUdpLite;
}

bool is_icmp(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
}

uint8_t icmp_reply_type(Family family, uint8_t request) noexcept {
    // RFC 792, RFC 950, RFC 4443, RFC 4620: requests and replies are neighbours but for echo.
    if (family == Family::Ipv6)
        return request == 128 || request == 139 ? static_cast<uint8_t>(request + 1) : 0;
    return request == 13 || request == 15 || request == 17 ? static_cast<uint8_t>(request + 1) : 0;
}

}  // namespace ravelin
