// SPDX-License-Identifier: BSD-3-Clause
#include "campaign.h"

#include <stdexcept>

namespace ravelin::differential {

namespace {

/// Linux's, but for those timeouts of SCTP that are shorter than a phase may take: whether a packet
/// still meets what is about to end would be chance.
TrackingOptions make_defaults() {
    TrackingOptions options = TrackingOptions::linux_profile();
    options.timeouts.sctp_cookie_wait = 13s;
    options.timeouts.sctp_cookie_echoed = 16s;
    options.timeouts.sctp_shutdown_sent = 21s;
    options.timeouts.sctp_shutdown_recd = 24s;
    options.timeouts.sctp_shutdown_ack_sent = 32s;
    return options;
}

std::vector<Campaign> make_campaigns() {
    const TrackingOptions defaults = make_defaults();
    std::vector<Campaign> all;
    all.push_back({.name = "default", .tracking = defaults});

    TrackingOptions strict = defaults;
    strict.tcp_loose = false;
    all.push_back({.name = "not-loose", .tracking = strict});

    TrackingOptions liberal = defaults;
    liberal.tcp_be_liberal = true;
    all.push_back({.name = "liberal", .tracking = liberal});

    TrackingOptions resets = defaults;
    resets.tcp_ignore_invalid_rst = true;
    resets.tcp_max_retransmissions = 1;
    all.push_back({.name = "resets", .tracking = resets});

    TrackingOptions timeouts = defaults;
    timeouts.timeouts = {.udp_unreplied = 17s,
                         .udp_replied = 77s,
                         .icmp = 11s,
                         .icmpv6 = 45s,
                         .generic = 66s,
                         .gre_unreplied = 35s,
                         .gre_replied = 90s,
                         .tcp_syn_sent = 33s,
                         .tcp_syn_recv = 22s,
                         .tcp_established = 1000s,
                         .tcp_fin_wait = 44s,
                         .tcp_close_wait = 55s,
                         .tcp_last_ack = 66s,
                         .tcp_time_wait = 37s,
                         .tcp_close = 15s,
                         .tcp_syn_sent2 = defaults.timeouts.tcp_syn_sent2,
                         .tcp_retransmission = 200s,
                         .tcp_unacknowledged = 150s,
                         .sctp_closed = 18s,
                         .sctp_cookie_wait = 26s,
                         .sctp_cookie_echoed = 31s,
                         .sctp_established = 300s,
                         .sctp_shutdown_sent = 41s,
                         .sctp_shutdown_recd = 47s,
                         .sctp_shutdown_ack_sent = 52s,
                         .sctp_heartbeat_sent = 14s};
    all.push_back({.name = "timeouts", .tracking = timeouts});

    TrackingOptions unverified = defaults;
    unverified.parse.verify_checksums = false;
    unverified.tcp_max_retransmissions = 0;
    all.push_back({.name = "no-checksum", .tracking = unverified});

    all.push_back({.name = "vlan", .tracking = defaults, .vlan = true});
    return all;
}

}  // namespace

std::span<const Campaign> campaigns() {
    static const std::vector<Campaign> all = make_campaigns();
    return all;
}

const Campaign& campaign_named(std::string_view name) {
    for (const Campaign& campaign : campaigns())
        if (campaign.name == name) return campaign;
    throw std::runtime_error{"no such campaign: " + std::string{name}};
}

std::vector<std::pair<std::string, int64_t>> kernel_settings(const Campaign& campaign) {
    const TrackingOptions& options = campaign.tracking;
    const Timeouts& timeouts = options.timeouts;
    std::vector<std::pair<std::string, int64_t>> settings;
    const auto set = [&](const char* name, int64_t value) {
        settings.emplace_back(std::string{"netfilter/nf_conntrack_"} + name, value);
    };
    const auto seconds = [&](const char* name, Duration value) { set(name, value / 1s); };
    seconds("udp_timeout", timeouts.udp_unreplied);
    seconds("udp_timeout_stream", timeouts.udp_replied);
    seconds("icmp_timeout", timeouts.icmp);
    seconds("icmpv6_timeout", timeouts.icmpv6);
    seconds("generic_timeout", timeouts.generic);
    seconds("gre_timeout", timeouts.gre_unreplied);
    seconds("gre_timeout_stream", timeouts.gre_replied);
    seconds("tcp_timeout_syn_sent", timeouts.tcp_syn_sent);
    seconds("tcp_timeout_syn_recv", timeouts.tcp_syn_recv);
    seconds("tcp_timeout_established", timeouts.tcp_established);
    seconds("tcp_timeout_fin_wait", timeouts.tcp_fin_wait);
    seconds("tcp_timeout_close_wait", timeouts.tcp_close_wait);
    seconds("tcp_timeout_last_ack", timeouts.tcp_last_ack);
    seconds("tcp_timeout_time_wait", timeouts.tcp_time_wait);
    seconds("tcp_timeout_close", timeouts.tcp_close);
    seconds("tcp_timeout_max_retrans", timeouts.tcp_retransmission);
    seconds("tcp_timeout_unacknowledged", timeouts.tcp_unacknowledged);
    seconds("sctp_timeout_closed", timeouts.sctp_closed);
    seconds("sctp_timeout_cookie_wait", timeouts.sctp_cookie_wait);
    seconds("sctp_timeout_cookie_echoed", timeouts.sctp_cookie_echoed);
    seconds("sctp_timeout_established", timeouts.sctp_established);
    seconds("sctp_timeout_shutdown_sent", timeouts.sctp_shutdown_sent);
    seconds("sctp_timeout_shutdown_recd", timeouts.sctp_shutdown_recd);
    seconds("sctp_timeout_shutdown_ack_sent", timeouts.sctp_shutdown_ack_sent);
    seconds("sctp_timeout_heartbeat_sent", timeouts.sctp_heartbeat_sent);
    set("checksum", options.parse.verify_checksums ? 1 : 0);
    set("tcp_loose", options.tcp_loose ? 1 : 0);
    set("tcp_be_liberal", options.tcp_be_liberal ? 1 : 0);
    set("tcp_ignore_invalid_rst", options.tcp_ignore_invalid_rst ? 1 : 0);
    set("tcp_max_retrans", options.tcp_max_retransmissions);
    settings.emplace_back("bridge/bridge-nf-filter-vlan-tagged", campaign.vlan ? 1 : 0);
    return settings;
}

}  // namespace ravelin::differential
