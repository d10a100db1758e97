// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "base/page_array.h"
#include "conntrack/conntrack.h"
#include "flow/table.h"
#include "sync/spsc_ring.h"
#include "vpn/budget.h"
#include "vpn/observer.h"
#include "vpn/options.h"
#include "vpn/session_directory.h"
#include "vpn/tunnel.h"
#include "vpn/tunnel_counters.h"
#include "vpn/tunnel_packet.h"
#include "vpn/tunnel_record.h"

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace ravelin {

/// The tunnels of one shard.
///
/// Theory: a new UDP connection whose first packet could begin a tunnel gets a slot, and its
/// connection carries the slot's handle (of TCP see streams.cc, of ESP and AH bare_ipsec.cc); every
/// other one costs one test of a flag. Until the server side has answered in kind a slot is a
/// candidate: it changes nothing, and gives way, the oldest first, when slots run out. A tunnel
/// that is confirmed keeps its slot until its connection ends, so a flood of look-alikes takes no
/// tunnel's place.
///
/// Nearly all packets of a tunnel are plain data, and don't come here: whoever owns the connection
/// knows them by Tunnel::data_byte and Tunnel::small, counts them, and says how many there were
/// with the next packet that does come, and at tend(). So that the packet counter is known, one
/// packet of each direction comes in a while: tend() says when.
///
/// A roaming client is found by what the server side called its session: (server's end, peer id).
class TunnelTable {
  public:
    static constexpr uint32_t kMost = 65536;
    static constexpr uint32_t kNoTunnel = 0;  ///< no handle
    static constexpr uint32_t kNone = UINT32_MAX;
    /// So often every tunnel is looked at for silence.
    static constexpr Duration kRound = 250ms;
    /// In one round of so many the next data packet of each direction is asked for.
    static constexpr uint32_t kSampleRounds = 4;

    /// `events` and `sessions` may be nullptr: nobody is told. kMost slots at most; 0: none
    /// watched.
    TunnelTable(uint32_t capacity, const HashSecret& secret, uint8_t worker,
                TunnelCounters& counters, SpscRing<TunnelEvent>* events,
                SessionDirectory* sessions = nullptr);

    using First = TunnelFirst;
    using Packet = TunnelPacket;
    using Effect = TunnelEffect;
    using Segment = TunnelSegment;

    /// The handle that its connection is to carry, or kNoTunnel. Of bare IPsec it may be that of a
    /// tunnel that is there: then observe() has to see this packet, too.
    uint32_t begin(const First& first, Instant now) noexcept;

    /// One packet of a connection that carries `handle`.
    Effect observe(uint32_t handle, const Packet& packet, const TunnelOptions& options,
                   Instant now) noexcept;

    // OpenVPN over TCP (streams.cc). The connection carries no handle.

    /// The handle of the tunnel in this TCP connection, or kNoTunnel.
    [[nodiscard]] uint32_t stream(uint32_t connection) const noexcept;
    /// What its client sends first; `first.payload` is all of the segment's.
    uint32_t begin_stream(const First& first, const Segment& segment, Instant now) noexcept;
    /// Every further segment.
    Effect observe_segment(uint32_t handle, const Segment& segment, const TunnelOptions& options,
                           Instant now) noexcept;
    /// The number of a connection is used again.
    void leave_stream(uint32_t connection, Instant now) noexcept {
        const uint32_t handle = streams_.size() == 0 ? kNoTunnel : stream(connection);
        if (handle != kNoTunnel) ended(slots_[handle & 0xffff], now);
    }

    /// An ICMP error about a packet of the tunnel's connection. `direction`: the error's own.
    void icmp_error(uint32_t handle, Direction direction, uint8_t type, uint8_t code, uint16_t mtu,
                    Instant now) noexcept;

    /// A packet came after its connection's end. Says whether the tunnel knows it for its own: by
    /// session, peer id or index.
    bool late(uint32_t handle, const Packet& packet, uint64_t drop, Instant now) noexcept;

    /// Whether a packet that came after the connection's end goes on where the tunnel stopped: by
    /// session, or by peer id, index or SPI and a counter that rises. Ten a second at most.
    bool resumes(uint32_t handle, const Packet& packet, Instant now) noexcept;
    /// The tunnel, whose connection had ended, is alive in this one. Says the timeout that it
    /// needs.
    Duration resume(uint32_t handle, uint32_t connection, Side from, Instant now) noexcept;

    /// Notices silence and connections that have ended; looks at no more than `budget` slots.
    /// `carries(connection)` is the handle that a live connection carries, or kNoTunnel;
    /// `take_passed(connection, sample)` is Packet::passed, and with `sample` the next data of the
    /// directions that had any has to come to observe(); `apply` takes (connection, Effect), of
    /// which only `close` and `timeout` are set.
    template <class Carries, class TakePassed, class Apply>
    void tend(Instant now, uint32_t budget, const TunnelOptions& options, Carries carries,
              TakePassed take_passed, Apply apply) noexcept {
        if (used_ == 0) cursor_ = 0;
        if (used_ == 0 || now < next_round_) return;
        for (; cursor_ < begun_ && budget > 0; ++cursor_, --budget) {
            Tunnel& tunnel = slots_[cursor_];
            if (!tunnel.is_open()) continue;
            const uint32_t handle = handle_of(cursor_);
            if (carries(tunnel.connection) != handle) {
                if (tunnel.beside == kNone || carries(tunnel.beside) != handle) {
                    ended(tunnel, now);
                    continue;
                }
                tunnel.connection = std::exchange(tunnel.beside, kNone);
            }
            hear_passed(tunnel, take_passed(tunnel.connection, round_ % kSampleRounds == 0), now);
            const Effect effect = check(tunnel, options, now);
            if (effect.changed) apply(tunnel.connection, effect);
        }
        if (cursor_ < begun_) return;
        cursor_ = 0;
        ++round_;
        next_round_ = now + kRound;
    }

    /// The live tunnel in this slot, or nullptr; data of it has passed by, as tend() would find.
    [[nodiscard]] const Tunnel* in_slot(uint32_t slot) const noexcept {
        return slots_[slot].is_open() ? &slots_[slot] : nullptr;
    }
    void note_passed(uint32_t slot, const std::array<uint32_t, 2>& passed, Instant now) noexcept {
        hear_passed(slots_[slot], passed, now);
    }

    /// Somebody has ended all connections: that is what their tunnels are found to have ended by.
    void note_flush(Instant now) noexcept { flushed_ = now; }

    /// Copies tunnels from slot `cursor` on, as Conntrack::dump() copies connections.
    bool dump(uint32_t& cursor, uint32_t budget, std::span<TunnelRecord> out, uint32_t& written,
              Instant now) const noexcept;

    /// The number that management knows the tunnel of `handle` by.
    [[nodiscard]] uint64_t id_of(uint32_t handle) const noexcept {
        return static_cast<uint64_t>(worker_) << 32 | handle;
    }
    [[nodiscard]] const Tunnel* find(uint32_t handle) const noexcept;
    [[nodiscard]] uint32_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] bool is_empty() const noexcept { return used_ == 0; }
    /// tend() has more to look at before the next round.
    [[nodiscard]] bool is_in_round() const noexcept { return cursor_ != 0; }
    [[nodiscard]] size_t memory_bytes() const noexcept {
        return slots_.bytes() + roaming_.bytes() + streams_.memory_bytes() + pairs_.memory_bytes();
    }

  private:
    [[nodiscard]] uint32_t handle_of(uint32_t slot) const noexcept {
        return static_cast<uint32_t>(slots_[slot].generation) << 16 | slot;
    }

    /// Data that nobody looked at.
    static void hear_passed(Tunnel& tunnel, const std::array<uint32_t, 2>& passed,
                            Instant now) noexcept;
    /// One packet of it that was looked at.
    static void hear_data(Tunnel& tunnel, Side from, std::span<const uint8_t> payload,
                          Instant now) noexcept;
    /// What a packet of the connection that the tunnel has left, or has come back to, leads to.
    void look_elsewhere(Tunnel& tunnel, const Packet& packet, Side from, Instant now) noexcept;
    Effect judge(uint32_t slot, Seeing seeing, Side from, const TunnelOptions& options) noexcept;
    static void hear(Tunnel& tunnel, Side from, Instant now) noexcept;
    /// The handle of the tunnel whose client goes on from here, or kNoTunnel.
    uint32_t roam(const First& first, const Tunnel& candidate, Instant now) noexcept;
    /// The handle of a tunnel that doesn't count in clear, and whose client `candidate` may be.
    [[nodiscard]] uint32_t may_continue(const Tunnel& candidate) const noexcept;
    /// A packet of a candidate that may be such a client.
    Effect look_provisional(uint32_t slot, const Packet& packet, Side from, Instant now) noexcept;
    /// The tunnel goes on in this connection of its client, whose packet showed `counter`.
    void move(Tunnel& tunnel, uint32_t connection, const Address& address, uint16_t port,
              Instant now) noexcept;
    [[nodiscard]] size_t roaming_bucket(const Tunnel& tunnel) const noexcept;
    void remember(const Tunnel& tunnel, uint32_t handle) noexcept;
    [[nodiscard]] static bool find_step(Tunnel& tunnel, Side from, const Segment& segment) noexcept;
    void forget_stream(Tunnel& tunnel) noexcept;
    /// Of bare IPsec (bare_ipsec.cc): the handle of the tunnel that `candidate` is a part of.
    [[nodiscard]] uint32_t part_of(const Tunnel& candidate) const noexcept;
    [[nodiscard]] uint32_t newest_between(const Tunnel& ends) const noexcept;
    void list_pair(uint32_t slot) noexcept;
    void forget_pair(Tunnel& tunnel) noexcept;
    Effect check(Tunnel& tunnel, const TunnelOptions& options, Instant now) noexcept;
    void check_silence(Tunnel& tunnel, Instant now) noexcept;
    void ended(Tunnel& tunnel, Instant now) noexcept;
    /// A free slot, or that of the oldest candidate, or kNone.
    uint32_t take_slot() noexcept;
    void release(uint32_t slot) noexcept;
    /// Takes a slot that is free out of its queue, wherever it stands there.
    void reclaim(uint32_t slot) noexcept;
    [[nodiscard]] static bool shows_session(const Tunnel& tunnel, Side from,
                                            std::span<const uint8_t> payload) noexcept;
    void link_candidate(uint32_t slot) noexcept;
    void unlink_candidate(uint32_t slot) noexcept;

    /// What observers are given of this table.
    class Desk final : public TunnelDesk {
      public:
        explicit Desk(TunnelTable& table) : table_{table} {}
        void tell(const Tunnel& tunnel, TunnelEventKind kind, Side from, Instant now,
                  uint64_t value) noexcept override {
            table_.tell(tunnel, kind, from, now, value);
        }

      private:
        TunnelTable& table_;
    };

    void tell(const Tunnel& tunnel, TunnelEventKind kind, Side from, Instant now,
              uint64_t value) noexcept;
    void push(TunnelEvent& event, const Tunnel& tunnel) noexcept;
    [[nodiscard]] uint32_t slot_of(const Tunnel& tunnel) const noexcept {
        return static_cast<uint32_t>(&tunnel - &slots_[0]);
    }
    void record(const Tunnel& tunnel, Instant now, TunnelRecord& out) const noexcept;

    uint32_t capacity_;
    uint8_t worker_;
    KeyedHash hash_;
    PageArray<Tunnel> slots_;
    PageArray<uint32_t> roaming_;  ///< handles, four to a bucket
    FlowTable streams_;            ///< slots, by TCP connection
    FlowTable pairs_;              ///< slots of bare IPsec, by addresses
    uint32_t used_ = 0;
    uint32_t begun_ = 0;          ///< slots from here on were never used
    uint32_t free_ = kNone;       ///< first unused slot, the next one in `newer`
    uint32_t last_free_ = kNone;  ///< slots are reused in turn, so that late packets find them
    uint32_t oldest_ = kNone;     ///< candidates
    uint32_t newest_ = kNone;
    uint32_t cursor_ = 0;
    uint32_t round_ = 0;
    Instant next_round_{};
    Budget resumptions_;
    Instant flushed_{};
    TunnelCounters& counters_;
    SpscRing<TunnelEvent>* events_;
    SessionDirectory* sessions_;
    Desk desk_{*this};
};

}  // namespace ravelin
