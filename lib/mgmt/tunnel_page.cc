// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/flow_format.h"
#include "mgmt/tunnel_format.h"
#include "packet/headers.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace ravelin {

namespace {

void line(std::string& out, std::string_view name, const std::string& value) {
    constexpr size_t kIndent = 2;
    constexpr size_t kColumn = 18;
    if (value.empty()) return;
    std::string head = std::string(kIndent, ' ');
    head.append(name).append(name.empty() ? " " : ":");
    head.resize(std::max(head.size() + 1, kColumn), ' ');
    out += head + value + "\n";
}

/// RFC 3339 in UTC with milliseconds.
std::string clock_time(Instant at, Duration unix_offset) {
    const auto milliseconds = (at.time_since_epoch() + unix_offset) / 1ms;
    const auto seconds = static_cast<time_t>(milliseconds / 1000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text.data() + length, text.size() - length, ".%03dZ",
                  static_cast<int>(milliseconds % 1000));
    return text.data();
}

std::string heard(const TunnelStory& story, Side side, Instant now) {
    const Instant last = story.last_seen(side);
    if (last == Instant{}) return ", never heard";
    std::string text = ", last heard " + seconds_text(now - last) + " ago";
    if (story.silent[static_cast<size_t>(side)]) text += " (silent, while the other side goes on)";
    return text;
}

std::string protocol_line(const TunnelRecord& r) {
    std::string text{protocol_name(r.protocol)};
    text += r.ip_protocol == ip_protocol::kTcp   ? " over TCP"
            : r.ip_protocol == ip_protocol::kUdp ? " over UDP"
                                                 : "";
    if (r.wrap != ControlWrap::None) text += std::string{", control channel "} + keyword(r.wrap);
    return text;
}

std::string state_line(const TunnelStory& story, Instant now) {
    const TunnelRecord& r = story.record;
    std::string text = tunnel_state(story, now);
    if (story.ended) {
        text += " after " + seconds_text(story.ended_at - r.started) + ", " +
                (story.good_bye ? std::string{"by a good-bye from the "} + keyword(*story.good_bye)
                                : std::string{close_reason_words(story.close_reason)});
        return text;
    }
    text += ", " + seconds_text(now - r.started) + " old";
    if (r.picked_up)
        text += ", taken up in mid-stream";
    else if (r.established != Instant{})
        text += ", handshake took " + seconds_text(r.established - r.started);
    else if (story.retries != 0)
        text += ", no answer to " + std::to_string(story.retries) + " attempts";
    return text;
}

std::string both(const std::string& client, const std::string& server) {
    return client + " from the client, " + server + " from the server";
}

std::string keepalive_line(const TunnelRecord& r) {
    const auto one = [](Duration k) {
        return k == 0s ? std::string{"unknown"} : "every " + seconds_text(k);
    };
    if (r.keepalive[kClient] == 0s && r.keepalive[kServer] == 0s) return "";
    return both(one(r.keepalive[kClient]), one(r.keepalive[kServer]));
}

std::string renegotiation_line(const TunnelRecord& r) {
    if (r.renegotiations == 0) return "";
    std::string text = std::to_string(r.renegotiations) + " so far, the last one begun by the " +
                       keyword(r.renegotiated_by);
    if (r.renegotiation_interval != 0s)
        text += ", " + seconds_text(r.renegotiation_interval) + " after the one before";
    return text;
}

std::string clock_line(const TunnelView& view, const PeerClock* clock) {
    if (clock == nullptr || !clock->known()) return "";
    std::string text = clock_words(clock->offset());
    if (!view.registry.synchronised())
        text += " by this appliance's, which is not known to be right";
    text +=
        ", " + std::to_string(clock->samples()) + (clock->samples() == 1 ? " sample" : " samples");
    if (const auto trend = clock->trend()) {
        std::array<char, 64> ppm{};
        std::snprintf(ppm.data(), ppm.size(), ", drifts by %+.0f ppm (within %.0f)", trend->ppm,
                      trend->error);
        text += ppm.data();
    }
    return text;
}

std::string packets_line(const TunnelRecord& r) {
    if (r.data_packets[kClient] == 0 && r.data_packets[kServer] == 0) return "";
    const auto one = [&](size_t side) {
        std::string text = std::to_string(r.data_packets[side]);
        if (r.largest_data[side] != 0)
            text += " (up to " + std::to_string(r.largest_data[side]) + " bytes)";
        return text;
    };
    return both(one(kClient), one(kServer));
}

std::string path_line(const TunnelRecord& r) {
    std::string text;
    const auto add = [&text](const std::string& part) {
        text += (text.empty() ? "" : ", ") + part;
    };
    if (r.path_mtu != 0) add("MTU " + std::to_string(r.path_mtu));
    if (const uint32_t count = r.fragments[kClient] + r.fragments[kServer]; count != 0)
        add(std::to_string(count) + " datagrams in fragments");
    if (const uint32_t count = r.icmp_errors[kClient] + r.icmp_errors[kServer]; count != 0)
        add(std::to_string(count) + (count == 1 ? " ICMP error" : " ICMP errors"));
    return text;
}

void append_time_line(std::string& out, const TunnelStory& story, const TunnelView& view) {
    out += "\ntime line\n";
    if (story.moments_dropped != 0)
        out += "  (" + std::to_string(story.moments_dropped) + " earlier entries are gone)\n";
    for (const TunnelMoment& moment : story.moments) {
        out += "  " + clock_time(moment.at, view.registry.unix_offset()) + "  " + moment.text;
        if (moment.times > 1)
            out += " (" + std::to_string(moment.times) + " times, the last one " +
                   seconds_text(moment.last - moment.at) + " later)";
        out += "\n";
    }
}

}  // namespace

std::string tunnel_page(const TunnelStory& story, const TunnelView& view) {
    const TunnelRecord& r = story.record;
    std::string out = "tunnel " + view.registry.id(story, view.ids) + "\n";
    line(out, "protocol", protocol_line(r));
    line(out, "state", state_line(story, view.now));
    line(out, "client",
         endpoint_text(endpoint(r, Side::Client)) + (r.client_inside ? " inside" : " outside") +
             heard(story, Side::Client, view.now));
    line(out, "server",
         endpoint_text(endpoint(r, Side::Server)) + heard(story, Side::Server, view.now));
    for (const auto& old : story.moved_from)
        line(out, "moved from",
             endpoint_text(old.endpoint) + ", " + seconds_text(view.now - old.left) + " ago");
    line(out, "keepalive", keepalive_line(r));
    line(out, "NAT beyond us", story.nat.words());
    line(out, "idle timeout", r.timeout == 0s ? "" : seconds_text(r.timeout));
    line(out, "renegotiation", renegotiation_line(r));
    line(out, "data packets", packets_line(r));
    line(out, "path", path_line(r));
    line(out, "server's clock", clock_line(view, view.registry.server_clock(story)));
    line(out, "client's clock", clock_line(view, &story.clock[kClient]));
    if (story.clock[kClient].known() && story.clock[kServer].known())
        line(out, "their clocks",
             "the client's against the server's: " +
                 clock_words(story.clock[kClient].offset() - story.clock[kServer].offset()));
    if (const uint32_t score = view.registry.flap_score(story, view.now); score != 0)
        line(out, "came back", std::to_string(score) + " times within the last ten minutes");
    if (story.verdict)
        line(out, "last time",
             story.verdict_text + " (" + std::string{keyword(*story.verdict)} + ")");
    for (const std::string& advice : tunnel_advice(story, view))
        line(out, "advice", advice);
    line(out, "in exports", view.registry.export_id(story));
    append_time_line(out, story, view);
    return out;
}

}  // namespace ravelin
