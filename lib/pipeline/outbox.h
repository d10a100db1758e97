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
        : worker_{worker}, mesh_{mesh}, lanes_(mesh.workers()) {
        for (size_t port = 0; port < topology.port_count; ++port)
            transmitter_[port] = topology.transmitter[port][worker];
    }

    /// Sends, hands over or releases packets of a burst, and counts them: by class, and those that
    /// are dropped, or whose port or ring is full, by reason.
    template <PacketIo Io>
    void send(Io& io, std::span<Packet> packets, WorkerCounters& counters) noexcept {
        std::array<uint32_t, kCtClassCount> classes{};
        for (Packet& packet : packets) {
            if (packet.action != Action::Forward) [[unlikely]] {
                send_rare(io, packet, counters);
                continue;
            }
            ++classes[static_cast<size_t>(packet.ct_class)];
            count_forwarded(packet, counters);
            stage(io, packet, counters);
        }
        flush(io, counters);
        for (size_t i = 0; i < classes.size(); ++i)
            counters.classes[i].add(classes[i]);
    }

    /// A packet that another worker has judged: it leaves through this worker's queue.
    template <PacketIo Io>
    void transmit_for_other(Io& io, const Frame& frame, WorkerCounters& counters) noexcept {
        if (sending_.count == kBurstSize) flush_port(io, counters);
        send_by(io, frame.port, frame, nullptr, counters);
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
    /// What goes to one port; arrays apart, since the port takes that of the buffers as it is.
    struct Sending {
        std::array<void*, kBurstSize> buffer{};
        std::array<uint32_t, kBurstSize> length{};
        std::array<Packet*, kBurstSize> packet{};
        uint64_t bytes = 0;
        uint32_t count = 0;
        uint8_t port = 0;
    };
    struct Lane {
        std::array<Handed, kBurstSize> handed{};
        std::array<Packet*, kBurstSize> packet{};
        uint32_t count = 0;
    };

    /// Whatever isn't forwarded; apart, because it would cost the others registers.
    template <PacketIo Io>
    [[gnu::noinline]] void send_rare(Io& io, Packet& packet, WorkerCounters& counters) noexcept {
        if (packet.action == Action::Hold) return;
        if (packet.action == Action::HandOff) {
            // A port can't know what an error quotes, or what a fragment belongs to.
            if (!packet.is_icmp_error && !packet.headers.is_fragment && !packet.steered)
                counters.misdirected[packet.frame.port].add();
            put(packet.target,
                {.frame = packet.frame,
                 .kind = packet.steered ? Handed::Kind::Fragment : Handed::Kind::Track},
                &packet);
            return;
        }
        counters.classes[static_cast<size_t>(packet.ct_class)].add();
        if (packet.action == Action::Reject) return reject(io, packet, counters);
        count_dropped(packet.reason, packet.frame.length, counters);
        release(io, packet.frame.buffer);
    }

    static void count_dropped(DropReason reason, uint32_t length,
                              WorkerCounters& counters) noexcept {
        PacketsBytes& dropped = counters.dropped[static_cast<size_t>(reason)];
        dropped.packets.add();
        dropped.bytes.add(length);
    }

    static void count_forwarded(const Packet& packet, WorkerCounters& counters) noexcept {
        PacketsBytes& forwarded =
            counters.forwarded[packet.frame.port][static_cast<size_t>(packet.headers.family)];
        forwarded.packets.add();
        forwarded.bytes.add(packet.frame.length);
    }

    /// The answer leaves in the buffer that the packet came in.
    template <PacketIo Io>
    void reject(Io& io, Packet& packet, WorkerCounters& counters) noexcept {
        if constexpr (requires { io.rewrite(packet.frame, std::span<const uint8_t>{}); }) {
            std::array<uint8_t, kLongestRejection> answer{};
            const uint32_t length = build_rejection(packet, answer);
            if (io.rewrite(packet.frame, {answer.data(), length})) {
                counters.rejected.add();
                return stage(io, packet, counters);
            }
        }
        packet.drop(packet.reason);
        count_dropped(packet.reason, packet.frame.length, counters);
        release(io, packet.frame.buffer);
    }

    template <PacketIo Io>
    void stage(Io& io, Packet& packet, WorkerCounters& counters) noexcept {
        const uint8_t transmitter = transmitter_[packet.out_port];
        if (transmitter != worker_) [[unlikely]] {
            Handed handed{.frame = packet.frame, .kind = Handed::Kind::Transmit};
            handed.frame.port = packet.out_port;
            put(transmitter, handed, &packet);
            return;
        }
        send_by(io, packet.out_port, packet.frame, &packet, counters);
    }

    template <PacketIo Io>
    void send_by(Io& io, uint8_t port, const Frame& frame, Packet* packet,
                 WorkerCounters& counters) noexcept {
        if (sending_.port != port) [[unlikely]] {
            flush_port(io, counters);
            sending_.port = port;
        }
        const uint32_t at = sending_.count++;
        sending_.buffer[at] = frame.buffer;
        sending_.length[at] = frame.length;
        sending_.packet[at] = packet;
        sending_.bytes += frame.length;
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
        if (sending_.count == 0) return;
        const uint32_t sent = io.transmit(sending_.port, {sending_.buffer.data(), sending_.count});
        for (uint32_t i = sent; i < sending_.count; ++i) {
            sending_.bytes -= sending_.length[i];
            refuse(io, {sending_.buffer[i], sending_.length[i], sending_.packet[i]},
                   DropReason::TransmitFull, counters);
        }
        counters.transmitted[sending_.port].packets.add(sent);
        counters.transmitted[sending_.port].bytes.add(sending_.bytes);
        sending_.bytes = 0;
        sending_.count = 0;
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

    template <PacketIo Io>
    void refuse(Io& io, const Outgoing& outgoing, DropReason reason,
                WorkerCounters& counters) noexcept {
        release(io, outgoing.buffer);
        count_dropped(reason, outgoing.length, counters);
        if (outgoing.packet == nullptr) return;
        // Of what is handed over the receiver would have counted the class.
        if (outgoing.packet->action == Action::HandOff)
            counters.classes[static_cast<size_t>(outgoing.packet->ct_class)].add();
        outgoing.packet->drop(reason);
    }

    uint8_t worker_;
    std::array<uint8_t, kMaxPorts> transmitter_{};  ///< Topology::transmitter of this worker
    HandoffMesh& mesh_;
    std::vector<Lane> lanes_;
    Sending sending_{};
    std::array<void*, kBurstSize> released_{};
    uint32_t released_count_ = 0;
};

}  // namespace ravelin
