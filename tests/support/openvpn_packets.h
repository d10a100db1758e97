// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/bytes.h"
#include "vpn/tunnel_record.h"

#include <cstdint>
#include <vector>

namespace ravelin::testing {

/// UDP payloads as OpenVPN 2.6 sends them.
namespace openvpn_packet {

inline void append(Bytes& bytes, uint64_t value, int count) {
    for (int i = count - 1; i >= 0; --i)
        bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

inline Bytes head(uint8_t opcode, uint8_t key_id, uint64_t session) {
    Bytes bytes{static_cast<uint8_t>(opcode << 3 | key_id)};
    append(bytes, session, 8);
    return bytes;
}

/// A control packet without tls-auth or tls-crypt; `acks` are counted down to 0.
inline Bytes plain(uint8_t opcode, uint8_t key_id, uint64_t session, uint8_t acks,
                   uint64_t peer_session, uint32_t message, size_t tls) {
    Bytes bytes = head(opcode, key_id, session);
    bytes.push_back(acks);
    for (uint32_t ack = acks; ack-- > 0;)
        append(bytes, ack, 4);
    if (acks != 0) append(bytes, peer_session, 8);
    append(bytes, message, 4);
    bytes.insert(bytes.end(), tls, 0x17);
    return bytes;
}

inline Bytes tls_auth(uint8_t opcode, uint64_t session, size_t digest, uint32_t packet_id,
                      uint32_t time, uint8_t acks, uint64_t peer_session, size_t tls) {
    Bytes bytes = head(opcode, 0, session);
    bytes.insert(bytes.end(), digest, 0xa5);
    append(bytes, packet_id, 4);
    append(bytes, time, 4);
    const Bytes rest = plain(opcode, 0, session, acks, peer_session, 0, tls);
    bytes.insert(bytes.end(), rest.begin() + 9, rest.end());
    return bytes;
}

/// `length` is that of the whole payload.
inline Bytes tls_crypt(uint8_t opcode, uint8_t key_id, uint64_t session, uint32_t packet_id,
                       uint32_t time, size_t length) {
    Bytes bytes = head(opcode, key_id, session);
    append(bytes, packet_id, 4);
    append(bytes, time, 4);
    bytes.resize(length, 0xc3);
    return bytes;
}

/// DATA_V2 with an AEAD cipher; 40 bytes are a ping.
inline Bytes data(uint8_t key_id, uint32_t peer_id, uint32_t counter, size_t length) {
    Bytes bytes;
    append(bytes, static_cast<uint64_t>(0x48U | key_id) << 24 | peer_id, 4);
    append(bytes, counter, 4);
    bytes.resize(length, 0x5a);
    return bytes;
}

}  // namespace openvpn_packet
}  // namespace ravelin::testing
