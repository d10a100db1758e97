// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/close_reason.h"
#include "packet/address.h"
#include "vpn/protocol.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// A plain copy of what a worker knows about one tunnel. Arrays are by Side.
struct TunnelRecord {
    uint64_t id = 0;  ///< worker << 32 | handle; a slot's handles repeat after 65,535 tunnels
    std::array<Address, 2> address{};
    std::array<uint16_t, 2> port{};  ///< ESP without UDP: 0
    uint8_t ip_protocol = 0;         ///< UDP, TCP, ESP
    uint8_t wire = 0;
    uint8_t worker = 0;
    bool client_inside = false;  ///< the client sits behind the wire's inside port
    bool picked_up = false;      ///< its handshake was not seen
    VpnProtocol protocol = VpnProtocol::None;
    ControlWrap wrap = ControlWrap::None;
    TunnelStage stage = TunnelStage::Candidate;
    /// What each side calls the session: OpenVPN session id, WireGuard index, IKE SPI.
    std::array<uint64_t, 2> session{};
    /// What the packets that a side sends carry: OpenVPN peer id, WireGuard receiver index, SPI.
    std::array<uint32_t, 2> peer_id{};
    uint8_t key_id = 0;                       ///< OpenVPN
    Instant started{};                        ///< first packet
    Instant established{};                    ///< Instant{}: not yet
    std::array<Instant, 2> last_seen{};       ///< Instant{}: never
    std::array<Duration, 2> keepalive{};      ///< zero: unknown
    std::array<uint64_t, 2> data_packets{};   ///< data and keepalives
    std::array<uint16_t, 2> smallest_data{};  ///< UDP payload of the smallest data packet, bytes
    std::array<uint16_t, 2> largest_data{};
    uint32_t renegotiations = 0;            ///< OpenVPN SOFT_RESET, WireGuard and IKE rekey
    Side renegotiated_by = Side::Client;    ///< who began the last one
    Duration renegotiation_interval{};      ///< between the last two; zero: unknown
    Duration timeout{};                     ///< idle timeout granted; zero: the protocol's default
    uint32_t moves = 0;                     ///< how often the client's address or port changed
    std::array<uint32_t, 2> icmp_errors{};  ///< by the Side that the error came from
    std::array<uint32_t, 2> fragments{};    ///< whole datagrams that came in fragments
    uint16_t path_mtu = 0;                  ///< smallest that an ICMP error named; 0: none
};

enum class TunnelEventKind : uint8_t {
    Started,        ///< a handshake's first packet; `value`: session of the client
    Retried,        ///< the same again, unanswered; `value`: how many so far
    Answered,       ///< the server side has answered
    Established,    ///< data has gone both ways
    PickedUp,       ///< confirmed without its handshake
    Failed,         ///< the handshake ended without being established; `value`: TunnelStage
    Renegotiating,  ///< `from` begins another key; `value`: key id (OpenVPN), index or SPI
    Keepalive,      ///< the interval of `from` is known, or another one; `value`: nanoseconds
    Clock,          ///< `from` has shown its clock; `value`: its Unix time in seconds
    Silent,         ///< nothing from `from`, though the other side goes on; `value`: nanoseconds
    Heard,          ///< `from` is back; `value`: nanoseconds of silence
    Exit,           ///< `from` has said good-bye
    Restart,        ///< `from` has said that it restarts
    Restarted,      ///< a new session on the same addresses and ports; `value`: client's session
    Stuck,          ///< a handshake on ports that an older session held gets no further
    Moved,          ///< the client's address or port changed; `address`, `port`: the old ones
    AnswersOld,     ///< the server still sends to the address that the client has left
    UnderLoad,      ///< the server asks for a cookie
    IcmpError,      ///< `from`'s side sent an ICMP error about it; `value`: type << 8 | code
    PathMtu,        ///< likewise, with the next hop's MTU in `value`
    Late,           ///< a packet of `from` came after its connection's end; `value`: DropReason
    Ended,          ///< its connection is gone; `reason`
    Resumed,        ///< and is back: a late packet of `from` brought it to life again
    Count
};
inline constexpr size_t kTunnelEventKindCount = static_cast<size_t>(TunnelEventKind::Count);
[[nodiscard]] const char* keyword(TunnelEventKind kind) noexcept;

/// Something happened to a tunnel. Rare: a few per tunnel and minute, whatever its traffic.
struct TunnelEvent {
    TunnelEventKind kind = TunnelEventKind::Started;
    Side from = Side::Client;
    CloseReason reason = CloseReason::None;  ///< with Ended
    Instant at{};
    uint64_t value = 0;
    Address address{};
    uint16_t port = 0;
    TunnelRecord tunnel{};  ///< as it was afterwards
};

}  // namespace ravelin
