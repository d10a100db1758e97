// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"
#include "conntrack/connection.h"
#include "conntrack/counters.h"
#include "conntrack/options.h"
#include "conntrack/record.h"
#include "conntrack/renewals.h"
#include "conntrack/stale_reports.h"
#include "conntrack/tombstones.h"
#include "conntrack/tracked.h"
#include "flow/extract.h"
#include "flow/table.h"
#include "sync/spsc_ring.h"
#include "timer/wheel.h"

#include <atomic>
#include <cstdint>
#include <span>

namespace ravelin {

/// Where a shard's events go; management owns both.
struct EventPort {
    SpscRing<FlowEvent>* ring = nullptr;
    const std::atomic<bool>* wanted = nullptr;  ///< nobody listens: no event is built
};

/// Connection tracking of one shard: the table, the connections, their timers. Pure: bytes, values
/// and `now` in, a judgement out. What has ended by its deadline is gone for every look-up at once,
/// however far the wheel is behind.
class Conntrack {
  public:
    static constexpr uint32_t kNone = FlowTable::kNone;

    Conntrack(const ConntrackCapacity& capacity, const FlowExtractor& extractor, uint8_t shard,
              ConntrackCounters& counters, EventPort events, Instant start);

    /// Whoever wants Tracked::flow (replay, explain) asks once; it costs a hash per packet.
    void identify(bool on) noexcept { identify_ = on; }

    [[nodiscard]] const FlowExtractor& extractor() const noexcept { return extractor_; }

    // The steps of a look-up, some time apart, so that the memory that one step asks for has
    // arrived at the next.
    void prefetch_bucket(const FlowId& id) const noexcept { table_.prefetch(id.hash); }
    /// Reads the bucket and asks for the connection; returns a candidate or kNone.
    [[nodiscard]] uint32_t prefetch_connection(const FlowId& id) const noexcept {
        return prefetch_candidate(id, table_.candidate(id.hash));
    }
    /// Once more for one that the first bucket had no room for: without this step it would wait for
    /// two lines in a row.
    [[nodiscard]] uint32_t prefetch_overflowed(const FlowId& id) const noexcept {
        return prefetch_candidate(id, table_.next_candidate(id.hash));
    }

    /// Waits for a candidate: the processor drops some of so many prefetches. Loads it has to
    /// finish, and a short loop of them overlaps as many as it can.
    void fetch(uint32_t candidate, const FlowId& id) const noexcept {
        if (candidate == kNone) return;
        const auto load = [](const void* at) {
            static_cast<void>(*static_cast<const volatile uint8_t*>(at));
        };
        const Connection& connection = connections_[candidate];
        load(&connection.key);
        if (id.key.protocol == ip_protocol::kTcp) load(&connection.created);
        if (id.key.family == Family::Ipv6 && has_ipv6_room(candidate)) load(&ipv6_of(candidate));
    }

    /// track() for nearly every packet: UDP or TCP in a connection that both sides have proven, in
    /// which it changes nothing but how long it lives. True: it is one, counted and renewed, and
    /// `direction` is set. False: it isn't, or that takes a closer look; nothing has changed.
    bool track_established(const Headers& headers, const FlowId& id, const uint8_t* l4,
                           uint32_t candidate, const Renewals& renewals,
                           Direction& direction) noexcept;
    /// The id of a connection for whoever wants it (identify()), or 0.
    [[nodiscard]] uint64_t told_id(uint32_t index) const noexcept {
        return identify_ ? id_of(index) : 0;
    }

    /// Last step, for a packet that is no ICMP error. `candidate` is what the steps before
    /// returned; `l4` points at the L4 header. Renews, moves or ends the connection.
    Tracked track(const Headers& headers, const FlowId& id, const uint8_t* l4, uint32_t candidate,
                  const TrackingSets& options, Instant now) noexcept;

    /// Last step for an ICMP error; `id` is that of the quoted packet. May end a connection that
    /// nobody has answered; changes nothing else (RFC 5508 REQ-6, netfilter
    /// nf_conntrack_inet_error()).
    Tracked relate(const FlowId& id, uint32_t quoted_sequence, uint32_t candidate,
                   const TrackingOptions& options, Instant now) noexcept;

    /// Makes the connection of a New packet that the policy allowed, and counts that packet.
    Opened open(const Headers& headers, const FlowId& id, const uint8_t* l4, const Opening& opening,
                const TrackingSets& options, Instant now) noexcept;

    /// Whether such a connection may have been opened since note_opened() was called last. Whoever
    /// knows of one that there was none needs to look again only then.
    [[nodiscard]] bool may_have_opened(const FlowId& id) const noexcept {
        return (opened_hashes_[id.hash / 64 % opened_hashes_.size()] >> id.hash % 64 & 1U) != 0;
    }
    void note_opened() noexcept { opened_hashes_ = {}; }

    /// The connection that was opened for a late packet, as one of the original direction, goes on
    /// as what `late` remembers, which is forgotten.
    void resume(uint32_t index, const Late& late) noexcept;

    /// For a packet that has no connection: asks for the memory that find_late() will read.
    void prefetch_tombstone(const FlowId& id) const noexcept {
        tombstones_.prefetch(extractor_.hash64(id.key));
    }

    /// The ended connection that a packet without a connection belongs to, if it is remembered.
    /// `l4` is nullptr for an ICMP error, whose `id` is that of the quoted packet.
    [[nodiscard]] Late find_late(const FlowId& id, const uint8_t* l4,
                                 const TombstoneOptions& options, Instant now) noexcept;

    /// Writes a late packet up, and tells whoever listens: of the first one of a connection, the
    /// second, the fourth and so on, so that a flood of them is no flood of events. `drop` is the
    /// reason that it was dropped for.
    void report(const Late& late, const FlowId& id, DropReason drop, Instant now) noexcept;

    /// Such reports.
    [[nodiscard]] const StaleReports& reports() const noexcept { return reports_; }

    /// The connection has begun anew.
    void forget(Tombstone& tombstone) noexcept;

    // What is, or could be, a VPN tunnel carries the handle of whoever watches it
    // (carries_handle()); TCP only that somebody does: kWatchedStream.

    /// From its next packet on Tracked says `handle`; 0: no longer.
    void watch(uint32_t index, uint32_t handle) noexcept;
    /// Of packets of this direction that begin with `first_byte` and carry more than `small` bytes
    /// Tracked no longer says it: they pass by. None does for a `small` beyond PlainData::kLongest.
    void let_pass(uint32_t index, Direction direction, uint8_t first_byte, uint16_t small) noexcept;
    void let_none_pass(uint32_t index, Direction direction) noexcept;
    [[nodiscard]] bool lets_pass(uint32_t index, Direction direction) const noexcept;
    /// How many packets have passed by since this was asked last, by Direction. The connection
    /// lives on for as long as if they had been seen now.
    std::array<uint32_t, 2> take_passed(uint32_t index, Instant now) noexcept;
    void watch_stream(uint32_t index, bool on) noexcept;
    /// What the live connection at `index` carries, or 0.
    [[nodiscard]] uint32_t watched_as(uint32_t index) const noexcept;
    /// It lives for at least `timeout` after each packet, this one included.
    void prolong(uint32_t index, Duration timeout, Instant now) noexcept;
    /// It is ASSURED from now on: what it carries has proven to be wanted.
    void assure(uint32_t index, Instant now) noexcept;
    /// Ends it.
    void close(uint32_t index, EndReason reason, Direction by, Instant now) noexcept;

    /// Ends what is due; call it once per iteration. Looks at `budget` connections at most, and
    /// besides at as many as have been opened since: a flood of new ones never outruns it.
    void expire(Instant now, uint32_t budget) noexcept;

    /// Copies connections from entry `cursor` on, looking at no more than `budget` entries, and
    /// moves `cursor`. True when the last entry was looked at.
    bool dump(uint32_t& cursor, uint32_t budget, std::span<FlowRecord> out, uint32_t& written,
              Instant now) const noexcept;

    /// The connection at `index`, as dump() copies it.
    void record(uint32_t index, Instant now, FlowRecord& out) const noexcept;

    [[nodiscard]] bool is_heard() const noexcept {
        return events_.wanted != nullptr && events_.wanted->load(std::memory_order_relaxed);
    }
    /// Tells whoever listens; only while somebody does (is_heard()).
    void push(const FlowEvent& event) noexcept;

    /// Ends connections from entry `cursor` on in the same way.
    bool flush(uint32_t& cursor, uint32_t budget, Instant now) noexcept;

    [[nodiscard]] uint32_t size() const noexcept { return table_.size(); }
    [[nodiscard]] uint32_t timers() const noexcept { return wheel_.size(); }
    [[nodiscard]] uint32_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] size_t memory_bytes() const noexcept;

  private:
    /// Addresses are a quarter of an IPv6 connection, and IPv4 connections would carry them for
    /// nothing: so the first connections of the shard have no room for them (ADR 24).
    [[nodiscard]] bool has_ipv6_room(uint32_t index) const noexcept { return index >= ipv6_from_; }
    [[nodiscard]] const Ipv6Ends& ipv6_of(uint32_t index) const noexcept {
        return ipv6_[index - ipv6_from_];
    }
    /// The list of unused entries that a connection of this family takes its own from.
    [[nodiscard]] uint32_t& free_for(Family family) noexcept;

    uint32_t prefetch_candidate(const FlowId& id, uint32_t candidate) const noexcept;
    /// The live connection of this id, or kNone. What is past its deadline is ended first.
    uint32_t find(const FlowId& id, uint32_t candidate, Instant now) noexcept;
    [[nodiscard]] uint32_t find_in_table(const FlowId& id) const noexcept;
    [[nodiscard]] bool same(uint32_t index, const FlowId& id) const noexcept;
    [[nodiscard]] Direction direction_of(const Connection& connection,
                                         const FlowId& id) const noexcept;
    /// Into another state of its protocol, with the gauges.
    void move(Connection& connection, uint8_t state, Direction by) noexcept;
    TrackStep step(Connection& connection, const Headers& headers, const uint8_t* l4,
                   Direction direction, const TrackingSets& options, Instant now) noexcept;
    TrackStep step_udp(Connection& connection, const Headers& headers, const uint8_t* l4,
                       Direction direction, const TrackingSets& options, Instant now) noexcept;
    TrackStep step_other(Connection& connection, const Headers& headers, const uint8_t* l4,
                         Direction direction, const TrackingOptions& options) noexcept;
    /// What a packet is that has no connection.
    [[nodiscard]] Tracked missing(const Headers& headers, const uint8_t* l4,
                                  const TrackingOptions& options, Instant now) const noexcept;
    bool may_open(const Headers& headers, const uint8_t* l4, const TrackingOptions& options,
                  Instant now, Connection& connection, DropReason& reason) const noexcept;
    void apply(uint32_t index, const Headers& headers, Direction direction, const TrackStep& step,
               Instant now) noexcept;
    /// What apply() seldom has to do.
    void progress(uint32_t index, const TrackStep& step, Direction direction, bool first_reply,
                  bool newly_assured, Instant now) noexcept;
    void renew(uint32_t index, Duration timeout, Instant now, bool only_later = false) noexcept;
    /// The deadline comes nearer; the wheel is told if it must know.
    void hasten(uint32_t index, Tick deadline) noexcept;
    void end(uint32_t index, EndReason reason, Instant now) noexcept;
    /// Asks for the memory that end() needs besides the first line of the connection.
    void prefetch_end(const Connection& connection) const noexcept;
    /// Leaves a tombstone of a connection that ends.
    void bury(const Connection& connection, EndReason reason, Tick now) noexcept;
    [[nodiscard]] Counter& gauge(const Connection& connection) noexcept;
    [[nodiscard]] uint64_t id_of(uint32_t index) const noexcept;
    void emit(EventKind kind, uint32_t index, EndReason reason, Instant now) noexcept;

    uint32_t capacity_;
    uint32_t ipv6_from_;  ///< the first entry with room for IPv6 addresses
    uint8_t shard_;
    bool identify_ = false;
    Instant started_;  ///< since when connections can have been seen
    /// First unused entry without and with room for IPv6 addresses; the next one stands in its
    /// hash.
    std::array<uint32_t, 2> free_{kNone, kNone};
    uint32_t opened_ = 0;  ///< since expire()
    /// By hash, what has been opened since note_opened(): several times the bits that a burst sets.
    std::array<uint64_t, 8> opened_hashes_{};
    FlowExtractor extractor_;
    FlowTable table_;
    PageArray<Connection> connections_;
    Wheel wheel_;
    PageArray<Ipv6Ends> ipv6_;  ///< ipv6_of(); valid for IPv6 connections
    TombstoneTable tombstones_;
    StaleReports reports_;
    ConntrackCounters& counters_;
    EventPort events_;
};

}  // namespace ravelin
