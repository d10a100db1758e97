// SPDX-License-Identifier: BSD-3-Clause
// Fragments through the whole packet path: what leaves is what was judged.
#include "support/fragmenter.h"
#include "support/lab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::Fate;
using testing::fragment_of;
using testing::fragments_of;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::NaiveReceiver;
using testing::PacketBuilder;
using testing::Piece;

constexpr uint16_t kAllowed = 1194;
constexpr uint16_t kDenied = 22;

/// From outside nothing but UDP to one port.
Runtime one_port() {
    Runtime first = Lab::open_policy();
    Rule rule;
    rule.name = "vpn";
    rule.from_port = kOutside;
    rule.protocol = ip_protocol::kUdp;
    rule.destination_ports = {{kAllowed, kAllowed}};
    rule.allow = true;
    first.policy.rules = {rule};
    return first;
}

PacketBuilder from_client(Family family, uint32_t client = 1) {
    const std::string n = std::to_string(client);
    return family == Family::Ipv4 ? PacketBuilder{}.ipv4("10.0.0." + n, "192.0.2.20")
                                  : PacketBuilder{}.ipv6("2001:db8:a::" + n, "2001:db8:b::20");
}
PacketBuilder from_server(Family family, uint32_t client = 1) {
    const std::string n = std::to_string(client);
    return family == Family::Ipv4 ? PacketBuilder{}.ipv4("192.0.2.20", "10.0.0." + n)
                                  : PacketBuilder{}.ipv6("2001:db8:b::20", "2001:db8:a::" + n);
}
Bytes datagram(Family family, size_t bytes = 3000, uint32_t client = 1) {
    Bytes payload(bytes);
    for (size_t i = 0; i < bytes; ++i)
        payload[i] = static_cast<uint8_t>(i * 31 + client);
    return from_client(family, client).udp(4000, kAllowed).payload(payload).build();
}

class FragmentPath : public ::testing::TestWithParam<Family> {};

INSTANTIATE_TEST_SUITE_P(family, FragmentPath, ::testing::Values(Family::Ipv4, Family::Ipv6),
                         [](const auto& param) {
                             return param.param == Family::Ipv4 ? "ipv4" : "ipv6";
                         });

TEST_P(FragmentPath, a_datagram_leaves_unchanged_when_its_last_fragment_has_come) {
    Lab lab{1, one_port()};
    std::vector<Bytes> frames = fragments_of(datagram(GetParam()), 1400, 5);
    std::swap(frames[0], frames[2]);
    for (size_t i = 0; i + 1 < frames.size(); ++i) {
        lab.offer(kOutside, frames[i]);
        lab.run();
        EXPECT_TRUE(lab.ios[0]->transmitted(kInside).empty());
        EXPECT_EQ(lab.links[0]->counters.held.value(), i + 1);
        EXPECT_EQ(lab.links[0]->counters.fragment_datagrams.value(), 1U);
        EXPECT_TRUE(lab.flows().empty()) << "half a datagram opens nothing";
    }
    lab.offer(kOutside, frames.back());
    lab.run();
    EXPECT_EQ(lab.ios[0]->transmitted(kInside), frames);
    EXPECT_EQ(lab.links[0]->counters.held.value(), 0U);
    ASSERT_EQ(lab.flows().size(), 1U);
    EXPECT_EQ(lab.flows()[0].packets[0], 1U) << "as netfilter counts";
    EXPECT_EQ(lab.flows()[0].bytes[0], datagram(GetParam()).size() - 14);
    EXPECT_EQ(lab.links[0]->counters.fragments_received[static_cast<size_t>(GetParam())].value(),
              3U);
}

TEST_P(FragmentPath, the_verdict_of_the_datagram_is_that_of_each_fragment) {
    Lab lab{1, one_port()};
    const Bytes denied = from_client(GetParam()).udp(4000, kDenied).payload(Bytes(3000)).build();
    for (const Bytes& frame : fragments_of(denied, 1400, 5))
        lab.offer(kOutside, frame);
    lab.run();
    EXPECT_EQ(lab.drops(DropReason::PolicyDefault), 3U);
    ASSERT_EQ(lab.ios[0]->fates.size(), 3U);
    for (const Fate& fate : lab.ios[0]->fates) {
        EXPECT_EQ(fate.action, Action::Drop);
        EXPECT_EQ(fate.ct_class, CtClass::New);
    }
    EXPECT_TRUE(lab.flows().empty());
}

TEST_P(FragmentPath, answers_are_established_and_a_wrong_checksum_is_found) {
    Lab lab{1, one_port()};
    for (const Bytes& frame : fragments_of(datagram(GetParam()), 1400, 5))
        lab.offer(kOutside, frame);
    lab.run();
    const Bytes answer =
        from_server(GetParam()).udp(kAllowed, 4000).payload(Bytes(4000, 9)).build();
    lab.ios[0]->fates.clear();
    for (const Bytes& frame : fragments_of(answer, 1400, 5))
        lab.offer(kInside, frame);
    lab.run();
    ASSERT_EQ(lab.ios[0]->fates.size(), 3U);
    for (const Fate& fate : lab.ios[0]->fates) {
        EXPECT_EQ(fate.ct_class, CtClass::Established);
        EXPECT_EQ(fate.direction, Direction::Reply);
    }
    std::vector<Bytes> damaged = fragments_of(answer, 1400, 6);
    damaged[1].back() ^= 1;
    for (const Bytes& frame : damaged)
        lab.offer(kInside, frame);
    lab.run();
    EXPECT_EQ(lab.drops(DropReason::L4Checksum), 3U);
}

TEST_P(FragmentPath, tcp_is_tracked_by_the_length_of_the_whole) {
    Lab lab{1, Lab::allow_all()};
    const auto tcp = [&](bool reply, const char* flags, uint32_t seq, uint32_t ack) {
        PacketBuilder builder = reply ? from_server(GetParam()) : from_client(GetParam());
        return (reply ? builder.tcp(443, 4000, flags) : builder.tcp(4000, 443, flags))
            .seq(seq)
            .ack(ack);
    };
    lab.pass(kOutside, tcp(false, "S", 100, 0).build());
    lab.pass(kInside, tcp(true, "SA", 500, 101).build());
    lab.pass(kOutside, tcp(false, "A", 101, 501).build());
    for (const Bytes& frame :
         fragments_of(tcp(false, "PA", 101, 501).payload(Bytes(3000)).build(), 1400, 5))
        lab.offer(kOutside, frame);
    lab.run();
    EXPECT_EQ(lab.pass(kInside, tcp(true, "A", 501, 3101).build()).ct_class, CtClass::Established)
        << "it acknowledges all of what came in fragments";
    EXPECT_EQ(lab.pass(kInside, tcp(true, "A", 501, 3102).build()).reason, DropReason::TcpWindow);
}

TEST_P(FragmentPath, a_datagram_keeps_its_place_among_the_packets_of_its_burst) {
    Lab lab{1, one_port()};
    const Bytes before = datagram(GetParam(), 10);
    const Bytes between = datagram(GetParam(), 20);
    const Bytes after = datagram(GetParam(), 30);
    const std::vector<Bytes> frames = fragments_of(datagram(GetParam()), 1400, 5);
    for (const Bytes& frame : {before, frames[0], between, frames[1], frames[2], after})
        lab.offer(kOutside, frame);
    lab.run();
    EXPECT_EQ(lab.ios[0]->transmitted(kInside),
              (std::vector<Bytes>{before, between, frames[0], frames[1], frames[2], after}));
}

TEST_P(FragmentPath, padding_of_a_fragment_is_nobodys) {
    Lab lab{1, one_port()};
    std::vector<Bytes> frames = fragments_of(datagram(GetParam(), 60), 32, 5);
    for (Bytes& frame : frames) {
        frame.insert(frame.end(), 20, 0xee);
        lab.offer(kOutside, frame);
    }
    lab.run();
    EXPECT_EQ(lab.ios[0]->transmitted(kInside), frames);
}

TEST_P(FragmentPath, what_is_held_when_the_worker_stops_is_dropped_as_stopping) {
    Lab lab{1, one_port()};
    const std::vector<Bytes> frames = fragments_of(datagram(GetParam()), 1400, 5);
    lab.offer(kOutside, frames[0]);
    lab.offer(kOutside, frames[1]);
    lab.run();
    lab.workers[0]->run_once(false);
    EXPECT_EQ(lab.links[0]->counters.held.value(), 2U);
    lab.workers[0]->drop_held();
    EXPECT_EQ(lab.links[0]->counters.held.value(), 0U);
    EXPECT_EQ(lab.drops(DropReason::Stopping), 2U);
    lab.check_conservation();
}

TEST_P(FragmentPath, the_timeout_is_exact_and_may_be_changed_while_something_is_held) {
    const Duration timeout = GetParam() == Family::Ipv4 ? 30s : 60s;
    Lab lab{1, one_port()};
    const std::vector<Bytes> frames = fragments_of(datagram(GetParam()), 1400, 5);
    lab.offer(kOutside, frames[0]);
    lab.run();
    lab.wait(timeout - 1ns);
    EXPECT_EQ(lab.drops(DropReason::FragmentTimeout), 0U);
    lab.wait(1ns);
    EXPECT_EQ(lab.drops(DropReason::FragmentTimeout), 1U);
    lab.offer(kOutside, frames[0]);
    lab.run();
    Runtime second = one_port();
    second.generation = 2;
    second.tracking.fragments.ipv4_timeout = second.tracking.fragments.ipv6_timeout = 2s;
    const auto old = lab.runtime.publish(std::make_unique<const Runtime>(second));
    lab.wait(2s);
    EXPECT_EQ(lab.drops(DropReason::FragmentTimeout), 2U);
}

TEST_P(FragmentPath, a_full_transmit_queue_drops_fragments_with_its_own_reason) {
    Lab lab{1, one_port()};
    lab.ios[0]->limit_transmit(kInside, 2);
    for (const Bytes& frame : fragments_of(datagram(GetParam()), 1400, 5))
        lab.offer(kOutside, frame);
    lab.run();
    EXPECT_EQ(lab.ios[0]->transmitted(kInside).size(), 2U);
    EXPECT_EQ(lab.drops(DropReason::TransmitFull), 1U);
}

/// Every kind of fragment that can meet others of an allowed datagram of 24 bytes.
std::vector<Bytes> kinds(Family family, uint32_t id) {
    const auto build = [&](uint16_t port, uint8_t fill) {
        // Without a checksum, so that whatever an attacker mixes may pass.
        return from_client(family).udp(4000, port).payload(Bytes(16, fill)).l4_checksum(0).build();
    };
    const Bytes good = build(kAllowed, 1);
    const Bytes evil = build(kDenied, 1);
    const Bytes other = build(kAllowed, 2);
    return {fragment_of(good, {0, 8, true}, id),      // ports that are allowed
            fragment_of(good, {8, 8, true}, id),      //
            fragment_of(good, {16, 8, false}, id),    // these three are the datagram
            fragment_of(evil, {0, 8, true}, id),      // other ports
            fragment_of(evil, {0, 16, true}, id),     // other ports and more
            fragment_of(good, {8, 16, false}, id),    // the same bytes, cut elsewhere
            fragment_of(other, {8, 8, true}, id),     // the same place, other bytes
            fragment_of(good, {16, 16, false}, id)};  // another end
}

/// Calls `visit` with every sequence of up to `length` of `count` things; those of the greatest
/// length without repetition.
void each_sequence(size_t count, size_t length,
                   const std::function<void(const std::vector<size_t>&)>& visit) {
    std::vector<size_t> sequence;
    const std::function<void()> grow = [&] {
        if (!sequence.empty()) visit(sequence);
        if (sequence.size() == length) return;
        for (size_t next = 0; next < count; ++next) {
            sequence.push_back(next);
            std::vector<size_t> sorted = sequence;
            std::sort(sorted.begin(), sorted.end());
            const bool repeats = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
            if (sequence.size() < length || !repeats) grow();
            sequence.pop_back();
        }
    };
    grow();
}

uint16_t destination_port(const Bytes& upper) {
    return static_cast<uint16_t>(upper.at(2) * 256 + upper.at(3));
}

TEST_P(FragmentPath, no_order_of_up_to_five_fragments_smuggles_other_ports_through) {
    Lab lab{1, one_port()};
    size_t sequences = 0;
    size_t received = 0;
    each_sequence(8, 5, [&](const std::vector<size_t>& sequence) {
        const std::vector<Bytes> frames = kinds(GetParam(), static_cast<uint32_t>(++sequences));
        std::vector<Bytes> sent;
        for (const size_t kind : sequence) {
            sent.push_back(frames[kind]);
            lab.offer(kOutside, frames[kind]);
        }
        lab.run();
        const std::vector<Bytes>& out = lab.ios[0]->transmitted(kInside);
        std::vector<Bytes> unmatched = sent;
        for (const Bytes& frame : out) {
            const auto match = std::find(unmatched.begin(), unmatched.end(), frame);
            ASSERT_NE(match, unmatched.end()) << "what leaves are the bytes that came";
            unmatched.erase(match);
        }
        for (const bool last_wins : {false, true}) {
            NaiveReceiver receiver{last_wins};
            for (const Bytes& frame : out) {
                const auto whole = receiver.receive(frame);
                if (!whole) continue;
                ++received;
                ASSERT_EQ(destination_port(*whole), kAllowed);
            }
        }
        lab.ios[0]->forget_transmitted();
        lab.ios[0]->fates.clear();
        lab.wait(60s);
        ASSERT_EQ(lab.links[0]->counters.held.value(), 0U);
        ASSERT_FALSE(::testing::Test::HasFailure());
    });
    EXPECT_EQ(sequences, 8U + 64U + 512U + 4096U + 6720U);
    EXPECT_GT(received, 100U);
}

TEST_P(FragmentPath, every_order_of_five_fragments_of_a_good_datagram_passes_whole) {
    Lab lab{1, one_port()};
    std::vector<size_t> order{0, 1, 2, 3, 4};
    uint32_t id = 0;
    do {
        const std::vector<Bytes> frames = fragments_of(datagram(GetParam(), 70), 16, ++id);
        ASSERT_EQ(frames.size(), 5U);
        std::vector<Bytes> sent;
        for (const size_t i : order) {
            sent.push_back(frames[i]);
            lab.offer(kOutside, frames[i]);
        }
        lab.run();
        ASSERT_EQ(lab.ios[0]->transmitted(kInside), sent);
        lab.ios[0]->forget_transmitted();
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_P(FragmentPath, random_fragments_conserve_every_frame) {
    Lab lab{1, Lab::allow_all(), 64, false, {.datagrams = 16, .fragments = 64}};
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        for (int i = 0; i < 150; ++i) {
            const auto client = static_cast<uint32_t>(random() % 5 + 1);
            const Bytes whole = datagram(GetParam(), random() % 300, client);
            const Piece piece{static_cast<uint32_t>(random() % 30 * 8),
                              static_cast<uint32_t>(random() % 12 * 8 + (random() % 8 == 0)),
                              random() % 3 != 0};
            lab.offer(random() % 2 == 0 ? kOutside : kInside,
                      random() % 8 == 0
                          ? whole
                          : fragment_of(whole, piece, static_cast<uint32_t>(random() % 6)));
        }
        lab.run();
        lab.wait(Duration{static_cast<int64_t>(random() % 10'000'000'000ULL)});
    }
    lab.wait(60s);
    EXPECT_EQ(lab.links[0]->counters.held.value(), 0U);
    for (const DropReason reason : {DropReason::FragmentTableFull, DropReason::FragmentOverlap,
                                    DropReason::FragmentEnd, DropReason::FragmentDuplicate,
                                    DropReason::FragmentMalformed, DropReason::FragmentTimeout})
        EXPECT_GT(lab.drops(reason), 0U) << keyword(reason);
}

TEST(FragmentDiscovery, in_fragments_is_dropped) {
    Lab lab{1, Lab::allow_all()};
    const Bytes solicitation = PacketBuilder{}
                                   .ipv6("fe80::1", "fe80::2")
                                   .ttl(255)
                                   .icmp(135, 0)
                                   .payload(Bytes(100))
                                   .build();
    for (const Bytes& frame : fragments_of(solicitation, 64, 5))
        lab.offer(kOutside, frame);
    lab.run();
    EXPECT_EQ(lab.drops(DropReason::NdFragmented), 2U);
}

TEST(FragmentAtomic, is_a_packet_of_its_own_and_meets_no_queue) {
    Lab lab{1, one_port()};
    const Bytes whole = datagram(Family::Ipv6, 100);
    lab.offer(kOutside, fragment_of(whole, {0, 64, true}, 5));
    lab.run();
    EXPECT_EQ(lab.pass(kOutside, fragment_of(whole, {0, 108, false}, 5)).action, Action::Forward);
    EXPECT_EQ(lab.links[0]->counters.held.value(), 1U);
    lab.offer(kOutside, fragment_of(whole, {64, 44, false}, 5));
    lab.run();
    EXPECT_EQ(lab.ios[0]->transmitted(kInside).size(), 3U) << "the queue was not touched";
}

class FragmentWorkers
    : public ::testing::TestWithParam<std::tuple<uint32_t, Family, bool, Steering>> {
  protected:
    [[nodiscard]] static uint32_t count() { return std::get<0>(GetParam()); }
    [[nodiscard]] static Family family() { return std::get<1>(GetParam()); }
    static std::unique_ptr<Lab> lab(Runtime runtime) {
        return std::make_unique<Lab>(count(), std::move(runtime), 1024, std::get<2>(GetParam()),
                                     FragmentCapacity{}, 1024, 64, std::get<3>(GetParam()));
    }
    static Bytes error(const Bytes& quoted, uint32_t router, uint32_t client) {
        const bool v4 = family() == Family::Ipv4;
        const std::string n = std::to_string(router);
        const std::string to = std::to_string(client);
        PacketBuilder builder;
        v4 ? builder.ipv4("198.51.100." + n, "10.0.0." + to)
           : builder.ipv6("2001:db8:c::" + n, "2001:db8:a::" + to);
        return builder.icmp_error(v4 ? 3 : 1, v4 ? 1 : 0, quoted).build();
    }
};

INSTANTIATE_TEST_SUITE_P(
    number, FragmentWorkers,
    ::testing::Combine(::testing::Values(1U, 2U, 3U), ::testing::Values(Family::Ipv4, Family::Ipv6),
                       ::testing::Bool(), ::testing::Values(Steering::Addresses, Steering::Ports)));

TEST_P(FragmentWorkers, whoever_receives_a_fragment_it_meets_the_others) {
    const auto own = FragmentWorkers::lab(one_port());
    Lab& lab = *own;
    std::mt19937 random{3};
    size_t sent = 0;
    for (uint32_t client = 1; client < 60; ++client) {
        for (const Bytes& frame : fragments_of(datagram(family(), 3000, client), 1400, client)) {
            lab.offer(kOutside, frame, static_cast<uint32_t>(random()) % count());
            ++sent;
        }
        lab.run();
    }
    size_t out = 0;
    for (const auto& io : lab.ios)
        out += io->transmitted(kInside).size();
    EXPECT_EQ(out, sent);
    EXPECT_EQ(lab.flows().size(), 59U);
}

TEST_P(FragmentWorkers, an_error_in_fragments_meets_the_connection_that_it_quotes) {
    const auto own = FragmentWorkers::lab(Lab::open_policy());
    Lab& lab = *own;
    for (uint32_t client = 1; client < 30; ++client) {
        const Bytes sent = datagram(family(), 600, client);
        const Bytes answer =
            from_server(family(), client).udp(kAllowed, 4000).payload("yes").build();
        ASSERT_EQ(lab.pass(kInside, sent, client % count()).ct_class, CtClass::New);
        ASSERT_EQ(lab.pass(kOutside, answer, client % count()).ct_class, CtClass::Established);
        for (uint32_t router = 1; router < 4; ++router) {
            for (const auto& io : lab.ios)
                io->fates.clear();
            std::vector<Bytes> frames = fragments_of(error(sent, router, client), 208, router);
            ASSERT_GE(frames.size(), 3U);
            std::reverse(frames.begin(), frames.end());
            for (const Bytes& frame : frames)
                lab.offer(kOutside, frame, router % count());
            lab.run();
            size_t related = 0;
            for (const auto& io : lab.ios) {
                for (const Fate& fate : io->fates)
                    related += fate.ct_class == CtClass::Related && fate.action == Action::Forward;
            }
            EXPECT_EQ(related, frames.size());
        }
    }
    EXPECT_EQ(lab.drops(DropReason::FragmentTimeout), 0U);
    uint64_t handed = 0;
    for (const auto& link : lab.links)
        handed += link->counters.handed_in.value();
    EXPECT_EQ(handed > 0, count() > 1);
}

TEST_P(FragmentWorkers, an_error_in_fragments_about_nothing_is_dropped_as_one) {
    const auto own = FragmentWorkers::lab(Lab::open_policy());
    Lab& lab = *own;
    for (uint32_t router = 1; router < 20; ++router) {
        for (const Bytes& frame :
             fragments_of(error(datagram(family(), 600, router), router, router), 208, router))
            lab.offer(kOutside, frame, router % count());
    }
    lab.run();
    const size_t each = fragments_of(error(datagram(family(), 600, 1), 1, 1), 208, 1).size();
    EXPECT_EQ(lab.drops(DropReason::IcmpErrorUnmatched), 19 * each);
}

TEST(FragmentWorkers, a_full_ring_loses_a_part_of_a_group_and_accounts_for_it) {
    Lab lab{2};
    // Errors whose quoted connection is another worker's, until its ring takes no more.
    uint32_t n = 0;
    while (lab.drops(DropReason::RingFull) == 0 && n < 4000) {
        const std::string client = std::to_string(n / 200) + "." + std::to_string(n % 200 + 1);
        const Bytes quoted = PacketBuilder{}
                                 .ipv4("10.1." + client, "192.0.2.20")
                                 .udp(4000, 1194)
                                 .payload(Bytes(600))
                                 .build();
        const Bytes whole =
            PacketBuilder{}.ipv4("198.51.100.1", "10.1." + client).icmp_error(3, 1, quoted).build();
        for (const Bytes& frame : fragments_of(whole, 16, n))
            lab.offer(kOutside, frame, 0);
        for (int turn = 0; turn < 2; ++turn)
            lab.workers[0]->run_once();
        ++n;
    }
    EXPECT_GT(lab.drops(DropReason::RingFull), 0U);
    lab.run();
    lab.wait(60s);
    for (const auto& link : lab.links)
        EXPECT_EQ(link->counters.held.value(), 0U);
}

}  // namespace
}  // namespace ravelin
