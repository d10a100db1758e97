// SPDX-License-Identifier: BSD-3-Clause
// Established UDP through one table, under other conditions than full bursts, an order that looks
// random, and buffers whose packets were written some hundred microseconds ago.
#include "base/check.h"
#include "bench/bed.h"
#include "bench/forwarder.h"

namespace ravelin::bench {

namespace {

Ports::Writer writer_of(Established& traffic) {
    return [&traffic](uint8_t port, uint8_t* frame) { return traffic(port, frame); };
}

/// Each poll finds `burst` packets, and as many polls as make a full burst are measured together:
/// one packet takes too few ticks. The ports' rings are fed in between, some ticks a poll.
template <class Forwards>
void measure_bursts(const std::string& name, Ports& ports, Forwards& device, Established& traffic,
                    uint32_t burst) {
    Turns turns = turns_of(ports, device, {});
    turns.prepare = [&ports, writer = writer_of(traffic)] {
        for (const uint8_t port : {kOutside, kInside})
            ports.write(port, Ports::kTurns * kBurstSize, writer);
    };
    turns.turn = [&ports, &device, burst] {
        for (uint32_t offered = 0; offered < kBurstSize; offered += burst) {
            for (const uint8_t port : {kOutside, kInside})
                ports.offer(port, burst);
            device.turn();
        }
        return 2 * kBurstSize;
    };
    measure(name, std::move(turns));
}

/// Ports, with packets on their way to them in buffers.
struct Buffers {
    /// Packets that wait at each port, in the buffers of this pool.
    struct Variant {
        uint32_t waiting;
        rte_mempool* pool;
    };
    static constexpr uint32_t kFew = 256;
    static constexpr uint32_t kMany = 32768;

    explicit Buffers(uint32_t connections)
        : ports{"buffers", kMany + 4096, kMany},
          few{rte_pktmbuf_pool_create("few", kFew, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY)},
          bed{ports, connections, only(Kind::UdpIpv4)} {
        CHECK(few != nullptr);
    }
    /// Generator and device take turns by single bursts, whatever waits: only how long ago a packet
    /// was written differs.
    template <class Forwards>
    void add(const std::string& name, Forwards& device, const Variant& variant) {
        Turns turns = turns_of(ports, device, {});
        turns.prepare = [this, &device, variant, writer = writer_of(bed.traffic)] {
            // Those of the variant before.
            while (ports.waiting(kInside) > variant.waiting) {
                device.turn();
                device.drain();
            }
            ports.write_into(variant.pool);
            for (const uint8_t port : {kOutside, kInside})
                ports.fill(port, variant.waiting + kBurstSize - ports.waiting(port), writer);
        };
        turns.batches *= turns.per_batch;
        turns.per_batch = 1;
        measure(name, std::move(turns));
    }

    Ports ports;
    rte_mempool* few;
    EstablishedBed bed;
    Forwarder forwarder{ports, true};
};

}  // namespace

void add_bursts(Keep& keep, Ports& ports, uint32_t connections) {
    auto bed = std::make_shared<EstablishedBed>(ports, connections, only(Kind::UdpIpv4));
    auto macswap = std::make_shared<Forwarder>(ports, true);
    keep.push_back(bed);
    keep.push_back(macswap);
    for (const char* burst : {"01", "08", "32", "64"}) {
        const auto packets = static_cast<uint32_t>(std::stoul(burst));
        const std::string name = std::string{"_burst_"} + burst;
        measure_bursts("macswap" + name, ports, *macswap, bed->traffic, packets);
        measure_bursts("udp4" + name, ports, bed->device, bed->traffic, packets);
    }
    measure_bursts("udp4_burst_64_again", ports, bed->device, bed->traffic, kBurstSize);
}

void add_orders(Keep& keep, Ports& ports, uint32_t connections) {
    auto bed = std::make_shared<EstablishedBed>(ports, connections, only(Kind::UdpIpv4));
    keep.push_back(bed);
    measure("uniform", turns_of(ports, bed->device, writer_of(bed->traffic)));
    measure("uniform_again", turns_of(ports, bed->device, writer_of(bed->traffic)));
    for (const Sequence sequence : {Sequence::Zipf, Sequence::Trains}) {
        auto traffic = std::make_shared<Established>(connections, only(Kind::UdpIpv4), sequence);
        keep.push_back(traffic);
        measure(sequence == Sequence::Zipf ? "zipf" : "trains",
                turns_of(ports, bed->device, writer_of(*traffic)));
    }
}

void add_buffers(Keep& keep, uint32_t connections) {
    auto buffers = std::make_shared<Buffers>(connections);
    keep.push_back(buffers);
    const Buffers::Variant hot{0, buffers->few};
    const Buffers::Variant rotating{Buffers::kMany / 2, nullptr};
    buffers->add("macswap_hot_256", buffers->forwarder, hot);
    buffers->add("macswap_rotating_32768", buffers->forwarder, rotating);
    buffers->add("udp4_hot_256", buffers->bed.device, hot);
    buffers->add("udp4_hot_256_again", buffers->bed.device, hot);
    buffers->add("udp4_rotating_32768", buffers->bed.device, rotating);
}

}  // namespace ravelin::bench
