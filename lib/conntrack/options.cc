// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/options.h"

namespace ravelin {

Duration Timeouts::tcp(TcpPhase phase) const noexcept {
    switch (phase) {
        case TcpPhase::SynSent:
            return tcp_syn_sent;
        case TcpPhase::SynRecv:
            return tcp_syn_recv;
        case TcpPhase::Established:
            return tcp_established;
        case TcpPhase::FinWait:
            return tcp_fin_wait;
        case TcpPhase::CloseWait:
            return tcp_close_wait;
        case TcpPhase::LastAck:
            return tcp_last_ack;
        case TcpPhase::TimeWait:
            return tcp_time_wait;
        case TcpPhase::Close:
            return tcp_close;
        case TcpPhase::SynSent2:
            return tcp_syn_sent2;
        case TcpPhase::None:
        case TcpPhase::Count:
            break;
    }
    return tcp_close;  // no connection is in these; the shortest time is the harmless answer
}

Duration Timeouts::sctp(SctpPhase phase) const noexcept {
    switch (phase) {
        case SctpPhase::Closed:
            return sctp_closed;
        case SctpPhase::CookieWait:
            return sctp_cookie_wait;
        case SctpPhase::CookieEchoed:
            return sctp_cookie_echoed;
        case SctpPhase::Established:
            return sctp_established;
        case SctpPhase::ShutdownSent:
            return sctp_shutdown_sent;
        case SctpPhase::ShutdownReceived:
            return sctp_shutdown_recd;
        case SctpPhase::ShutdownAckSent:
            return sctp_shutdown_ack_sent;
        case SctpPhase::HeartbeatSent:
            return sctp_heartbeat_sent;
        case SctpPhase::None:
        case SctpPhase::Count:
            break;
    }
    return sctp_closed;
}

TrackingOptions TrackingOptions::strict() {
    return {};
}

TrackingOptions TrackingOptions::linux_profile() {
    TrackingOptions options;
    options.timeouts.udp_replied = 120s;        // nf_conntrack_udp_timeout_stream
    options.parse = {.verify_checksums = true,  // nf_conntrack_checksum
                     .refuse_ipv4_options = false,
                     .refuse_martians = false,
                     .refuse_routing_header = false,
                     .refuse_ttl_zero = false};
    options.quote = {.verify_ip_checksum = false, .minimum_l4_bytes = 4};
    options.fragments.refuse_tiny = false;           // nf_defrag_ipv4 puts them together
    options.tombstones.policy = StalePolicy::AsNew;  // the kernel remembers nothing
    options.udp_assured_packets = 0;
    options.icmp_end_when_answered = false;
    options.icmp_obsolete_queries = true;
    options.icmp_error_known_codes_only = false;
    options.icmp_error_check_sequence = false;
    options.icmp_error_check_mtu = false;
    options.icmp_error_ends_unanswered = false;
    options.tcp_loose = true;
    options.tcp_rst_exact = false;
    options.tcp_simultaneous_open = true;
    options.tcp_invalid_inert = false;
    options.ipsec_by_spi = false;
    return options;
}

}  // namespace ravelin
