// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/bytes.h"

#include <cstdint>
#include <string_view>

namespace ravelin::testing {

// Packets of tunnels, built from the formats alone and with nothing of lib/vpn. What is encrypted
// is a byte that repeats.

inline void append32(Bytes& out, uint32_t value) {
    append16(out, value >> 16);
    append16(out, value & 0xffff);
}

inline void append64(Bytes& out, uint64_t value) {
    append32(out, static_cast<uint32_t>(value >> 32));
    append32(out, static_cast<uint32_t>(value));
}

inline void append_le32(Bytes& out, uint32_t value) {
    append32(out, __builtin_bswap32(value));
}

inline Bytes from_hex(std::string_view text) {
    Bytes out;
    int high = -1;
    for (const char letter : text) {
        const size_t digit = std::string_view{"0123456789abcdef"}.find(letter);
        if (digit == std::string_view::npos) continue;  // blanks
        if (high < 0) {
            high = static_cast<int>(digit);
        } else {
            out.push_back(static_cast<uint8_t>(high * 16 + static_cast<int>(digit)));
            high = -1;
        }
    }
    return out;
}

namespace wg {

inline Bytes initiation(uint32_t sender) {
    Bytes out = {1, 0, 0, 0};
    append_le32(out, sender);
    out.resize(148, 0xe1);
    return out;
}

inline Bytes response(uint32_t sender, uint32_t receiver) {
    Bytes out = {2, 0, 0, 0};
    append_le32(out, sender);
    append_le32(out, receiver);
    out.resize(92, 0xe2);
    return out;
}

inline Bytes cookie(uint32_t receiver) {
    Bytes out = {3, 0, 0, 0};
    append_le32(out, receiver);
    out.resize(64, 0xe3);
    return out;
}

inline Bytes data(uint32_t receiver, uint64_t counter, size_t size = 128) {
    Bytes out = {4, 0, 0, 0};
    append_le32(out, receiver);
    append_le32(out, static_cast<uint32_t>(counter));
    append_le32(out, static_cast<uint32_t>(counter >> 32));
    out.resize(size, 0xe4);
    return out;
}

}  // namespace wg

namespace ike {

struct Message {
    uint64_t initiator_spi = 0xa1;
    uint64_t responder_spi = 0;
    uint8_t exchange = 34;
    uint8_t flags = 0;  ///< 08 from the IKE SA's initiator, 20 response
    uint32_t id = 0;
    uint8_t version = 0x20;
    uint8_t next = 46;  ///< encrypted; 33: a security association
    Bytes payloads = Bytes(56, 0xee);
};

inline Bytes bare(const Message& message) {
    Bytes out;
    append64(out, message.initiator_spi);
    append64(out, message.responder_spi);
    append(out, Bytes{message.next, message.version, message.exchange, message.flags});
    append32(out, message.id);
    append32(out, static_cast<uint32_t>(28 + message.payloads.size()));
    append(out, message.payloads);
    return out;
}

/// Behind the marker of RFC 3948, as on port 4500.
inline Bytes marked(const Message& message) {
    Bytes out(4);
    append(out, bare(message));
    return out;
}

/// One payload: next, length, body.
inline Bytes payload(uint8_t next, Bytes body) {
    Bytes out = {next, 0};
    append16(out, body.size() + 4);
    append(out, body);
    return out;
}

inline Bytes notify(uint16_t type, size_t data = 8) {
    Bytes body = {0, 0};
    append16(body, type);
    body.resize(4 + data, 0xcc);
    return payload(0, body);
}

inline Message sa_init(uint64_t initiator_spi) {
    return {.initiator_spi = initiator_spi,
            .flags = 0x08,
            .next = 33,
            .payloads = payload(0, Bytes(40, 0x5a))};
}

inline Message sa_init_answer(uint64_t initiator_spi, uint64_t responder_spi) {
    return {.initiator_spi = initiator_spi,
            .responder_spi = responder_spi,
            .flags = 0x20,
            .next = 33,
            .payloads = payload(0, Bytes(40, 0x5a))};
}

}  // namespace ike

inline Bytes esp(uint32_t spi, uint32_t sequence, size_t size = 120) {
    Bytes out;
    append32(out, spi);
    append32(out, sequence);
    out.resize(size, 0xe5);
    return out;
}

namespace tls {

inline Bytes record(uint8_t content, uint16_t epoch, uint32_t sequence, const Bytes& body,
                    uint16_t version = 0xfefd) {
    Bytes out = {content};
    append16(out, version);
    append16(out, epoch);
    append16(out, 0);
    append32(out, sequence);
    append16(out, body.size());
    append(out, body);
    return out;
}

/// A handshake message in one fragment.
inline Bytes handshake(uint8_t type, uint16_t sequence, const Bytes& body) {
    Bytes out = {type, 0};
    append16(out, body.size());
    append16(out, sequence);
    append(out, Bytes{0, 0, 0, 0});
    append16(out, body.size());
    append(out, body);
    return out;
}

struct ClientHello {
    uint8_t random = 0x11;
    size_t session_id = 32;
    size_t cookie = 0;
    Bytes extensions = {0xff, 0x01, 0, 1, 0};
};

inline Bytes client_hello(const ClientHello& hello = {}) {
    Bytes body = {0xfe, 0xfd};
    body.insert(body.end(), 32, hello.random);
    body.push_back(static_cast<uint8_t>(hello.session_id));
    body.insert(body.end(), hello.session_id, 0x60);
    body.push_back(static_cast<uint8_t>(hello.cookie));
    body.insert(body.end(), hello.cookie, 0xc0);
    append(body, Bytes{0, 4, 0xa9, 0xcc, 0xab, 0xc0, 1, 0});
    append16(body, hello.extensions.size());
    append(body, hello.extensions);
    return record(22, 0, 0, handshake(1, hello.cookie == 0 ? 0 : 1, body), 0xfeff);
}

inline Bytes verify_request(size_t cookie) {
    Bytes body = {0xfe, 0xff, static_cast<uint8_t>(cookie)};
    body.insert(body.end(), cookie, 0xc0);
    return record(22, 0, 0, handshake(3, 0, body), 0xfeff);
}

inline Bytes server_hello(uint8_t random = 0x22, size_t session_id = 32) {
    Bytes body = {0xfe, 0xfd};
    body.insert(body.end(), 32, random);
    body.push_back(static_cast<uint8_t>(session_id));
    body.insert(body.end(), session_id, 0x61);
    append(body, Bytes{0, 0xa9, 0, 0, 5, 0xff, 0x01, 0, 1, 0});
    return record(22, 0, 0, handshake(2, 0, body));
}

inline Bytes data(uint32_t sequence, size_t size = 200) {
    return record(23, 1, sequence, Bytes(size - 13, 0xe6));
}

}  // namespace tls

}  // namespace ravelin::testing
