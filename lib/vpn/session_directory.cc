// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/session_directory.h"

#include "vpn/continuity.h"

namespace ravelin {

namespace {

uint32_t seconds(Instant now) noexcept {
    return static_cast<uint32_t>(now.time_since_epoch() / 1s);
}

}  // namespace

SessionDirectory::Place SessionDirectory::place_of(const Tunnel& tunnel) const noexcept {
    const uint64_t hash = session_hash(hash_, tunnel);
    const size_t buckets = words_.size() / kWays;
    const auto tag = static_cast<uint32_t>(hash) >> 8;
    return {static_cast<size_t>((hash >> 32) * buckets >> 32) * kWays, tag != 0 ? tag : 1};
}

void SessionDirectory::note(const Tunnel& tunnel, uint8_t worker, Instant now) noexcept {
    const Place place = place_of(tunnel);
    size_t oldest = place.bucket;
    for (size_t way = place.bucket; way < place.bucket + kWays; ++way) {
        const uint64_t word = words_[way].load(std::memory_order_relaxed);
        if (word >> 40 == place.tag || word == 0) {
            oldest = way;
            break;
        }
        if (static_cast<uint32_t>(word) <
            static_cast<uint32_t>(words_[oldest].load(std::memory_order_relaxed)))
            oldest = way;
    }
    words_[oldest].store(uint64_t{place.tag} << 40 | uint64_t{worker} << 32 | seconds(now),
                         std::memory_order_relaxed);
}

bool SessionDirectory::knows(const Tunnel& candidate, Instant now) const noexcept {
    const Place place = place_of(candidate);
    for (size_t way = place.bucket; way < place.bucket + kWays; ++way) {
        const uint64_t word = words_[way].load(std::memory_order_relaxed);
        if (word >> 40 != place.tag) continue;
        // A worker's time is behind that of the others by its pauses.
        const auto age = static_cast<int32_t>(seconds(now) - static_cast<uint32_t>(word));
        return age <= kLifetime / 1s;
    }
    return false;
}

bool SessionDirectory::moved_from(const Tunnel& tunnel, uint8_t worker,
                                  Instant now) const noexcept {
    const Place place = place_of(tunnel);
    const Instant heard = now - Tick::at(now).since(tunnel.last_seen[0]) * kTick;
    for (size_t way = place.bucket; way < place.bucket + kWays; ++way) {
        const uint64_t word = words_[way].load(std::memory_order_relaxed);
        if (word >> 40 != place.tag) continue;
        return static_cast<uint8_t>(word >> 32) != worker &&
               static_cast<uint32_t>(word) > seconds(heard);
    }
    return false;
}

}  // namespace ravelin
