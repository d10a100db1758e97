// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tcp_tracker.h"

#include "base/byteorder.h"
#include "base/check.h"
#include "conntrack/tcp_table.h"
#include "conntrack/tcp_window.h"

#include <algorithm>

namespace ravelin {

namespace side = tcp_side_flag;

namespace {

using namespace tcp_table;

constexpr size_t kHeaderLength = 20;

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

TrackStep invalid(DropReason reason) noexcept {
    return {.outcome = Outcome::Invalid, .reason = reason, .renew = false};
}

/// Belongs to the connection but neither moves nor renews it.
TrackStep passed() noexcept {
    return {.renew = false};
}

/// netfilter's order: retransmissions, RST, unacknowledged data, zero window, phase.
Duration pick_timeout(const TcpState& state, Index index, TcpPhase phase,
                      const TrackingOptions& options) noexcept {
    const Timeouts& timeouts = options.timeouts;
    const Duration base = phase == Phase::Established ? timeouts.tcp_established  //
                                                      : timeouts.tcp(phase);
    const uint8_t limit = std::min<uint8_t>(options.tcp_max_retransmissions, 15);
    if (state.retransmissions >= limit && base > timeouts.tcp_retransmission) [[unlikely]]
        return timeouts.tcp_retransmission;
    if (index == Index::Rst) return timeouts.tcp_close;
    const bool unacknowledged = ((state.flags[0] | state.flags[1]) & side::kUnacknowledged) != 0;
    if (unacknowledged && base > timeouts.tcp_unacknowledged) return timeouts.tcp_unacknowledged;
    if (state.last_window == 0 && base > timeouts.tcp_retransmission) [[unlikely]]
        return timeouts.tcp_retransmission;
    return base;
}

/// The segment is in the window: the connection goes from `before` to `after`.
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
        step.renew = false;
    } else if (p.index == Index::Syn && before == Phase::SynSent) {
        step.renew = false;
    } else if (after == Phase::Established) {
        step.timeout = std::min(step.timeout, p.options.timeouts.tcp_unacknowledged);
    }
    return step;
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

/// Window check, then the transition. `undo`: the state before a segment that may start a window;
/// one that isn't accepted must leave none behind.
TrackStep admit(const Passage& p, TcpPhase before, TcpPhase after,
                const TcpState* undo = nullptr) noexcept {
    // T21: whatever else is forgiven, an RST never is.
    const bool liberal = p.options.tcp_be_liberal && p.index != Index::Rst;
    const WindowVerdict verdict =
        check_window(p.state, p.phase, p.segment, p.direction, p.index, liberal);
    if (verdict == WindowVerdict::Accept) [[likely]]
        return commit(p, before, after);
    if (undo != nullptr && p.options.tcp_invalid_inert) p.state = *undo;
    return verdict == WindowVerdict::Ignore ? passed() : refuse(p);
}

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

/// True if a segment in SYN_SENT answers a challenge ACK that was let through.
bool answers_challenge(const Passage& p) noexcept {
    return p.phase == Phase::SynSent && p.last_was(Index::Ack) &&
           p.state.last_direction == static_cast<uint8_t>(Direction::Reply) &&
           p.segment.sequence == p.state.last_ack;
}

/// An RST before both ends have heard each other. Whoever has only sent a SYN believes the
/// acknowledgement of it (RFC 9293 3.10.7.3), of all its data or of the SYN alone (RFC 7413 4.2.2).
TrackStep reset_opening(const Passage& p) noexcept {
    const TcpWindow& receiver = p.receiver();
    const bool unanswered = (p.state.flags[1 - p.from()] & side::kMaxAckSet) == 0;
    const bool answers_syn =
        p.has(tcp_flag::kAck) && receiver.max_window != 0 &&
        (p.segment.ack == receiver.end || (unanswered && p.segment.ack == receiver.max_ack + 1));
    const bool from_opener = p.direction == Direction::Original || p.phase == Phase::SynSent2;
    if (from_opener && answers_challenge(p)) return commit(p, p.phase, Phase::Close);
    if (answers_syn || (from_opener && p.segment.sequence == p.sender().end))
        return admit(p, p.phase, Phase::Close);
    return invalid(DropReason::TcpWindow);  // T23
}

/// Profile strict: the only RST that closes is the one that its receiver takes for good, at exactly
/// the sequence number it expects next (RFC 5961 3.2, threats T20).
TrackStep reset_exact(const Passage& p) noexcept {
    if (p.phase == Phase::SynSent || p.phase == Phase::SynSent2) return reset_opening(p);
    // T22: a connection taken up in mid-stream isn't closed before both sides have been heard.
    if (p.sender().max_window == 0 || p.receiver().max_window == 0) return passed();
    // Expected next: what the receiver acknowledged, or, if that lags, the end of what it was sent.
    const bool acknowledged = (p.state.flags[1 - p.from()] & side::kMaxAckSet) != 0;
    if (p.segment.sequence == p.sender().end ||
        (acknowledged && p.segment.sequence == p.receiver().max_ack)) {
        return admit(p, p.phase, Phase::Close);
    }
    // The endpoint answers the others with a challenge ACK; here nothing changes.
    TcpState trial = p.state;
    const auto verdict = check_window(trial, p.phase, p.segment, p.direction, p.index, false);
    return verdict == WindowVerdict::Accept ? passed() : invalid(DropReason::TcpWindow);
}

/// Phases in which the kernel believes every RST: the ports may be in use again already.
bool is_closing(TcpPhase phase) noexcept {
    return phase >= Phase::FinWait && phase <= Phase::Close;
}

/// The kernel's rules for RST.
TrackStep reset_as_kernel(const Passage& p) noexcept {
    const TcpState& state = p.state;
    const uint32_t sequence = p.segment.sequence;
    if (is_closing(p.phase)) return commit(p, p.phase, Phase::Close);

    TcpPhase after = Phase::Close;
    // The highest acknowledgement says nothing any more once a SYN was let through.
    if ((state.flags[1 - p.from()] & side::kMaxAckSet) != 0 && !p.last_was(Index::Syn)) {
        const bool established = p.phase == Phase::Established && p.assured;
        const uint32_t expected = p.receiver().max_ack;
        if (sequence == 0 && !established) return admit(p, p.phase, Phase::Close);
        if (sequence_before(sequence, expected) && !p.options.tcp_ignore_invalid_rst)
            return invalid(DropReason::TcpWindow);
        // After its own last data the RST is exact, too.
        const bool follows =
            p.last_was(Index::Ack) && p.same_direction() && sequence == state.last_end;
        if (!established || sequence == expected || follows) return admit(p, p.phase, Phase::Close);
        after = p.phase;  // the endpoint may send a challenge ACK
    }
    const bool answers_ignored = (p.seen_reply && p.last_was(Index::Syn) && !p.same_direction()) ||
                                 (!p.assured && p.last_was(Index::Ack));
    if ((answers_ignored && p.segment.ack == state.last_end) || answers_challenge(p))
        return commit(p, p.phase, after);
    return admit(p, p.phase, after);
}

/// Everything but an ACK on an established connection.
[[gnu::noinline]] TrackStep update_by_table(const Passage& p) noexcept {
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
            return p.options.tcp_rst_exact ? reset_exact(p) : reset_as_kernel(p);
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

}  // namespace

TcpSegment TcpSegment::read(const Headers& headers, const uint8_t* l4) noexcept {
    DCHECK(headers.l4_header_length >= kHeaderLength);
    return {.sequence = load_be32(l4 + 4),
            .ack = load_be32(l4 + 8),
            .window = load_be16(l4 + 14),
            .flags = l4[13],
            .payload_length = headers.l4_length - headers.l4_header_length,
            .options = {l4 + kHeaderLength, headers.l4_header_length - kHeaderLength}};
}

bool TcpTracker::open(const TcpSegment& segment, const TrackingOptions& options, TcpState& state,
                      TcpPhase& phase, DropReason& reason) noexcept {
    const uint8_t index = kIndexByFlags[segment.flags & kStateFlags];
    if (index == kBadFlags) {
        reason = DropReason::TcpFlags;
        return false;
    }
    const uint8_t first = kTransitions[0][index][NO];
    if (first == iv || (first == ES && !options.tcp_loose)) {
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
    const uint8_t index = kIndexByFlags[segment.flags & kStateFlags];
    if (index == kBadFlags) [[unlikely]]
        return invalid(DropReason::TcpFlags);
    const Passage passage{.state = state,
                          .phase = phase,
                          .segment = segment,
                          .direction = direction,
                          .index = static_cast<Index>(index),
                          .seen_reply = seen_reply,
                          .assured = assured,
                          .options = options};
    // Nearly every segment there is. The table says ES for both directions.
    if (phase == Phase::Established && passage.index == Index::Ack) [[likely]]
        return admit(passage, Phase::Established, Phase::Established);
    return update_by_table(passage);
}

bool TcpTracker::quotes_window(const TcpState& state, Direction direction,
                               uint32_t sequence) noexcept {
    const auto from = static_cast<size_t>(direction);
    const TcpWindow& sender = state.window[from];
    const TcpWindow& receiver = state.window[1 - from];
    if (sender.max_window == 0) return false;  // it has sent nothing
    uint32_t lowest = sender.end;
    uint32_t highest = sender.end;
    if ((state.flags[1 - from] & side::kMaxAckSet) != 0) {
        lowest = receiver.max_ack - receiver.max_window;
    } else if (receiver.max_window == 0 && (state.flags[from] & side::kMaxAckSet) == 0) {
        lowest = sender.max_ack;  // unanswered SYN: its sequence number (start_window())
    } else {
        lowest = sender.end - std::max<uint32_t>(receiver.max_window, 1);
    }
    if ((state.flags[from] & side::kLiberal) != 0) {
        // The scale of a connection taken up in mid-stream is unknown: its windows may be 2^14
        // times as large as they look (RFC 7323 2.3), and its path MTU matters all the same.
        constexpr uint32_t kLargestWindow = 1U << 30;
        lowest = sender.end - kLargestWindow;
        highest = sender.end + kLargestWindow;
    }
    return sequence - lowest <= highest - lowest;  // on the circle, whatever the distance
}

}  // namespace ravelin
