// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>

namespace ravelin {

/// How a connection came to its end, for people: more than EndReason, which says what removed it.
enum class CloseReason : uint8_t {
    None,
    Idle,       ///< nothing came for the length of its timeout
    Fin,        ///< TCP: FIN
    Reset,      ///< TCP: RST
    Shutdown,   ///< SCTP: SHUTDOWN or ABORT
    Answered,   ///< ICMP: every request was answered
    IcmpError,  ///< an ICMP error about a connection that nobody had answered
    Replaced,   ///< its addresses and ports were taken for a new one
    Operator,   ///< flushed
    Exit,       ///< VPN: one end said good-bye
    Moved,      ///< VPN: the client goes on from another address or port
    Count
};
inline constexpr size_t kCloseReasonCount = static_cast<size_t>(CloseReason::Count);
[[nodiscard]] const char* keyword(CloseReason reason) noexcept;

/// Who ended it, seen from the connection: its opener, or the one whom the opener talked to. Of an
/// ICMP error it is the side that the error came from.
enum class ClosedBy : uint8_t { Unknown, Nobody, Opener, Responder, Operator, Count };
inline constexpr size_t kClosedByCount = static_cast<size_t>(ClosedBy::Count);
[[nodiscard]] const char* keyword(ClosedBy who) noexcept;

/// How sure it is that a packet belongs to a connection that has ended.
enum class Certainty : uint8_t {
    Guess,  ///< addresses and ports are the same, but its sequence number or tag doesn't fit
    Tuple,  ///< addresses and ports, or the identifier of an ICMP query
    Exact,  ///< also its TCP sequence number, SCTP verification tag, SPI or call id
    Count
};
inline constexpr size_t kCertaintyCount = static_cast<size_t>(Certainty::Count);
[[nodiscard]] const char* keyword(Certainty certainty) noexcept;

}  // namespace ravelin
