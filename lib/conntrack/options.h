// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "packet/parse.h"

#include <array>
#include <cstdint>
#include <span>

namespace ravelin {

/// netfilter's tcp_conntrack states, in its order.
enum class TcpPhase : uint8_t {
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    SynSent2,
    Count
};
inline constexpr size_t kTcpPhaseCount = static_cast<size_t>(TcpPhase::Count);

/// netfilter's sctp_conntrack states, in its order.
enum class SctpPhase : uint8_t {
    None,
    Closed,
    CookieWait,
    CookieEchoed,
    Established,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
    HeartbeatSent,
    Count
};
inline constexpr size_t kSctpPhaseCount = static_cast<size_t>(SctpPhase::Count);

/// Every timeout of connection tracking. Defaults are those of profile `strict` (design.md,
/// section 4); where nothing is said there they are Linux 6.18's.
struct Timeouts {
    Duration udp_unreplied = 30s;
    Duration udp_replied = 180s;
    Duration icmp = 30s;
    Duration icmpv6 = 30s;
    Duration generic = 600s;
    Duration gre_unreplied = 30s;
    Duration gre_replied = 180s;
    Duration tcp_syn_sent = 120s;
    Duration tcp_syn_recv = 60s;
    Duration tcp_established = 5 * 24h;
    Duration tcp_fin_wait = 120s;
    Duration tcp_close_wait = 60s;
    Duration tcp_last_ack = 30s;
    Duration tcp_time_wait = 120s;
    Duration tcp_close = 10s;
    Duration tcp_syn_sent2 = 120s;
    Duration tcp_retransmission = 300s;  ///< max_retrans
    Duration tcp_unacknowledged = 300s;
    Duration sctp_closed = 10s;
    Duration sctp_cookie_wait = 3s;
    Duration sctp_cookie_echoed = 3s;
    Duration sctp_established = 210s;
    Duration sctp_shutdown_sent = 3s;
    Duration sctp_shutdown_recd = 3s;
    Duration sctp_shutdown_ack_sent = 3s;
    Duration sctp_heartbeat_sent = 30s;
    bool operator==(const Timeouts&) const noexcept = default;

    [[nodiscard]] Duration tcp(TcpPhase phase) const noexcept;
    [[nodiscard]] Duration sctp(SctpPhase phase) const noexcept;
};

/// Reassembly, as far as a reload may change it. A source is an IPv4 address or an IPv6 /64.
struct FragmentOptions {
    Duration ipv4_timeout = 30s;  ///< from the first fragment that came
    Duration ipv6_timeout = 60s;  ///< RFC 8200 4.5
    uint32_t bytes = 8U << 20;    ///< of all frames that one worker holds
    uint32_t source_datagrams = 256;
    uint32_t source_fragments = 1024;
    uint32_t source_bytes = 2U << 20;
    /// The first fragment has to hold the whole transport header (RFC 1858, RFC 3128). Of IPv6 it
    /// has to hold its fixed part in any case (RFC 7112).
    bool refuse_tiny = true;
    bool operator==(const FragmentOptions&) const noexcept = default;
};

/// What happens to a late packet: one without a connection that meets a tombstone.
enum class StalePolicy : uint8_t {
    General,    ///< of a rule: as TombstoneOptions says
    Drop,       ///< silently: no answer that could confuse the sender's session
    Reject,     ///< dropped, and its sender is told
    Resurrect,  ///< a tunnel that had only idled out goes on; all else is dropped
    AsNew,      ///< as if nothing was remembered, as in the kernel
};

/// What a shard may remember; fixed at start.
struct ConntrackCapacity {
    uint32_t connections = 0;
    uint32_t tombstones = 0;
    uint32_t ipv6 = UINT32_MAX;  ///< as many connections, at most all, may be IPv6
};

/// Tombstones, as far as a reload may change them.
struct TombstoneOptions {
    Duration ttl = 600s;  ///< how long after its end a connection is still remembered
    StalePolicy policy = StalePolicy::Drop;
    bool operator==(const TombstoneOptions&) const noexcept = default;
};

/// Every knob of connection tracking; a profile is a set of values.
struct TrackingOptions {
    Timeouts timeouts{};
    ParseOptions parse{};
    QuoteOptions quote{};
    FragmentOptions fragments{};
    TombstoneOptions tombstones{};

    // UDP
    uint32_t udp_assured_packets = 3;  ///< ASSURED from this packet, one each way at least; 0: the
                                       ///< kernel's rule (traffic later than 2 s after the start)
    uint32_t udp_unreplied_renewals = 0;  ///< so many packets of the opener alone; 0: all of them
    // ICMP queries
    bool icmp_end_when_answered = true;  ///< the entry ends when every request is answered
    bool icmp_obsolete_queries = false;  ///< timestamp, information and address mask may open
    // ICMP errors
    bool icmp_error_known_codes_only = true;  ///< no redirect, no source quench, known codes only
    bool icmp_error_check_sequence = true;    ///< the quoted TCP sequence lies in the window
    bool icmp_error_check_mtu = true;         ///< a next-hop MTU that can be
    bool icmp_error_ends_unanswered = true;   ///< ends SYN_SENT and UNREPLIED
    // TCP
    bool tcp_loose = false;       ///< mid-stream packets may open a connection
    Duration tcp_pickup{};        ///< so long after the start they may, even if not loose (T22)
    bool tcp_be_liberal = false;  ///< out-of-window packets pass, but RST never
    bool tcp_ignore_invalid_rst = false;
    bool tcp_rst_exact = true;      ///< only an RST at exactly the next sequence number closes
    bool tcp_invalid_inert = true;  ///< a refused segment leaves no trace; the kernel keeps the
                                    ///< window of a refused SYN/ACK and counts refused FIN, RST
    bool tcp_simultaneous_open = false;
    uint8_t tcp_max_retransmissions = 3;
    // ESP and AH
    bool ipsec_by_spi = true;  ///< each SPI is a connection of its own (ADR 13)

    bool operator==(const TrackingOptions&) const noexcept = default;

    static TrackingOptions strict();
    static TrackingOptions linux_profile();
};

/// The options that tracking goes by: the general ones, and the same with other timeouts for the
/// connections of rules that have timeouts of their own (netfilter's timeout policies). What it
/// refers to outlives it.
class TrackingSets {
  public:
    /// A connection names its set in a byte.
    static constexpr size_t kMost = UINT8_MAX;

    TrackingSets(const TrackingOptions& general,
                 std::span<const TrackingOptions> others = {}) noexcept
        : general_{&general}, others_{others.data()} {}

    [[nodiscard]] const TrackingOptions& general() const noexcept { return *general_; }
    /// 0: the general ones; otherwise the others from 1 on.
    [[nodiscard]] const TrackingOptions& of(uint8_t set) const noexcept {
        return set == 0 ? *general_ : others_[set - 1];
    }

  private:
    const TrackingOptions* general_;
    const TrackingOptions* others_;
};

}  // namespace ravelin
