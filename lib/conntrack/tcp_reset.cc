// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tcp_passage.h"

namespace ravelin::tcp_detail {

namespace side = tcp_side_flag;

namespace {

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
    // T22: a connection taken up in mid-stream isn't closed before both sides are in step, which is
    // when a segment of each has passed the window check that a liberal side is forgiven.
    const uint8_t both = p.state.flags[0] & p.state.flags[1];
    const bool in_step = (both & side::kLiberal) == 0 || (both & side::kMaxAckSet) != 0;
    if (!in_step || p.sender().max_window == 0 || p.receiver().max_window == 0) return passed();
    // Expected next: what the receiver acknowledged, or, if that lags, the end of what it was sent.
    const bool acknowledged = (p.state.flags[1 - p.from()] & side::kMaxAckSet) != 0;
    if (p.segment.sequence == p.sender().end ||
        (acknowledged && p.segment.sequence == p.receiver().max_ack)) {
        return admit(p, p.phase, Phase::Close);
    }
    // What was acknowledged lies before the receive window (RFC 5961 3.2); the check below allows
    // for copies of old data.
    if (acknowledged && sequence_before(p.segment.sequence, p.receiver().max_ack))
        return invalid(DropReason::TcpWindow);
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

}  // namespace

TrackStep reset(const Passage& p) noexcept {
    return p.options.tcp_rst_exact ? reset_exact(p) : reset_as_kernel(p);
}

}  // namespace ravelin::tcp_detail
