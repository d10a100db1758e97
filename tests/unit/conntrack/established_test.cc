// SPDX-License-Identifier: BSD-3-Clause
// The short cut that nearly every packet takes, against the long way.
#include "conntrack/conntrack.h"
#include "packet/parse.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr uint32_t kCapacity = 64;
constexpr uint16_t kClients = 6;

/// One tracker; two of them see the same packets, and only one takes the short cut.
struct Twin {
    ConntrackCounters counters;
    Conntrack conntrack{{kCapacity}, FlowExtractor{HashSecret{1}}, 0, counters, EventPort{},
                        Instant{1h}};
    uint64_t cut_short = 0;
    uint8_t protocol = 0;  ///< of the last packet

    Tracked see(const Bytes& frame, bool short_cut, const TrackingSets& options, Instant now,
                const Opening& opening) {
        Headers headers;
        EXPECT_EQ(parse(frame, ParseOptions{}, false, headers), DropReason::None);
        protocol = headers.protocol;
        const uint8_t* const l4 = frame.data() + headers.l4_offset;
        FlowId id;
        conntrack.extractor().extract(headers, frame.data() + headers.l3_offset, 0, id);
        const uint32_t candidate = conntrack.prefetch_connection(id);
        Tracked tracked;
        if (short_cut &&
            conntrack.track_established(headers, id, l4, candidate,
                                        Renewals{options.general(), now}, tracked.direction)) {
            ++cut_short;
            tracked.ct_class = CtClass::Established;
            tracked.index = candidate;
            return tracked;
        }
        tracked = conntrack.track(headers, id, l4, candidate, options, now);
        if (tracked.missing && tracked.ct_class == CtClass::New)
            conntrack.open(headers, id, l4, opening, options, now);
        return tracked;
    }
    [[nodiscard]] std::vector<FlowRecord> flows(Instant now) const {
        std::vector<FlowRecord> out(kCapacity);
        uint32_t cursor = 0;
        uint32_t written = 0;
        EXPECT_TRUE(conntrack.dump(cursor, kCapacity, out, written, now));
        out.resize(written);
        return out;
    }
};

void expect_equal(const std::vector<FlowRecord>& a, const std::vector<FlowRecord>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].state, b[i].state);
        EXPECT_EQ(a[i].flags, b[i].flags);
        EXPECT_EQ(a[i].packets, b[i].packets);
        EXPECT_EQ(a[i].bytes, b[i].bytes);
        EXPECT_EQ(a[i].remaining, b[i].remaining);
        EXPECT_EQ(a[i].age, b[i].age);
    }
}

/// Conversations of all kinds that now and then break the rules.
class Talk {
  public:
    explicit Talk(uint32_t seed) : random_{seed} {}

    uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

    Bytes next() {
        const auto client = static_cast<uint16_t>(below(kClients));
        const bool from_client = below(2) == 0;
        const bool ipv6 = client % 2 == 1;
        PacketBuilder packet;
        if (ipv6) {
            packet.ipv6(from_client ? "2001:db8::1" : "2001:db8::2",
                        from_client ? "2001:db8::2" : "2001:db8::1");
        } else {
            packet.ipv4(from_client ? "10.0.0.1" : "192.0.2.1",
                        from_client ? "192.0.2.1" : "10.0.0.1");
        }
        const auto port = static_cast<uint16_t>(1000 + client);
        const uint16_t from = from_client ? port : uint16_t{443};
        const uint16_t to = from_client ? uint16_t{443} : port;
        if (client < 2) {
            packet.udp(from, to).payload(Bytes(below(3) * 40, static_cast<uint8_t>(below(3))));
            return packet.build();
        }
        return segment(packet, client, from_client, from, to);
    }

  private:
    Bytes segment(PacketBuilder& packet, uint16_t client, bool from_client, uint16_t from,
                  uint16_t to) {
        std::array<uint32_t, 2>& next = next_[client];
        const size_t side = from_client ? 0 : 1;
        static constexpr std::array kFlags = {"A", "A", "A", "A", "A", "A",  "A",  "A", "AP",
                                              "A", "A", "A", "A", "S", "SA", "FA", "R"};
        // A handshake to begin with, or hardly any would ever be established.
        const uint32_t step = step_[client]++;
        const char* flags = step == 0 && from_client ? "S" : kFlags[below(kFlags.size())];
        if (step == 1 && !from_client) flags = "SA";
        uint32_t sequence = next[side];
        if (below(12) == 0) sequence += below(200'000) - 100'000;
        const uint32_t length = flags[0] == 'A' ? below(3) * 100 : 0;
        packet.tcp(from, to, flags)
            .seq(sequence)
            .ack(next[1 - side] - (below(6) == 0 ? below(500) : 0))
            .window(static_cast<uint16_t>(below(20) == 0 ? 0 : 20'000 + below(5)))
            .payload(Bytes(length, 0));
        if (sequence == next[side]) next[side] += length + (flags[0] == 'A' ? 0 : 1);
        if (below(60) == 0) step_[client] = 0;
        return packet.build();
    }

    std::mt19937 random_;
    std::array<std::array<uint32_t, 2>, kClients> next_{};
    std::array<uint32_t, kClients> step_{};
};

void compare(uint32_t seed, TrackingOptions general, uint64_t& cut_short) {
    TrackingOptions other = general;
    other.timeouts.udp_replied = 7s;
    other.timeouts.tcp_established = 40s;
    const std::array others{other};
    const TrackingSets options{general, others};
    auto quick = std::make_unique<Twin>();
    auto slow = std::make_unique<Twin>();
    Talk talk{seed};
    Instant now{1h};
    for (int packet = 0; packet < 3'000; ++packet) {
        const Bytes frame = talk.next();
        const Opening opening{.timeout_set = static_cast<uint8_t>(talk.below(4) == 0 ? 1 : 0)};
        const Tracked a = quick->see(frame, true, options, now, opening);
        const Tracked b = slow->see(frame, false, options, now, opening);
        ASSERT_EQ(a.ct_class, b.ct_class) << "seed " << seed << ", packet " << packet;
        ASSERT_EQ(a.direction, b.direction);
        ASSERT_EQ(a.reason, b.reason);
        ASSERT_EQ(a.missing, b.missing);
        ASSERT_EQ(a.tunnel, b.tunnel);
        if (b.ct_class == CtClass::Established && slow->protocol == ip_protocol::kUdp &&
            talk.below(200) == 0) {
            // A tunnel whose data begins with 1.
            for (Twin* twin : {quick.get(), slow.get()}) {
                twin->conntrack.watch(b.index, 77);
                twin->conntrack.let_pass(b.index, b.direction, 1, 8);
            }
        }
        now += std::array<Duration, 6>{0ms, 1ms, 10ms, 300ms, 2s, 9s}[talk.below(6)];
        if (packet % 7 == 0) {
            for (Twin* twin : {quick.get(), slow.get()})
                twin->conntrack.expire(now, 64);
        }
        ASSERT_NO_FATAL_FAILURE(expect_equal(quick->flows(now), slow->flows(now)))
            << "seed " << seed << ", packet " << packet;
        ASSERT_EQ(quick->conntrack.timers(), quick->conntrack.size());
    }
    cut_short += quick->cut_short;
}

TEST(Established, the_short_cut_does_what_the_long_way_does) {
    uint64_t cut_short = 0;
    for (uint32_t seed = 1; seed <= 3; ++seed) {
        compare(seed, TrackingOptions::strict(), cut_short);
        compare(seed, TrackingOptions::linux_profile(), cut_short);
        TrackingOptions no_count = TrackingOptions::strict();
        no_count.tcp_max_retransmissions = 0;
        compare(seed, no_count, cut_short);
    }
    EXPECT_GT(cut_short, 2'000U) << "most of the packets that could";
}

TEST(Established, packets_are_counted_beyond_32_bits) {
    Connection connection;
    connection.low_packets = {UINT32_MAX, 5};
    connection.count(Direction::Original, 100);
    connection.count(Direction::Reply, 60);
    EXPECT_EQ(connection.packets(Direction::Original), uint64_t{1} << 32);
    EXPECT_EQ(connection.packets(Direction::Reply), 6U);
    EXPECT_EQ(connection.bytes, (std::array<uint64_t, 2>{100, 60}));
}

}  // namespace
}  // namespace ravelin
