// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tcp_tracker.h"

#include "base/check.h"
#include "conntrack/tcp_passage.h"

#include <algorithm>

namespace ravelin {

namespace side = tcp_side_flag;

namespace {

using namespace tcp_detail;

/// netfilter's order: retransmissions, RST, unacknowledged data, zero window, phase.
Duration pick_timeout(const TcpState& state, Index index, TcpPhase phase,
                      const TrackingOptions& options) noexcept {
    const Timeouts& timeouts = options.timeouts;
    const Duration base = timeouts.tcp(phase);
    const uint8_t limit = std::min<uint8_t>(options.tcp_max_retransmissions, 15);
    if (state.retransmissions >= limit && base > timeouts.tcp_retransmission) [[unlikely]]
        return timeouts.tcp_retransmission;
    if (index == Index::Rst) return timeouts.tcp_close;
    if (is_unacknowledged(state) && base > timeouts.tcp_unacknowledged)
        return timeouts.tcp_unacknowledged;
    if (state.last_window == 0 && base > timeouts.tcp_retransmission) [[unlikely]]
        return timeouts.tcp_retransmission;
    return base;
}

/// The same for an ACK in ESTABLISHED that wasn't sent before.
Duration established_timeout(const TcpState& state, const TrackingOptions& options) noexcept {
    if (state.last_window == 0 || options.tcp_max_retransmissions == 0) [[unlikely]]
        return pick_timeout(state, Index::Ack, Phase::Established, options);
    const Duration base = options.timeouts.tcp_established;
    return is_unacknowledged(state) ? std::min(base, options.timeouts.tcp_unacknowledged) : base;
}

/// netfilter nf_tcp_handle_invalid(): a FIN or RST out of the window, answered by another one from
/// the other side, means that the two ends are in step and only we are not.
TrackStep refuse(const Passage& p) noexcept {
    TrackStep step = invalid(DropReason::TcpWindow);
    if (p.options.tcp_invalid_inert || !p.assured) return step;
    if (p.index != Index::Fin && p.index != Index::Rst) return step;
    if (!p.same_direction() && (p.last_was(Index::Fin) || p.last_was(Index::Rst))) {
        step.timeout = p.options.timeouts.tcp_unacknowledged;
    } else {
        p.note_last();
    }
    return step;
}

}  // namespace

namespace tcp_detail {

TrackStep commit(const Passage& p, TcpPhase before, TcpPhase after) noexcept {
    p.note_last();
    p.phase = after;
    TrackStep step{.changed = before != after};
    if (step.changed && after == Phase::FinWait) p.state.flags[p.from()] |= side::kCloseInit;
    step.timeout = pick_timeout(p.state, p.index, after, p.options);
    if (p.seen_reply) {
        step.assured = !p.assured && after == Phase::Established &&
                       (before == Phase::SynRecv || before == Phase::Established);
        return step;
    }
    // Nobody has answered yet. An RST then leaves nothing worth remembering; a SYN that is sent
    // again doesn't renew, or else one sender could keep an entry for ever.
    if (p.has(tcp_flag::kRst)) {
        step.outcome = Outcome::PassAndEnd;
    } else if (p.index == Index::Syn && before == Phase::SynSent) {
        step.renew = false;
    } else if (after == Phase::Established) {
        step.timeout = std::min(step.timeout, p.options.timeouts.tcp_unacknowledged);
    }
    return step;
}

TrackStep admit(const Passage& p, TcpPhase before, TcpPhase after, const TcpState* undo) noexcept {
    // T21: whatever else is forgiven, an RST never is.
    const bool liberal = p.options.tcp_be_liberal && p.index != Index::Rst;
    const WindowVerdict verdict =
        check_window(p.state, p.phase, p.segment, p.direction, p.index, liberal);
    if (verdict == WindowVerdict::Accept) [[likely]]
        return commit(p, before, after);
    if (undo != nullptr && p.options.tcp_invalid_inert) p.state = *undo;
    return verdict == WindowVerdict::Ignore ? passed() : refuse(p);
}

}  // namespace tcp_detail

namespace {

/// A SYN/ACK that answers a SYN which was let through unjudged: both ends are in step, so we take
/// the connection from these two.
TrackStep resynchronise(const Passage& p) noexcept {
    const TcpState saved = p.state;
    TcpState& state = p.state;
    const size_t opener = state.last_direction;
    TcpWindow& window = state.window[opener];
    window.end = state.last_end;
    window.max_end = state.last_end;
    window.max_window = std::max<uint32_t>(state.last_window, 1);
    window.max_ack = state.last_sequence;  // as start_window() does
    state.scale[opener] = state.last_scale;
    state.flags[opener] =
        state.last_flags & (tcp_last_flag::kWindowScale | tcp_last_flag::kSackPermitted);
    state.last_flags &= static_cast<uint8_t>(~tcp_last_flag::kChallengeAck) & 15;
    p.sender() = {};
    state.scale[p.from()] = 0;
    state.flags[p.from()] &= side::kLiberal;
    return admit(p, Phase::SynSent, Phase::SynRecv, &saved);
}

/// What may belong to a connection that only the two ends know passes, and is remembered.
TrackStep ignore(const Passage& p) noexcept {
    TcpState& state = p.state;
    const TcpSegment& segment = p.segment;
    if (p.index == Index::SynAck && p.last_was(Index::Syn) && !p.same_direction() &&
        segment.ack == state.last_end) {
        return resynchronise(p);
    }
    p.note_last();
    state.last_sequence = segment.sequence;
    state.last_end = sequence_end(segment);
    state.last_window = segment.window;
    if (p.index == Index::Syn && p.direction == Direction::Original) {
        const TcpOffer offer = read_offer(segment.options);
        state.last_flags = offer.flags & 3;
        state.last_scale = offer.scale & 15;
        // The answer may be a challenge ACK (RFC 5961 4), which isn't that of the last FIN.
        if (p.phase == Phase::LastAck) state.last_flags |= tcp_last_flag::kChallengeAck;
    }
    if (p.phase == Phase::SynSent && p.index == Index::Ack && p.direction == Direction::Reply)
        state.last_ack = segment.ack;  // a challenge ACK: the RST that follows takes this number
    return passed();
}

/// A SYN on TIME_WAIT or CLOSE: a new connection if this one was closed by both ends' word.
TrackStep reopen(const Passage& p) noexcept {
    const bool closing = ((p.state.flags[0] | p.state.flags[1]) & side::kCloseInit) != 0;
    const bool aborted = p.same_direction() && p.last_was(Index::Rst);
    if (closing || aborted) return {.outcome = Outcome::Reopen, .renew = false};
    return ignore(p);
}

/// The transition that the table names, with what the table can't know.
TrackStep follow_table(const Passage& p) noexcept {
    TcpState& state = p.state;
    const uint8_t cell =
        kTransitions[p.from()][static_cast<size_t>(p.index)][static_cast<size_t>(p.phase)];
    switch (cell) {
        case iv:
            return invalid(DropReason::TcpState);
        case ig:
            return ignore(p);
        case CL:
            if (p.index != Index::Rst) break;
            return reset(p);
        case SS:
            if (p.phase == Phase::TimeWait || p.phase == Phase::Close) return reopen(p);
            break;
        case TW:
            if (p.phase == Phase::LastAck && p.index == Index::Ack && !p.same_direction() &&
                p.last_was(Index::Syn) && (state.last_flags & tcp_last_flag::kChallengeAck) != 0) {
                state.last_flags &= static_cast<uint8_t>(~tcp_last_flag::kChallengeAck) & 15;
                return passed();
            }
            break;
        case S2: {
            if (p.phase == Phase::SynSent && !p.options.tcp_simultaneous_open)
                return invalid(DropReason::TcpState);  // T26: a split handshake
            const TcpState saved = state;
            state.last_flags |= tcp_last_flag::kSimultaneousOpen;
            return admit(p, p.phase, Phase::SynSent2, &saved);
        }
        case SR:
            // The table knows nothing of simultaneous opens, where this ACK is the last word.
            if (p.direction == Direction::Reply && p.index == Index::Ack &&
                (state.last_flags & tcp_last_flag::kSimultaneousOpen) != 0) {
                return admit(p, p.phase, Phase::Established);
            }
            break;
        default:
            break;
    }
    const auto after = static_cast<TcpPhase>(cell);
    if (!p.has(tcp_flag::kSyn) && p.sender().max_window != 0) return admit(p, p.phase, after);
    const TcpState saved = state;
    return admit(p, p.phase, after, &saved);
}

/// Everything that update() hasn't settled at once.
// NOLINTNEXTLINE(readability-function-size): update()'s own parameters
[[gnu::noinline]] TrackStep update_by_table(TcpState& state, TcpPhase& phase,
                                            const TcpSegment& segment, Direction direction,
                                            bool seen_reply, bool assured,
                                            const TrackingOptions& options) noexcept {
    const uint8_t index = kIndexByFlags[segment.flags & kStateFlags];
    if (index == kBadFlags) return invalid(DropReason::TcpFlags);
    return follow_table({.state = state,
                         .phase = phase,
                         .segment = segment,
                         .direction = direction,
                         .index = static_cast<Index>(index),
                         .seen_reply = seen_reply,
                         .assured = assured,
                         .options = options});
}

}  // namespace

// NOLINTNEXTLINE(readability-function-size): three of them are what it fills in
bool TcpTracker::open(const TcpSegment& segment, bool pick_up, const TrackingOptions& options,
                      TcpState& state, TcpPhase& phase, DropReason& reason) noexcept {
    const uint8_t index = kIndexByFlags[segment.flags & kStateFlags];
    if (index == kBadFlags) {
        reason = DropReason::TcpFlags;
        return false;
    }
    const uint8_t first = kTransitions[0][index][NO];
    if (first == iv || (first == ES && !pick_up)) {
        reason = DropReason::TcpNoConnection;
        return false;
    }
    start_window(state, segment, first == ES);
    TcpPhase opening = Phase::None;
    static_cast<void>(admit({.state = state,
                             .phase = opening,
                             .segment = segment,
                             .direction = Direction::Original,
                             .index = static_cast<Index>(index),
                             .seen_reply = false,
                             .assured = false,
                             .options = options},
                            Phase::None, static_cast<TcpPhase>(first)));
    phase = opening;
    DCHECK(phase == static_cast<TcpPhase>(first));
    return true;
}

Duration TcpTracker::opening_timeout(const TcpState& state, TcpPhase phase,
                                     const TrackingOptions& options) noexcept {
    const Duration timeout =
        pick_timeout(state, static_cast<Index>(state.last_index), phase, options);
    return phase == Phase::Established ? std::min(timeout, options.timeouts.tcp_unacknowledged)
                                       : timeout;
}

// NOLINTNEXTLINE(readability-function-size): what the connection and the packet are, no less
TrackStep TcpTracker::update(TcpState& state, TcpPhase& phase, const TcpSegment& segment,
                             Direction direction, bool seen_reply, bool assured,
                             const TrackingOptions& options) noexcept {
    if (phase == Phase::Established && seen_reply && pass_ack(state, segment, direction))
        [[likely]] {
        return {.assured = !assured, .timeout = established_timeout(state, options)};
    }
    return update_by_table(state, phase, segment, direction, seen_reply, assured, options);
}

bool TcpTracker::quotes_window(const TcpState& state, Direction direction,
                               uint32_t sequence) noexcept {
    const auto from = static_cast<size_t>(direction);
    const TcpWindow& sender = state.window[from];
    const TcpWindow& receiver = state.window[1 - from];
    if (sender.max_window == 0) return false;  // it has sent nothing
    // On the circle, whatever the distances are.
    const auto within = [&](uint32_t lowest, uint32_t highest) {
        return sequence - lowest <= highest - lowest;
    };
    if ((state.flags[from] & side::kLiberal) != 0) {
        // The scale of a connection taken up in mid-stream is unknown: its windows may be 2^14
        // times as large as they look (RFC 7323 2.3), and its path MTU matters all the same.
        constexpr uint32_t kLargestWindow = 1U << 30;
        return within(sender.end - kLargestWindow, sender.end + kLargestWindow);
    }
    if ((state.flags[1 - from] & side::kMaxAckSet) != 0)
        return within(receiver.max_ack - receiver.max_window, sender.end);
    // An unanswered SYN: nothing below its own sequence number (start_window()).
    if (receiver.max_window == 0 && (state.flags[from] & side::kMaxAckSet) == 0)
        return within(sender.max_ack, sender.end);
    return within(sender.end - std::max<uint32_t>(receiver.max_window, 1), sender.end);
}

}  // namespace ravelin
