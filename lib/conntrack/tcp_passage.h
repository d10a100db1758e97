// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/tcp_table.h"
#include "conntrack/tcp_tracker.h"
#include "conntrack/tcp_window.h"

namespace ravelin::tcp_detail {

// What the two halves of the TCP tracker share; nobody else includes this.

using namespace tcp_table;

/// One segment of an existing connection with all that its judgement needs.
struct Passage {
    TcpState& state;
    TcpPhase& phase;
    const TcpSegment& segment;
    const Direction direction;
    const Index index;
    const bool seen_reply;
    const bool assured;
    const TrackingOptions& options;

    [[nodiscard]] size_t from() const noexcept { return static_cast<size_t>(direction); }
    [[nodiscard]] TcpWindow& sender() const noexcept { return state.window[from()]; }
    [[nodiscard]] TcpWindow& receiver() const noexcept { return state.window[1 - from()]; }
    [[nodiscard]] bool has(uint8_t flag) const noexcept { return (segment.flags & flag) != 0; }
    [[nodiscard]] bool last_was(Index before) const noexcept {
        return state.last_index == static_cast<uint8_t>(before);
    }
    [[nodiscard]] bool same_direction() const noexcept { return state.last_direction == from(); }
    void note_last() const noexcept {
        state.last_index = static_cast<uint8_t>(index) & 7;
        state.last_direction = static_cast<uint8_t>(direction) & 1;
    }
};

inline TrackStep invalid(DropReason reason) noexcept {
    return {.outcome = Outcome::Invalid, .reason = reason, .renew = false};
}

/// Belongs to the connection but neither moves nor renews it.
inline TrackStep passed() noexcept {
    return {.renew = false};
}

/// The segment is in the window: the connection goes from `before` to `after`.
TrackStep commit(const Passage& p, TcpPhase before, TcpPhase after) noexcept;

/// Window check, then the transition. `undo`: the state before a segment that may start a window;
/// one that isn't accepted must leave none behind.
TrackStep admit(const Passage& p, TcpPhase before, TcpPhase after,
                const TcpState* undo = nullptr) noexcept;

/// An RST, by the rules of the profile.
TrackStep reset(const Passage& p) noexcept;

}  // namespace ravelin::tcp_detail
