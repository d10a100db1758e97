// SPDX-License-Identifier: BSD-3-Clause
// What a fragment that never becomes a datagram costs, against an ordinary tracked packet, both
// through the whole worker (threats T42, G15). Rounds of both are interleaved; told are medians, of
// times and of the ratios within a round.
#include "pipeline/worker.h"
#include "support/fragmenter.h"
#include "support/packet_builder.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::fragment_of;
using testing::PacketBuilder;
using testing::Piece;

constexpr size_t kFrames = 1 << 16;
constexpr uint64_t kPackets = 400'000;
constexpr int kRounds = 25;

/// Offers the same frames over and over; what leaves is only counted.
class LoopIo {
  public:
    explicit LoopIo(std::vector<Bytes> frames) : frames_{std::move(frames)} {}

    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t, Burst& burst) noexcept {
        for (uint32_t i = 0; i < kBurstSize; ++i) {
            Bytes& bytes = frames_[next_++ % frames_.size()];
            burst.add({.buffer = bytes.data(),
                       .data = bytes.data(),
                       .length = static_cast<uint32_t>(bytes.size())});
        }
        return kBurstSize;
    }
    uint32_t transmit(uint8_t, std::span<void*> buffers) noexcept {
        return static_cast<uint32_t>(buffers.size());
    }
    void release(std::span<void*>) noexcept {}

  private:
    std::vector<Bytes> frames_;
    size_t next_ = 0;
};

/// Moves on by a microsecond with each turn.
class TurnClock {
  public:
    [[nodiscard]] Instant now() noexcept { return now_ += 1us; }

  private:
    Instant now_{};
};

class Bench {
  public:
    Bench(const char* name, std::vector<Bytes> frames) : name_{name}, io_{std::move(frames)} {
        topology_.port_count = 2;
        topology_.ports[0] = {.peer = 1, .wire = 0, .inside = false};
        topology_.ports[1] = {.peer = 0, .wire = 0, .inside = true};
        topology_.transmitter[0] = {0};
        topology_.transmitter[1] = {0};
        Runtime runtime;
        runtime.policy.default_allow = {true, true};
        runtime_ = std::make_unique<Published<Runtime>>(std::make_unique<const Runtime>(runtime));
        link_.capacity = 1 << 16;
        quiescence_.enter(0);
        worker_ = std::make_unique<Worker<LoopIo, TurnClock>>(
            WorkerParts{0, topology_, indirection_, *runtime_, quiescence_, mesh_, link_,
                        HashSecret{1, 2, 3}},
            io_, clock_);
        run(kFrames * 2);
    }
    ~Bench() { quiescence_.leave(0); }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    void measure() {
        const auto begin = std::chrono::steady_clock::now();
        run(kPackets);
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - begin;
        rounds_.push_back(took.count() / static_cast<double>(kPackets));
    }
    [[nodiscard]] double median() const { return median_of(rounds_); }
    /// Of each round's cost against that of `base`, which was measured just before.
    [[nodiscard]] double ratio(const Bench& base) const {
        std::vector<double> ratios;
        for (size_t i = 0; i < rounds_.size(); ++i)
            ratios.push_back(rounds_[i] / base.rounds_[i]);
        return median_of(ratios);
    }
    [[nodiscard]] const char* name() const { return name_; }
    [[nodiscard]] const WorkerCounters& counters() const { return link_.counters; }

  private:
    static double median_of(std::vector<double> values) {
        std::sort(values.begin(), values.end());
        return values[values.size() / 2];
    }
    void run(uint64_t packets) {
        for (uint64_t i = 0; i < packets; i += kBurstSize)
            worker_->run_once();
    }

    const char* name_;
    LoopIo io_;
    TurnClock clock_;
    Topology topology_;
    Indirection indirection_{1};
    Quiescence quiescence_{1};
    HandoffMesh mesh_{1};
    WorkerLink link_;
    std::unique_ptr<Published<Runtime>> runtime_;
    std::unique_ptr<Worker<LoopIo, TurnClock>> worker_;
    std::vector<double> rounds_;
};

std::vector<Bytes> generate(const std::function<Bytes(uint32_t)>& make) {
    std::vector<Bytes> frames;
    for (uint32_t i = 0; i < kFrames; ++i)
        frames.push_back(make(i));
    return frames;
}

PacketBuilder from(bool v6, uint32_t host) {
    const std::string low = std::to_string(host % 250 + 1);
    const std::string high = std::to_string(host / 250);
    return v6 ? PacketBuilder{}.ipv6("2001:db8:" + high + ":" + low + "::1", "2001:db8:b::20")
              : PacketBuilder{}.ipv4("10." + std::to_string(host / 62500) + "." +
                                         std::to_string(host / 250 % 250) + "." + low,
                                     "192.0.2.20");
}

/// An ordinary packet of one of 1,024 connections.
Bytes ordinary(bool v6, uint32_t i) {
    return from(v6, i % 1024).udp(4000, 1194).payload(Bytes(18)).build();
}
/// Eight bytes with a hole before and behind: `per_datagram` of them, then the next datagram.
Bytes hole(bool v6, uint32_t i, uint32_t per_datagram, uint32_t sources) {
    const uint32_t datagram = i / per_datagram;
    return fragment_of(from(v6, datagram % sources).udp(4000, 1194).payload(Bytes(18)).build(),
                       {16 * (i % per_datagram), 8, true}, datagram);
}

}  // namespace
}  // namespace ravelin

int main() {
    using namespace ravelin;
    for (const bool v6 : {false, true}) {
        Bench base{"ordinary packet", generate([&](uint32_t i) { return ordinary(v6, i); })};
        Bench again{"the same again", generate([&](uint32_t i) { return ordinary(v6, i); })};
        Bench one{"64 holes a datagram, one source",
                  generate([&](uint32_t i) { return hole(v6, i, 64, 1); })};
        Bench many{"64 holes a datagram, 1,000 sources",
                   generate([&](uint32_t i) { return hole(v6, i, 64, 1000); })};
        Bench spray{"a hole a datagram, 60,000 sources",
                    generate([&](uint32_t i) { return hole(v6, i, 1, 60000); })};
        Bench beyond{"512 holes a datagram, one source",
                     generate([&](uint32_t i) { return hole(v6, i, 512, 1); })};
        const std::vector<Bench*> all{&base, &again, &one, &many, &spray, &beyond};
        for (int round = 0; round < kRounds; ++round) {
            for (Bench* bench : all)
                bench->measure();
        }
        std::printf("IPv%c\n", v6 ? '6' : '4');
        for (Bench* bench : all)
            std::printf("  %-36s %7.1f ns %6.2f\n", bench->name(), bench->median(),
                        bench->ratio(base));
    }
    return 0;
}
