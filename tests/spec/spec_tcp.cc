// SPDX-License-Identifier: BSD-3-Clause
#include "spec/spec_tcp.h"

namespace ravelin::spec {

namespace {

// Sequence numbers are compared by their difference, RFC 9293 3.4.
bool before(uint32_t a, uint32_t b) {
    return static_cast<int32_t>(a - b) < 0;
}
bool after(uint32_t a, uint32_t b) {
    return before(b, a);
}

/// What the state table says: a state to go to, or one of these two.
constexpr auto kIgnored = static_cast<TcpState>(100);  // passes, and nothing happens
constexpr auto kInvalid = static_cast<TcpState>(101);

// clang-format off
namespace cell {
constexpr TcpState NO = TcpState::None, SS = TcpState::SynSent, SR = TcpState::SynRecv,
                   ES = TcpState::Established, FW = TcpState::FinWait, CW = TcpState::CloseWait,
                   LA = TcpState::LastAck, TW = TcpState::TimeWait, CL = TcpState::Close,
                   S2 = TcpState::SynSent2, IG = kIgnored, IV = kInvalid;
}

using Row = std::array<TcpState, 10>;
using namespace cell;
// The state now:                    NO  SS  SR  ES  FW  CW  LA  TW  CL  S2
constexpr std::array<Row, 6> kOriginal{{
    /* Syn    */                    {SS, SS, IG, IG, IG, IG, IG, SS, SS, S2},
    /* SynAck */                    {IV, IV, SR, IV, IV, IV, IV, IV, IV, SR},
    /* Fin    */                    {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
    /* Ack    */                    {ES, IV, ES, ES, CW, CW, TW, TW, CL, IV},
    /* Rst    */                    {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    /* None   */                    {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV}}};
constexpr std::array<Row, 6> kReply{{
    /* Syn    */                    {IV, S2, IV, IV, IV, IV, IV, SS, IV, S2},
    /* SynAck */                    {IV, SR, IG, IG, IG, IG, IG, IG, IG, SR},
    /* Fin    */                    {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
    /* Ack    */                    {IV, IG, SR, ES, CW, CW, TW, TW, CL, IG},
    /* Rst    */                    {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    /* None   */                    {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV}}};

constexpr std::array<Time, 10> kTimeouts{
    /* None */ 0s, /* SynSent */ 120s, /* SynRecv */ 60s, /* Established */ 432000s,
    /* FinWait */ 120s, /* CloseWait */ 60s, /* LastAck */ 30s, /* TimeWait */ 120s,
    /* Close */ 10s, /* SynSent2 */ 120s};
// clang-format on
constexpr Time kRetransmission = 300s;  // a segment was repeated kRetransmissions times
constexpr Time kUnacknowledged = 300s;
constexpr unsigned kRetransmissions = 3;
/// A late acknowledgement may lie this far back, whatever the window is.
constexpr uint32_t kLateAcknowledgement = 66000;

constexpr std::array<std::string_view, 10> kNames{
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};

TcpKind kind_of(const Segment& segment) {
    if (segment.rst) return TcpKind::Rst;
    if (segment.syn) return segment.ack ? TcpKind::SynAck : TcpKind::Syn;
    if (segment.fin) return TcpKind::Fin;
    return segment.ack ? TcpKind::Ack : TcpKind::None;
}

/// SYN, SYN|ACK, RST, RST|ACK, FIN|ACK, ACK; URG and PSH don't occur here.
bool has_valid_flags(const Segment& segment) {
    const int openers = (segment.syn ? 1 : 0) + (segment.fin ? 1 : 0) + (segment.rst ? 1 : 0);
    if (openers > 1) return false;
    if (segment.fin || openers == 0) return segment.ack;
    return true;
}

}  // namespace

Seen TcpSpec::receive(const Segment& segment, Time now) {
    if (!alive(now)) *this = TcpSpec{strict_ ? Profile::Strict : Profile::Linux};
    Class result = Class::Invalid;
    if (has_valid_flags(segment))
        result = state_ == TcpState::None ? open(segment, now) : advance(segment, now);
    Seen seen = look(now);
    seen.ct_class = result;
    return seen;
}

Seen TcpSpec::look(Time now) const {
    Seen seen;
    if (alive(now)) {
        seen.add({.opener = opener_,
                  .query = 0,
                  .state = kNames.at(static_cast<size_t>(state_)),
                  .seen_reply = seen_reply_,
                  .assured = assured_,
                  .left = ends_ - now});
    }
    return seen;
}

/// No connection: a SYN opens one; an ACK does where the middle of a connection will do.
Class TcpSpec::open(const Segment& segment, Time now) {
    const TcpKind kind = kind_of(segment);
    const bool from_middle = kind == TcpKind::Ack && !strict_;
    if (kind != TcpKind::Syn && !from_middle) return Class::Invalid;
    *this = TcpSpec{strict_ ? Profile::Strict : Profile::Linux};
    opener_ = segment.from;
    Sender& opener = sender(segment.from);
    opener.heard = true;
    opener.end = segment.end();
    opener.window = segment.window == 0 ? 1 : segment.window;
    opener.limit = opener.end;
    if (from_middle) {
        // Its window scale is unknown, and with it every window.
        opener.limit += opener.window;
        opener.liberal = sender(other(segment.from)).liberal = true;
    } else {
        opener.scale = segment.scale;
        opener.shift = segment.scale.value_or(0);
    }
    return follow(segment, from_middle ? TcpState::Established : TcpState::SynSent, true, now);
}

Class TcpSpec::advance(const Segment& segment, Time now) {
    const TcpKind kind = kind_of(segment);
    const auto& table = is_original(segment) ? kOriginal : kReply;
    TcpState next = table.at(static_cast<size_t>(kind)).at(static_cast<size_t>(state_));
    // Threats T26: unless simultaneous open is wanted, only one side opens.
    if (strict_ && next == TcpState::SynSent2) next = kInvalid;
    if (next == kInvalid) return Class::Invalid;
    const bool ended = state_ == TcpState::TimeWait || state_ == TcpState::Close;
    if (next == TcpState::SynSent && ended) {
        if (may_reopen(segment)) {
            state_ = TcpState::None;
            return open(segment, now);
        }
        next = kIgnored;
    }
    if (next == kIgnored) {
        if (!answers_noted_syn(segment)) return ignore(segment);
        adopt_noted_syn();
        return follow(segment, TcpState::SynRecv, true, now);
    }
    if (kind == TcpKind::Rst) return reset(segment, now);
    if (next == TcpState::TimeWait && state_ == TcpState::LastAck && kind == TcpKind::Ack &&
        expect_challenge_ && last_.kind == TcpKind::Syn && last_.from != segment.from) {
        // It answers the stray SYN (RFC 5961 4), and acknowledges no FIN.
        expect_challenge_ = false;
        if (!is_original(segment)) seen_reply_ = true;
        return Class::Established;
    }
    if (next == TcpState::SynSent2) both_opened_ = true;
    if (next == TcpState::SynRecv && !is_original(segment) && kind == TcpKind::Ack && both_opened_)
        next = TcpState::Established;
    return follow(segment, next, true, now);
}

/// The old connection ended in order, or was reset by the very side that now sends a SYN.
bool TcpSpec::may_reopen(const Segment& segment) const {
    return senders_[0].closed_first || senders_[1].closed_first ||
           (last_.kind == TcpKind::Rst && last_.from == segment.from);
}

/// Passes, for the other end may know better; what it was is noted.
Class TcpSpec::ignore(const Segment& segment) {
    const TcpKind kind = kind_of(segment);
    const bool established = !is_original(segment) || seen_reply_;
    last_.kind = kind;
    last_.from = segment.from;
    last_.sequence = segment.sequence;
    last_.end = segment.end();
    last_.window = segment.window;
    if (kind == TcpKind::Syn && is_original(segment)) {
        noted_scale_ = segment.scale;
        both_opened_ = false;
        expect_challenge_ = state_ == TcpState::LastAck;
    }
    // An ACK that answers the SYN of a connection is a challenge: the server has an old one.
    if (state_ == TcpState::SynSent && kind == TcpKind::Ack && !is_original(segment))
        last_.acknowledges = segment.acknowledges;
    if (!is_original(segment)) seen_reply_ = true;
    return established ? Class::Established : Class::New;
}

/// A SYN/ACK for the SYN that was let through last: both ends have begun anew.
bool TcpSpec::answers_noted_syn(const Segment& segment) const {
    return kind_of(segment) == TcpKind::SynAck && last_.kind == TcpKind::Syn &&
           last_.from != segment.from && segment.acknowledges == last_.end;
}

void TcpSpec::adopt_noted_syn() {
    state_ = TcpState::SynSent;
    Sender client;
    client.heard = true;
    client.end = client.limit = last_.end;
    client.window = last_.window == 0 ? 1 : last_.window;
    client.scale = noted_scale_;
    client.shift = noted_scale_.value_or(0);
    sender(last_.from) = client;
    Sender server;
    server.liberal = sender(other(last_.from)).liberal;
    sender(other(last_.from)) = server;
    expect_challenge_ = false;
}

/// An RST. In both profiles it passes or it is refused; they differ in what it may end.
Class TcpSpec::reset(const Segment& segment, Time now) {
    if (strict_) return reset_exactly(segment, now);
    const Sender& receiver = sender(other(segment.from));
    // The kernel believes every RST of a connection that is closing: its ports may be in use again.
    if (state_ >= TcpState::FinWait && state_ <= TcpState::Close)
        return follow(segment, TcpState::Close, false, now);
    const bool settled = state_ == TcpState::Established && assured_;
    TcpState next = TcpState::Close;
    // What was acknowledged says nothing any more once a SYN was let through.
    if (receiver.acked && last_.kind != TcpKind::Syn) {
        const bool nobody_home = segment.sequence == 0 && !settled;
        const bool ends_train = last_.kind == TcpKind::Ack && last_.from == segment.from &&
                                segment.sequence == last_.end;
        if (!nobody_home && before(segment.sequence, *receiver.acked)) return Class::Invalid;
        if (!settled || segment.sequence == *receiver.acked || ends_train)
            return follow(segment, TcpState::Close, true, now);
        next = state_;  // the receiver may challenge it
    }
    const bool answers =
        reset_answers_what_was_ignored(segment) || reset_answers_challenge(segment);
    return follow(segment, next, !answers, now);
}

/// RFC 5961 3.2, and RFC 9293 3.10.7.3 for an answer to a SYN: what isn't exact may pass, so that
/// the receiver can ask back with a challenge ACK, but it ends nothing and shortens nothing
/// (threats T20 to T23).
Class TcpSpec::reset_exactly(const Segment& segment, Time now) {
    if (reset_answers_challenge(segment)) return follow(segment, TcpState::Close, false, now);
    const Sender& receiver = sender(other(segment.from));
    if (state_ == TcpState::SynSent) {
        // The server refuses the SYN, or the client takes it back.
        const bool answers_syn = segment.ack && segment.acknowledges == receiver.end;
        const bool takes_back = segment.sequence == sender(segment.from).end;
        const bool believed = is_original(segment) ? takes_back : answers_syn;
        return believed ? follow(segment, TcpState::Close, true, now) : Class::Invalid;
    }
    const bool established = !is_original(segment) || seen_reply_;
    const Class passed = established ? Class::Established : Class::New;
    if (!receiver.heard || !sender(segment.from).heard) {
        // Nobody here knows which number would be exact.
        if (!is_original(segment)) seen_reply_ = true;
        return passed;
    }
    if (receiver.acked && before(segment.sequence, *receiver.acked)) return Class::Invalid;
    const bool exact = segment.sequence == sender(segment.from).end ||
                       (receiver.acked && segment.sequence == *receiver.acked);
    if (exact) return follow(segment, TcpState::Close, true, now);
    const TcpSpec old = *this;
    const Fit numbers = fit(segment);
    *this = old;
    if (numbers != Fit::Inside) return Class::Invalid;
    if (!is_original(segment)) seen_reply_ = true;
    return passed;
}

/// The server answered the SYN with an ACK of an older connection, and the client tells it so.
bool TcpSpec::reset_answers_challenge(const Segment& segment) const {
    return state_ == TcpState::SynSent && last_.kind == TcpKind::Ack && last_.from != opener_ &&
           segment.sequence == last_.acknowledges;
}

/// The other end refuses what was let through: a SYN in the middle of a connection, or an ACK on
/// one that is half open.
bool TcpSpec::reset_answers_what_was_ignored(const Segment& segment) const {
    const bool refuses_syn =
        seen_reply_ && last_.kind == TcpKind::Syn && last_.from != segment.from;
    const bool refuses_ack = !assured_ && last_.kind == TcpKind::Ack;
    return (refuses_syn || refuses_ack) && segment.acknowledges == last_.end;
}

/// A segment that may move the connection to `next`, if its numbers fit.
Class TcpSpec::follow(const Segment& segment, TcpState next, bool check_window, Time now) {
    const TcpSpec old = *this;
    const TcpKind kind = kind_of(segment);
    const bool established = !is_original(segment) || seen_reply_;
    const Class passed = established ? Class::Established : Class::New;
    const bool reply_before = seen_reply_;
    const bool begins = segment.syn || !sender(segment.from).heard;
    const Fit numbers = check_window ? fit(segment) : Fit::Inside;
    // A segment of another incarnation tells a strict box nothing about a side (threats T30).
    if (strict_ && begins && numbers == Fit::Stray) *this = old;
    if (numbers == Fit::Outside) return refuse(segment, old, now);
    if (!is_original(segment)) seen_reply_ = true;
    if (numbers == Fit::Stray) return passed;

    last_.kind = kind;
    last_.from = segment.from;
    if (next == TcpState::FinWait && state_ != next) sender(segment.from).closed_first = true;
    const TcpState previous = state_;
    state_ = next;
    if (!reply_before && kind == TcpKind::Rst) {
        state_ = TcpState::None;  // it answers a SYN that nobody has answered
        return passed;
    }
    // A client that repeats its SYN for ever must not keep the entry for ever.
    if (!reply_before && kind == TcpKind::Syn && previous == TcpState::SynSent) return passed;
    Time left = timeout(kind);
    if (!reply_before && next == TcpState::Established) left = std::min(left, kUnacknowledged);
    const bool confirmed = previous == TcpState::SynRecv || previous == TcpState::Established;
    if (reply_before && confirmed && next == TcpState::Established) assured_ = true;
    ends_ = now + left;
    return passed;
}

/// An INVALID segment. The kernel has learnt from it; a strict box has not.
Class TcpSpec::refuse(const Segment& segment, const TcpSpec& before, Time now) {
    if (strict_) {
        *this = before;
        return Class::Invalid;
    }
    const TcpKind kind = kind_of(segment);
    const auto closes = [](TcpKind each) { return each == TcpKind::Fin || each == TcpKind::Rst; };
    if (!assured_ || !closes(kind)) return Class::Invalid;
    if (closes(last_.kind) && last_.from != segment.from) {
        // Both ends try to close, and the numbers say that they know something that we don't.
        ends_ = std::min(ends_, now + kUnacknowledged);
    } else {
        last_.kind = kind;
        last_.from = segment.from;
    }
    return Class::Invalid;
}

Time TcpSpec::timeout(TcpKind kind) const {
    const Time normal = kTimeouts.at(static_cast<size_t>(state_));
    if (repeats_ >= kRetransmissions && normal > kRetransmission) return kRetransmission;
    if (kind == TcpKind::Rst) return kTimeouts.at(static_cast<size_t>(TcpState::Close));
    const bool waits = senders_[0].unacknowledged || senders_[1].unacknowledged;
    if (waits && normal > kUnacknowledged) return kUnacknowledged;
    if (last_.window == 0 && normal > kRetransmission) return kRetransmission;
    return normal;
}

/// The first word of this side, or a beginning anew.
void TcpSpec::begin_sender(const Segment& segment) {
    Sender& from = sender(segment.from);
    Sender& to = sender(other(segment.from));
    Sender fresh;
    fresh.heard = true;
    fresh.liberal = from.liberal;
    fresh.end = fresh.limit = segment.end();
    fresh.window = segment.window == 0 ? 1 : segment.window;
    fresh.scale = segment.scale;
    fresh.shift = segment.scale.value_or(0);
    from = fresh;
    // RFC 7323 2.2: it counts when both have sent it.
    if (!is_original(segment) && !(from.scale && to.scale)) from.shift = to.shift = 0;
}

/// A side that is heard for the first time, and not with a SYN.
void TcpSpec::hear_first(const Segment& segment) {
    Sender& from = sender(segment.from);
    Sender& to = sender(other(segment.from));
    const uint32_t window = static_cast<uint32_t>(segment.window) << from.shift;
    from.heard = true;
    from.end = segment.end();
    from.window = window == 0 ? 1 : window;
    from.limit = from.end + from.window;
    if (!to.heard) {
        to.end = to.limit = segment.acknowledges;
    } else if (segment.acknowledges == to.end + 1) {
        ++to.end;  // answers a keepalive that we didn't see
    }
}

/// RFC 9293 3.4 seen from the middle: may this side send these numbers, may it acknowledge that?
TcpSpec::Fit TcpSpec::fit(const Segment& segment) {
    Sender& from = sender(segment.from);
    Sender& to = sender(other(segment.from));
    const bool opening = state_ == TcpState::SynSent || state_ == TcpState::SynRecv;
    if (!from.heard) {
        if (segment.syn) {
            begin_sender(segment);
            if (!segment.ack) return Fit::Inside;
        } else {
            hear_first(segment);
        }
    } else if (segment.syn && after(segment.end(), from.end) && opening) {
        begin_sender(segment);
        if (!is_original(segment) && !segment.ack) return Fit::Inside;
    }

    Segment judged = segment;
    const bool acknowledges = segment.ack && !(segment.rst && segment.acknowledges == 0);
    if (!acknowledges) judged.acknowledges = to.end;
    if (segment.rst && segment.sequence == 0 && state_ == TcpState::SynSent)
        judged.sequence = from.end;  // RFC 9293 3.10.7.1: it answers a SYN with number 0

    const uint32_t earliest_ack = to.end - std::max(from.window, kLateAcknowledgement);
    const bool ack_not_early = !before(judged.acknowledges, earliest_ack);
    const bool ack_not_late = !after(judged.acknowledges, to.end);
    const bool reaches_window = !to.heard || !before(judged.end(), from.end - to.window);
    if (after(judged.sequence, from.limit)) {
        // A sender that goes a little beyond its window, and a receiver that may take it.
        const uint32_t excess = judged.end() - from.limit + 1;
        const bool little =
            to.heard && reaches_window && ack_not_early && ack_not_late && excess <= to.window;
        if (little) {
            from.end = judged.end();
            from.unacknowledged = true;
        }
        if (from.liberal) return Fit::Inside;
        return little ? Fit::Stray : Fit::Outside;
    }
    if (!ack_not_late) return from.liberal ? Fit::Inside : Fit::Outside;
    if (!reaches_window || !ack_not_early) return from.liberal ? Fit::Inside : Fit::Stray;
    learn(judged, judged.acknowledges);
    count_retransmission(judged, judged.acknowledges);
    return Fit::Inside;
}

void TcpSpec::learn(const Segment& segment, uint32_t acknowledges) {
    Sender& from = sender(segment.from);
    Sender& to = sender(other(segment.from));
    const uint32_t window =
        segment.syn ? segment.window : static_cast<uint32_t>(segment.window) << from.shift;
    from.window = std::max(from.window, window);
    if (after(segment.end(), from.end)) {
        from.end = segment.end();
        from.unacknowledged = true;
    }
    if (segment.ack && (!from.acked || after(acknowledges, *from.acked))) from.acked = acknowledges;
    if (to.heard && after(segment.end(), from.limit)) to.window += segment.end() - from.limit;
    if (!before(acknowledges + window, to.limit)) {
        to.limit = acknowledges + window;
        if (window == 0) ++to.limit;  // a probe of one byte, RFC 9293 3.8.6.1
    }
    if (acknowledges == to.end) to.unacknowledged = false;
}

void TcpSpec::count_retransmission(const Segment& segment, uint32_t acknowledges) {
    if (kind_of(segment) != TcpKind::Ack) return;
    Remembered now{TcpKind::Ack, segment.from,  segment.sequence,
                   acknowledges, segment.end(), segment.window};
    const bool repeated = last_.from == now.from && last_.sequence == now.sequence &&
                          last_.acknowledges == now.acknowledges && last_.end == now.end &&
                          last_.window == now.window;
    repeats_ = repeated ? repeats_ + 1 : 0;
    if (!repeated) {
        now.kind = last_.kind;
        last_ = now;
    }
}

}  // namespace ravelin::spec
