// SPDX-License-Identifier: BSD-3-Clause
// IPsec where no NAT stands between the ends: IKE on port 500, and ESP or AH beside it, of which
// each security association goes one way and is a connection of its own (ADR 13, ADR 22). Nothing
// in them says which belong together but their addresses: whatever two of them exchange is one
// tunnel, whose connections all carry its handle. It lives in one of them, and goes on in another
// when that one ends: IKE may keep silent for hours, and a rekey replaces every SPI.
#include "vpn/tunnels.h"

#include <utility>

namespace ravelin {

namespace {

__m128i load(const Address& address) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(address.bytes.data()));
}

/// Whoever of the two comes first.
uint32_t hash_of_ends(const KeyedHash& hash, const Tunnel& ends) noexcept {
    const bool in_order = ends.address[0] < ends.address[1];
    const __m128i low = load(ends.address[in_order ? 0 : 1]);
    const __m128i high = load(ends.address[in_order ? 1 : 0]);
    return static_cast<uint32_t>(hash(low, high));
}

bool same_ends(const Tunnel& one, const Tunnel& other) noexcept {
    if (one.wire != other.wire) return false;
    return one.address == other.address ||
           (one.address[0] == other.address[1] && one.address[1] == other.address[0]);
}

/// Whoever began: the two name the IKE SA by the same SPIs.
bool same_ike(const Tunnel& one, const Tunnel& other) noexcept {
    return one.session == other.session ||
           (one.session[0] == other.session[1] && one.session[1] == other.session[0]);
}

}  // namespace

uint32_t TunnelTable::newest_between(const Tunnel& ends) const noexcept {
    return pairs_.find(hash_of_ends(hash_, ends),
                       [&](uint32_t slot) { return same_ends(slots_[slot], ends); });
}

uint32_t TunnelTable::part_of(const Tunnel& candidate) const noexcept {
    const uint32_t slot = newest_between(candidate);
    if (slot == FlowTable::kNone) return kNoTunnel;
    const Tunnel& tunnel = slots_[slot];
    // An IKE SA that is made anew is another session's. A later exchange is the tunnel's own, or
    // that of ESP that had been there before us.
    const bool ike = candidate.protocol == VpnProtocol::Ike;
    const bool unknown = tunnel.session == std::array<uint64_t, 2>{};
    if (ike && !(candidate.picked_up && (unknown || same_ike(tunnel, candidate)))) return kNoTunnel;
    return handle_of(slot);
}

void TunnelTable::list_pair(uint32_t slot) noexcept {
    Tunnel& tunnel = slots_[slot];
    if (const uint32_t before = newest_between(tunnel); before != FlowTable::kNone)
        forget_pair(slots_[before]);
    tunnel.newest_between = pairs_.insert(hash_of_ends(hash_, tunnel), slot);
}

void TunnelTable::forget_pair(Tunnel& tunnel) noexcept {
    if (!std::exchange(tunnel.newest_between, false)) return;
    pairs_.erase(hash_of_ends(hash_, tunnel), slot_of(tunnel));
}

}  // namespace ravelin
