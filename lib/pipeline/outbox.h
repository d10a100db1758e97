// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/burst.h"
#include "pipeline/counters.h"
#include "pipeline/handoff.h"
#include "pipeline/reject.h"
#include "pipeline/runtime.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace ravelin {

/// Where decided packets leave a worker: a port's queue, another worker's ring, or back to the
/// pool. All three move bursts; what is refused becomes a drop with its reason.
class Outbox {
  public:
    Outbox(uint8_t worker, const Topology& topology, HandoffMesh& mesh)
        : worker_{worker}, topology_{topology}, mesh_{mesh}, lanes_(mesh.workers()) {}

    /// Sends, hands over or releases packets of a burst; those whose port or ring is full become
    /// drops, so that account() comes after it.
    template <PacketIo Io>
    void send(Io& io, std::span<Packet> packets, WorkerCounters& counters) noexcept {
        for (Packet& packet : packets) {
            switch (packet.action) {
                case Action::Forward:
                    count_forwarded(packet, counters);
                    stage(io, packet, counters);
                    break;
                case Action::HandOff:
                    put(packet.target,
                        {.frame = packet.frame,
                         .kind = packet.steered ? Handed::Kind::Fragment : Handed::Kind::Track},
                        &packet);
                    break;
                case Action::Hold:
                    break;
                case Action::Reject:
                    reject(io, packet, counters);
                    break;
                case Action::Pending:
                case Action::Fragment:
                case Action::Drop:
                    release(io, packet.frame.buffer);
                    break;
            }
        }
        flush(io, counters);
    }

    /// A packet that another worker has judged: it leaves through this worker's queue.
    template <PacketIo Io>
    void transmit_for_other(Io& io, const Frame& frame, WorkerCounters& counters) noexcept {
        if (sending_count_ != 0 && (sending_port_ != frame.port || sending_count_ == kBurstSize))
            flush_port(io, counters);
        sending_port_ = frame.port;
        sending_[sending_count_++] = {frame.buffer, frame.length, nullptr};
    }

    template <PacketIo Io>
    void flush(Io& io, WorkerCounters& counters) noexcept {
        flush_port(io, counters);
        for (uint32_t to = 0; to < lanes_.size(); ++to)
            flush_lane(io, to, counters);
        if (released_count_ != 0) {
            io.release({released_.data(), released_count_});
            released_count_ = 0;
        }
    }

  private:
    struct Outgoing {
        void* buffer = nullptr;
        uint32_t length = 0;
        Packet* packet = nullptr;  ///< null for a packet judged by another worker
    };
    struct Lane {
        std::array<Handed, kBurstSize> handed{};
        std::array<Packet*, kBurstSize> packet{};
        uint32_t count = 0;
    };

    static void count_forwarded(const Packet& packet, WorkerCounters& counters) noexcept {
        PacketsBytes& forwarded =
            counters.forwarded[packet.frame.port][static_cast<size_t>(packet.headers.family)];
        forwarded.packets.add();
        forwarded.bytes.add(packet.frame.length);
    }

    /// The answer leaves in the buffer that the packet came in. Apart, because it would cost every
    /// packet registers.
    template <PacketIo Io>
    [[gnu::noinline]] void reject(Io& io, Packet& packet, WorkerCounters& counters) noexcept {
        if constexpr (requires { io.rewrite(packet.frame, std::span<const uint8_t>{}); }) {
            std::array<uint8_t, kLongestRejection> answer{};
            const uint32_t length = build_rejection(packet, answer);
            if (io.rewrite(packet.frame, {answer.data(), length})) {
                counters.rejected.add();
                return stage(io, packet, counters);
            }
        }
        release(io, packet.frame.buffer);
        packet.drop(packet.reason);
    }

    template <PacketIo Io>
    void stage(Io& io, Packet& packet, WorkerCounters& counters) noexcept {
        const uint8_t transmitter = topology_.transmitter[packet.out_port][worker_];
        if (transmitter != worker_) {
            Handed handed{.frame = packet.frame, .kind = Handed::Kind::Transmit};
            handed.frame.port = packet.out_port;
            put(transmitter, handed, &packet);
            return;
        }
        if (sending_count_ != 0 && sending_port_ != packet.out_port) flush_port(io, counters);
        sending_port_ = packet.out_port;
        sending_[sending_count_++] = {packet.frame.buffer, packet.frame.length, &packet};
    }

    void put(uint8_t to, const Handed& handed, Packet* packet) noexcept {
        Lane& lane = lanes_[to];
        lane.handed[lane.count] = handed;
        lane.packet[lane.count++] = packet;
    }

    template <PacketIo Io>
    void release(Io& io, void* buffer) noexcept {
        if (released_count_ == released_.size()) {
            io.release({released_.data(), released_count_});
            released_count_ = 0;
        }
        released_[released_count_++] = buffer;
    }

    template <PacketIo Io>
    void flush_port(Io& io, WorkerCounters& counters) noexcept {
        if (sending_count_ == 0) return;
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): once per burst; filled here
        std::array<void*, kBurstSize> buffers;
        for (uint32_t i = 0; i < sending_count_; ++i)
            buffers[i] = sending_[i].buffer;
        const uint32_t sent = io.transmit(sending_port_, {buffers.data(), sending_count_});
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < sent; ++i)
            bytes += sending_[i].length;
        counters.transmitted[sending_port_].packets.add(sent);
        counters.transmitted[sending_port_].bytes.add(bytes);
        for (uint32_t i = sent; i < sending_count_; ++i)
            refuse(io, sending_[i], DropReason::TransmitFull, counters);
        sending_count_ = 0;
    }

    template <PacketIo Io>
    void flush_lane(Io& io, uint32_t to, WorkerCounters& counters) noexcept {
        Lane& lane = lanes_[to];
        if (lane.count == 0) return;
        const uint32_t taken = mesh_.ring(worker_, to).push(lane.handed.data(), lane.count);
        counters.handed_off.add(taken);
        counters.ring_full.add(lane.count - taken);
        for (uint32_t i = taken; i < lane.count; ++i) {
            const Frame& frame = lane.handed[i].frame;
            refuse(io, {frame.buffer, frame.length, lane.packet[i]}, DropReason::RingFull,
                   counters);
        }
        lane.count = 0;
    }

    /// A packet of this worker's burst is counted by account(), another worker's is counted here.
    template <PacketIo Io>
    void refuse(Io& io, const Outgoing& outgoing, DropReason reason,
                WorkerCounters& counters) noexcept {
        release(io, outgoing.buffer);
        if (outgoing.packet != nullptr) return outgoing.packet->drop(reason);
        counters.dropped[static_cast<size_t>(reason)].packets.add();
        counters.dropped[static_cast<size_t>(reason)].bytes.add(outgoing.length);
    }

    uint8_t worker_;
    const Topology& topology_;
    HandoffMesh& mesh_;
    std::vector<Lane> lanes_;
    std::array<Outgoing, kBurstSize> sending_{};
    uint32_t sending_count_ = 0;
    uint8_t sending_port_ = 0;
    std::array<void*, kBurstSize> released_{};
    uint32_t released_count_ = 0;
};

}  // namespace ravelin
