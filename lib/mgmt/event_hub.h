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
        std::vector<FlowEvent> events;  ///< in the order of their times
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
