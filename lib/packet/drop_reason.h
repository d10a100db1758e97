// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ravelin {

/// Why a packet was dropped. Every drop has exactly one; every one is a counter (ADR 7).
///
/// The keyword is the metric label and the word in logs and JSON; it never changes once released.
/// Sorted by the stage that finds it.
enum class DropReason : uint8_t {
    None = 0,  ///< not dropped
    // edge
    FrameTooLong,
    // parse, layer 2
    L2Malformed,
    VlanUnsupported,
    EthertypeUnsupported,
    // parse, layer 3
    IpTruncated,
    Ipv4Malformed,
    Ipv4Checksum,
    Ipv4Options,
    Ipv6Malformed,
    Ipv6Jumbogram,
    Ipv6ExtensionTruncated,
    Ipv6ExtensionOrder,
    Ipv6ExtensionRepeated,
    Ipv6ExtensionLength,
    Ipv6HopByHopOptions,
    Ipv6NoNextHeader,
    Ipv6RoutingHeader,
    TtlExpired,
    Land,
    MartianSource,
    MartianDestination,
    // parse, layer 4
    L4Malformed,
    L4Checksum,
    TcpFlags,
    NdHopLimit,
    NdFragmented,
    // reassembly
    FragmentMalformed,
    FragmentTooLong,
    FragmentTooMany,
    FragmentTiny,
    FragmentHeaderChain,
    FragmentOverlap,
    FragmentEnd,
    FragmentDuplicate,
    FragmentTimeout,
    FragmentTableFull,
    FragmentSourceLimit,
    // track
    TcpNoConnection,
    TcpState,
    TcpWindow,
    IcmpTypeRefused,
    IcmpReplyUnmatched,
    IcmpErrorMalformed,
    IcmpErrorUnmatched,
    IcmpErrorDestination,
    IcmpErrorSequence,
    IcmpErrorMtu,
    ProtocolInvalid,
    Stale,
    // decide
    PolicyRule,
    PolicyDefault,
    VpnNotHandshake,
    VpnMac1,
    VpnSourceLimit,
    VpnServiceLimit,
    TableFull,
    // hand over and transmit
    RingFull,
    TransmitFull,
    PortDown,
    Stopping,
    Count
};

inline constexpr size_t kDropReasonCount = static_cast<size_t>(DropReason::Count);

struct DropReasonInfo {
    DropReason reason;
    std::string_view keyword;   ///< "tcp_window"
    std::string_view sentence;  ///< one sentence for an operator, lower case, no full stop
    std::string_view fix;       ///< what usually helps, one sentence
};

/// Indexed by the reason; its density is checked at compile time.
extern const std::array<DropReasonInfo, kDropReasonCount> kDropReasons;

[[nodiscard]] std::string_view keyword(DropReason reason) noexcept;

}  // namespace ravelin
