// SPDX-License-Identifier: BSD-3-Clause
#include "support/tunnel_packets.h"
#include "support/tunnel_watch.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>

// What is no tunnel is never taken for one: conversations of other protocols, and bytes of chance.

namespace ravelin {
namespace {

using namespace testing;

/// Chance, fast and repeatable.
class Dice {
  public:
    explicit Dice(uint64_t seed) : state_{seed} {}
    uint64_t next() {  // splitmix64
        uint64_t mixed = state_ += 0x9e3779b97f4a7c15U;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebU;
        return mixed ^ mixed >> 31;
    }
    uint32_t below(uint32_t limit) {
        return static_cast<uint32_t>((next() & 0xffffffff) * limit >> 32);
    }
    uint8_t byte() { return static_cast<uint8_t>(next()); }
    void fill(std::span<uint8_t> bytes) {
        for (size_t at = 0; at < bytes.size(); at += 8) {
            const uint64_t value = next();
            std::memcpy(bytes.data() + at, &value, std::min<size_t>(8, bytes.size() - at));
        }
    }
    Bytes bytes(size_t size) {
        Bytes out(size);
        fill(out);
        return out;
    }

  private:
    uint64_t state_;
};

/// One conversation: what makes its packets, and what it keeps from one to the next.
struct Talk {
    Dice& dice;
    uint64_t ids[2] = {};     ///< by side, fixed
    uint32_t counts[2] = {};  ///< by side, rising
    int number = 0;           ///< of this packet
};

using Make = Bytes (*)(Talk&, size_t side);

Bytes with_header(Talk& talk, Bytes header, size_t size) {
    const size_t begin = header.size();
    if (size > begin) {
        header.resize(size);
        talk.dice.fill(std::span{header}.subspan(begin));
    }
    return header;
}

Bytes random_bytes(Talk& talk, size_t /*side*/) {
    return talk.dice.bytes(talk.dice.below(200));
}

/// Sizes and first bytes that tunnels have, the rest chance.
Bytes almost(Talk& talk, size_t /*side*/) {
    constexpr std::array<size_t, 12> kSizes = {1, 28, 32, 38, 48, 64, 84, 92, 120, 128, 148, 168};
    Bytes out = talk.dice.bytes(kSizes[talk.dice.below(kSizes.size())]);
    constexpr std::array<uint8_t, 8> kFirst = {1, 2, 3, 4, 0x16, 0x17, 0, 0xff};
    out[0] = kFirst[talk.dice.below(kFirst.size())];
    if (out.size() >= 4 && talk.dice.below(2) == 0) out[1] = out[2] = out[3] = 0;
    return out;
}

Bytes dns(Talk& talk, size_t side) {
    Bytes out;
    append16(out, talk.dice.below(65536));
    append16(out, side == 0 ? 0x0100 : 0x8180);
    append(out, Bytes{0, 1, 0, side == 0 ? uint8_t{0} : uint8_t{1}, 0, 0, 0, 0});
    return with_header(talk, out, 30 + talk.dice.below(200));
}

Bytes quic(Talk& talk, size_t side) {
    Bytes out;
    if (talk.number < 4) {  // long header: version 1, connection ids
        out = {static_cast<uint8_t>(0xc0 | talk.dice.below(16)), 0, 0, 0, 1, 8};
        append64(out, talk.ids[side]);
        out.push_back(8);
        append64(out, talk.ids[1 - side]);
        return with_header(talk, out, 1200);
    }
    out = {static_cast<uint8_t>(0x40 | talk.dice.below(64))};
    append64(out, talk.ids[1 - side]);
    return with_header(talk, out, 22 + talk.dice.below(1200));
}

Bytes stun(Talk& talk, size_t side) {
    Bytes out;
    append16(out, side == 0 ? 0x0001 : 0x0101);
    append16(out, 8);
    append32(out, 0x2112a442);
    append(out, talk.dice.bytes(12));
    append(out, Bytes{0, 0x20, 0, 4, 1, 2, 3, 4});
    return out;
}

Bytes turn_channel(Talk& talk, size_t /*side*/) {
    if (talk.number < 2) return stun(talk, 0);
    Bytes out;
    const size_t size = talk.dice.below(300);
    append16(out, 0x4000);
    append16(out, size);
    return with_header(talk, out, 4 + (size + 3) / 4 * 4);
}

Bytes rtp(Talk& talk, size_t side) {
    Bytes out = {0x80, 0x60};
    append16(out, talk.counts[side] & 0xffff);
    append32(out, talk.counts[side] * 160);
    append32(out, static_cast<uint32_t>(talk.ids[side]));
    return with_header(talk, out, 172);
}

Bytes ntp(Talk& talk, size_t side) {
    Bytes out = {side == 0 ? uint8_t{0x23} : uint8_t{0x24}, static_cast<uint8_t>(2 * side), 6,
                 0xe9};
    append32(out, side == 0 ? 0 : 100 + talk.counts[side]);  // root delay
    append32(out, talk.counts[side]);
    append32(out, static_cast<uint32_t>(talk.ids[side]));
    return with_header(talk, out, 48);
}

Bytes sip(Talk& talk, size_t side) {
    const std::string text = side == 0 ? "OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;"
                                       : "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK";
    return with_header(talk, Bytes(text.begin(), text.end()), 200);
}

/// BitTorrent's transport: its fourth to eighth byte is a clock in microseconds.
Bytes utp(Talk& talk, size_t side) {
    Bytes out = {static_cast<uint8_t>(talk.dice.below(2) == 0 ? 0x01 : 0x21), 0};
    append16(out, talk.ids[side] & 0xffff);
    append32(out, talk.counts[side] * 300);
    append32(out, 1000 + talk.dice.below(100));
    append32(out, 0x100000);
    append16(out, talk.counts[side] & 0xffff);
    append16(out, talk.counts[1 - side] & 0xffff);
    return with_header(talk, out, out[0] == 0x21 ? 20 : 20 + talk.dice.below(1380));
}

/// A game that numbers its packets behind a fixed little-endian type, and counts in steps.
Bytes game(Talk& talk, size_t side) {
    Bytes out = {4, 0, 0, 0};
    append_le32(out, talk.counts[side]);
    append_le32(out, static_cast<uint32_t>(talk.ids[side]));
    return with_header(talk, out, 40 + talk.dice.below(60));
}

/// Another one: a fixed tag, then a big-endian number; odd lengths. The tag isn't one of OpenVPN's
/// first bytes, with which that is what OpenVPN looks like in mid-stream.
Bytes tagged(Talk& talk, size_t side) {
    Bytes out;
    append32(out, (static_cast<uint32_t>(talk.ids[side]) & 0x3fffffff) | 0x80000100);
    append32(out, talk.counts[side]);
    return with_header(talk, out, 9 + 2 * talk.dice.below(60));
}

/// WebRTC's DTLS without the STUN before it.
Bytes webrtc(Talk& talk, size_t side) {
    if (side == 0 && talk.number < 3)
        return tls::client_hello({.random = talk.dice.byte(),
                                  .session_id = 0,
                                  .extensions = {0, 14, 0, 5, 0, 2, 0, 1, 0}});
    if (talk.number < 6) return tls::server_hello(talk.dice.byte(), 0);
    return tls::data(talk.counts[side], 50 + talk.dice.below(100));
}

Bytes coap_over_dtls(Talk& talk, size_t side) {
    if (talk.number < 3 && side == 0)
        return tls::client_hello({.random = talk.dice.byte(), .session_id = 0});
    if (talk.number < 4) return tls::server_hello(talk.dice.byte(), 0);
    return tls::data(talk.counts[side], 50);
}

struct Protocol {
    const char* name;
    Make make;
    uint16_t server_port;  ///< 0: any
    uint32_t conversations;
};

constexpr Protocol kProtocols[] = {
    {"random bytes", random_bytes, 0, 50'000},
    {"random bytes on port 4500", random_bytes, 4500, 20'000},
    {"almost a tunnel", almost, 0, 50'000},
    {"almost a tunnel on port 4500", almost, 4500, 20'000},
    {"almost a tunnel on port 500", almost, 500, 10'000},
    {"DNS", dns, 53, 2000},
    {"QUIC", quic, 443, 2000},
    {"STUN", stun, 3478, 2000},
    {"TURN", turn_channel, 3478, 2000},
    {"RTP", rtp, 0, 2000},
    {"RTP on port 4500", rtp, 4500, 2000},
    {"NTP", ntp, 123, 2000},
    {"NTP on port 4500", ntp, 4500, 2000},
    {"SIP", sip, 5060, 2000},
    {"uTP", utp, 0, 2000},
    {"uTP on port 4500", utp, 4500, 5000},
    {"a game", game, 0, 5000},
    {"tagged packets", tagged, 0, 5000},
    {"tagged packets on port 4500", tagged, 4500, 5000},
    {"WebRTC", webrtc, 0, 2000},
    {"CoAP over DTLS", coap_over_dtls, 5684, 2000},
};

/// Packets that were shown to each observer.
size_t converse(const Protocol& protocol, uint64_t seed) {
    constexpr int kPackets = 12;
    Dice dice{seed};
    Talk talk{dice};
    talk.ids[0] = dice.next();
    talk.ids[1] = dice.next();
    talk.counts[0] = dice.below(1U << 20);
    talk.counts[1] = dice.below(1U << 20);
    const auto server = static_cast<uint16_t>(protocol.server_port != 0 ? protocol.server_port
                                                                        : 1024 + dice.below(60000));
    const std::array<uint16_t, 2> ports{static_cast<uint16_t>(20000 + dice.below(40000)), server};
    std::array<TunnelWatch, kTunnelObservers.size()> watches{
        TunnelWatch{kTunnelObservers[0], ports}, TunnelWatch{kTunnelObservers[1], ports},
        TunnelWatch{kTunnelObservers[2], ports}, TunnelWatch{kTunnelObservers[3], ports}};
    for (talk.number = 0; talk.number < kPackets; ++talk.number) {
        const size_t side = talk.number == 0 ? 0 : dice.below(2);
        ++talk.counts[side];
        const Bytes payload = protocol.make(talk, side);
        const Instant now = Instant{} + talk.number * 20ms;
        for (TunnelWatch& watch : watches)
            watch.packet(static_cast<Side>(side), payload, now);
    }
    for (const TunnelWatch& watch : watches)
        EXPECT_FALSE(watch.confirmed()) << protocol.name << ", seed " << seed;
    return kPackets;
}

TEST(NoTunnel, two_million_packets_of_other_protocols_confirm_none) {
    size_t packets = 0;
    for (const Protocol& protocol : kProtocols)
        for (uint32_t seed = 0; seed < protocol.conversations; ++seed)
            packets += converse(protocol, seed);
    EXPECT_GE(packets, 2'000'000U);
}

}  // namespace
}  // namespace ravelin
