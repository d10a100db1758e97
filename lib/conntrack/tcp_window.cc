// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tcp_window.h"

#include "base/byteorder.h"

#include <algorithm>
#include <array>

namespace ravelin {

namespace side = tcp_side_flag;

namespace {

// IANA TCP option kinds and their lengths.
constexpr uint8_t kEndOfList = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kWindowScaleKind = 3;
constexpr uint8_t kWindowScaleLength = 3;
constexpr uint8_t kSackPermittedKind = 4;
constexpr uint8_t kSackPermittedLength = 2;
constexpr uint8_t kSackKind = 5;
constexpr size_t kSackBlock = 8;
constexpr uint8_t kMaxScale = 14;  // RFC 7323 2.3

/// The next option of a list that the sender chose freely; every length is checked.
class OptionReader {
  public:
    explicit OptionReader(std::span<const uint8_t> options) noexcept : rest_{options} {}

    /// False at the end, or where the list stops making sense: what stood before is believed,
    /// as the kernel does.
    bool next(uint8_t& kind, std::span<const uint8_t>& body) noexcept {
        while (!rest_.empty() && rest_[0] == kNoOperation)
            rest_ = rest_.subspan(1);
        if (rest_.size() < 2 || rest_[0] == kEndOfList) return false;
        const size_t length = rest_[1];
        if (length < 2 || length > rest_.size()) return false;
        kind = rest_[0];
        body = rest_.subspan(2, length - 2);
        rest_ = rest_.subspan(length);
        return true;
    }

  private:
    std::span<const uint8_t> rest_;
};

/// A segment in numbers, as far as the check needs it.
struct Numbers {
    uint32_t sequence;
    uint32_t end;
    uint32_t ack;
    uint32_t sack;
};

/// First segment of this direction that carries SYN, or a better SYN than the last: the window
/// starts again (netfilter tcp_init_sender()).
void start_sender(TcpState& state, const TcpSegment& segment, uint32_t end,
                  Direction direction) noexcept {
    const auto from = static_cast<size_t>(direction);
    TcpWindow& sender = state.window[from];
    sender.end = end;
    sender.max_end = end;
    sender.max_window = std::max<uint32_t>(segment.window, 1);
    // A SYN without any option leaves an earlier offer standing, as in the kernel.
    if (!segment.options.empty()) {
        const TcpOffer offer = read_offer(segment.options);
        state.flags[from] =
            static_cast<uint8_t>((state.flags[from] & side::kLiberal) | offer.flags);
        state.scale[from] = offer.scale;
    }
    if ((segment.flags & tcp_flag::kAck) == 0 && (state.flags[from] & side::kMaxAckSet) == 0)
        sender.max_ack = segment.sequence;
    // RFC 7323 1.3: scaling holds only if both SYNs offered it.
    if (direction == Direction::Reply &&
        (state.flags[0] & state.flags[1] & side::kWindowScale) == 0) {
        state.scale = {};
    }
}

/// First segment of this direction, without SYN: the connection's beginning wasn't seen.
void adopt_sender(TcpState& state, const TcpSegment& segment, const Numbers& numbers,
                  Direction direction) noexcept {
    const auto from = static_cast<size_t>(direction);
    TcpWindow& sender = state.window[from];
    TcpWindow& receiver = state.window[1 - from];
    sender.end = numbers.end;
    sender.max_window =
        std::max<uint32_t>(static_cast<uint32_t>(segment.window) << state.scale[from], 1);
    sender.max_end = numbers.end + sender.max_window;
    if (receiver.max_window == 0) {
        receiver.end = numbers.sack;
        receiver.max_end = numbers.sack;
    } else if (numbers.sack == receiver.end + 1) {
        ++receiver.end;  // the answer to a keepalive probe, which III would refuse
    }
}

/// What the checks below need before they can judge. True when the segment passes unjudged: the
/// SYN of a simultaneous open, which acknowledges nothing.
bool prepare(TcpState& state, TcpPhase phase, const TcpSegment& segment, const Numbers& numbers,
             Direction direction) noexcept {
    const TcpWindow& sender = state.window[static_cast<size_t>(direction)];
    const bool syn = (segment.flags & tcp_flag::kSyn) != 0;
    const bool ack = (segment.flags & tcp_flag::kAck) != 0;
    if (sender.max_window == 0) {
        if (!syn) {
            adopt_sender(state, segment, numbers, direction);
            return false;
        }
        start_sender(state, segment, numbers.end, direction);
        return !ack;
    }
    // RFC 9293 3.4.3: a TCP that starts again uses higher sequence numbers.
    if (syn && sequence_after(numbers.end, sender.end) &&
        (phase == TcpPhase::SynSent || phase == TcpPhase::SynRecv)) {
        start_sender(state, segment, numbers.end, direction);
        return direction == Direction::Reply && !ack;
    }
    return false;
}

/// A segment that begins beyond the window. More than allowed but otherwise sound data is
/// remembered, or else its acknowledgement would look like one of data never sent.
WindowVerdict judge_overshoot(TcpState& state, const Numbers& numbers,
                              Direction direction) noexcept {
    const auto from = static_cast<size_t>(direction);
    TcpWindow& sender = state.window[from];
    const TcpWindow& receiver = state.window[1 - from];
    const uint32_t overshoot = numbers.end - sender.max_end + 1;
    const uint32_t lowest_ack = receiver.end - std::max(sender.max_window, kMinAckWindow) - 1;
    if (receiver.max_window == 0 || overshoot > receiver.max_window ||
        !sequence_after(numbers.end, sender.end - receiver.max_window - 1) ||
        !sequence_after(numbers.sack, lowest_ack) ||
        !sequence_before(numbers.sack, receiver.end + 1)) {
        return WindowVerdict::Invalid;
    }
    sender.end = numbers.end;
    state.flags[from] |= side::kUnacknowledged;
    return WindowVerdict::Ignore;
}

/// An equal copy of the last plain ACK of the same direction (netfilter: retrans).
void count_retransmission(TcpState& state, const TcpSegment& segment, const Numbers& numbers,
                          Direction direction) noexcept {
    const auto from = static_cast<uint8_t>(direction);
    if (state.last_direction == from && state.last_sequence == numbers.sequence &&
        state.last_ack == numbers.ack && state.last_end == numbers.end &&
        state.last_window == segment.window) [[unlikely]] {
        if (state.retransmissions < 15) ++state.retransmissions;
        return;
    }
    state.last_direction = from & 1;
    state.last_sequence = numbers.sequence;
    state.last_ack = numbers.ack;
    state.last_end = numbers.end;
    state.last_window = segment.window;
    state.retransmissions = 0;
}

/// The segment fits: both windows move.
void move_windows(TcpState& state, const TcpSegment& segment, const Numbers& numbers,
                  Direction direction) noexcept {
    const auto from = static_cast<size_t>(direction);
    const size_t to = 1 - from;
    TcpWindow& sender = state.window[from];
    TcpWindow& receiver = state.window[to];
    // RFC 7323 2.2: the window of a SYN is never scaled.
    const bool syn = (segment.flags & tcp_flag::kSyn) != 0;
    const uint32_t window = static_cast<uint32_t>(segment.window) << (syn ? 0 : state.scale[from]);

    sender.max_window = std::max(sender.max_window, window + (numbers.sack - numbers.ack));
    if (sequence_after(numbers.end, sender.end)) {
        sender.end = numbers.end;
        state.flags[from] |= side::kUnacknowledged;
    }
    if ((segment.flags & tcp_flag::kAck) != 0) {
        if ((state.flags[from] & side::kMaxAckSet) == 0 ||
            sequence_after(numbers.ack, sender.max_ack)) {
            sender.max_ack = numbers.ack;
            state.flags[from] |= side::kMaxAckSet;
        }
    }
    if (receiver.max_window != 0 && sequence_after(numbers.end, sender.max_end))
        receiver.max_window += numbers.end - sender.max_end;
    if (sequence_after(numbers.sack + window, receiver.max_end - 1))
        receiver.max_end = numbers.sack + std::max<uint32_t>(window, 1);
    if (numbers.ack == receiver.end)
        state.flags[to] &= static_cast<uint8_t>(~side::kUnacknowledged);
}

}  // namespace

TcpOffer read_offer(std::span<const uint8_t> options) noexcept {
    TcpOffer offer;
    OptionReader reader{options};
    uint8_t kind = 0;
    std::span<const uint8_t> body;
    while (reader.next(kind, body)) {
        if (kind == kSackPermittedKind && body.size() == kSackPermittedLength - 2) {
            offer.flags |= side::kSackPermitted;
        } else if (kind == kWindowScaleKind && body.size() == kWindowScaleLength - 2) {
            offer.flags |= side::kWindowScale;
            offer.scale = std::min(body[0], kMaxScale);
        }
    }
    return offer;
}

uint32_t highest_sack(std::span<const uint8_t> options, uint32_t ack) noexcept {
    if (is_timestamp_only(options)) return ack;
    OptionReader reader{options};
    uint8_t kind = 0;
    std::span<const uint8_t> body;
    while (reader.next(kind, body)) {
        if (kind != kSackKind || body.empty() || body.size() % kSackBlock != 0) continue;
        for (size_t at = 0; at < body.size(); at += kSackBlock) {
            const uint32_t right_edge = load_be32(body.data() + at + 4);
            if (sequence_after(right_edge, ack)) ack = right_edge;
        }
        break;
    }
    return ack;
}

void start_window(TcpState& state, const TcpSegment& segment, bool mid_stream) noexcept {
    state = {};
    TcpWindow& opener = state.window[0];
    opener.end = sequence_end(segment);
    opener.max_window = std::max<uint32_t>(segment.window, 1);
    opener.max_end = opener.end;
    if (mid_stream) {
        opener.max_end += opener.max_window;
        state.flags = {side::kSackPermitted | side::kLiberal,
                       side::kSackPermitted | side::kLiberal};
    } else {
        const TcpOffer offer = read_offer(segment.options);
        state.flags[0] = offer.flags;
        state.scale[0] = offer.scale;
        opener.max_ack = segment.sequence;
    }
    state.last_index = static_cast<uint8_t>(TcpPacketIndex::None) & 7;
}

[[gnu::noinline]] WindowVerdict check_window(TcpState& state, TcpPhase phase,
                                             const TcpSegment& segment, Direction direction,
                                             TcpPacketIndex index, bool liberal) noexcept {
    const auto from = static_cast<size_t>(direction);
    const TcpWindow& sender = state.window[from];
    const TcpWindow& receiver = state.window[1 - from];
    const uint8_t flags = segment.flags;
    Numbers numbers{.sequence = segment.sequence,
                    .end = sequence_end(segment),
                    .ack = segment.ack,
                    .sack = segment.ack};
    if ((state.flags[1 - from] & side::kSackPermitted) != 0 && !segment.options.empty())
        numbers.sack = highest_sack(segment.options, numbers.ack);

    if (sender.max_window == 0 || (flags & tcp_flag::kSyn) != 0) [[unlikely]] {
        if (prepare(state, phase, segment, numbers, direction)) return WindowVerdict::Accept;
    }
    // Without an acknowledgement there is nothing to hold against it. Some stacks set ACK in an
    // RST but leave the number zero.
    const bool rst = (flags & tcp_flag::kRst) != 0;
    if ((flags & tcp_flag::kAck) == 0 || (rst && numbers.ack == 0)) [[unlikely]]
        numbers.ack = numbers.sack = receiver.end;
    // RFC 9293 3.10.7.1: the RST that answers a SYN has sequence number zero.
    if (rst && numbers.sequence == 0 && phase == TcpPhase::SynSent)
        numbers.sequence = numbers.end = sender.end;

    liberal |= (state.flags[from] & side::kLiberal) != 0;
    WindowVerdict verdict = WindowVerdict::Accept;
    if (!sequence_before(numbers.sequence, sender.max_end + 1)) [[unlikely]] {
        verdict = judge_overshoot(state, numbers, direction);  // I
    } else if (!sequence_before(numbers.sack, receiver.end + 1)) [[unlikely]] {
        verdict = WindowVerdict::Invalid;  // III
    } else if ((receiver.max_window != 0 &&
                !sequence_after(numbers.end, sender.end - receiver.max_window - 1)) ||
               !sequence_after(numbers.sack,
                               receiver.end - std::max(sender.max_window, kMinAckWindow) - 1))
        [[unlikely]] {
        verdict = WindowVerdict::Ignore;  // II, IV
    }
    if (verdict != WindowVerdict::Accept) [[unlikely]]
        return liberal ? WindowVerdict::Accept : verdict;

    move_windows(state, segment, numbers, direction);
    if (index == TcpPacketIndex::Ack) count_retransmission(state, segment, numbers, direction);
    return WindowVerdict::Accept;
}

}  // namespace ravelin
