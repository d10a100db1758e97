// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/nat_memory.h"
#include "mgmt/tunnel_clock.h"
#include "mgmt/tunnel_verdict.h"
#include "mgmt/tunnel_words.h"
#include "packet/drop_reason.h"
#include "vpn/tunnel_record.h"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {

/// A line of a tunnel's time line. The same thing again is counted, not written again.
struct TunnelMoment {
    Instant at{};
    Instant last{};  ///< the latest of `times`
    uint32_t times = 1;
    std::string keyword;
    std::string text;
};

/// One tunnel as people think of it: from its handshake to its end, whatever address its client
/// has meanwhile and whichever worker owns the connection. Arrays are by Side.
struct TunnelStory {
    static constexpr size_t kMoments = 64;
    static constexpr size_t kOldEndpoints = 4;

    uint32_t key = 0;
    uint32_t lineage = 0;  ///< the first of those that its client began one after the other
    /// What the client called the session when it began; of one that was taken up in mid-stream
    /// something that tells it from others.
    uint64_t identity = 0;
    std::vector<uint64_t> records;  ///< worker's tunnels that it was and is
    TunnelRecord record;            ///< newest
    Instant figures{};              ///< when `record` was true
    bool confirmed = false;         ///< the server side has answered in kind, at some time
    bool ended = false;
    Instant ended_at{};
    CloseReason close_reason = CloseReason::None;
    std::optional<Side> good_bye;  ///< who said it
    Instant good_bye_at{};

    struct OldEndpoint {
        Instant left{};
        TunnelEndpoint endpoint;
    };
    std::deque<OldEndpoint> moved_from;  ///< oldest first
    uint32_t moves = 0;
    NatMemory nat;
    std::array<PeerClock, 2> clock{};
    std::deque<TunnelMoment> moments;
    uint64_t moments_dropped = 0;
    uint32_t retries = 0;
    Instant answered{};
    Instant renegotiated{};

    std::array<bool, 2> silent{};
    uint32_t late = 0;  ///< packets of the server after the connection's end
    Instant last_late{};
    DropReason last_drop = DropReason::None;
    std::array<Instant, 2> port_unreachable{};  ///< by the side that the ICMP error came from
    Instant answers_old{};
    bool stuck = false;

    uint32_t predecessor = 0;
    uint32_t successor = 0;
    std::optional<TunnelVerdict> verdict;  ///< why its client began it, having had another
    std::string verdict_text;

    // What it stands as in the gauges.
    std::optional<TunnelStage> counted;
    VpnProtocol counted_protocol = VpnProtocol::None;  ///< IKE becomes ESP with its first data
    std::array<bool, 2> counted_silent{};

    [[nodiscard]] bool unconfirmed() const noexcept { return !confirmed; }
    [[nodiscard]] bool was_established() const noexcept {
        return record.established != Instant{} || record.picked_up ||
               record.stage == TunnelStage::Established;
    }
    [[nodiscard]] TunnelStage stage() const noexcept {
        return ended ? TunnelStage::Closed : record.stage;
    }
    [[nodiscard]] Instant last_seen(Side side) const noexcept {
        return record.last_seen[static_cast<size_t>(side)];
    }
    [[nodiscard]] Duration keepalive(Side side) const noexcept {
        return record.keepalive[static_cast<size_t>(side)];
    }
    /// "43e5c0de": the beginning of its identity, as the peers' logs have it.
    [[nodiscard]] std::string session_id() const;
    void tell(Instant at, std::string_view keyword, std::string text);
};

/// Something to tell: an event, a log line.
struct TunnelNews {
    Instant at{};
    uint32_t story = 0;
    std::string id;  ///< for exports: hashed
    std::string_view
        kind;  ///< keyword(TunnelEventKind), or verdict, flap, clock_offset, clock_step
    bool warning = false;
    bool log = false;
    std::optional<TunnelVerdict> verdict;
    std::string sentence;
    TunnelRecord record;
};

}  // namespace ravelin
