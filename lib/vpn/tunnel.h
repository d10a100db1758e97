// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/close_reason.h"
#include "conntrack/tracker.h"
#include "packet/address.h"
#include "vpn/protocol.h"
#include "vpn/rhythm.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// One tunnel, as the worker that owns its connection sees it. Arrays are by Side.
///
/// Layout. Plain data of an established tunnel doesn't come here at all (TunnelTable); what is
/// noted of it at each round, and of the one packet that is looked at, stands in the first line.
struct alignas(64) Tunnel {
    // first line
    uint32_t connection = 0;  ///< the shard's entry; which is ours if it names our handle
    uint16_t generation = 0;  ///< upper half of the handle
    VpnProtocol protocol = VpnProtocol::None;
    TunnelStage stage = TunnelStage::Candidate;
    /// A packet that begins with this byte and is longer than `small` is data and nothing else.
    /// Data is at least 16 bytes long, so that the counter's four bytes are there.
    std::array<uint8_t, 2> data_byte{};
    std::array<uint16_t, 2> small{UINT16_MAX, UINT16_MAX};  ///< at first every packet is looked at
    uint8_t counter_at = 4;  ///< offset of the packet counter's low four bytes
    Direction client_direction = Direction::Original;  ///< of the packets that the client sends
    bool has_counter = false;                          ///< data packets count in clear
    std::array<Tick, 2> last_seen{};
    /// First data packet of this side since the other one was heard; Tick{}: none.
    std::array<Tick, 2> unanswered_since{};
    std::array<uint32_t, 2> counter{};  ///< of the last data packet, as on the wire
    std::array<uint64_t, 2> data_packets{};
    std::array<bool, 2> disturbed{};  ///< something else than keepalives since the last keepalive
    std::array<bool, 2> seen{};
    uint8_t inspected = 0;  ///< packets looked at before it was confirmed
    ControlWrap wrap = ControlWrap::None;

    // for packets that say something: handshakes, keepalives, good-byes
    std::array<uint64_t, 2> session{};
    std::array<uint32_t, 2> peer_id{};
    std::array<Address, 2> address{};
    std::array<uint16_t, 2> port{};
    std::array<uint16_t, 2> smallest_data{};
    std::array<uint16_t, 2> largest_data{};
    std::array<Rhythm, 2> rhythm{};
    Instant started{};
    Instant established{};
    Instant changed{};  ///< when the current exchange began: handshake, renegotiation
    Instant renegotiated{};
    Duration renegotiation_interval{};
    Duration timeout{};
    uint32_t renegotiations = 0;
    uint32_t moves = 0;
    std::array<uint32_t, 2> icmp_errors{};
    std::array<uint32_t, 2> fragments{};
    uint16_t path_mtu = 0;
    uint8_t ip_protocol = 0;
    uint8_t wire = 0;
    uint8_t key_id = 0;
    uint8_t retries = 0;
    Side renegotiated_by = Side::Client;
    CloseReason close_reason = CloseReason::None;
    std::array<bool, 2> silent{};  ///< its silence has been told
    bool client_inside = false;
    bool picked_up = false;
    /// IPsec that no NAT has made hide in UDP 4500: see lib/vpn/bare_ipsec.cc.
    bool bare = false;
    bool newest_between = false;  ///< bare: new connections between its addresses join it
    bool expected = false;        ///< picked up, and a worker has seen the session lately
    // In TCP's stream, where packets stand one behind the other.
    bool in_stream = false;
    uint8_t searches = 0;            ///< for the beginning of a packet, in vain, one by one
    std::array<bool, 2> in_step{};   ///< it's known where the next packet begins
    std::array<uint32_t, 2> next{};  ///< the sequence number there
    /// What the protocol's observer alone understands.
    std::array<uint32_t, 6> scratch{};

    /// The address that the client has left, and its connection, until the server answers to the
    /// new one.
    Address left_address{};
    uint32_t left_connection = UINT32_MAX;
    uint16_t left_port = 0;
    /// Bare: another connection of it that was heard, which it goes on in when `connection` ends.
    uint32_t beside = UINT32_MAX;
    Instant moved{};
    bool old_address_told = false;
    /// Of a candidate: the tunnel whose client this may be, if the server answers here. 0: none.
    uint32_t provisional = 0;

    // queue of candidates, or of free slots, oldest first: slots
    uint32_t older = 0;
    uint32_t newer = 0;

    [[nodiscard]] Side side_of(Direction direction) const noexcept {
        return direction == client_direction ? Side::Client : Side::Server;
    }
    /// To a connection from elsewhere.
    [[nodiscard]] bool may_move() const noexcept { return !in_stream && !bare; }
    [[nodiscard]] bool is_open() const noexcept {
        return protocol != VpnProtocol::None && stage != TunnelStage::Closed;
    }
    [[nodiscard]] bool confirmed() const noexcept { return stage != TunnelStage::Candidate; }
};
static_assert(alignof(Tunnel) == 64);

}  // namespace ravelin
