// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.h"

#include <array>

namespace ravelin::config {
namespace {

#define TRACKING(member)                     \
    [](Draft & draft) -> auto& {             \
        return draft.config.tracking.member; \
    }

#define CONFIG(member)              \
    [](Draft & draft) -> auto& {    \
        return draft.config.member; \
    }

#define DRAFT(member)            \
    [](Draft & draft) -> auto& { \
        return draft.member;     \
    }

/// Ticks wrap after 248 days; a month is more than any protocol asks for.
constexpr int64_t kShortestTimeout = std::chrono::milliseconds{1s}.count();
constexpr int64_t kLongestTimeout = std::chrono::milliseconds{30 * 24h}.count();

Key timeout(std::string_view path, Access<Duration> field, std::string_view doc) {
    return {path, Format::Duration, field, doc, false, kShortestTimeout, kLongestTimeout};
}

Key flag(std::string_view path, Access<bool> field, std::string_view doc) {
    return {path, Format::Boolean, field, doc};
}

/// One timeout: of all connections, and of those that a rule allows.
struct TimeoutKey {
    std::string_view path;
    std::string_view path_in_rule;
    Access<Duration> field;
    Access<Duration> field_in_rule;
    std::string_view doc;
};

template <Duration Timeouts::*kTimeout>
Duration& of_all(Draft& draft) {
    return draft.config.tracking.timeouts.*kTimeout;
}
template <Duration Timeouts::*kTimeout>
Duration& of_rule(Draft& draft) {
    return draft.rules.back().timeouts.*kTimeout;
}

#define TIMEOUT(name, doc)                                                               \
    TimeoutKey {                                                                         \
        "conntrack.timeouts." #name, "rules[].timeouts." #name, of_all<&Timeouts::name>, \
            of_rule<&Timeouts::name>, doc                                                \
    }

const std::array<TimeoutKey, 26>& timeouts() {
    static const std::array<TimeoutKey, 26> kTimeouts{{
        TIMEOUT(udp_unreplied, "UDP that has had no answer."),
        TIMEOUT(udp_replied,
                "UDP that has been answered. Keep it over three times the VPN's keepalive."),
        TIMEOUT(icmp, "ICMP query."),
        TIMEOUT(icmpv6, "ICMPv6 query."),
        TIMEOUT(generic, "All other protocols: ESP, AH, IGMP and so on."),
        TIMEOUT(gre_unreplied, "GRE that has had no answer."),
        TIMEOUT(gre_replied, "GRE that has been answered."),
        TIMEOUT(tcp_syn_sent, "TCP after the SYN."),
        TIMEOUT(tcp_syn_recv, "TCP after the SYN-ACK."),
        TIMEOUT(tcp_established, "TCP between handshake and FIN."),
        TIMEOUT(tcp_fin_wait, "TCP after the first FIN."),
        TIMEOUT(tcp_close_wait, "TCP after the first FIN was acknowledged."),
        TIMEOUT(tcp_last_ack, "TCP after the second FIN."),
        TIMEOUT(tcp_time_wait, "TCP after both FINs were acknowledged."),
        TIMEOUT(tcp_close, "TCP after an RST."),
        TIMEOUT(tcp_syn_sent2, "TCP after a SYN from either side."),
        TIMEOUT(tcp_retransmission,
                "At most this long once a segment was sent tcp.max_retransmissions times."),
        TIMEOUT(tcp_unacknowledged,
                "At most this long while data waits for its acknowledgement, or a window is zero."),
        TIMEOUT(sctp_closed, "SCTP after the INIT or an ABORT."),
        TIMEOUT(sctp_cookie_wait, "SCTP after the INIT ACK."),
        TIMEOUT(sctp_cookie_echoed, "SCTP after the COOKIE ECHO."),
        TIMEOUT(sctp_established, "SCTP between handshake and shutdown."),
        TIMEOUT(sctp_shutdown_sent, "SCTP after a SHUTDOWN of the opener."),
        TIMEOUT(sctp_shutdown_recd, "SCTP after a SHUTDOWN of the other side."),
        TIMEOUT(sctp_shutdown_ack_sent, "SCTP after the SHUTDOWN ACK."),
        TIMEOUT(sctp_heartbeat_sent,
                "SCTP after a HEARTBEAT on a path that was not seen to be opened."),
    }};
    return kTimeouts;
}

void add_timeouts(std::vector<Key>& keys) {
    const std::string_view head = "How long a connection lives without a packet.";
    keys.push_back({"conntrack.timeouts", Format::Section, {}, head});
    for (const TimeoutKey& one : timeouts())
        keys.push_back(timeout(one.path, one.field, one.doc));
}

void add_queries_and_errors(std::vector<Key>& keys) {
    keys.push_back({"conntrack.udp_assured_packets", Format::Number,
                    Access<uint32_t>{TRACKING(udp_assured_packets)},
                    "UDP is ASSURED from this packet on, at least one each way among them; 0: the "
                    "kernel's rule, traffic later than 2 s after the start.",
                    false, 0, 1000});
    keys.push_back({"conntrack.udp_unreplied_renewals", Format::Number,
                    Access<uint32_t>{TRACKING(udp_unreplied_renewals)},
                    "So many further packets of the opener alone make an unanswered UDP "
                    "connection last longer; it ends one timeout after the last of them, and what "
                    "comes then is judged as new. 0: every one does, as in the kernel.",
                    false, 0, 1000000});
    keys.push_back({"conntrack.icmp", Format::Section, {}, "ICMP and ICMPv6 queries."});
    keys.push_back(flag("conntrack.icmp.end_when_answered", TRACKING(icmp_end_when_answered),
                        "A query's entry ends when every request is answered."));
    keys.push_back(flag("conntrack.icmp.obsolete_queries", TRACKING(icmp_obsolete_queries),
                        "Timestamp, information and address mask requests may open a connection."));
    keys.push_back({"conntrack.icmp_errors",
                    Format::Section,
                    {},
                    "What makes an ICMP error RELATED to the connection that it quotes."});
    keys.push_back(flag("conntrack.icmp_errors.known_codes_only",
                        TRACKING(icmp_error_known_codes_only),
                        "Only types and codes that are in use; no redirect, no source quench."));
    keys.push_back(flag("conntrack.icmp_errors.check_sequence", TRACKING(icmp_error_check_sequence),
                        "A quoted TCP sequence number must lie in the window."));
    keys.push_back(flag("conntrack.icmp_errors.check_mtu", TRACKING(icmp_error_check_mtu),
                        "The next-hop MTU must be one that can be."));
    keys.push_back(flag("conntrack.icmp_errors.ends_unanswered",
                        TRACKING(icmp_error_ends_unanswered),
                        "An error ends a connection that was never answered."));
    keys.push_back(flag("conntrack.icmp_errors.verify_quoted_checksum",
                        TRACKING(quote.verify_ip_checksum),
                        "The quoted IPv4 header's checksum must be right."));
    keys.push_back({"conntrack.icmp_errors.minimum_quoted_bytes", Format::Number,
                    Access<uint8_t>{TRACKING(quote.minimum_l4_bytes)},
                    "Bytes that must be quoted after the IP header.", false, 4, 64});
}

void add_fragments(std::vector<Key>& keys) {
    constexpr int64_t kMost = 1 << 20;
    constexpr int64_t kMostBytes = 1 << 30;
    /// One datagram of the longest kind, headers and all.
    constexpr int64_t kLeastBytes = 128 << 10;
    const auto number = [&](std::string_view path, Access<uint32_t> field, std::string_view doc,
                            int64_t least, int64_t most) {
        keys.push_back({path, Format::Number, field, doc, false, least, most});
    };
    keys.push_back({"conntrack.fragments",
                    Format::Section,
                    {},
                    "Fragments are held until their datagram is whole, are judged as one packet, "
                    "and leave unchanged."});
    number("conntrack.fragments.datagrams", CONFIG(fragments.datagrams),
           "Incomplete datagrams that one worker holds; the oldest give way. Read at start only.",
           16, kMost);
    number("conntrack.fragments.fragments", CONFIG(fragments.fragments),
           "Fragments of all of them; each takes a packet buffer. Read at start only.", 64, kMost);
    number("conntrack.fragments.bytes", TRACKING(fragments.bytes),
           "Bytes of all frames that one worker holds.", kLeastBytes, kMostBytes);
    number("conntrack.fragments.source_datagrams", TRACKING(fragments.source_datagrams),
           "The same limits for one sender: an IPv4 address or an IPv6 /64.", 1, kMost);
    number("conntrack.fragments.source_fragments", TRACKING(fragments.source_fragments),
           "Fragments of one sender.", 64, kMost);
    number("conntrack.fragments.source_bytes", TRACKING(fragments.source_bytes),
           "Bytes of one sender's frames.", kLeastBytes, kMostBytes);
    keys.push_back(timeout("conntrack.fragments.ipv4_timeout", TRACKING(fragments.ipv4_timeout),
                           "IPv4: from the first fragment that came to the last."));
    keys.push_back(timeout("conntrack.fragments.ipv6_timeout", TRACKING(fragments.ipv6_timeout),
                           "The same for IPv6."));
    keys.push_back(flag("conntrack.fragments.refuse_tiny", TRACKING(fragments.refuse_tiny),
                        "The first fragment must hold the whole transport header."));
}

void add_tombstones(std::vector<Key>& keys) {
    keys.push_back({"conntrack.tombstones",
                    Format::Section,
                    {},
                    "What is remembered of connections that have ended, so that a late packet is "
                    "known as one (class STALE) and isn't taken for an attempt to come in."});
    keys.push_back({"conntrack.tombstones.capacity", Format::Number,
                    Access<uint32_t>{CONFIG(tombstones)},
                    "So many of them, over all workers, 32 bytes each; the oldest give way. "
                    "0: none. Read at start only.",
                    false, 0, 64 << 20});
    keys.push_back({"conntrack.tombstones.ttl", Format::Duration,
                    Access<Duration>{TRACKING(tombstones.ttl)}, "So long after its end.", false,
                    kShortestTimeout, std::chrono::milliseconds{7 * 24h}.count()});
    keys.push_back(
        {"conntrack.tombstones.policy",
         Format::Word,
         Access<std::string>{DRAFT(stale_policy)},
         "What happens to a late packet. drop: silently. reject: likewise, and its sender "
         "is told by an ICMP error or a TCP reset. resurrect: a tunnel that had only "
         "idled out goes on if today's rules still allow it, whatever else drops. "
         "as-new: the rules decide as for any first packet. The opener's own packets "
         "may always begin the connection anew.",
         false,
         0,
         0,
         {"drop", "reject", "resurrect", "as-new"}});
}

void add_tcp_and_parse(std::vector<Key>& keys) {
    keys.push_back({"conntrack.tcp", Format::Section, {}, "TCP."});
    keys.push_back(flag("conntrack.tcp.loose", TRACKING(tcp_loose),
                        "A packet from the middle of a connection may open one."));
    keys.push_back({"conntrack.tcp.pickup", Format::Duration,
                    Access<Duration>{TRACKING(tcp_pickup)},
                    "So long after the start of ravelind they may all the same, so that a restart "
                    "doesn't cut what is established; 0s: never.",
                    false, 0, std::chrono::milliseconds{1h}.count()});
    keys.push_back(flag("conntrack.tcp.be_liberal", TRACKING(tcp_be_liberal),
                        "Packets outside the window pass; an RST never does."));
    keys.push_back(flag("conntrack.tcp.ignore_invalid_rst", TRACKING(tcp_ignore_invalid_rst),
                        "An RST outside the window passes, but closes nothing."));
    keys.push_back(flag("conntrack.tcp.rst_exact", TRACKING(tcp_rst_exact),
                        "Only an RST at exactly the next sequence number closes."));
    keys.push_back(flag("conntrack.tcp.invalid_inert", TRACKING(tcp_invalid_inert),
                        "A refused segment leaves no trace in its connection."));
    keys.push_back(flag("conntrack.tcp.simultaneous_open", TRACKING(tcp_simultaneous_open),
                        "Both sides may open with a SYN."));
    keys.push_back({"conntrack.tcp.max_retransmissions", Format::Number,
                    Access<uint8_t>{TRACKING(tcp_max_retransmissions)},
                    "After so many, timeouts.tcp_retransmission is the most.", false, 1, 15});
    keys.push_back(flag("conntrack.ipsec_by_spi", TRACKING(ipsec_by_spi),
                        "Each SPI of ESP and AH is a connection of its own, allowed by the rules "
                        "for its own direction; off: one connection for each pair of addresses."));
    keys.push_back({"conntrack.parse", Format::Section, {}, "Which packets are refused at once."});
    keys.push_back(flag("conntrack.parse.verify_checksums", TRACKING(parse.verify_checksums),
                        "TCP, UDP and ICMP checksums must be right."));
    keys.push_back(flag("conntrack.parse.refuse_ipv4_options", TRACKING(parse.refuse_ipv4_options),
                        "No IPv4 options, but router alert for IGMP."));
    keys.push_back(flag("conntrack.parse.refuse_martians", TRACKING(parse.refuse_martians),
                        "No addresses that can't be, and none that talk to themselves."));
    keys.push_back(flag("conntrack.parse.refuse_routing_header",
                        TRACKING(parse.refuse_routing_header),
                        "No IPv6 routing header at all; type 0 is always refused."));
    keys.push_back(flag("conntrack.parse.refuse_ttl_zero", TRACKING(parse.refuse_ttl_zero),
                        "No packet whose TTL or hop limit is 0."));
}

}  // namespace

std::string write_stale_policy(StalePolicy policy) {
    switch (policy) {
        case StalePolicy::Reject:
            return "reject";
        case StalePolicy::Resurrect:
            return "resurrect";
        case StalePolicy::AsNew:
            return "as-new";
        case StalePolicy::General:
        case StalePolicy::Drop:
            break;
    }
    return "drop";
}

StalePolicy read_stale_policy(std::string_view word) noexcept {
    if (word.empty()) return StalePolicy::General;
    if (word == "reject") return StalePolicy::Reject;
    if (word == "resurrect") return StalePolicy::Resurrect;
    return word == "as-new" ? StalePolicy::AsNew : StalePolicy::Drop;
}

std::vector<Key> rule_timeout_keys() {
    std::vector<Key> keys{
        {"rules[].timeouts",
         Format::Section,
         {},
         "Timeouts of the connections that this rule has allowed, with the keys "
         "of conntrack.timeouts. What it leaves out is as there. A reload reaches "
         "the connections that are there already."}};
    for (const TimeoutKey& one : timeouts()) {
        keys.push_back(timeout(one.path_in_rule, one.field_in_rule, one.doc));
        keys.back().inherits = true;
    }
    return keys;
}

std::vector<Key> conntrack_keys() {
    std::vector<Key> keys{{"conntrack", Format::Section, {}, "Connection tracking."}};
    keys.push_back(
        {"conntrack.profile",
         Format::Word,
         Access<std::string>{DRAFT(profile)},
         "Sets all values below at once, whatever the order of the keys; each can then be set "
         "alone. linux: as the kernel's nf_conntrack. strict: safer where the kernel is known to "
         "be weak.",
         false,
         0,
         0,
         {"strict", "linux"}});
    keys.push_back({"conntrack.connections", Format::Number, Access<uint32_t>{CONFIG(connections)},
                    "Most connections at a time, over all workers. Read at start only.", false,
                    1024, 64 * 1024 * 1024});
    keys.push_back(
        {"conntrack.ipv6_percent", Format::Number, Access<uint32_t>{CONFIG(ipv6_percent)},
         "So much of `connections` may be IPv6 at most; IPv4 may take all. Room for IPv6 addresses "
         "costs 32 bytes a connection. Read at start only.",
         false, 0, 100});
    add_timeouts(keys);
    add_queries_and_errors(keys);
    add_tcp_and_parse(keys);
    add_fragments(keys);
    add_tombstones(keys);
    return keys;
}

#undef TIMEOUT
#undef TRACKING
#undef CONFIG
#undef DRAFT

}  // namespace ravelin::config
