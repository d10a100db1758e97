// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/bytes.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace ravelin::testing {

/// Which bytes behind the IP header a fragment carries.
struct Piece {
    uint32_t offset = 0;
    uint32_t length = 0;
    bool more = true;
};

inline bool is_ipv6_frame(const Bytes& frame) {
    return frame.at(ip_offset(frame)) >> 4 == 6;
}

/// Where the bytes start that fragments divide: behind the IPv4 header, or behind the first
/// `extensions` bytes that follow the IPv6 header.
inline size_t divided_from(const Bytes& frame, size_t extensions = 0) {
    const size_t ip = ip_offset(frame);
    return is_ipv6_frame(frame) ? ip + 40 + extensions : ip + (frame[ip] & 0xfU) * 4;
}

/// Sets IPv4's identification and fragment field and mends the header.
inline void set_ipv4_fragment(Bytes& frame, uint16_t id, uint16_t field) {
    const size_t ip = ip_offset(frame);
    const size_t header = (frame[ip] & 0xfU) * 4;
    put16(frame, ip + 2, static_cast<uint16_t>(frame.size() - ip));
    put16(frame, ip + 4, id);
    put16(frame, ip + 6, field);
    put16(frame, ip + 10, 0);
    put16(frame, ip + 10, internet_checksum(std::span{frame}.subspan(ip, header)));
}

/// The fragment of a whole frame. Bytes beyond its end are zero. The IPv6 fragment header stands
/// behind `extensions` bytes of other headers.
inline Bytes fragment_of(const Bytes& whole, Piece piece, uint32_t id, size_t extensions = 0) {
    const size_t from = divided_from(whole, extensions);
    Bytes data(piece.length);
    for (size_t i = 0; i < data.size() && from + piece.offset + i < whole.size(); ++i)
        data[i] = whole[from + piece.offset + i];
    Bytes out(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(from));
    const auto field = static_cast<uint16_t>(piece.offset / 8);
    if (!is_ipv6_frame(whole)) {
        append(out, data);
        set_ipv4_fragment(out, static_cast<uint16_t>(id),
                          static_cast<uint16_t>(field | (piece.more ? 0x2000 : 0)));
        return out;
    }
    const size_t ip = ip_offset(whole);
    size_t pointer = ip + 6;
    for (size_t at = ip + 40; at < from; at += (out[at + 1] + 1U) * 8)
        pointer = at;
    Bytes header = {out[pointer], 0, 0, 0, 0, 0, 0, 0};
    out[pointer] = 44;
    put16(header, 2, static_cast<uint16_t>(piece.offset | (piece.more ? 1 : 0)));
    put32(header, 4, id);
    append(out, header);
    append(out, data);
    put16(out, ip + 4, static_cast<uint16_t>(out.size() - ip - 40));
    return out;
}

/// All of a frame in fragments of at most `size` bytes, a multiple of eight.
inline std::vector<Bytes> fragments_of(const Bytes& whole, uint32_t size, uint32_t id,
                                       size_t extensions = 0) {
    std::vector<Bytes> all;
    const auto total = static_cast<uint32_t>(whole.size() - divided_from(whole, extensions));
    for (uint32_t offset = 0; offset < total; offset += size) {
        const uint32_t length = std::min(size, total - offset);
        all.push_back(
            fragment_of(whole, {offset, length, offset + length < total}, id, extensions));
    }
    return all;
}

/// A receiver as simple as can be: it fills in bytes, lets the first or the last writer win, and
/// takes the last fragment's word for the end. It looks at fragments made by fragment_of() without
/// extension headers, all of one datagram.
class NaiveReceiver {
  public:
    explicit NaiveReceiver(bool last_wins) : last_wins_{last_wins} {}

    /// The datagram's bytes behind IP, when this fragment made it whole.
    std::optional<Bytes> receive(const Bytes& frame) {
        const size_t ip = ip_offset(frame);
        const bool v6 = is_ipv6_frame(frame);
        const uint32_t field =
            frame.at(v6 ? ip + 42 : ip + 6) * 256U + frame.at(v6 ? ip + 43 : ip + 7);
        const uint32_t offset = v6 ? field & 0xfff8U : (field & 0x1fffU) * 8;
        const bool more = (field & (v6 ? 1U : 0x2000U)) != 0;
        const size_t from = v6 ? ip + 48 : divided_from(frame);
        for (size_t i = from; i < frame.size(); ++i) {
            const auto at = static_cast<uint32_t>(offset + (i - from));
            if (last_wins_ || !bytes_.contains(at)) bytes_[at] = frame[i];
        }
        if (!more) end_ = static_cast<uint32_t>(offset + frame.size() - from);
        if (!end_ || bytes_.size() < *end_ || bytes_.rbegin()->first + 1 < *end_) return {};
        Bytes whole;
        for (uint32_t at = 0; at < *end_; ++at) {
            if (!bytes_.contains(at)) return {};
            whole.push_back(bytes_[at]);
        }
        bytes_.clear();
        end_.reset();
        return whole;
    }

  private:
    bool last_wins_;
    std::map<uint32_t, uint8_t> bytes_;
    std::optional<uint32_t> end_;
};

}  // namespace ravelin::testing
