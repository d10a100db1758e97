// SPDX-License-Identifier: BSD-3-Clause
#include "base/byteorder.h"
#include "generator.h"

namespace ravelin::differential {

namespace {

using namespace tcp_flag;

constexpr std::array<uint8_t, 9> kValidFlags{kSyn, kSyn | kUrg,        kSyn | kAck,
                                             kRst, kRst | kAck,        kFin | kAck,
                                             kAck, kFin | kAck | kUrg, kAck | kUrg};
constexpr std::array<uint16_t, 8> kWindows{65535, 65535, 29200, 1000, 1, 0, 512, 64240};
constexpr std::array<uint16_t, 6> kLengths{0, 1, 10, 10, 100, 400};

}  // namespace

uint8_t Generator::choose_segment(Talk& talk, bool& from_server, bool& as_expected) {
    Peer& client = talk.peers[0];
    Peer& server = talk.peers[1];
    from_server = random_.percent(50);
    as_expected = false;
    if (random_.percent(12)) return static_cast<uint8_t>(random_.below(256));
    if (random_.percent(12)) return random_.pick(kValidFlags);
    as_expected = random_.percent(80);
    const uint32_t dice = random_.below(100);
    if (!client.syn) {
        from_server = false;
        return dice < 88 ? kSyn : kAck;  // or nobody saw its beginning
    }
    if (!server.syn) {
        from_server = dice < 85;
        if (dice < 60) return kSyn | kAck;
        if (dice < 68) return kRst | kAck;
        if (dice < 76) return kSyn;  // simultaneous open
        if (dice < 85) return kAck;  // challenge
        return dice < 95 ? kSyn : kRst;
    }
    if (client.fin && server.fin) {
        if (dice < 45) return kAck;
        if (dice < 60) return kFin | kAck;
        if (dice < 72) return kRst;
        if (dice < 76) return kSyn | kAck;
        from_server = dice > 94;
        return kSyn;  // the ports are used again
    }
    if (dice < 62) return dice < 30 ? kAck : kAck | kPsh;
    if (dice < 82) return kFin | kAck;
    if (dice < 88) return kRst | (dice < 85 ? kAck : 0);
    if (dice < 94) return kSyn;
    return kSyn | kAck;
}

void Generator::write_tcp_options(const Peer& peer, const Peer& other, uint8_t flags,
                                  Bytes& upper) {
    const auto put = [&](std::initializer_list<uint8_t> bytes) {
        upper.insert(upper.end(), bytes);
    };
    if ((flags & kSyn) != 0) {
        put({2, 4, 5, 0xb4});
        if (peer.offers_sack) put({4, 2, 1, 1});
        if (peer.offers_scale) put({3, 3, peer.scale, 1});
    }
    const uint32_t dice = random_.below(100);
    if (dice < 20) {  // timestamps, as most segments have them
        put({1, 1, 8, 10});
        upper.resize(upper.size() + 8, 1);
    } else if (dice < 30) {  // SACK: sound or far away
        const size_t blocks = 1 + random_.below(3);
        put({1, 1, 5, static_cast<uint8_t>(2 + blocks * 8)});
        for (size_t i = 0; i < blocks; ++i) {
            const uint32_t left = other.next + (dice < 26 ? 0 : random_.below(1U << 20));
            upper.resize(upper.size() + 8);
            store_be32(&upper[upper.size() - 8], left - random_.below(400));
            store_be32(&upper[upper.size() - 4], left + random_.below(40));
        }
    } else if (dice < 34) {  // a list that stops making sense
        put({static_cast<uint8_t>(random_.below(16)), static_cast<uint8_t>(random_.below(12)), 3,
             static_cast<uint8_t>(random_.below(5))});
    } else if (dice < 36) {
        put({0, 0, 0, 0});
    }
}

bool Generator::write_tcp(Talk& talk, Bytes& upper) {
    bool as_expected = false;
    bool server = false;
    const uint8_t flags = choose_segment(talk, server, as_expected);
    Peer& peer = talk.peers[server ? 1 : 0];
    Peer& other = talk.peers[server ? 0 : 1];
    const uint32_t window = static_cast<uint32_t>(peer.window)
                            << (peer.offers_scale ? peer.scale & 15U : 0U);
    const auto shifted = [&](uint32_t base, uint32_t width) {
        const std::array<uint32_t, 12> deltas{
            0U - 1,    1,         1000,     0U - 1000,      width, 0U - width,
            width + 1, width - 1, 1U << 31, (1U << 31) - 1, 66000, 0U - 66001};
        return as_expected || random_.percent(60) ? base : base + random_.pick(deltas);
    };
    if ((flags & kSyn) != 0 && (flags & kAck) == 0 && peer.syn && random_.percent(40)) {
        // Starts again, mostly above what it used before (RFC 9293 3.4.3).
        peer.next += random_.percent(70) ? 100'000 : static_cast<uint32_t>(random_.next());
        peer.fin = other.fin = other.syn = false;
    }
    uint32_t sequence = shifted(peer.next, window);
    const bool syn_again = (flags & kSyn) != 0 && peer.syn;
    if (syn_again && as_expected) sequence = peer.next - 1;  // the same SYN once more
    const uint32_t ack = shifted(other.next, window);
    uint32_t length = 0;
    if ((flags & (kSyn | kRst)) == 0 && random_.percent(60)) length = random_.pick(kLengths);
    if ((flags & (kSyn | kRst)) != 0 && random_.percent(5)) length = 5;
    if (random_.percent(4)) peer.window = random_.pick(kWindows);

    upper.assign(20, 0);
    write_tcp_options(peer, other, flags, upper);
    upper.resize((upper.size() + 3) / 4 * 4);
    store_be16(&upper[0], talk.ports[server ? 1 : 0]);
    store_be16(&upper[2], talk.ports[server ? 0 : 1]);
    store_be32(&upper[4], sequence);
    if ((flags & kAck) != 0 || random_.percent(5)) store_be32(&upper[8], ack);
    if ((flags & kRst) != 0 && random_.percent(10)) store_be32(&upper[8], 0);
    upper[12] = static_cast<uint8_t>(upper.size() / 4 << 4);
    upper[13] = flags;
    store_be16(&upper[14], peer.window);
    upper.resize(upper.size() + length, 'x');

    const bool in_order = sequence == peer.next;
    if ((flags & kSyn) != 0 && (flags & kRst) == 0) peer.syn = true;
    if ((flags & kFin) != 0 && (flags & (kSyn | kRst)) == 0 && in_order) peer.fin = true;
    if (in_order)
        peer.next += length + ((flags & kSyn) != 0 ? 1 : 0) + ((flags & kFin) != 0 ? 1 : 0);
    return server;
}

}  // namespace ravelin::differential
