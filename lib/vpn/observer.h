// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vpn/tunnel.h"
#include "vpn/tunnel_record.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// One packet of a tunnel's connection, never part of a datagram's fragments but the whole.
struct Seen {
    std::span<const uint8_t> payload;  ///< of UDP or of TCP's record; of ESP from the SPI on
    Side from = Side::Client;
    Instant now{};
    std::array<uint16_t, 2> port{};  ///< UDP ports by Side
};

/// What an observer may ask of whoever owns table and connection.
class TunnelDesk {
  public:
    TunnelDesk() = default;
    TunnelDesk(const TunnelDesk&) = delete;
    TunnelDesk& operator=(const TunnelDesk&) = delete;

    /// Tells management.
    virtual void tell(const Tunnel& tunnel, TunnelEventKind kind, Side from, Instant now,
                      uint64_t value) noexcept = 0;

  protected:
    ~TunnelDesk() = default;
};

/// What an observer says about the packet.
enum class Seeing : uint8_t {
    Fits,    ///< go on
    Reject,  ///< not this protocol after all; only heard before the tunnel is confirmed
    Close,   ///< `from` has ended the tunnel: its connection ends with this packet
};

// The contract of a protocol's observer, one pair of functions for each:
//
//   bool begins(const Seen& first, Tunnel& tunnel)
//       Could this first packet of a connection be of the protocol? Fills in what it learns and
//       leaves `stage` Candidate. `first.from` is Client: who opened. Costs little: it is asked for
//       every new UDP connection.
//   Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk)
//       Every further packet but those that the first line of Tunnel says are plain data. Sets
//       stage, session, peer_id, data_byte, small, counter_at, rhythm and whatever else is true.
//       What a client says is believed only when the server side has answered in kind.
//
// last_seen, data_packets of plain data, unanswered_since, silence, timeouts and the end of the
// connection are not the observer's: tunnels.h does them for all.

namespace openvpn {
[[nodiscard]] bool begins(const Seen& first, Tunnel& tunnel) noexcept;
Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept;
}  // namespace openvpn

namespace wireguard {
[[nodiscard]] bool begins(const Seen& first, Tunnel& tunnel) noexcept;
Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept;
}  // namespace wireguard

namespace ipsec {  // IKE, ESP and AH
inline constexpr uint16_t kIkePort = 500;
inline constexpr uint16_t kNatPort = 4500;  ///< RFC 3948: IKE and ESP in UDP
[[nodiscard]] bool begins(const Seen& first, Tunnel& tunnel) noexcept;
Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept;
}  // namespace ipsec

namespace dtls {
[[nodiscard]] bool begins(const Seen& first, Tunnel& tunnel) noexcept;
Seeing observe(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept;
}  // namespace dtls

namespace openvpn {
/// An exit notice that could have been something else: Close once the client has kept silent for
/// long enough.
Seeing tend(Tunnel& tunnel, TunnelDesk& desk, Instant now) noexcept;
}  // namespace openvpn

/// At a glance, whether a first packet may begin a tunnel: nearly all that isn't VPN ends here.
[[nodiscard]] bool may_begin(const Seen& first) noexcept;
/// Asks the observers whose packet it may be; the first that takes it has filled in `tunnel`.
[[nodiscard]] bool recognise(const Seen& first, Tunnel& tunnel) noexcept;
/// Asks the observer of `protocol`; IKE and ESP have one.
[[nodiscard]] bool begins(VpnProtocol protocol, const Seen& first, Tunnel& tunnel) noexcept;

/// Notes a keepalive of `seen.from`, and tells its interval when it became known or changed.
void note_keepalive(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept;
/// Notes a data packet's length.
void note_data(Tunnel& tunnel, const Seen& seen) noexcept;
/// Data has gone both ways: moves to Established, once.
void note_established(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept;
/// `seen.from` begins another key.
void note_renegotiation(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk,
                        uint64_t value) noexcept;

}  // namespace ravelin
