// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "conntrack/options.h"
#include "conntrack/tcp_tracker.h"
#include "conntrack/tracker.h"

#include <algorithm>
#include <cstdint>
#include <span>

namespace ravelin {

/// Bits of TcpState::flags, one byte per direction; netfilter's IP_CT_TCP_FLAG_* by value.
namespace tcp_side_flag {
inline constexpr uint8_t kWindowScale = 0x01;     ///< its SYN offered window scaling
inline constexpr uint8_t kSackPermitted = 0x02;   ///< its SYN offered selective acknowledgement
inline constexpr uint8_t kCloseInit = 0x04;       ///< it sent the first FIN
inline constexpr uint8_t kLiberal = 0x08;         ///< taken up in mid-stream: scale is unknown
inline constexpr uint8_t kUnacknowledged = 0x10;  ///< it sent data that nobody acknowledged yet
inline constexpr uint8_t kMaxAckSet = 0x20;       ///< TcpWindow::max_ack is an acknowledgement
}  // namespace tcp_side_flag

/// Bits of TcpState::last_flags: what an ignored SYN offered, and what may follow it.
namespace tcp_last_flag {
inline constexpr uint8_t kWindowScale = 0x1;
inline constexpr uint8_t kSackPermitted = 0x2;
inline constexpr uint8_t kChallengeAck = 0x4;      ///< IP_CT_EXP_CHALLENGE_ACK
inline constexpr uint8_t kSimultaneousOpen = 0x8;  ///< IP_CT_TCP_SIMULTANEOUS_OPEN
}  // namespace tcp_last_flag

/// Sequence numbers live on a circle (RFC 9293 3.4): only differences below 2^31 have an order.
[[nodiscard]] constexpr bool sequence_before(uint32_t a, uint32_t b) noexcept {
    return static_cast<int32_t>(a - b) < 0;
}
[[nodiscard]] constexpr bool sequence_after(uint32_t a, uint32_t b) noexcept {
    return sequence_before(b, a);
}

/// One past the last sequence number of a segment; SYN and FIN count (RFC 9293 3.4).
[[nodiscard]] constexpr uint32_t sequence_end(const TcpSegment& segment) noexcept {
    return segment.sequence + segment.payload_length + ((segment.flags & tcp_flag::kSyn) != 0) +
           ((segment.flags & tcp_flag::kFin) != 0);
}

/// What a SYN offers.
struct TcpOffer {
    uint8_t flags = 0;  ///< kWindowScale, kSackPermitted (same bits in both namespaces above)
    uint8_t scale = 0;  ///< 14 at most (RFC 7323 2.3)
};
[[nodiscard]] TcpOffer read_offer(std::span<const uint8_t> options) noexcept;

/// The highest right edge of the SACK blocks (RFC 2018 3) that is after `ack`, or `ack`.
[[nodiscard]] uint32_t highest_sack(std::span<const uint8_t> options, uint32_t ack) noexcept;

/// True for the two no-operations and a timestamp that nearly every segment carries, and nothing
/// else (RFC 7323 appendix A).
[[nodiscard]] inline bool is_timestamp_only(std::span<const uint8_t> options) noexcept {
    return options.size() == 12 && load_be32(options.data()) == 0x0101080a;
}

/// How far an acknowledgement may lag whatever the window (netfilter MAXACKWINCONST).
inline constexpr uint32_t kMinAckWindow = 66000;

/// How a segment lies to the windows.
enum class WindowVerdict : uint8_t {
    Accept,
    Ignore,  ///< a late copy, or more than the window allows: passes, moves nothing
    Invalid,
};

/// Clears `state` and takes the first segment of a connection for its opener's window.
/// `mid_stream`: no SYN was seen, so that scaling and SACK can only be guessed.
///
/// A SYN's sequence number is kept in the opener's max_ack, which means nothing else until
/// kMaxAckSet: it is what an ICMP error about an unanswered SYN must quote.
void start_window(TcpState& state, const TcpSegment& segment, bool mid_stream) noexcept;

/// The window check of netfilter's tcp_in_window(), after Guido van Rooij, "Real Stateful TCP
/// Packet Filtering in IP Filter" (2000). In sender's and receiver's terms a segment must have
///
///   I    sequence       <= sender.max_end                       not beyond the offered window
///   II   sequence + len >= sender.end - receiver.max_window     not long acknowledged
///   III  ack            <= receiver.end                         acknowledges what was sent
///   IV   ack            >= receiver.end - max(sender.max_window, 66000)
///
/// Where `ack` is the right edge of the highest SACK block if there is one. Accept moves both
/// windows and counts retransmissions. `liberal`: what fails is accepted without moving anything.
[[nodiscard]] WindowVerdict check_window(TcpState& state, TcpPhase phase, const TcpSegment& segment,
                                         Direction direction, TcpPacketIndex index,
                                         bool liberal) noexcept;

/// check_window() for the segment that nearly every segment is: an ACK, perhaps with data, of a
/// connection whose both sides have been heard, in the window and not sent before. False: it isn't
/// one, nothing was changed, and check_window() decides.
[[nodiscard]] inline bool advance_window(TcpState& state, const TcpSegment& segment,
                                         Direction direction) noexcept {
    using namespace tcp_side_flag;
    const auto from = static_cast<size_t>(direction);
    const size_t to = 1 - from;
    // Whoever has acknowledged something has a window: one look says that both sides were heard.
    if ((state.flags[0] & state.flags[1] & kMaxAckSet) == 0) [[unlikely]]
        return false;
    if (!segment.options.empty() && !is_timestamp_only(segment.options) &&
        (state.flags[to] & kSackPermitted) != 0) [[unlikely]] {
        return false;
    }
    TcpWindow& sender = state.window[from];
    TcpWindow& receiver = state.window[to];
    const uint32_t sequence = segment.sequence;
    const uint32_t end = sequence + segment.payload_length;
    const uint32_t ack = segment.ack;
    // I, III, II and IV of check_window() as differences that must all be negative.
    const uint32_t fits = (sequence - sender.max_end - 1) & (ack - receiver.end - 1) &
                          (sender.end - receiver.max_window - 1 - end) &
                          (receiver.end - std::max(sender.max_window, kMinAckWindow) - 1 - ack);
    if (static_cast<int32_t>(fits) >= 0) [[unlikely]]
        return false;
    if (state.last_sequence == sequence && state.last_direction == from && state.last_ack == ack &&
        state.last_end == end && state.last_window == segment.window) [[unlikely]] {
        return false;  // sent again
    }
    const uint32_t window = static_cast<uint32_t>(segment.window) << state.scale[from];
    sender.max_window = std::max(sender.max_window, window);
    if (sequence_after(end, sender.max_end)) [[unlikely]]
        receiver.max_window += end - sender.max_end;
    const bool more = sequence_after(end, sender.end);
    state.flags[from] |= more ? kUnacknowledged : 0;
    sender.end = more ? end : sender.end;
    sender.max_ack = sequence_after(ack, sender.max_ack) ? ack : sender.max_ack;
    if (sequence_after(ack + window, receiver.max_end - 1))
        receiver.max_end = ack + std::max<uint32_t>(window, 1);
    state.flags[to] &= static_cast<uint8_t>(ack == receiver.end ? ~kUnacknowledged : 0xff);
    state.last_sequence = sequence;
    state.last_ack = ack;
    state.last_end = end;
    state.last_window = segment.window;
    state.last_direction = static_cast<uint8_t>(from) & 1;
    state.retransmissions = 0;
    return true;
}

/// Whether some side sent what nobody has acknowledged yet.
[[nodiscard]] inline bool is_unacknowledged(const TcpState& state) noexcept {
    return ((state.flags[0] | state.flags[1]) & tcp_side_flag::kUnacknowledged) != 0;
}

/// TcpTracker::update() for nearly every segment: an ACK in ESTABLISHED, of which the table says
/// ESTABLISHED in both directions. False: it isn't one, and nothing was changed.
[[nodiscard]] inline bool pass_ack(TcpState& state, const TcpSegment& segment,
                                   Direction direction) noexcept {
    using namespace tcp_flag;
    if ((segment.flags & (kFin | kSyn | kRst | kAck)) != kAck) return false;
    if (!advance_window(state, segment, direction)) return false;
    state.last_index = static_cast<uint8_t>(TcpPacketIndex::Ack);
    return true;
}

}  // namespace ravelin
