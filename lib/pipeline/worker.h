// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/handoff.h"
#include "pipeline/io.h"
#include "pipeline/link.h"
#include "pipeline/observe.h"
#include "pipeline/outbox.h"
#include "pipeline/pipeline.h"
#include "pipeline/reassembly.h"
#include "pipeline/requests.h"
#include "sync/published.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace ravelin {

/// One polling core: its shard, its ports, its loop.
template <PacketIo Io, TimeSource Clock>
class Worker {
  public:
    Worker(const WorkerParts& parts, Io& io, Clock& clock)
        : io_{io},
          clock_{clock},
          parts_{parts},
          shard_{parts, clock.now()},
          outbox_{parts.index, parts.topology, parts.mesh},
          loop_start_{clock.now()} {}

    /// One turn: a burst from every port queue and every other worker, then housekeeping, all of it
    /// bounded. False when there was no packet. With `receive` false nothing new is taken from the
    /// ports: that is how a worker drains.
    bool run_once(bool receive = true) noexcept {
        const Instant now = clock_.now();  // the one clock read
        const Runtime& runtime = parts_.runtime.get();
        bool busy = false;
        bool more = false;
        for (uint32_t source = 0; receive && source < io_.source_count(); ++source) {
            const uint32_t count = receive_burst(source);
            if (count == 0) continue;
            busy = true;
            more |= count == kBurstSize;
            turn(runtime, now);
        }
        for (uint32_t from = 0; from < parts_.mesh.workers(); ++from) {
            if (from == parts_.index || !take_handed(from)) continue;
            busy = true;
            turn(runtime, now);
        }
        // A full burst means that the next poll follows at once and hides this burst's memory
        // latency. Otherwise nothing waits: a lone packet leaves in the turn it came in.
        if (!more) complete(*waiting_, runtime, now);
        housekeeping(runtime, now, busy);
        return busy;
    }

    /// Drops the fragments that are held: their rest won't come any more. For a worker that drains.
    void drop_held() noexcept {
        shard_.fragments.clear(DropReason::Stopping);
        uint32_t sent = 0;
        let_go({}, sent);
        count_held();
    }

    [[nodiscard]] Shard& shard() noexcept { return shard_; }
    [[nodiscard]] const Shard& shard() const noexcept { return shard_; }

  private:
    static constexpr uint32_t kExpireBudget = 64;
    static constexpr uint32_t kDatagramBudget = 8;  ///< of 64 fragments at most

    uint32_t receive_burst(uint32_t source) noexcept {
        arriving_->clear();
        const uint32_t count = io_.receive(source, *arriving_);
        account_received(*arriving_, shard_.counters);
        return count;
    }

    bool take_handed(uint32_t from) noexcept {
        const uint32_t count = parts_.mesh.ring(from, parts_.index).pop(handed_.data(), kBurstSize);
        if (count == 0) return false;
        shard_.counters.handed_in.add(count);
        arriving_->clear();
        for (uint32_t i = 0; i < count; ++i) {
            if (handed_[i].kind == Handed::Kind::Transmit) {
                outbox_.transmit_for_other(io_, handed_[i].frame, shard_.counters);
            } else {
                arriving_->add(handed_[i].frame, handed_[i].kind == Handed::Kind::Fragment);
            }
        }
        outbox_.flush(io_, shard_.counters);
        return true;
    }

    /// Starts the burst that arrived, finishes the one before it.
    void turn(const Runtime& runtime, Instant now) noexcept {
        begin(*arriving_, shard_, runtime);
        complete(*waiting_, runtime, now);
        std::swap(arriving_, waiting_);
    }

    void complete(Burst& burst, const Runtime& runtime, Instant now) noexcept {
        if (burst.count == 0) return;
        finish(burst, shard_, runtime, now);
        const std::span<Packet> packets{burst.begin(), burst.count};
        uint32_t sent = 0;
        if (shard_.fragments.has_groups()) [[unlikely]]
            let_go(packets, sent);
        emit(packets.subspan(sent));
        burst.clear();
    }

    /// Everything that is decided leaves.
    void emit(std::span<Packet> packets) noexcept {
        if (packets.empty()) return;
        if constexpr (requires(const Packet& packet) { io_.observe(packet); }) {
            for (const Packet& packet : packets)
                if (packet.action != Action::Hold) io_.observe(packet);
        }
        outbox_.send(io_, packets, shard_.counters);
    }

    /// The fragments whose datagrams are settled. A datagram leaves where its last fragment stands
    /// among the packets of the burst, of which `sent` are out.
    void let_go(std::span<Packet> packets, uint32_t& sent) noexcept {
        FragmentGroup group;
        Frame frame;
        while (shard_.fragments.next(group)) {
            const bool goes_on = group.verdict.reason == DropReason::None;
            if (goes_on) {
                depart();
                emit(packets.subspan(sent, group.place - sent));
                sent = group.place;
            }
            while (shard_.fragments.take(group, frame)) {
                if (leaving_.count == kBurstSize) depart();
                leaving_.add(frame);
                continue_as(group.verdict, leaving_.packets[leaving_.count - 1]);
            }
            if (goes_on) depart();
        }
        depart();
    }

    void depart() noexcept {
        emit({leaving_.begin(), leaving_.count});
        leaving_.clear();
    }

    void count_held() noexcept {
        shard_.counters.held.set(waiting_->count + shard_.fragments.held());
        shard_.counters.fragment_datagrams.set(shard_.fragments.incomplete());
    }

    void expire(const Runtime& runtime, Instant now) noexcept {
        shard_.conntrack.expire(now, kExpireBudget);
        const Duration late =
            shard_.fragments.expire(runtime.tracking.fragments, now, kDatagramBudget);
        uint32_t sent = 0;
        let_go({}, sent);
        if (late == Duration{}) return;
        Counter& lag = shard_.counters.expiry_lag_ticks;
        lag.set(std::max(lag.value(), static_cast<uint64_t>((late + kTick - Duration{1}) / kTick)));
    }

    void housekeeping(const Runtime& runtime, Instant now, bool busy) noexcept {
        WorkerCounters& counters = shard_.counters;
        expire(runtime, now);
        count_held();
        tend_tunnels(shard_, runtime, now);
        requests_.serve(parts_.link.requests, shard_, busy, now);
        parts_.quiescence.report(parts_.index);

        counters.iterations.add();
        const auto spent = static_cast<uint64_t>((now - loop_start_).count());
        (last_busy_ ? counters.busy_nanoseconds : counters.idle_nanoseconds).add(spent);
        loop_start_ = now;
        last_busy_ = busy;
        counters.heartbeat_nanoseconds.set(static_cast<uint64_t>(now.time_since_epoch().count()));
    }

    Io& io_;
    Clock& clock_;
    WorkerParts parts_;
    Shard shard_;
    Outbox outbox_;
    RequestServer requests_;
    Instant loop_start_;  ///< of the turn before
    bool last_busy_ = false;
    std::array<Burst, 2> bursts_{};
    Burst leaving_{};                          ///< fragments that were held
    std::array<Handed, kBurstSize> handed_{};  ///< take_handed()'s
    Burst* arriving_ = &bursts_[0];
    Burst* waiting_ = &bursts_[1];
};

}  // namespace ravelin
