// SPDX-License-Identifier: BSD-3-Clause
#include "base/byteorder.h"
#include "generator.h"
#include "packet/crc32c.h"

namespace ravelin::differential {

namespace {

// RFC 9260 3.2.
enum Chunk : uint8_t {
    kData = 0,
    kInit = 1,
    kInitAck = 2,
    kSack = 3,
    kHeartbeat = 4,
    kHeartbeatAck = 5,
    kAbort = 6,
    kShutdown = 7,
    kShutdownAck = 8,
    kError = 9,
    kCookieEcho = 10,
    kCookieAck = 11,
    kShutdownComplete = 14
};

constexpr std::array<Chunk, 14> kAnyChunk{
    kData,     kInit,        kInitAck, kSack,       kHeartbeat, kHeartbeatAck,     kAbort,
    kShutdown, kShutdownAck, kError,   kCookieEcho, kCookieAck, kShutdownComplete, kInit};

struct Turn {
    Chunk chunk;
    bool from_server;
};
/// An association's ordinary life.
constexpr std::array<Turn, 9> kLife{{{kInit, false},
                                     {kInitAck, true},
                                     {kCookieEcho, false},
                                     {kCookieAck, true},
                                     {kData, false},
                                     {kSack, true},
                                     {kShutdown, false},
                                     {kShutdownAck, true},
                                     {kShutdownComplete, false}}};

}  // namespace

uint8_t Generator::choose_chunk(Talk& talk, bool& from_server) {
    from_server = random_.percent(50);
    if (random_.percent(25)) return random_.pick(kAnyChunk);
    const Turn& turn = kLife[talk.chunk % kLife.size()];
    if (random_.percent(85)) ++talk.chunk;
    from_server = turn.from_server;
    return turn.chunk;
}

bool Generator::write_sctp(Talk& talk) {
    bool from_server = false;
    upper_.assign(12, 0);
    uint32_t tag = 0;
    for (uint32_t left = random_.percent(85) ? 1 : 2; left > 0; --left) {
        const uint8_t chunk = choose_chunk(talk, from_server);
        const bool init = chunk == kInit || chunk == kInitAck;
        Bytes body(init ? 20 : 4 + 4 * random_.below(4));
        body[0] = chunk;
        if (random_.percent(10)) body[1] = static_cast<uint8_t>(random_.below(2));  // ABORT's T bit
        store_be16(&body[2],
                   static_cast<uint16_t>(random_.percent(97) ? body.size() : random_.below(8)));
        if (init) store_be32(&body[4], talk.tags[from_server ? 1 : 0]);
        upper_.insert(upper_.end(), body.begin(), body.end());
        tag = chunk == kInit ? 0 : talk.tags[from_server ? 0 : 1];
    }
    if (random_.percent(8)) tag = random_.percent(50) ? 0 : tag + 1;
    store_be16(&upper_[0], talk.ports[from_server ? 1 : 0]);
    store_be16(&upper_[2], talk.ports[from_server ? 0 : 1]);
    store_be32(&upper_[4], tag);
    // The sum stands there with its lowest byte first (RFC 9260 appendix A).
    const uint32_t sum = ~crc32c(~0U, upper_);
    store_be32(&upper_[8], random_.percent(97) ? __builtin_bswap32(sum) : 1);
    return from_server;
}

}  // namespace ravelin::differential
