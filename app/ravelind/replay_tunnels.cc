// SPDX-License-Identifier: BSD-3-Clause
#include "replay_tunnels.h"

#include "mgmt/tunnel_format.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace ravelin {

ReplayTunnels::ReplayTunnels(Replay& replay, const Config& config, OnLine on_line)
    : replay_{replay},
      config_{config},
      on_line_{std::move(on_line)},
      // The same ids in every run.
      registry_{tally_, HashSecret{}} {}

void ReplayTunnels::follow(const ReplayedPacket& packet) {
    const Duration unix_time{packet.frame.nanoseconds};
    if (!begun_) {
        begun_ = true;
        unix_offset_ = unix_time;
        // Whoever reads a capture takes its time stamps for right.
        registry_.set_wall(unix_offset_, true);
    }
    take(Instant{unix_time - unix_offset_});
}

void ReplayTunnels::finish() {
    if (!begun_) return;
    // The report is to say when each side was last heard.
    registry_.update(replay_.tunnels(), last_);
    take(last_);
}

void ReplayTunnels::take(Instant now) {
    for (const TunnelEvent& event : replay_.take_tunnel_events())
        registry_.feed(event);
    // Captures may go back a little where they are merged; time doesn't.
    last_ = std::max(last_, now);
    if (registry_.wants_figures(last_)) registry_.update(replay_.tunnels(), last_);
    registry_.advance(last_);
    for (const TunnelNews& news : registry_.take_news()) {
        std::string line;
        append_tunnel_news_json(
            line, news,
            news.record.wire < config_.wires.size() ? config_.wires[news.record.wire].name : "",
            unix_offset_);
        on_line_(line);
        if (news.log) remarks_ += tunnel_news_line(news) + "\n";
    }
}

std::string ReplayTunnels::report() const {
    const auto stories = registry_.list();
    if (stories.empty()) return remarks_;
    return remarks_ + tunnel_table(stories, {registry_, last_, TunnelIds::Session});
}

}  // namespace ravelin
