// SPDX-License-Identifier: BSD-3-Clause
#include "base/byteorder.h"
#include "generator.h"

#include <algorithm>

namespace ravelin::differential {

namespace {

struct Piece {
    uint32_t from;
    uint32_t to;
    bool last;
};

/// One fragment of a whole frame; IPv6 gets a fragment header behind its fixed one.
Bytes cut_piece(const Bytes& frame, const Place& at, const Piece& piece, uint32_t id) {
    const bool v6 = at.family == Family::Ipv6;
    Bytes out{frame.begin(), frame.begin() + static_cast<ptrdiff_t>(at.l4)};
    uint8_t* const ip = &out[at.l3];
    const auto length = piece.to - piece.from;
    if (v6) {
        store_be16(ip + 4, static_cast<uint16_t>(8 + length));
        Bytes header(8);
        header[0] = ip[6];
        store_be16(&header[2], static_cast<uint16_t>(piece.from | (piece.last ? 0 : 1)));
        store_be32(&header[4], id);
        ip[6] = ip_protocol::kFragment;
        out.insert(out.end(), header.begin(), header.end());
    } else {
        store_be16(ip + 2, static_cast<uint16_t>(20 + length));
        store_be16(ip + 4, static_cast<uint16_t>(id));
        store_be16(ip + 6, static_cast<uint16_t>(piece.from / 8 | (piece.last ? 0 : 0x2000)));
        seal_ipv4_header({ip, 20});
    }
    const auto payload = frame.begin() + static_cast<ptrdiff_t>(at.l4);
    out.insert(out.end(), payload + piece.from, payload + piece.to);
    return out;
}

/// Split points are multiples of eight (RFC 791 3.2); the first piece may be as small as that.
std::vector<Piece> split(Random& random, uint32_t length) {
    std::vector<Piece> pieces;
    uint32_t from = 0;
    for (uint32_t left = 1 + random.below(4); left > 0 && from + 8 < length; --left) {
        const uint32_t units = (length - from - 1) / 8;
        const uint32_t to = from + 8 * (random.percent(20) ? 1 : 1 + random.below(units));
        pieces.push_back({from, to, false});
        from = to;
    }
    pieces.push_back({from, length, true});
    return pieces;
}

}  // namespace

void Generator::add_fragments(Script& script, uint8_t phase) {
    Talk& talk = talks_[random_.below(static_cast<uint32_t>(talks_.size()))];
    const bool from_server = write_talk(talk);
    add_in_pieces(script, {.side = from_server ? Side::B : Side::A, .phase = phase},
                  protocol_name(talk.envelope.protocol));
}

void Generator::add_in_pieces(Script& script, Event event, QuotedProtocol protocol) {
    const Place at = place_of(frame_);
    const Bytes whole = frame_;
    const auto length = static_cast<uint32_t>(whole.size() - at.l4);
    std::vector<Piece> pieces = split(random_, length);
    const uint32_t dice = random_.below(100);
    if (dice < 15) {
        pieces.push_back(random_.percent(50) ? pieces.front() : pieces.back());  // sent twice
    } else if (dice < 25 && pieces.size() > 1) {
        Piece overlapping = pieces.back();
        overlapping.from -= 8;
        pieces.push_back(overlapping);
    } else if (dice < 35) {
        pieces.erase(pieces.begin() + random_.below(static_cast<uint32_t>(pieces.size())));
    } else if (dice < 40) {
        pieces.assign(1, {0, length, true});  // atomic (RFC 6946); IPv4: whole
    }
    if (random_.percent(50)) {
        for (size_t i = pieces.size(); i > 1; --i)
            std::swap(pieces[i - 1], pieces[random_.below(static_cast<uint32_t>(i))]);
    }
    const uint32_t odd = random_.below(40);  // a piece that doesn't end at a multiple of eight
    const uint32_t different = random_.below(20);  // ... whose last byte is another
    // Each has its own: the kernel holds fragments for half a minute of real time.
    const auto id = static_cast<uint32_t>(random_.next() << 8 | (++datagrams_ & 0xff));
    event.datagram = datagrams_;
    for (uint32_t i = 0; i < pieces.size(); ++i) {
        Piece piece = pieces[i];
        if (i == odd && !piece.last) piece.to += 4;
        if (piece.to > length) piece.to = length;
        frame_ = cut_piece(whole, at, piece, id);
        if (i == different && i > 0) frame_.back() ^= 1;
        add(script, event, protocol);
    }
}

}  // namespace ravelin::differential
