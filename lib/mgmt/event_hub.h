// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/appliance.h"
#include "mgmt/conntrack_format.h"
#include "mgmt/flow_filter.h"
#include "mgmt/flow_listing.h"
#include "mgmt/tunnel_story.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

/// What one listener wants, and what it has missed.
struct Subscription {
    FlowFilter filter;
    FlowOutput output = FlowOutput::Json;  ///< Conntrack or Json
    ConntrackLineOptions conntrack;
    uint64_t remaining = UINT64_MAX;  ///< events until it has had enough
    uint64_t lost = 0;                ///< since it was last told
    bool everything = false;          ///< no filter: also what is no connection's event

    /// The wall clock follows its steps, not what moves it by less: the times of events that come
    /// one after the other don't go back because somebody disciplines the clock.
    static constexpr Duration kWallSlack = 10ms;
    void follow_wall_clock(Duration unix_offset) noexcept {
        if (std::chrono::abs(unix_offset - conntrack.unix_offset) > kWallSlack)
            conntrack.unix_offset = unix_offset;
    }

    /// Appends the events that it wants, one protocol line each.
    void write(std::string& out, const std::vector<FlowEvent>& events, const FlowNames& names);
    /// The same of tunnels; conntrack(8) knows none, so that they stand among JSON only. Of the
    /// filters the ends' are asked, with the client as source.
    void write_tunnels(std::string& out, const std::vector<TunnelNews>& news,
                       const FlowNames& names);
    /// Appends how many events were lost, if any: in-band, between the events around the gap.
    void tell_losses(std::string& out);
};

/// Takes the workers' events out of their rings.
///
/// Workers build events only while somebody listens. An event that finds a full ring is lost and
/// counted by the worker; drain() reports that number, so that each listener can be told.
class EventHub {
  public:
    explicit EventHub(const Appliance& appliance);

    /// Workers build events from here on, or no longer.
    void listen(bool wanted);
    [[nodiscard]] bool listening() const noexcept { return listening_; }

    struct Batch {
        /// In the order of their times, which are the shared clock's here, not the workers' own.
        std::vector<FlowEvent> events;
        uint64_t lost = 0;
    };
    /// Everything that waits, but at most `kMost` events.
    static constexpr size_t kMost = 8192;
    [[nodiscard]] Batch drain();

  private:
    [[nodiscard]] uint64_t lost_so_far() const;

    const Appliance& appliance_;
    bool listening_ = false;
    uint64_t lost_ = 0;  ///< of the workers' counts, what has been reported
};

}  // namespace ravelin
