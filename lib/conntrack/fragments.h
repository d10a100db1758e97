// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "base/page_array.h"
#include "base/time.h"
#include "conntrack/options.h"
#include "conntrack/tracker.h"
#include "flow/table.h"
#include "packet/drop_reason.h"
#include "packet/frame.h"
#include "packet/headers.h"

#include <array>
#include <cstdint>
#include <immintrin.h>

namespace ravelin {

/// What one worker may hold; fixed at start.
struct FragmentCapacity {
    uint32_t datagrams = 1024;  ///< incomplete or remembered
    uint32_t fragments = 4096;  ///< of all of them; each one keeps a packet buffer
    bool operator==(const FragmentCapacity&) const noexcept = default;
};

/// What becomes of all fragments of a datagram. With a reason they are dropped.
struct DatagramVerdict {
    DropReason reason = DropReason::None;
    CtClass ct_class = CtClass::Invalid;
    Direction direction = Direction::Original;
    Family family = Family::None;
    uint8_t out_port = 0;
    uint8_t owner = 0;  ///< worker that is to judge it
    bool hand_off = false;
    uint64_t flow = 0;
};

/// Fragments that leave together, in the order in which they came.
struct FragmentGroup {
    uint32_t first = UINT32_MAX;  ///< for FragmentTable::take()
    /// The packet of the burst that settled them: theirs is its place among the others.
    uint32_t place = 0;
    DatagramVerdict verdict{};
};

/// Virtual reassembly of one shard (ADR 12): holds fragments until their datagram is whole, so that
/// it can be judged as one packet, and lets them go unchanged.
///
/// Theory of operation: a datagram has a sorted array of at most kMaxParts disjoint parts, a list
/// of its frames in order of arrival, and a place in two lists by age: of its family (for timeouts
/// and eviction) and of its source (for the source's limits). A part that overlaps others with
/// differing bytes, or only in part, poisons the datagram: what is held is dropped, and its key is
/// remembered until its timeout, so that what comes later is dropped too. Neither parts nor poison
/// ever extend that time. Every bound gives way to the newest: the oldest datagram has to go.
///
/// Whatever is let go waits in a queue of groups, which the caller empties after each burst; until
/// then it still takes its slots, for which there is spare room of one burst.
class FragmentTable {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;
    /// A datagram of 65,535 bytes comes in 45 fragments over a link of 1,500 (threats T42).
    static constexpr uint32_t kMaxParts = 64;
    /// Most fragments that may be added between two times that the queue of groups is emptied.
    static constexpr uint32_t kSpare = 64;

    FragmentTable(const FragmentCapacity& capacity, const HashSecret& secret);

    struct Added {
        DropReason reason = DropReason::None;  ///< None: the frame is held
        uint32_t complete = kNone;             ///< for assemble() and settle()
    };
    /// What add() wants to know of a fragment that parse() accepted: a hash of what names its
    /// datagram. Asks for the memory that it will touch.
    [[nodiscard]] uint32_t prefetch(const Frame& frame, const Headers& headers) const noexcept;
    /// Takes a fragment that parse() accepted. With a reason the frame stays the caller's, and
    /// whatever else of the datagram was held may be on its way out for the same reason.
    Added add(const Frame& frame, const Headers& headers, uint32_t hash, uint32_t place,
              const FragmentOptions& options, Instant now) noexcept;

    /// The complete datagram as one frame without any trace of fragments. Its bytes are the
    /// table's and valid until the next call. `reason`: FragmentTooLong when it is no IP packet.
    Frame assemble(uint32_t datagram, DropReason& reason) noexcept;
    /// Lets the complete datagram go and forgets it.
    void settle(uint32_t datagram, const DatagramVerdict& verdict, uint32_t place) noexcept;

    /// Drops what waited for too long, at most `budget` datagrams; how overdue the oldest of those
    /// is that are left.
    Duration expire(const FragmentOptions& options, Instant now, uint32_t budget) noexcept;
    /// Drops everything.
    void clear(DropReason reason) noexcept;

    /// The next group to let go; false: none.
    bool next(FragmentGroup& group) noexcept;
    [[nodiscard]] bool has_groups() const noexcept { return group_count_ != 0; }
    /// Takes the next frame of a group, whose buffer is the caller's from now on; false at its end.
    bool take(FragmentGroup& group, Frame& frame) noexcept;

    /// Frames inside, those of the groups included.
    [[nodiscard]] uint32_t held() const noexcept { return held_; }
    /// Datagrams of which something is held.
    [[nodiscard]] uint32_t incomplete() const noexcept { return incomplete_; }
    /// The same and those that are only remembered.
    [[nodiscard]] uint32_t datagrams() const noexcept { return table_.size(); }

  private:
    /// Identity of a datagram: RFC 791 3.2 and, without the protocol, RFC 8200 4.5. Made and
    /// compared in registers: what is written in pieces is slow to read as a block.
    struct Key {
        __m128i source{};       ///< an IPv4 address in its first four bytes
        __m128i destination{};  ///< likewise
        __m128i rest{};         ///< identification; VLANs, port, protocol (0 for IPv6) and family

        Key() = default;
        Key(const Frame& frame, const Headers& headers) noexcept;
        [[nodiscard]] Family family() const noexcept {
            return static_cast<Family>(_mm_extract_epi8(rest, 14));
        }
        bool operator==(const Key& other) const noexcept;
    };

    struct Part {
        uint16_t offset = 0;
        uint16_t end = 0;
        uint32_t slot = 0;
    };
    struct Link {
        uint32_t previous = kNone;
        uint32_t next = kNone;
    };
    /// Two cache lines, then the parts.
    struct alignas(64) Datagram {
        Key key{};
        Instant arrived{};  ///< its first fragment
        uint32_t hash = 0;
        uint32_t source = 0;  ///< index into sources_
        uint64_t age = 0;     ///< ordinal of its first fragment
        Link by_age{};        ///< among those of its family
        Link by_source{};
        uint32_t first_slot = kNone;
        uint32_t last_slot = kNone;
        uint32_t bytes = 0;    ///< of the frames
        uint32_t covered = 0;  ///< of the datagram
        uint32_t total = 0;    ///< once the last fragment has come
        uint32_t parts = 0;
        DropReason poison = DropReason::None;
        std::array<Part, kMaxParts> part{};
    };
    static_assert(sizeof(Datagram) == 128 + kMaxParts * sizeof(Part));
    struct List {
        uint32_t head = kNone;
        uint32_t tail = kNone;
    };
    struct alignas(32) Source {
        List list{};
        uint32_t datagrams = 0;
        uint32_t fragments = 0;
        uint32_t bytes = 0;
    };
    struct Slot {
        Frame frame{};
        uint32_t next = kNone;
        uint16_t data = 0;  ///< first byte of the fragment's own
        uint16_t l3 = 0;
    };
    /// One fragment as its header describes it.
    struct Fragment;

    [[nodiscard]] uint32_t hash_of(const Key& key) const noexcept;
    [[nodiscard]] uint32_t source_of(const Key& key) const noexcept;
    [[nodiscard]] static Duration timeout_of(const Datagram& datagram,
                                             const FragmentOptions& options) noexcept;
    template <Link Datagram::*kLink>
    void link(List& list, uint32_t index) noexcept;
    template <Link Datagram::*kLink>
    void unlink(List& list, uint32_t index) noexcept;
    List& list_of(Family family) noexcept { return by_age_[family == Family::Ipv6 ? 1 : 0]; }

    uint32_t find(const Key& key, uint32_t hash, uint32_t place, const FragmentOptions& options,
                  Instant now) noexcept;
    uint32_t create(const Key& key, uint32_t hash, uint32_t place, const FragmentOptions& options,
                    Instant now) noexcept;
    DropReason check(const Datagram& datagram, const Fragment& fragment,
                     const FragmentOptions& options, uint32_t& at) const noexcept;
    DropReason check_overlap(const Datagram& datagram, const Fragment& fragment,
                             uint32_t& at) const noexcept;
    DropReason make_room(uint32_t index, const Frame& frame, uint32_t place,
                         const FragmentOptions& options) noexcept;
    void insert(uint32_t index, const Fragment& fragment, uint32_t at) noexcept;
    [[nodiscard]] uint32_t oldest() const noexcept;
    /// Asks for the memory that the next eviction will touch.
    void prefetch_oldest() const noexcept;
    void release(uint32_t index, const DatagramVerdict& verdict, uint32_t place) noexcept;
    void drop(uint32_t index, DropReason reason, uint32_t place) noexcept;
    void forget(uint32_t index) noexcept;

    FragmentCapacity capacity_;
    KeyedHash hash_;
    FlowTable table_;
    PageArray<Datagram> datagrams_;
    PageArray<Slot> slots_;
    PageArray<Source> sources_;
    PageArray<FragmentGroup> groups_;  ///< a ring
    PageArray<uint8_t> scratch_;
    std::array<List, 2> by_age_{};
    uint32_t free_datagram_ = 0;
    uint32_t free_slot_ = 0;
    uint32_t held_ = 0;
    uint32_t waiting_ = 0;  ///< frames of datagrams, so without those of the groups
    uint64_t waiting_bytes_ = 0;
    uint32_t incomplete_ = 0;
    uint64_t next_age_ = 0;
    uint32_t group_head_ = 0;
    uint32_t group_count_ = 0;
};

}  // namespace ravelin
