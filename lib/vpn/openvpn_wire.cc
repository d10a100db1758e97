// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/openvpn_wire.h"

#include "base/byteorder.h"

#include <array>

namespace ravelin::openvpn {

namespace {

constexpr size_t kHeader = 9;  ///< opcode and session id
constexpr size_t kReplay = 8;  ///< packet id and time
constexpr size_t kTag = 32;    ///< of tls-crypt
constexpr size_t kMostAcks = 8;

/// Digests of --auth: MD5, SHA1, SHA224, SHA256, SHA384, SHA512.
constexpr std::array<uint8_t, 6> kDigests = {16, 20, 28, 32, 48, 64};

/// The packet id of a hard reset: a counter's beginning, 0x0f000001 where the client can take part
/// in the negotiation of tls-crypt-v2. It is counted on when the reset is sent again, and so begins
/// a connection anew that has ended meanwhile.
bool begins_session(uint32_t packet_id) noexcept {
    constexpr uint32_t kEarlyNegotiation = 0x0f000000;
    constexpr uint32_t kMostAttempts = 32;
    const bool early = packet_id > kEarlyNegotiation;
    const uint32_t count = early ? packet_id - kEarlyNegotiation : packet_id;
    return count >= 1 && count <= kMostAttempts;
}

/// Acknowledgements, the peer's session id if there are any, the message id, TLS.
bool read_clear(std::span<const uint8_t> bytes, size_t at, ControlPacket& packet) noexcept {
    if (bytes.size() <= at || bytes[at] > kMostAcks) return false;
    const size_t acks = bytes[at];
    size_t next = at + 1 + 4 * acks;
    if (acks != 0) {
        if (bytes.size() < next + 8) return false;
        packet.peer_session = load_be64(bytes.data() + next);
        next += 8;
    }
    if (packet.opcode != Opcode::Ack) next += 4;
    if (bytes.size() < next) return false;
    packet.rest = bytes.subspan(next);
    return true;
}

}  // namespace

std::optional<ControlPacket> read_control(std::span<const uint8_t> bytes,
                                          const Layout& layout) noexcept {
    if (bytes.size() < kHeader) return std::nullopt;
    ControlPacket packet;
    packet.opcode = opcode_of(bytes[0]);
    packet.key_id = key_id_of(bytes[0]);
    packet.session = load_be64(bytes.data() + 1);
    size_t at = kHeader;
    const bool crypt =
        layout.wrap == ControlWrap::TlsCrypt || layout.wrap == ControlWrap::TlsCryptV2;
    if (layout.wrap == ControlWrap::TlsAuth) at += layout.hmac_length;
    if (crypt || layout.wrap == ControlWrap::TlsAuth) {
        if (bytes.size() < at + kReplay) return std::nullopt;
        packet.has_time = true;
        packet.packet_id = load_be32(bytes.data() + at);
        packet.net_time = load_be32(bytes.data() + at + 4);
        at += kReplay;
    }
    if (!crypt) {
        if (!read_clear(bytes, at, packet)) return std::nullopt;
        return packet;
    }
    at += kTag;
    if (bytes.size() < at) return std::nullopt;
    packet.hidden = true;
    packet.rest = bytes.subspan(at);
    return packet;
}

std::optional<Layout> layout_of_reset(std::span<const uint8_t> bytes) noexcept {
    constexpr size_t kPlain = 14;
    constexpr size_t kTlsCrypt = 54;
    if (bytes.size() < kPlain || key_id_of(bytes[0]) != 0) return std::nullopt;
    if (load_be64(bytes.data() + 1) == 0) return std::nullopt;
    const uint8_t* data = bytes.data();
    if (opcode_of(bytes[0]) == Opcode::HardResetClientV3) {
        // The wrapped client key stands at the end, its length in the last two bytes.
        const size_t key = load_be16(data + bytes.size() - 2);
        if (bytes.size() != kTlsCrypt + key || !begins_session(load_be32(data + kHeader)))
            return std::nullopt;
        return Layout{.wrap = ControlWrap::TlsCryptV2};
    }
    if (opcode_of(bytes[0]) != Opcode::HardResetClientV2) return std::nullopt;
    if (bytes.size() == kPlain && bytes[kHeader] == 0 && load_be32(data + kHeader + 1) == 0)
        return Layout{.wrap = ControlWrap::Plain};
    for (const uint8_t digest : kDigests) {
        if (bytes.size() != kHeader + digest + kReplay + 5) continue;
        if (begins_session(load_be32(data + kHeader + digest)) &&
            data[kHeader + digest + kReplay] == 0 &&
            load_be32(data + kHeader + digest + kReplay + 1) == 0)
            return Layout{.wrap = ControlWrap::TlsAuth, .hmac_length = digest};
    }
    if (bytes.size() == kTlsCrypt && begins_session(load_be32(data + kHeader)))
        return Layout{.wrap = ControlWrap::TlsCrypt};
    return std::nullopt;
}

}  // namespace ravelin::openvpn
