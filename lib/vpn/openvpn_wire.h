// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vpn/protocol.h"

#include <cstdint>
#include <optional>
#include <span>

namespace ravelin::openvpn {

/// Upper five bits of the first byte; the lower three are the key id.
enum class Opcode : uint8_t {
    SoftReset = 3,
    Control = 4,
    Ack = 5,
    DataV1 = 6,
    HardResetClientV2 = 7,
    HardResetServerV2 = 8,
    DataV2 = 9,
    HardResetClientV3 = 10,
    ControlWkc = 11,
};
[[nodiscard]] constexpr Opcode opcode_of(uint8_t first) noexcept {
    return static_cast<Opcode>(first >> 3);
}
[[nodiscard]] constexpr uint8_t key_id_of(uint8_t first) noexcept {
    return first & 7U;
}

/// How a control packet is laid out. The HMAC's length counts for TlsAuth only.
struct Layout {
    ControlWrap wrap = ControlWrap::Plain;
    uint8_t hmac_length = 0;
    bool operator==(const Layout&) const noexcept = default;
};

/// What can be read of a control packet without any key.
struct ControlPacket {
    Opcode opcode = Opcode::Control;
    uint8_t key_id = 0;
    uint64_t session = 0;  ///< the sender's
    bool has_time = false;
    uint32_t packet_id = 0;
    uint32_t net_time = 0;  ///< Unix time of the sender when its packet ids began
    /// The rest is encrypted; `rest` is all of it.
    bool hidden = false;
    uint64_t peer_session = 0;        ///< 0: none
    std::span<const uint8_t> rest{};  ///< TLS records

    /// The packet's first id of its sender, so that `net_time` is the sender's clock now.
    /// tls-crypt-v2 clients that can negotiate early begin at 0x0f000001.
    [[nodiscard]] bool shows_clock() const noexcept {
        return has_time && (packet_id == 1 || packet_id == 0x0f000001);
    }
};

/// One control packet, or nothing when it can't be one of this layout. `bytes` is a UDP payload.
[[nodiscard]] std::optional<ControlPacket> read_control(std::span<const uint8_t> bytes,
                                                        const Layout& layout) noexcept;

/// The layout of a client's first packet (HARD_RESET_CLIENT), if it is one: its length and the
/// place of its packet id tell.
[[nodiscard]] std::optional<Layout> layout_of_reset(std::span<const uint8_t> bytes) noexcept;

}  // namespace ravelin::openvpn
