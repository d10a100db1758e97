// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "base/check.h"
#include "conntrack/options.h"
#include "conntrack/tracker.h"
#include "packet/headers.h"

#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// How netfilter classes a segment (tcp_bit_set); the row of its state table.
enum class TcpPacketIndex : uint8_t { Syn, SynAck, Fin, Ack, Rst, None };

/// What the tracker reads from one segment. All in host order.
struct TcpSegment {
    uint32_t sequence = 0;
    uint32_t ack = 0;
    uint16_t window = 0;
    uint8_t flags = 0;
    uint32_t payload_length = 0;  ///< by IP's word
    /// The options, for whoever needs window scale or SACK: they are rare on the fast path.
    std::span<const uint8_t> options{};

    /// `l4` points at the TCP header that parse() has proven.
    static TcpSegment read(const Headers& headers, const uint8_t* l4) noexcept;

    static constexpr uint32_t kFixedLength = 20;  ///< of the header without options
};

inline TcpSegment TcpSegment::read(const Headers& headers, const uint8_t* l4) noexcept {
    DCHECK(headers.l4_header_length >= kFixedLength);
    return {.sequence = load_be32(l4 + 4),
            .ack = load_be32(l4 + 8),
            .window = load_be16(l4 + 14),
            .flags = l4[13],
            .payload_length = headers.l4_length - headers.l4_header_length,
            .options = {l4 + kFixedLength, headers.l4_header_length - kFixedLength}};
}

/// netfilter's nf_conntrack_proto_tcp.c as a pure function: state table and window check.
/// RFC 9293, RFC 7323 (window scale), RFC 2018 (SACK).
struct TcpTracker {
    /// False: this segment may not open a connection (`reason` says why). `pick_up`: a segment
    /// from the middle may.
    static bool open(const TcpSegment& segment, bool pick_up, const TrackingOptions& options,
                     TcpState& state, TcpPhase& phase, DropReason& reason) noexcept;

    /// The timeout of a connection that open() has just begun.
    static Duration opening_timeout(const TcpState& state, TcpPhase phase,
                                    const TrackingOptions& options) noexcept;

    /// `seen_reply` and `assured` are the connection's flags before this packet. On Invalid and
    /// Reopen the caller changes nothing else.
    static TrackStep update(TcpState& state, TcpPhase& phase, const TcpSegment& segment,
                            Direction direction, bool seen_reply, bool assured,
                            const TrackingOptions& options) noexcept;

    /// True if a segment with this sequence number could be in flight from the side `direction`:
    /// what an ICMP error may quote (threats T01).
    static bool quotes_window(const TcpState& state, Direction direction,
                              uint32_t sequence) noexcept;
};

}  // namespace ravelin
