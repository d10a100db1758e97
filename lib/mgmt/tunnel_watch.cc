// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_watch.h"

#include "mgmt/tunnel_format.h"
#include "mgmt/worker_time.h"

#include <algorithm>
#include <utility>

namespace ravelin {

TunnelWatch::TunnelWatch(const Appliance& appliance, TunnelTally& counters, Log& log,
                         const HashSecret& secret)
    : appliance_{appliance},
      log_{log},
      tally_{counters},
      registry_{counters, secret},
      workers_{appliance},
      next_look_{appliance.now() + kLookPace} {}

void TunnelWatch::drain() {
    events_.clear();
    for (const WorkerHandle& worker : appliance_.workers) {
        const size_t before = events_.size();
        const uint32_t waiting = std::min(worker.link->tunnel_events.size(), kMostEvents);
        events_.resize(before + waiting);
        events_.resize(before + worker.link->tunnel_events.pop(events_.data() + before, waiting));
        put_on_the_clock(std::span{events_}.subspan(before), *worker.link);
    }
    std::stable_sort(events_.begin(), events_.end(),
                     [](const TunnelEvent& a, const TunnelEvent& b) { return a.at < b.at; });
    for (const TunnelEvent& event : events_)
        registry_.feed(event);
}

void TunnelWatch::look(Instant now) {
    const bool due = registry_.any_confirmed() && now >= next_look_;
    if (now < next_figures_ || !(due || registry_.wants_figures(now))) return;
    next_figures_ = now + kFiguresPace;
    next_look_ = now + kLookPace;
    if (const auto fresh = refresh(); !fresh) {
        next_figures_ = now + kAfterFailure;
        next_look_ = now + kLookAfterFailure;
        log_.warning("tunnel", fresh.error().message);
    }
}

std::vector<TunnelNews> TunnelWatch::run_once() {
    registry_.set_wall(appliance_.unix_offset(), synchronised_);
    drain();
    const Instant now = appliance_.now();
    look(now);
    registry_.advance(now);
    std::vector<TunnelNews> news = registry_.take_news();
    for (const TunnelNews& one : news) {
        if (!one.log) continue;
        if (one.warning)
            log_.warning("tunnel", tunnel_news_line(one));
        else
            log_.info("tunnel", tunnel_news_line(one));
    }
    return news;
}

uint64_t TunnelWatch::take_lost() {
    uint64_t lost = tally_.news_lost.load(std::memory_order_relaxed);
    for (const WorkerHandle& worker : appliance_.workers)
        lost += worker.link->counters.tunnels.events_lost.value();
    return lost - std::exchange(lost_, lost);
}

Result<void> TunnelWatch::refresh() {
    // What a worker says afterwards is at least as new as this.
    const Instant now = appliance_.now();
    const auto records = workers_.tunnels();
    if (!records) return tl::unexpected<Error>{records.error()};
    registry_.update(*records, now);
    return {};
}

}  // namespace ravelin
