// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"

#include <string>
#include <string_view>

namespace ravelin {

/// What conntrack's -o options add to a line.
struct ConntrackLineOptions {
    bool id = false;          ///< -o id
    bool delta_time = false;  ///< as with net.netfilter.nf_conntrack_timestamp=1
    bool timestamp = false;   ///< -o timestamp; events only
    /// Unix time at Instant{}: turns the time of an event into the wall clock's.
    Duration unix_offset{};
};

/// Appends the line that `conntrack -L` 1.4.7 prints for the connection, with the newline, as with
/// net.netfilter.nf_conntrack_acct=1.
void append_conntrack_line(std::string& out, const FlowRecord& flow,
                           const ConntrackLineOptions& options = {});
std::string conntrack_line(const FlowRecord& flow, const ConntrackLineOptions& options = {});

/// Whether conntrack -E has a word for it.
[[nodiscard]] constexpr bool is_known_to_conntrack(EventKind kind) noexcept {
    return kind == EventKind::New || kind == EventKind::Update || kind == EventKind::Destroy;
}

/// Appends the line that `conntrack -E` prints for the event, with the newline.
///
/// New and Update carry no counters; Destroy carries them, and the timeout only when some of it
/// was left (an entry that expired has none). Appends nothing for what conntrack doesn't know.
void append_conntrack_event_line(std::string& out, const FlowEvent& event,
                                 const ConntrackLineOptions& options = {});
std::string conntrack_event_line(const FlowEvent& event, const ConntrackLineOptions& options = {});

/// conntrack-tools' word for a TCP state ("SYN_SENT") or an SCTP state; `state` is a TcpPhase or an
/// SctpPhase.
[[nodiscard]] std::string_view tcp_state_word(uint8_t state) noexcept;
[[nodiscard]] std::string_view sctp_state_word(uint8_t state) noexcept;

/// conntrack-tools' name of a protocol; "unknown" for those it has no name for.
[[nodiscard]] std::string_view protocol_word(uint8_t protocol) noexcept;

/// True for protocols whose flows have two ports.
[[nodiscard]] bool has_ports(uint8_t protocol) noexcept;

/// True for ICMP and ICMPv6.
[[nodiscard]] bool is_icmp(uint8_t protocol) noexcept;

/// The type that answers an ICMP request (echo, timestamp, information, address mask, v6 echo,
/// v6 node information); 0 for whatever is no request.
[[nodiscard]] uint8_t icmp_reply_type(Family family, uint8_t request) noexcept;

}  // namespace ravelin
