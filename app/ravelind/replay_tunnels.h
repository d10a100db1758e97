// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "capture/replay.h"
#include "config/schema.h"
#include "mgmt/tunnel_registry.h"

#include <functional>
#include <string>
#include <string_view>

namespace ravelin {

/// Follows the tunnels of a replay as management does those of a running appliance. The time is
/// that of the captures, so that the outcome depends on nothing else.
class ReplayTunnels {
  public:
    /// Takes one line of JSON for each thing that happens.
    using OnLine = std::function<void(std::string_view line)>;

    ReplayTunnels(Replay& replay, const Config& config, OnLine on_line);

    /// After each packet.
    void follow(const ReplayedPacket& packet);
    /// After the last one. A verdict that needs more than the captures hold is not given.
    void finish();

    /// For people: verdicts and warnings as they came, then a table of all tunnels; empty when
    /// there were none.
    [[nodiscard]] std::string report() const;

  private:
    void take(Instant now);

    Replay& replay_;
    const Config& config_;
    OnLine on_line_;
    TunnelTally tally_;
    TunnelRegistry registry_;
    std::string remarks_;
    Duration unix_offset_{};  ///< Unix time of the first packet
    bool begun_ = false;
    Instant last_{};
};

}  // namespace ravelin
