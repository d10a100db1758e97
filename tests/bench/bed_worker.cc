// SPDX-License-Identifier: BSD-3-Clause
// Whole devices: what forwards without looking, and Ravelin.
#include "base/check.h"
#include "bench/bed.h"
#include "bench/forwarder.h"

#include <array>
#include <cstring>

namespace ravelin::bench {

namespace {

/// Half TCP, a tenth IPv6, as 64-byte packets: the usual mixture of a concentrator's two sides.
Kind mixture(uint32_t connection) {
    const uint32_t tenth = connection % 10;
    if (tenth == 0) return connection % 20 == 0 ? Kind::UdpIpv6 : Kind::TcpIpv6;
    return tenth < 6 ? Kind::TcpIpv4 : Kind::UdpIpv4;
}

void add_device(Keep& keep, Ports& ports, uint32_t connections, const char* name,
                const KindOf& kind_of) {
    auto bed = std::make_shared<EstablishedBed>(ports, connections, kind_of);
    keep.push_back(bed);
    const Turns turns = turns_of(
        ports, bed->device,
        [&traffic = bed->traffic](uint8_t port, uint8_t* frame) { return traffic(port, frame); });
    measure(name, turns);
    // The same table again under another name: how far apart equal things are told to be.
    if (std::strcmp(name, "udp4") == 0) measure("udp4_again", turns);
}

/// Port unreachable about the server's last packet, from the client.
uint32_t write_error(uint8_t* frame, const Place& quoted) {
    std::array<uint8_t, 128> original{};
    const Place server{quoted.kind, quoted.connection, false};
    write_frame(original.data(), server, {});
    constexpr uint32_t kQuoted = 28;
    const Place client{quoted.kind, quoted.connection, true};
    uint8_t* icmp = write_ip(frame, client, ip_protocol::kIcmp, 8 + kQuoted);
    std::memset(icmp, 0, 8);
    icmp[0] = icmp[1] = 3;
    std::memcpy(icmp + 8, original.data() + kIp, kQuoted);
    store_be16(icmp + 2, checksum_of(checksum_sum(icmp, 8 + kQuoted)));
    return kIp + 20 + 8 + kQuoted;
}

/// A datagram of 24 bytes of payload in two fragments, sent one after the other.
uint32_t write_fragment(uint8_t* frame, const Place& place, bool first) {
    constexpr uint32_t kFirst = 16;
    constexpr uint32_t kSecond = 16;
    uint8_t* upper = write_ip(frame, place, ip_protocol::kUdp, first ? kFirst : kSecond,
                              first ? 0x2000 : kFirst / 8);
    std::memset(upper, 0, 16);
    if (first) {
        const auto client_port = static_cast<uint16_t>(32768 + place.connection % 16384);
        store_be16(upper, place.from_client ? client_port : 4500);
        store_be16(upper + 2, place.from_client ? 4500 : client_port);
        store_be16(upper + 4, kFirst + kSecond);
    }
    return kIp + 20 + 16;
}

/// Replaces some packets of established UDP by others.
class Spice {
  public:
    enum class What : uint8_t { Errors, Fragments, New, Flood };
    Spice(What what, Established& traffic) : what_{what}, traffic_{traffic} {}

    uint32_t operator()(uint8_t port, uint8_t* frame) {
        const uint64_t n = sent_[port]++;
        const auto some = static_cast<uint32_t>((n * 0x9e3779b1U) % traffic_.connections());
        const Place place{Kind::UdpIpv4, some, port == kInside};
        if (what_ == What::Errors && n % 5 == 0 && port == kInside)
            return write_error(frame, place);
        if (what_ == What::Fragments && n % 40 < 2) {
            if (n % 40 == 0) fragmented_[port] = place;
            return write_fragment(frame, fragmented_[port], n % 40 == 0);
        }
        if (what_ == What::New && n % 50 == 0 && port == kInside) {
            fresh_ = (fresh_ + 1) % kFresh;
            return write_frame(frame, {Kind::UdpIpv4, traffic_.connections() + fresh_, true}, {});
        }
        // Never the same one twice: the table is full soon, and stays so.
        if (what_ == What::Flood && port == kInside)
            return write_frame(frame, {Kind::UdpIpv4, traffic_.connections() + fresh_++, true}, {});
        return traffic_(port, frame);
    }

  private:
    /// New ones come back after their 30 s.
    static constexpr uint32_t kFresh = 1U << 22;
    What what_;
    Established& traffic_;
    std::array<uint64_t, 2> sent_{};
    std::array<Place, 2> fragmented_{};
    uint32_t fresh_ = 0;
};

void add_spiced(Keep& keep, Ports& ports, uint32_t connections, const char* name, Spice::What what,
                Duration step) {
    auto bed = std::make_shared<EstablishedBed>(ports, connections, only(Kind::UdpIpv4));
    auto spice = std::make_shared<Spice>(what, bed->traffic);
    keep.push_back(bed);
    keep.push_back(spice);
    bed->device.clock().set_step(step);
    measure(name, turns_of(ports, bed->device, [spice](uint8_t port, uint8_t* frame) {
                return (*spice)(port, frame);
            }));
}

}  // namespace

Runtime rules_before_the_last(uint32_t count, bool scattered) {
    Runtime runtime = open_from_inside();
    runtime.policy.default_allow[kInside] = count == 0;
    for (uint32_t i = 0; i < count; ++i) {
        Rule rule;
        rule.from_port = kInside;
        rule.protocol = ip_protocol::kUdp;
        rule.allow = true;
        // The last one alone has the servers' port.
        rule.destination_ports = {i + 1 == count ? PortRange{4500, 4500}
                                                 : PortRange{static_cast<uint16_t>(5000 + i),
                                                             static_cast<uint16_t>(5000 + i)}};
        if (scattered && i + 1 != count) {
            const uint32_t block = i * 7919;
            rule.source = {Prefix::parse("10." + std::to_string(block / 256 % 256) + "." +
                                         std::to_string(block % 256) + ".0/24")
                               .value()};
        }
        runtime.policy.rules.push_back(rule);
    }
    runtime.policy.compile();
    return runtime;
}

void add_established(Keep& keep, Ports& ports, uint32_t connections) {
    for (const bool swap : {false, true}) {
        auto forwarder = std::make_shared<Forwarder>(ports, swap);
        auto traffic = std::make_shared<Established>(connections, only(Kind::UdpIpv4));
        keep.push_back(forwarder);
        measure(swap ? "macswap" : "io",
                turns_of(ports, *forwarder, [traffic](uint8_t port, uint8_t* frame) {
                    return (*traffic)(port, frame);
                }));
    }
    add_device(keep, ports, connections, "udp4", only(Kind::UdpIpv4));
    add_device(keep, ports, connections, "tcp4", only(Kind::TcpIpv4));
    add_device(keep, ports, connections, "udp6", only(Kind::UdpIpv6));
    add_device(keep, ports, connections, "tcp6", only(Kind::TcpIpv6));
    add_device(keep, ports, connections, "mix", mixture);
}

void add_tunnels(Keep& keep, Ports& ports, uint32_t connections) {
    for (const bool tunnel : {false, true}) {
        auto bed = std::make_shared<EstablishedBed>(
            ports, connections, only(tunnel ? Kind::EspInUdpIpv4 : Kind::LongUdpIpv4), connections);
        keep.push_back(bed);
        const auto writer = [&traffic = bed->traffic](uint8_t port, uint8_t* frame) {
            return traffic(port, frame);
        };
        bed->device.prove_tunnels(connections, writer);
        const auto esp = static_cast<size_t>(VpnProtocol::Esp);
        CHECK(bed->device.counters().tunnels.confirmed[esp].value() == (tunnel ? connections : 0));
        measure(tunnel ? "tunnel" : "udp4_as_long", turns_of(ports, bed->device, writer));
    }
}

void add_exceptions(Keep& keep, Ports& ports, uint32_t connections) {
    add_device(keep, ports, connections, "udp4", only(Kind::UdpIpv4));
    add_spiced(keep, ports, connections, "errors_tenth", Spice::What::Errors, 5us);
    add_spiced(keep, ports, connections, "fragments_twentieth", Spice::What::Fragments, 5us);
    add_spiced(keep, ports, connections, "new_hundredth", Spice::What::New, 5us);
    add_spiced(keep, ports, connections, "flood_half", Spice::What::Flood, 5us);
}

void add_new(Keep& keep, Ports& ports, uint32_t rules, bool scattered) {
    // As many end as begin.
    constexpr uint32_t kLive = 1U << 16;
    auto device =
        std::make_shared<Device>(ports, 4 * kLive, rules_before_the_last(rules, scattered));
    device->clock().set_step(Duration{30s} / (kLive / kBurstSize));
    keep.push_back(device);
    auto next = std::make_shared<uint32_t>(0);
    const auto writer = [next](uint8_t, uint8_t* frame) {
        // All of 8 M in an order that looks random: neighbours would meet the same rules.
        *next = (*next + 1) % (1U << 23);
        return write_frame(frame, {Kind::UdpIpv4, *next * 0x9e3779b1U % (1U << 23), true}, {});
    };
    const auto prepare = [&ports, writer] {
        ports.fill(kInside, Ports::kTurns * kBurstSize, writer);
    };
    const auto turn = [device] {
        device->turn();
        return kBurstSize;
    };
    for (uint32_t turns = 0; turns < 3 * kLive / kBurstSize; turns += Ports::kTurns) {
        prepare();
        for (uint32_t i = 0; i < Ports::kTurns; ++i)
            turn();
        device->drain();
    }
    CHECK(device->dropped() == 0);
    measure(
        (scattered ? "scattered_" : "rules_") + std::to_string(rules),
        {.prepare = prepare, .turn = turn, .finish = [device] { device->drain(); }, .batches = 24});
}

}  // namespace ravelin::bench
