// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/text.h"
#include "mgmt/tunnel_registry.h"

#include <algorithm>

namespace ravelin {

namespace {

std::string step_words(Side side, Duration step) {
    return std::string{"the "} + keyword(side) + "'s clock was set " +
           (step < 0s ? "back by about " : "forward by about ") +
           seconds_text(std::chrono::abs(step));
}

}  // namespace

TunnelRegistry::Server& TunnelRegistry::server_of(const TunnelRecord& record) {
    const ServerKey key = server_key(record);
    if (!servers_.contains(key) && servers_.size() >= kMostServers) {
        const auto oldest = std::min_element(
            servers_.begin(), servers_.end(),
            [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
        servers_.erase(oldest);
    }
    return servers_[key];
}

void TunnelRegistry::note_clock(TunnelStory& story, const TunnelEvent& event) {
    if (!wall_known_) return tell(story, event, event_words(event));
    const Duration wall = event.at.time_since_epoch() + unix_offset_;
    PeerClock& own = story.clock[static_cast<size_t>(event.from)];
    std::optional<Duration> step = own.add(event.value, wall, event.at);
    ClockOffset offset = own.offset();
    if (event.from == Side::Server) {
        Server& server = server_of(story.record);
        server.last = event.at;
        // All its tunnels show one clock.
        step = server.clock.add(event.value, wall, event.at);
        offset = server.clock.offset();
        if (step && *step < 0s) server.stepped_back = event.at;
    }
    clocks_changed_ = true;
    tell(story, event,
         std::string{"the "} + keyword(event.from) + "'s clock is " + clock_words(offset) +
             (synchronised_ ? "" : " by this appliance's, which is not known to be right itself"));
    if (step) {
        TunnelTally::add(counters_.clock_steps[static_cast<size_t>(event.from)]);
        const std::string sentence = step_words(event.from, *step);
        story.tell(event.at, "clock_step", sentence);
        TunnelNews& news = add_news(story, event.at, "clock_step", sentence);
        news.warning = news.log = true;
    }
    if (event.from == Side::Server) judge_server_clock(story, event.at);
    judge_client_clock(story, event.at);
}

void TunnelRegistry::judge_server_clock(TunnelStory& story, Instant at) {
    Server& server = server_of(story.record);
    const bool suspect = synchronised_ && server.clock.offset().beyond(kClockLimit);
    if (suspect == server.suspect) return;
    server.suspect = suspect;
    tell_clock(story, Side::Server, server.clock.offset(), suspect, at);
}

void TunnelRegistry::judge_client_clock(TunnelStory& story, Instant at) {
    const PeerClock& own = story.clock[0];
    const PeerClock& server = story.clock[1];
    if (!own.known()) return;
    Client& client = clients_[client_key(story.record)];
    if (synchronised_) {
        const bool suspect = own.offset().beyond(kClockLimit);
        if (suspect == client.clock_suspect) return;
        client.clock_suspect = suspect;
        tell_clock(story, Side::Client, own.offset(), suspect, at);
        return;
    }
    // The two ends can be compared with each other without any clock of ours.
    if (!server.known()) return;
    const ClockOffset relative = own.offset() - server.offset();
    const bool suspect = relative.beyond(kClockLimit);
    if (suspect == client.clock_suspect) return;
    client.clock_suspect = suspect;
    std::string sentence =
        "relative to the server's, the client's clock is " + clock_words(relative);
    if (!suspect) sentence += ": right again";
    story.tell(at, "clock_offset", sentence);
    TunnelNews& news = add_news(story, at, "clock_offset", std::move(sentence));
    news.warning = suspect;
    news.log = true;
}

void TunnelRegistry::tell_clock(TunnelStory& story, Side side, const ClockOffset& offset,
                                bool suspect, Instant at) {
    std::string sentence =
        std::string{"the "} + keyword(side) + "'s clock is " + clock_words(offset);
    sentence += suspect ? ": set it right by slewing, for a step back stops OpenVPN's timers"
                        : ": right again";
    story.tell(at, "clock_offset", sentence);
    TunnelNews& news = add_news(story, at, "clock_offset", std::move(sentence));
    news.warning = suspect;
    news.log = true;
}

void TunnelRegistry::publish_clocks() {
    double low = 0;
    double high = 0;
    bool first = true;
    uint64_t suspects = 0;
    for (auto& [key, server] : servers_) {
        if (!server.clock.known()) continue;
        const ClockOffset& offset = server.clock.offset();
        if (!synchronised_) server.suspect = false;
        suspects += server.suspect ? 1 : 0;
        low = first ? seconds(offset.low) : std::min(low, seconds(offset.low));
        high = first ? seconds(offset.high) : std::max(high, seconds(offset.high));
        first = false;
    }
    counters_.clock_low.store(low, std::memory_order_relaxed);
    counters_.clock_high.store(high, std::memory_order_relaxed);
    counters_.clock_suspects[1].store(suspects, std::memory_order_relaxed);
    const auto clients = std::count_if(clients_.begin(), clients_.end(), [](const auto& client) {
        return client.second.clock_suspect;
    });
    counters_.clock_suspects[0].store(static_cast<uint64_t>(clients), std::memory_order_relaxed);
}

}  // namespace ravelin
