// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/options.h"

#include <gtest/gtest.h>

#include <array>

namespace ravelin {
namespace {

struct PhaseTimeout {
    TcpPhase phase;
    Duration timeout;
};

// net.netfilter.nf_conntrack_tcp_timeout_* of Linux 6.18.
constexpr std::array kTcpTimeouts = {
    PhaseTimeout{TcpPhase::SynSent, 120s},        PhaseTimeout{TcpPhase::SynRecv, 60s},
    PhaseTimeout{TcpPhase::Established, 432000s}, PhaseTimeout{TcpPhase::FinWait, 120s},
    PhaseTimeout{TcpPhase::CloseWait, 60s},       PhaseTimeout{TcpPhase::LastAck, 30s},
    PhaseTimeout{TcpPhase::TimeWait, 120s},       PhaseTimeout{TcpPhase::Close, 10s},
    PhaseTimeout{TcpPhase::SynSent2, 120s},
};

TEST(Options, tcp_timeouts_are_those_of_linux_in_both_profiles) {
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        for (const auto& [phase, timeout] : kTcpTimeouts)
            EXPECT_EQ(options.timeouts.tcp(phase), timeout);
        EXPECT_EQ(options.timeouts.tcp_retransmission, 300s);
        EXPECT_EQ(options.timeouts.tcp_unacknowledged, 300s);
        EXPECT_EQ(options.tcp_max_retransmissions, 3);
        EXPECT_FALSE(options.tcp_be_liberal);
        EXPECT_FALSE(options.tcp_ignore_invalid_rst);
    }
}

TEST(Options, a_phase_that_no_connection_is_in_gets_the_shortest_time) {
    EXPECT_EQ(Timeouts{}.tcp(TcpPhase::None), 10s);
    EXPECT_EQ(Timeouts{}.tcp(TcpPhase::Count), 10s);
}

TEST(Options, strict_has_the_values_of_the_default_profile) {
    const TrackingOptions options = TrackingOptions::strict();
    EXPECT_EQ(options, TrackingOptions{});
    EXPECT_EQ(options.timeouts.udp_unreplied, 30s);
    EXPECT_EQ(options.timeouts.udp_replied, 180s);
    EXPECT_EQ(options.udp_assured_packets, 3U);
    EXPECT_EQ(options.udp_unreplied_renewals, 0U);
    EXPECT_EQ(options.tombstones.policy, StalePolicy::Drop);
    EXPECT_EQ(options.tombstones.ttl, 600s);
    EXPECT_TRUE(options.icmp_end_when_answered);
    EXPECT_FALSE(options.icmp_obsolete_queries);
    EXPECT_TRUE(options.icmp_error_known_codes_only);
    EXPECT_TRUE(options.icmp_error_check_sequence);
    EXPECT_TRUE(options.icmp_error_check_mtu);
    EXPECT_TRUE(options.icmp_error_ends_unanswered);
    EXPECT_FALSE(options.tcp_loose);
    EXPECT_EQ(options.tcp_pickup, Duration{0});
    EXPECT_TRUE(options.ipsec_by_spi);
    EXPECT_TRUE(options.tcp_rst_exact);
    EXPECT_TRUE(options.tcp_invalid_inert);
    EXPECT_FALSE(options.tcp_simultaneous_open);
    EXPECT_TRUE(options.parse.refuse_ipv4_options);
    EXPECT_EQ(options.quote.minimum_l4_bytes, 8);
}

TEST(Options, linux_has_the_kernels_values) {
    const TrackingOptions options = TrackingOptions::linux_profile();
    EXPECT_EQ(options.timeouts.udp_unreplied, 30s);
    EXPECT_EQ(options.timeouts.udp_replied, 120s);
    EXPECT_EQ(options.timeouts.icmp, 30s);
    EXPECT_EQ(options.timeouts.icmpv6, 30s);
    EXPECT_EQ(options.timeouts.generic, 600s);
    EXPECT_EQ(options.timeouts.gre_unreplied, 30s);
    EXPECT_EQ(options.timeouts.gre_replied, 180s);
    EXPECT_EQ(options.udp_assured_packets, 0U);
    EXPECT_EQ(options.udp_unreplied_renewals, 0U);
    EXPECT_FALSE(options.icmp_end_when_answered);
    EXPECT_TRUE(options.icmp_obsolete_queries);
    EXPECT_FALSE(options.icmp_error_known_codes_only);
    EXPECT_FALSE(options.icmp_error_check_sequence);
    EXPECT_FALSE(options.icmp_error_check_mtu);
    EXPECT_FALSE(options.icmp_error_ends_unanswered);
    EXPECT_TRUE(options.tcp_loose);
    EXPECT_FALSE(options.ipsec_by_spi);
    EXPECT_FALSE(options.tcp_rst_exact);
    EXPECT_FALSE(options.tcp_invalid_inert);
    EXPECT_TRUE(options.tcp_simultaneous_open);
    EXPECT_TRUE(options.parse.verify_checksums);
    EXPECT_FALSE(options.parse.refuse_ipv4_options);
    EXPECT_FALSE(options.parse.refuse_martians);
    EXPECT_FALSE(options.parse.refuse_routing_header);
    EXPECT_FALSE(options.parse.refuse_ttl_zero);
    EXPECT_FALSE(options.quote.verify_ip_checksum);
    EXPECT_EQ(options.quote.minimum_l4_bytes, 4);
}

}  // namespace
}  // namespace ravelin
