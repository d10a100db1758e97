// SPDX-License-Identifier: BSD-3-Clause
// Traffic through one worker, for valgrind's callgrind to count: only what happens
// within measured_turn() belongs to the device. Prints how many packets that were.
//
//   instructions PATH      udp4 tcp4 udp6 tcp6 tunnel udp4_as_long new refused
#include "base/check.h"
#include "bench/device.h"

#include <array>
#include <cstdio>
#include <map>
#include <span>
#include <string_view>

namespace ravelin::bench {

/// The name that callgrind is told to count.
[[gnu::noinline]] void measured_turn(Device& device) noexcept;
void measured_turn(Device& device) noexcept {
    device.turn();
}

namespace {

constexpr uint32_t kConnections = 1024;
constexpr uint32_t kBatches = 8;
constexpr uint32_t kPerBatch = Ports::kTurns * kBurstSize;

/// Offers what `writer` writes at these ports; returns how many packets that were, and how many
/// came out again in `passed`.
uint64_t count_turns(Ports& ports, Device& device, std::span<const uint8_t> from,
                     const Ports::Writer& writer, uint64_t& passed) {
    for (uint32_t batch = 0; batch < kBatches; ++batch) {
        for (const uint8_t port : from)
            ports.fill(port, kPerBatch, writer);
        for (uint32_t turn = 0; turn < Ports::kTurns; ++turn)
            measured_turn(device);
        measured_turn(device);  // without arrivals: the last burst leaves
        passed += device.drain();
    }
    return uint64_t{kBatches} * kPerBatch * from.size();
}

/// Packets of established connections.
uint64_t run_established(Ports& ports, Kind kind) {
    const uint32_t tunnels = kind == Kind::EspInUdpIpv4 ? kConnections : 0;
    Device device{ports, kConnections, open_from_inside(), tunnels};
    const auto kind_of = [kind](uint32_t) { return kind; };
    device.establish(kConnections, kind_of);
    Established traffic{kConnections, kind_of};
    const Ports::Writer writer = [&](uint8_t port, uint8_t* frame) { return traffic(port, frame); };
    if (tunnels != 0) device.prove_tunnels(kConnections, writer);
    uint64_t passed = 0;
    const uint64_t packets =
        count_turns(ports, device, std::array{kOutside, kInside}, writer, passed);
    CHECK(passed == packets && device.dropped() == 0);
    return packets;
}

/// Packets that begin connections, for which there is room or not. Ended ones are remembered, so
/// that each is looked for among them too.
uint64_t run_new(Ports& ports, bool room) {
    constexpr uint32_t kMost = kBatches * kPerBatch;
    const uint32_t capacity = room ? kConnections + kMost : kConnections;
    Device device{ports, capacity, open_from_inside(), 0, UINT32_MAX, kMost};
    device.establish(kConnections, [](uint32_t) { return Kind::UdpIpv4; });
    uint32_t next = kConnections;
    const Ports::Writer writer = [&](uint8_t, uint8_t* frame) {
        return write_frame(frame, {Kind::UdpIpv4, next++, true}, {});
    };
    uint64_t passed = 0;
    const uint64_t packets = count_turns(ports, device, std::array{kInside}, writer, passed);
    CHECK(passed == (room ? packets : 0) && device.refused() == packets - passed);
    return packets;
}

uint64_t run_path(Ports& ports, std::string_view path) {
    const std::map<std::string_view, Kind> established{
        {"udp4", Kind::UdpIpv4},        {"tcp4", Kind::TcpIpv4},
        {"udp6", Kind::UdpIpv6},        {"tcp6", Kind::TcpIpv6},
        {"tunnel", Kind::EspInUdpIpv4}, {"udp4_as_long", Kind::LongUdpIpv4}};
    if (const auto found = established.find(path); found != established.end())
        return run_established(ports, found->second);
    if (path == "new" || path == "refused") return run_new(ports, path == "new");
    return 0;
}

int run(std::string_view path) {
    start_eal(false, 96);
    Ports ports;
    const uint64_t packets = run_path(ports, path);
    if (packets == 0) {
        std::fprintf(stderr, "no such path\n");
        return 2;
    }
    std::printf("%llu packets\n", static_cast<unsigned long long>(packets));
    return 0;
}

}  // namespace
}  // namespace ravelin::bench

int main(int argc, char** argv) {
    return ravelin::bench::run(argc == 2 ? argv[1] : "");
}
