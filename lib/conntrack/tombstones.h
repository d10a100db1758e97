// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"
#include "base/time.h"
#include "conntrack/close_reason.h"
#include "conntrack/options.h"

#include <array>
#include <cstdint>
#include <type_traits>

namespace ravelin {

/// What stays of a connection that has ended: 32 bytes, two to a cache line.
///
/// It holds no addresses: the late packet brings them, and the keyed hash says whether they are the
/// same. Two connections share a hash with a probability of 2^-64 for each pair.
struct Tombstone {
    uint64_t hash = 0;    ///< of the normalised key, FlowExtractor::hash64(); 0: none
    Tick ended{};         ///< the end, or the deadline that passed
    uint32_t lasted = 0;  ///< ticks from its first packet to its end
    /// By the Direction of a late packet: TCP: the next sequence number that the connection
    /// expected; SCTP: the verification tag that its packets had to carry. UDP that was watched:
    /// the first is the handle.
    std::array<uint32_t, 2> expected{};
    uint8_t protocol = 0;
    uint8_t state = 0;  ///< of the protocol's tracker: TcpPhase, SctpPhase
    uint8_t flags = 0;  ///< connection_flag, of which the origin: side and order of the ends
    CloseReason reason = CloseReason::None;
    ClosedBy closed_by = ClosedBy::Unknown;
    StalePolicy late = StalePolicy::General;
    uint16_t report = 0;  ///< where its late packets are written up; 0: none has come

    [[nodiscard]] bool has(uint8_t flag) const noexcept { return (flags & flag) != 0; }
    bool operator==(const Tombstone&) const noexcept = default;
};
static_assert(std::has_unique_object_representations_v<Tombstone> && sizeof(Tombstone) == 32);

/// The tombstones of one shard, found by hash.
///
/// Theory: buckets of four records, which are two neighbouring cache lines. A new record takes the
/// place of one with the same hash, else an empty place, else that of the oldest in its bucket.
/// Nothing is ever swept: what is older than the `ttl` of a look-up isn't found, and its place is
/// the first to be taken. So a flood of short connections shortens the memory, and never grows it.
class TombstoneTable {
  public:
    static constexpr uint32_t kWays = 4;

    /// Room for `capacity` records, rounded up to whole buckets. None: nothing is kept or found.
    explicit TombstoneTable(uint32_t capacity);

    /// Asks for the bucket's memory, so that find() or insert() needn't wait for it.
    void prefetch(uint64_t hash) const noexcept;

    /// Where insert() found a place.
    enum class Place : uint8_t { None, Empty, Same, Oldest };
    struct Inserted {
        Place place = Place::None;  ///< None: the table has no room at all
        Duration age{};             ///< with Oldest: how long the record that had to go had stood
    };

    /// Takes `tombstone` in; its hash isn't 0 and its end is no later than `now`.
    Inserted insert(const Tombstone& tombstone, Tick now) noexcept;

    /// The record of this hash that ended at most `ttl` before `now`, or nullptr. Valid until the
    /// next insert().
    [[nodiscard]] Tombstone* find(uint64_t hash, Tick now, Duration ttl) noexcept;

    void erase(Tombstone& tombstone) noexcept;

    /// Records that stand in it, expired ones included.
    [[nodiscard]] uint32_t size() const noexcept { return size_; }
    [[nodiscard]] uint32_t capacity() const noexcept { return buckets_ * kWays; }
    [[nodiscard]] size_t memory_bytes() const noexcept { return records_.bytes(); }

  private:
    /// Index of the bucket's first record. The upper half of the hash: connections are spread over
    /// their own table by the lower one.
    [[nodiscard]] size_t bucket(uint64_t hash) const noexcept {
        return static_cast<size_t>((hash >> 32) * buckets_ >> 32) * kWays;
    }
    [[nodiscard]] Tombstone& place_for(uint64_t hash, Tick now) noexcept;

    uint32_t buckets_;
    uint32_t size_ = 0;
    PageArray<Tombstone> records_;
};

}  // namespace ravelin
