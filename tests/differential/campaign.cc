// SPDX-License-Identifier: BSD-3-Clause
#include "campaign.h"

#include <stdexcept>

namespace ravelin::differential {

namespace {

std::vector<Campaign> make_campaigns() {
    const TrackingOptions defaults = TrackingOptions::linux_profile();
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
                         .tcp_unacknowledged = 150s};
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
    set("checksum", options.parse.verify_checksums ? 1 : 0);
    set("tcp_loose", options.tcp_loose ? 1 : 0);
    set("tcp_be_liberal", options.tcp_be_liberal ? 1 : 0);
    set("tcp_ignore_invalid_rst", options.tcp_ignore_invalid_rst ? 1 : 0);
    set("tcp_max_retrans", options.tcp_max_retransmissions);
    settings.emplace_back("bridge/bridge-nf-filter-vlan-tagged", campaign.vlan ? 1 : 0);
    return settings;
}

}  // namespace ravelin::differential
