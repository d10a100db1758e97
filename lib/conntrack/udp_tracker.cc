// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/udp_tracker.h"

namespace ravelin {

namespace {

/// Traffic that goes on for longer than this is a stream, no single question and answer.
constexpr int32_t kStreamTicks = static_cast<int32_t>(Duration{2s} / kTick);

/// netfilter nf_conntrack_udp_packet(). The first reply still finds the flag unset, so that it
/// gets the short time however late it comes.
TrackStep update_as_kernel(const UdpState& state, bool seen_reply, bool assured,
                           const Timeouts& timeouts, Tick now) noexcept {
    const bool stream = seen_reply && now.since(state.stream_from) > 0;
    return {.assured = stream && !assured,
            .timeout = stream ? timeouts.udp_replied : timeouts.udp_unreplied};
}

}  // namespace

void UdpTracker::open(UdpState& state, Tick now) noexcept {
    state.stream_from = now + kStreamTicks;
}

// NOLINTNEXTLINE(readability-function-size): what the connection and the packet are, no less
TrackStep UdpTracker::update(const UdpState& state, Direction direction, bool seen_reply,
                             bool assured, uint64_t packets, const TrackingOptions& options,
                             Tick now) noexcept {
    const bool replied = seen_reply || direction == Direction::Reply;
    // Whoever talks to nobody doesn't keep the way for answers open for ever.
    if (!replied && options.udp_unreplied_renewals != 0 &&
        packets > uint64_t{options.udp_unreplied_renewals} + 1) [[unlikely]]
        return {.timeout = Duration{}};
    if (options.udp_assured_packets == 0)
        return update_as_kernel(state, seen_reply, assured, options.timeouts, now);
    return {.assured = replied && !assured && packets >= options.udp_assured_packets,
            .timeout = replied ? options.timeouts.udp_replied : options.timeouts.udp_unreplied};
}

}  // namespace ravelin
