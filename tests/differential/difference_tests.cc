// SPDX-License-Identifier: BSD-3-Clause
#include "difference_tests.h"

#include "support/fragmenter.h"
#include "support/packet_builder.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ravelin::differential {

namespace {

using testing::fragment_of;
using testing::PacketBuilder;

constexpr std::string_view kClient = "10.0.0.1";
constexpr std::string_view kServer = "10.0.0.2";
constexpr std::string_view kClient6 = "2001:db8::1";
constexpr std::string_view kServer6 = "2001:db8::2";

/// Builds a script line by line.
class Situation {
  public:
    explicit Situation(std::string campaign = "default") { replay_.campaign = campaign; }

    Situation& a(const testing::Bytes& frame, uint16_t datagram = 0) {
        return add(Side::A, frame, datagram);
    }
    Situation& b(const testing::Bytes& frame, uint16_t datagram = 0) {
        return add(Side::B, frame, datagram);
    }
    Situation& step(uint32_t seconds) {
        replay_.steps.at(phase_++) = seconds;
        return *this;
    }
    Situation& without_waiting() {
        waiting_ = Waiting::No;
        return *this;
    }
    [[nodiscard]] const Replay& replay() const { return replay_; }
    [[nodiscard]] Waiting waiting() const { return waiting_; }

  private:
    Situation& add(Side side, const testing::Bytes& frame, uint16_t datagram) {
        const auto worker = static_cast<uint8_t>(replay_.script.events.size());
        replay_.script.add(
            {.side = side, .phase = phase_, .datagram = datagram, .arrives_at = worker}, frame);
        return *this;
    }

    Replay replay_;
    uint8_t phase_ = 0;
    Waiting waiting_ = Waiting::Yes;
};

testing::Bytes datagram(uint16_t from, uint16_t to) {
    return PacketBuilder{}.ipv4(kClient, kServer).udp(from, to).payload("question").build();
}

testing::Bytes answer(uint16_t from, uint16_t to) {
    return PacketBuilder{}.ipv4(kServer, kClient).udp(from, to).payload("answer").build();
}

testing::Bytes segment6() {
    return PacketBuilder{}.ipv6(kClient6, kServer6).tcp(40000, 443, "S").build();
}

/// Behind IPv4, of a protocol without a checksum.
testing::Bytes thirty_two_bytes() {
    return PacketBuilder{}
        .ipv4(kClient, kServer)
        .protocol(253)
        .payload("thirty-two bytes, each its own.")
        .build();
}

struct DifferenceTest {
    std::string_view code;
    std::string_view name;
    std::function<Situation()> situation;
};

std::vector<DifferenceTest> difference_tests() {
    return {
        {"D07",
         "virtual time makes a stream of UDP where the kernel has waited less than two seconds",
         [] {
             return Situation{}
                 .a(datagram(1000, 53))
                 .b(answer(53, 1000))
                 .step(20)
                 .a(datagram(1000, 53))
                 .without_waiting();
         }},
        {"D08", "three entries so spread that every step leaves one that is about to end",
         [] {
             return Situation{}
                 .a(datagram(1001, 53))
                 .step(4)
                 .a(datagram(1002, 53))
                 .step(4)
                 .a(datagram(1003, 53))
                 .step(17)
                 .a(datagram(1001, 53))
                 .without_waiting();
         }},
        {"D11", "AH over IPv6 is an extension header for the kernel and a protocol here",
         [] {
             return Situation{}.a(PacketBuilder{}
                                      .ipv6(kClient6, kServer6)
                                      .ah(0x1234)
                                      .payload("twelve bytes")
                                      .build());
         }},
        {"D11", "a second hop-by-hop header is refused here",
         [] {
             return Situation{}.a(PacketBuilder{}
                                      .ipv6(kClient6, kServer6)
                                      .extension(0, {1, 4, 0, 0, 0, 0})
                                      .extension(0, {1, 4, 0, 0, 0, 0})
                                      .udp(1, 2)
                                      .build());
         }},
        {"D11", "the same of a segment that the kernel calls INVALID, too",
         [] {
             return Situation{}.a(PacketBuilder{}
                                      .ipv6(kClient6, kServer6)
                                      .extension(0, {1, 4, 0, 0, 0, 0})
                                      .extension(0, {1, 4, 0, 0, 0, 0})
                                      .tcp(1, 2, "SF")
                                      .build());
         }},
        {"D12", "a datagram from a host to itself, twice",
         [] {
             const auto land = PacketBuilder{}.ipv4(kClient, kClient).udp(7, 7).build();
             return Situation{}.a(land).a(land);
         }},
        {"D13", "a bad header checksum is dropped by the bridge and is invalid here",
         [] {
             return Situation{}.a(
                 PacketBuilder{}.ipv4(kClient, kServer).ip_checksum(1).udp(1, 2).build());
         }},
        {"D14", "an answer with another VLAN tag",
         [] {
             return Situation{"vlan"}
                 .a(PacketBuilder{}.vlan(5).ipv4(kClient, kServer).udp(1000, 53).build())
                 .b(PacketBuilder{}.vlan(6).ipv4(kServer, kClient).udp(53, 1000).build());
         }},
        {"D15", "seven bytes of ESP",
         [] {
             return Situation{}.a(
                 PacketBuilder{}.ipv4(kClient, kServer).esp(1).ip_length(27).build());
         }},
        {"D21", "padding behind a short packet",
         [] {
             return Situation{}.a(PacketBuilder{}.ipv4(kClient, kServer).udp(1, 2).pad(18).build());
         }},
        {"D22", "a UDP length four bytes below what IP says",
         [] {
             return Situation{}.a(PacketBuilder{}
                                      .ipv4(kClient, kServer)
                                      .udp(1, 2)
                                      .udp_length(10)
                                      .payload("surplus")
                                      .build());
         }},
        {"D23", "an error that quotes a header of version 5",
         [] {
             testing::Bytes quoted = datagram(1000, 53);
             quoted.at(14) = 0x55;
             return Situation{}
                 .a(datagram(1000, 53))
                 .b(PacketBuilder{}
                        .ipv4(kServer, kClient)
                        .icmp(3, 3)
                        .payload(testing::Bytes(quoted.begin() + 14, quoted.end()))
                        .build());
         }},
        {"D24", "a reset beyond the window, with be_liberal",
         [] {
             const auto segment = [](std::string_view flags) {
                 return PacketBuilder{}.ipv4(kClient, kServer).tcp(40000, 443, flags);
             };
             return Situation{"liberal"}
                 .a(segment("S").seq(100).build())
                 .b(PacketBuilder{}
                        .ipv4(kServer, kClient)
                        .tcp(443, 40000, "SA")
                        .seq(500)
                        .ack(101)
                        .build())
                 .a(segment("A").seq(101).ack(501).build())
                 .a(segment("R").seq(0x40000000).build());
         }},
        {"D25", "one fragment that is all of a datagram",
         [] {
             return Situation{}.a(fragment_of(segment6(), {.length = 20, .more = false}, 7), 1);
         }},
        {"D26", "a copy that covers two fragments which came in the wrong order",
         [] {
             const testing::Bytes whole = thirty_two_bytes();
             return Situation{}
                 .a(fragment_of(whole, {.offset = 24, .length = 8, .more = false}, 7), 1)
                 .a(fragment_of(whole, {.offset = 16, .length = 8}, 7), 1)
                 .a(fragment_of(whole, {.offset = 16, .length = 16, .more = false}, 7), 1)
                 .a(fragment_of(whole, {.length = 16}, 7), 1);
         }},
        {"D26", "a copy with other bytes",
         [] {
             const testing::Bytes whole = thirty_two_bytes();
             testing::Bytes other = fragment_of(whole, {.length = 16}, 7);
             other.back() ^= 1;
             return Situation{}
                 .a(fragment_of(whole, {.length = 16}, 7), 1)
                 .a(other, 1)
                 .a(fragment_of(whole, {.offset = 16, .length = 16, .more = false}, 7), 1);
         }},
        {"D26", "a copy with other bytes, of a segment that the kernel then calls INVALID, too",
         [] {
             const testing::Bytes whole = PacketBuilder{}
                                              .ipv4(kClient, kServer)
                                              .tcp(1, 2, "SF")
                                              .payload("twelve bytes")
                                              .build();
             testing::Bytes other =
                 fragment_of(whole, {.offset = 16, .length = 16, .more = false}, 7);
             other.back() ^= 1;
             return Situation{}
                 .a(fragment_of(whole, {.offset = 16, .length = 8}, 7), 1)
                 .a(fragment_of(whole, {.offset = 24, .length = 8, .more = false}, 7), 1)
                 .a(other, 1)
                 .a(fragment_of(whole, {.length = 16}, 7), 1);
         }},
        {"D26", "a copy that completes a segment here alone, INVALID and yet a lesson",
         [] {
             // Its SACK blocks acknowledge what was never sent; its window is taken over.
             const testing::Bytes whole = PacketBuilder{}
                                              .ipv4(kServer, kClient)
                                              .tcp(2, 1, "SA")
                                              .seq(5000)
                                              .ack(1001)
                                              .window(512)
                                              .options({2, 4, 5, 180, 1, 1, 5, 18, 1, 0, 0, 0,
                                                        1, 0, 0, 9,   1, 0, 0, 20, 1, 0, 0, 29})
                                              .build();
             return Situation{}
                 .a(PacketBuilder{}.ipv4(kClient, kServer).tcp(1, 2, "S").seq(1000).build())
                 .b(fragment_of(whole, {.offset = 40, .length = 4, .more = false}, 7), 1)
                 .b(fragment_of(whole, {.offset = 32, .length = 8}, 7), 1)
                 .b(fragment_of(whole, {.offset = 32, .length = 12, .more = false}, 7), 1)
                 .b(fragment_of(whole, {.length = 32}, 7), 1)
                 .a(PacketBuilder{}.ipv4(kClient, kServer).tcp(1, 2, "R").seq(1401).build());
         }},
        {"D27", "a whole datagram with the number of one that is under way",
         [] {
             return Situation{}
                 .a(fragment_of(segment6(), {.offset = 8, .length = 12, .more = false}, 7), 1)
                 .a(fragment_of(segment6(), {.length = 20, .more = false}, 7), 1);
         }},
        {"D28", "twelve bytes, and from the eighth on again",
         [] {
             const testing::Bytes whole = thirty_two_bytes();
             return Situation{}
                 .a(fragment_of(whole, {.length = 12}, 7), 1)
                 .a(fragment_of(whole, {.offset = 8, .length = 24, .more = false}, 7), 1);
         }},
        {"D29", "IPv6: SCTP's ports and tag in the first fragment, its checksum in the second",
         [] {
             const testing::Bytes whole =
                 PacketBuilder{}.ipv6(kClient6, kServer6).sctp(1, 2).sctp_init(1, 5).build();
             return Situation{}
                 .a(fragment_of(whole, {.length = 8}, 7), 1)
                 .a(fragment_of(whole, {.offset = 8, .length = 24, .more = false}, 7), 1);
         }},
        {"D30", "a cookie, and behind it an ABORT with the wrong tag",
         [] {
             const auto packet = [](bool from_client, uint32_t tag) {
                 PacketBuilder builder;
                 return from_client ? builder.ipv4(kClient, kServer).sctp(1, 2).tag(tag)
                                    : builder.ipv4(kServer, kClient).sctp(2, 1).tag(tag);
             };
             return Situation{}
                 .a(packet(true, 0).sctp_init(1, 5).build())
                 .b(packet(false, 5).sctp_init(2, 6).build())
                 .a(packet(true, 6).chunk(10).chunk(6, {}, 1).build());
         }},
    };
}

bool passes(Session& session, const DifferenceTest& test, uint8_t workers) {
    const Situation situation = test.situation();
    Replay replay = situation.replay();
    replay.script.workers = workers;
    const std::vector<Finding> findings = session.replay(replay, situation.waiting());
    std::string problem = findings.empty() ? "no difference was found" : "";
    for (const Finding& finding : findings) {
        if (finding.why == nullptr) {
            problem = finding.what;
        } else if (finding.why->code != test.code) {
            problem = "it shows " + std::string{finding.why->code};
        }
    }
    if (problem.empty()) return true;
    std::printf("FAILED %s, %s, workers: %u: %s\n", test.code.data(), test.name.data(),
                unsigned{workers}, problem.c_str());
    return false;
}

}  // namespace

Outcome untested_differences() {
    Outcome outcome;
    const std::vector<DifferenceTest> tests = difference_tests();
    for (const Difference& difference : differences()) {
        const bool shown = std::any_of(tests.begin(), tests.end(), [&](const auto& test) {
            return test.code == difference.code;
        });
        if (shown) continue;
        std::printf("FAILED %s has no test of its own\n", difference.code.data());
        ++outcome.failed;
    }
    return outcome;
}

void test_differences(Session& session, uint32_t first, uint32_t stride, Tally& tally) {
    const auto covered = std::make_unique<Coverage>(tally.coverage);
    const std::vector<DifferenceTest> tests = difference_tests();
    for (size_t i = first; i < tests.size(); i += stride) {
        const auto workers = static_cast<uint8_t>(1 + i % kMostWorkers);
        ++(passes(session, tests[i], workers) ? tally.tests.passed : tally.tests.failed);
    }
    tally.coverage = *covered;
}

}  // namespace ravelin::differential
