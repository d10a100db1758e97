// SPDX-License-Identifier: BSD-3-Clause
#include "base/byteorder.h"
#include "generator.h"

#include <algorithm>

namespace ravelin::differential {

namespace {

constexpr std::array<std::array<uint8_t, 4>, 5> kOddAddresses{
    {{127, 0, 0, 1}, {224, 0, 0, 1}, {0, 0, 0, 0}, {255, 255, 255, 255}, {240, 0, 0, 1}}};
constexpr std::array<uint8_t, 12> kProtocols{0, 1, 2, 6, 17, 41, 47, 50, 51, 58, 253, 132};

uint8_t ipv4_header_length(const Bytes& bytes, size_t at) {
    return static_cast<uint8_t>((bytes[at] & 0xf) * 4);
}

}  // namespace

void Generator::mutate_quote(Bytes& quote, Family family) {
    const bool v6 = family == Family::Ipv6;
    const size_t l4 = v6 ? 40 : 20;
    const size_t addresses = v6 ? 8 : 12;
    const size_t length = v6 ? 16 : 4;
    const auto flip = [&](size_t at) {
        if (at < quote.size()) quote[at] ^= static_cast<uint8_t>(1U << random_.below(8));
    };
    switch (random_.below(12)) {
        case 0:  // ends swapped
            std::swap_ranges(quote.begin() + static_cast<ptrdiff_t>(addresses),
                             quote.begin() + static_cast<ptrdiff_t>(addresses + length),
                             quote.begin() + static_cast<ptrdiff_t>(addresses + length));
            if (quote.size() >= l4 + 4)
                std::swap_ranges(quote.begin() + static_cast<ptrdiff_t>(l4),
                                 quote.begin() + static_cast<ptrdiff_t>(l4 + 2),
                                 quote.begin() + static_cast<ptrdiff_t>(l4 + 2));
            return;
        case 1:
            return flip(l4 + random_.below(4));
        case 2:
            quote[v6 ? 6 : 9] = kProtocols[random_.below(12)];
            return;
        case 3:
            return flip(addresses + length - 1);
        case 4:
            return flip(addresses + 2 * length - 1);
        case 5:  // a length that lies
            store_be16(&quote[v6 ? 4 : 2], static_cast<uint16_t>(random_.next()));
            return;
        case 6:
            return flip(v6 ? 7 : 10);
        case 7:
            quote[0] = static_cast<uint8_t>(random_.next());
            return;
        case 8:
            if (!v6) quote[6] ^= 0x20;  // first fragment
            return;
        case 9:
            if (!v6) quote[7] = static_cast<uint8_t>(1 + random_.below(200));
            return;
        case 10:
            return flip(l4 + 4 + random_.below(16));
        default:
            quote.resize(random_.below(static_cast<uint32_t>(quote.size()) + 1));
            return;
    }
}

void Generator::insert_options(Place& at) {
    const size_t words = 1 + random_.below(10);
    const uint8_t length = ipv4_header_length(frame_, at.l3);
    if (length != 20 || frame_.size() + words * 4 > 1514) return;
    static constexpr std::array<uint8_t, 6> kKinds{0, 1, 7, 131, 148, 68};
    Bytes options(words * 4);
    for (uint8_t& byte : options)
        byte = random_.percent(50) ? random_.pick(kKinds) : static_cast<uint8_t>(random_.next());
    frame_.insert(frame_.begin() + static_cast<ptrdiff_t>(at.l4), options.begin(), options.end());
    at.l4 += words * 4;
    frame_[at.l3] = static_cast<uint8_t>(0x40 | (at.l4 - at.l3) / 4);
    store_be16(&frame_[at.l3 + 2],
               static_cast<uint16_t>(load_be16(&frame_[at.l3 + 2]) + words * 4));
}

bool Generator::mutate_ipv4(Place& at) {
    uint8_t* const ip = &frame_[at.l3];
    switch (random_.below(11)) {
        case 0:
            ip[0] = static_cast<uint8_t>(random_.next());
            return false;
        case 1:
            store_be16(ip + 2, static_cast<uint16_t>(load_be16(ip + 2) + random_.below(9) - 4));
            seal_ipv4_header({ip, 20});
            return false;
        case 2:
            ip[8] = 0;  // TTL
            return true;
        case 3:
            at.protocol = ip[9] = kProtocols[random_.below(12)];
            return random_.percent(70);
        case 4:
            ip[10] ^= static_cast<uint8_t>(1 + random_.below(255));
            return false;
        case 5:  // one end that can't be; the other still tells whose it is
            std::copy_n(random_.pick(kOddAddresses).begin(), 4,
                        ip + (random_.percent(50) ? 12 : 16));
            return true;
        case 6:  // land
            std::copy_n(ip + 16, 4, ip + 12);
            return true;
        case 7:
            ip[random_.percent(50) ? 15 : 19] = static_cast<uint8_t>(1 + random_.below(6));
            return true;
        case 8:
            ip[6] ^= 0x40;  // may be fragmented, or not
            return true;
        case 9:
            ip[6] ^= 0x80;  // reserved (RFC 791 3.1)
            return true;
        default:
            insert_options(at);
            return true;
    }
}

void Generator::insert_extensions(Place& at) {
    static constexpr std::array<uint8_t, 4> kKinds{0, 60, 43, 60};
    for (uint32_t left = 1 + random_.below(random_.percent(90) ? 2 : 10); left > 0; --left) {
        if (frame_.size() + 24 > 1514) return;
        Bytes header(8 * (1 + random_.below(2)));
        header[0] = frame_[at.l3 + 6];
        header[1] = static_cast<uint8_t>(header.size() / 8 - 1);
        if (random_.percent(80)) {
            header[2] = 1;  // PadN; for a routing header, its type
            header[3] = static_cast<uint8_t>(header.size() - 4);
        } else {
            header[2] = static_cast<uint8_t>(random_.next());
            header[3] = static_cast<uint8_t>(random_.below(12));
        }
        frame_[at.l3 + 6] = random_.pick(kKinds);
        frame_.insert(frame_.begin() + static_cast<ptrdiff_t>(at.l3 + 40), header.begin(),
                      header.end());
        at.l4 += header.size();
        store_be16(&frame_[at.l3 + 4],
                   static_cast<uint16_t>(load_be16(&frame_[at.l3 + 4]) + header.size()));
    }
}

bool Generator::mutate_ipv6(Place& at) {
    uint8_t* const ip = &frame_[at.l3];
    switch (random_.below(8)) {
        case 0:
            ip[0] = static_cast<uint8_t>(random_.next());
            return false;
        case 1:
            store_be16(ip + 4, static_cast<uint16_t>(load_be16(ip + 4) + random_.below(9) - 4));
            return false;
        case 2:
            ip[7] = 0;  // hop limit
            return true;
        case 3:
            at.protocol = ip[6] = kProtocols[random_.below(12)];
            return random_.percent(70);
        case 4:  // ::, ::1, ff02::1 or the other end
            if (random_.percent(30)) {
                std::copy_n(ip + 24, 16, ip + 8);
            } else {
                uint8_t* const address = ip + (random_.percent(50) ? 8 : 24);
                std::fill_n(address, 15, uint8_t{0});
                if (random_.percent(30)) store_be16(address, 0xff02);
                address[15] = static_cast<uint8_t>(random_.below(2));
            }
            return true;
        case 5:
            ip[random_.percent(50) ? 23 : 39] = static_cast<uint8_t>(1 + random_.below(6));
            return true;
        default:
            insert_extensions(at);
            return true;
    }
}

void Generator::mutate_upper(const Place& at) {
    const auto length = static_cast<uint32_t>(frame_.size() - at.l4);
    if (length == 0) return;
    uint8_t* const upper = &frame_[at.l4];
    switch (random_.below(5)) {
        case 0:  // a port, an identifier, a type
            upper[random_.below(std::min<uint32_t>(length, 8))] ^=
                static_cast<uint8_t>(1U << random_.below(8));
            return;
        case 1:
            upper[random_.below(std::min<uint32_t>(length, 20))] =
                static_cast<uint8_t>(random_.next());
            return;
        case 2:
            if (length > 12) upper[12] = static_cast<uint8_t>(random_.next());  // TCP data offset
            return;
        case 3:
            if (length > 13) upper[13] = static_cast<uint8_t>(random_.next());  // TCP flags
            return;
        default:
            upper[random_.below(length)] ^= 0x55;
            return;
    }
}

void Generator::add_mutation(Script& script, uint8_t phase) {
    const auto count = static_cast<uint32_t>(script.events.size());
    const uint32_t chosen = random_.percent(70) ? count - 1 : random_.below(count);
    const Event& about = script.events[chosen];
    if (about.datagram != 0 || about.meant.is_mutation) return;
    const std::span<const uint8_t> original = script.frame(about);
    frame_.assign(original.begin(), original.end());
    Place at = place_of(frame_);
    if (frame_.size() < at.l4) return;
    bool reseal = false;
    switch (random_.below(10)) {
        case 0:  // cut, so that the length lies
            frame_.resize(at.l3 + random_.below(static_cast<uint32_t>(frame_.size() - at.l3)));
            break;
        case 1:  // Ethernet padding
            frame_.resize(std::min<size_t>(frame_.size() + 1 + random_.below(40), 1514), 0xee);
            break;
        case 2:
        case 3:
        case 4:
        case 5:
            reseal = at.family == Family::Ipv6 ? mutate_ipv6(at) : mutate_ipv4(at);
            break;
        default:
            mutate_upper(at);
            reseal = random_.percent(70);
            break;
    }
    if (reseal) seal(frame_, at);
    add(script, {.side = about.side, .phase = phase, .meant = {.is_mutation = true}},
        protocols_[chosen]);
}

}  // namespace ravelin::differential
