// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_format.h"

#include "mgmt/flow_format.h"
#include "mgmt/text.h"
#include "packet/headers.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace ravelin {

namespace {

using nlohmann::json;

std::string ago(Instant then, Instant now) {
    return then == Instant{} ? "never" : seconds_text(now - then);
}

std::string interval(Duration duration) {
    return duration == 0s ? "-" : short_duration(duration);
}

/// The one thing that matters most about a tunnel.
std::string note(const TunnelStory& story, const TunnelView& view) {
    if (!story.ended && story.successor != 0) return "its client has begun another";
    const uint32_t flaps = view.registry.flap_score(story, view.now);
    if (!story.ended && flaps >= TunnelRegistry::kFlapAlert)
        return "came back " + std::to_string(flaps) + " times in 10 min" +
               (story.verdict ? ": " + std::string{keyword(*story.verdict)} : "");
    if (story.ended) {
        if (story.good_bye) return std::string{"good-bye from the "} + keyword(*story.good_bye);
        return std::string{close_reason_words(story.close_reason)};
    }
    for (const Side side : {Side::Server, Side::Client})
        if (story.silent[static_cast<size_t>(side)]) return std::string{keyword(side)} + " silent";
    if (story.stuck) return "stuck: an older session holds these ports";
    if (story.answers_old != Instant{} && view.now - story.answers_old < 60s)
        return "answers go to an old address";
    if (story.record.stage == TunnelStage::Candidate && story.retries != 0)
        return "no answer to " + std::to_string(story.retries) + " attempts";
    const PeerClock* clock = view.registry.server_clock(story);
    if (clock != nullptr && clock->known() && view.registry.synchronised() &&
        clock->offset().beyond(TunnelRegistry::kClockLimit))
        return "server's clock " + clock_words(clock->offset());
    if (story.verdict) return "came back: " + std::string{keyword(*story.verdict)};
    if (story.moves != 0)
        return "moved " + std::to_string(story.moves) + (story.moves == 1 ? " time" : " times");
    return "";
}

std::string rows_text(const std::vector<std::vector<std::string>>& rows) {
    std::vector<size_t> width(rows.front().size());
    for (const auto& row : rows)
        for (size_t i = 0; i < row.size(); ++i)
            width[i] = std::max(width[i], row[i].size());
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i)
            line += row[i] + std::string(width[i] - row[i].size() + 2, ' ');
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

double rounded(Duration duration) {
    return std::round(std::chrono::duration<double>(duration).count() * 1000) / 1000;
}

json seconds_ago(Instant then, Instant now) {
    return then == Instant{} ? json{} : json(rounded(std::max(Duration{0}, now - then)));
}

json optional_seconds(Duration duration) {
    return duration == 0s ? json{} : json(rounded(duration));
}

json clock_json(const PeerClock* clock) {
    if (clock == nullptr || !clock->known()) return {};
    json object = {{"low_s", rounded(clock->offset().low)},
                   {"high_s", rounded(clock->offset().high)},
                   {"samples", clock->samples()}};
    if (const auto trend = clock->trend()) object["trend_ppm"] = std::round(trend->ppm * 10) / 10;
    return object;
}

json nat_json(const NatMemory& nat) {
    return {{"at_least_s", optional_seconds(nat.at_least())},
            {"at_most_s", optional_seconds(nat.at_most())},
            {"times", nat.times()}};
}

json moments_json(const TunnelStory& story, Duration unix_offset) {
    json list = json::array();
    for (const TunnelMoment& moment : story.moments)
        list.push_back({{"time", rounded(moment.at.time_since_epoch() + unix_offset)},
                        {"kind", moment.keyword},
                        {"times", moment.times},
                        {"explanation", moment.text}});
    return list;
}

json side_json(const TunnelStory& story, const TunnelView& view, Side side) {
    const auto i = static_cast<size_t>(side);
    const TunnelRecord& r = story.record;
    const PeerClock* clock =
        side == Side::Server ? view.registry.server_clock(story) : &story.clock[kClient];
    return {{"endpoint", endpoint_text(endpoint(r, side))},
            {"heard_ago_s", seconds_ago(r.last_seen[i], view.now)},
            {"silent", story.silent[i]},
            {"keepalive_s", optional_seconds(r.keepalive[i])},
            {"data_packets", r.data_packets[i]},
            {"smallest_data_bytes", r.smallest_data[i]},
            {"largest_data_bytes", r.largest_data[i]},
            {"icmp_errors", r.icmp_errors[i]},
            {"fragmented", r.fragments[i]},
            {"clock", clock_json(clock)}};
}

}  // namespace

std::string tunnel_state(const TunnelStory& story, Instant now) {
    if (story.ended) return "closed " + ago(story.ended_at, now) + " ago";
    return keyword(story.record.stage);
}

std::string tunnel_table(const std::vector<const TunnelStory*>& stories, const TunnelView& view) {
    std::vector<std::vector<std::string>> rows{
        {"ID", "VPN", "STATE", "CLIENT", "SERVER", "AGE", "HEARD C/S", "KEEPALIVE C/S", "NOTE"}};
    for (const TunnelStory* story : stories) {
        const TunnelRecord& r = story->record;
        const Instant until = story->ended ? story->ended_at : view.now;
        const auto heard = [&](size_t side) {
            return r.last_seen[side] == Instant{}
                       ? std::string{"-"}
                       : short_duration(std::max(Duration{0}, view.now - r.last_seen[side]));
        };
        rows.push_back({view.registry.id(*story, view.ids), keyword(r.protocol),
                        tunnel_state(*story, view.now), endpoint_text(endpoint(r, Side::Client)),
                        endpoint_text(endpoint(r, Side::Server)),
                        short_duration(std::max(Duration{0}, until - r.started)),
                        heard(kClient) + "/" + heard(kServer),
                        interval(r.keepalive[kClient]) + "/" + interval(r.keepalive[kServer]),
                        note(*story, view)});
    }
    return rows_text(rows);
}

json tunnel_json(const TunnelStory& story, const TunnelView& view, bool whole) {
    const TunnelRecord& r = story.record;
    const Instant until = story.ended ? story.ended_at : view.now;
    json object = {{"id", view.registry.id(story, view.ids)},
                   {"vpn", keyword(r.protocol)},
                   {"wrap", keyword(r.wrap)},
                   {"state", keyword(story.stage())},
                   {"client", side_json(story, view, Side::Client)},
                   {"server", side_json(story, view, Side::Server)},
                   {"client_inside", r.client_inside},
                   {"picked_up", r.picked_up},
                   {"worker", r.worker},
                   {"age_s", rounded(until - r.started)},
                   {"handshake_s", r.established == Instant{} || r.picked_up
                                       ? json{}
                                       : json(rounded(r.established - r.started))},
                   {"handshake_retries", story.retries},
                   {"renegotiations", r.renegotiations},
                   {"renegotiation_interval_s", optional_seconds(r.renegotiation_interval)},
                   {"timeout_s", optional_seconds(r.timeout)},
                   {"moves", story.moves},
                   {"nat", nat_json(story.nat)},
                   {"path_mtu", r.path_mtu == 0 ? json{} : json(r.path_mtu)},
                   {"flap_score", view.registry.flap_score(story, view.now)},
                   {"clock_reference", view.registry.synchronised() ? "absolute" : "relative"},
                   {"advice", tunnel_advice(story, view)}};
    if (r.renegotiations != 0) object["renegotiated_by"] = keyword(r.renegotiated_by);
    if (story.ended) {
        object["ended_ago_s"] = seconds_ago(story.ended_at, view.now);
        object["close_reason"] = keyword(story.close_reason);
    }
    if (story.good_bye) object["good_bye_from"] = keyword(*story.good_bye);
    if (story.verdict) {
        object["verdict"] = keyword(*story.verdict);
        object["explanation"] = story.verdict_text;
    }
    json moved = json::array();
    for (const auto& old : story.moved_from)
        moved.push_back({{"endpoint", endpoint_text(old.endpoint)},
                         {"left_ago_s", seconds_ago(old.left, view.now)}});
    object["moved_from"] = moved;
    if (whole) object["time_line"] = moments_json(story, view.registry.unix_offset());
    return object;
}

std::vector<std::string> tunnel_advice(const TunnelStory& story, const TunnelView& view) {
    std::vector<std::string> advice;
    const TunnelRecord& r = story.record;
    const auto& k = r.keepalive;
    if (r.protocol == VpnProtocol::OpenVpn && k[kServer] != 0s && k[kClient] > k[kServer] * 3 / 2)
        advice.push_back("the client's keepalive (" + short_duration(k[kClient]) +
                         ") is slower than the server's (" + short_duration(k[kServer]) +
                         "): set keepalive on the server, which pushes it to clients");
    if (std::string text = story.nat.advice(k[kClient]); !text.empty())
        advice.push_back(std::move(text));
    if (r.timeout != 0s && r.timeout < 3 * std::max(k[kClient], k[kServer]))
        advice.push_back("the idle timeout (" + short_duration(r.timeout) +
                         ") is shorter than three keepalives: raise it, or its cap");
    if (r.renegotiation_interval != 0s && r.renegotiation_interval < 300s &&
        r.protocol == VpnProtocol::OpenVpn)
        advice.push_back(std::string{"keys are renegotiated every "} +
                         short_duration(r.renegotiation_interval) + ", at the " +
                         keyword(r.renegotiated_by) +
                         "'s wish: the lower reneg-sec of the two "
                         "ends rules, 3600 is the default");
    if (r.path_mtu != 0)
        advice.push_back("the path takes no packets over " + std::to_string(r.path_mtu) +
                         " bytes: lower tun-mtu or mssfix, so that nothing is fragmented");
    const PeerClock* clock = view.registry.server_clock(story);
    if (view.registry.synchronised() && clock != nullptr && clock->known() &&
        clock->offset().beyond(TunnelRegistry::kClockLimit))
        advice.push_back("the server's clock is " + clock_words(clock->offset()) +
                         ": let chrony or ntpd slew it; a step back stops OpenVPN's timers");
    if (story.verdict && *story.verdict != TunnelVerdict::Graceful)
        advice.emplace_back(kTunnelVerdicts[static_cast<size_t>(*story.verdict)].advice);
    return advice;
}

void append_tunnel_news_json(std::string& out, const TunnelNews& news, const std::string& wire,
                             Duration unix_offset) {
    using std::chrono::microseconds;
    const auto time =
        std::chrono::duration_cast<microseconds>(news.at.time_since_epoch() + unix_offset).count();
    std::array<char, 40> digits{};
    std::snprintf(digits.data(), digits.size(), "%lld.%06lld",
                  static_cast<long long>(time / 1000000), static_cast<long long>(time % 1000000));
    const TunnelRecord& r = news.record;
    out.append("{\"event\":\"tunnel\",\"time\":").append(digits.data());
    out.append(",\"id\":\"").append(news.id);
    out.append("\",\"kind\":\"").append(news.kind);
    out.append("\",\"vpn\":\"").append(keyword(r.protocol));
    out.append("\",\"state\":\"").append(keyword(r.stage));
    out.append("\",\"client\":\"").append(endpoint_text(endpoint(r, Side::Client)));
    out.append("\",\"server\":\"").append(endpoint_text(endpoint(r, Side::Server)));
    out.append("\",\"wire\":");
    append_json_string(out, wire);
    out.append(",\"worker\":");
    append_number(out, r.worker);
    if (news.verdict) {
        out.append(",\"verdict\":\"").append(keyword(*news.verdict));
        out.push_back('"');
    }
    out.append(",\"explanation\":");
    append_json_string(out, news.sentence);
    out.append("}\n");
}

std::string tunnel_news_line(const TunnelNews& news) {
    return std::string{protocol_name(news.record.protocol)} + " " +
           endpoint_text(endpoint(news.record, Side::Client)) + " to " +
           endpoint_text(endpoint(news.record, Side::Server)) + " (" + news.id +
           "): " + news.sentence;
}

}  // namespace ravelin
