// SPDX-License-Identifier: BSD-3-Clause
// Established traffic through one worker, for valgrind's callgrind to count: only what happens
// within measured_turn() belongs to the device. Prints how many packets that were.
//
//   instructions PATH      udp4 tcp4 udp6 tcp6 tunnel udp4_as_long
#include "base/check.h"
#include "bench/device.h"

#include <cstdio>
#include <map>
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

int run(Kind kind) {
    start_eal(false, 96);
    Ports ports;
    const uint32_t tunnels = kind == Kind::EspInUdpIpv4 ? kConnections : 0;
    Device device{ports, kConnections, open_from_inside(), tunnels};
    const auto kind_of = [kind](uint32_t) { return kind; };
    device.establish(kConnections, kind_of);
    Established traffic{kConnections, kind_of};
    const Ports::Writer writer = [&](uint8_t port, uint8_t* frame) { return traffic(port, frame); };
    if (tunnels != 0) device.prove_tunnels(kConnections, writer);
    uint64_t packets = 0;
    for (uint32_t batch = 0; batch < kBatches; ++batch) {
        ports.fill(kOutside, Ports::kTurns * kBurstSize, writer);
        ports.fill(kInside, Ports::kTurns * kBurstSize, writer);
        for (uint32_t turn = 0; turn < Ports::kTurns; ++turn)
            measured_turn(device);
        measured_turn(device);  // without arrivals: the last burst leaves
        packets += ports.drain();
    }
    CHECK(packets == 2ULL * kBatches * Ports::kTurns * kBurstSize && device.dropped() == 0);
    std::printf("%llu packets\n", static_cast<unsigned long long>(packets));
    return 0;
}

}  // namespace
}  // namespace ravelin::bench

int main(int argc, char** argv) {
    using ravelin::bench::Kind;
    const std::map<std::string_view, Kind> paths{
        {"udp4", Kind::UdpIpv4},        {"tcp4", Kind::TcpIpv4},
        {"udp6", Kind::UdpIpv6},        {"tcp6", Kind::TcpIpv6},
        {"tunnel", Kind::EspInUdpIpv4}, {"udp4_as_long", Kind::LongUdpIpv4}};
    const auto path = argc == 2 ? paths.find(argv[1]) : paths.end();
    if (path == paths.end()) {
        std::fprintf(stderr, "usage: instructions udp4|tcp4|udp6|tcp6|tunnel|udp4_as_long\n");
        return 2;
    }
    return ravelin::bench::run(path->second);
}
