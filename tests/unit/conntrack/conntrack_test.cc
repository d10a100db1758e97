// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/conntrack.h"

#include "packet/parse.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr uint32_t kHash = 0x12345678;

/// Conntrack without a pipeline around it. Identities are made up, so that hashes collide at will.
class ConntrackTest : public ::testing::Test {
  protected:
    explicit ConntrackTest(uint32_t capacity = 1000, uint32_t ipv6 = 1000)
        : capacity_{capacity}, ipv6_{ipv6} {
        const DropReason reason = parse(frame_, ParseOptions{}, false, headers_);
        EXPECT_EQ(reason, DropReason::None);
    }

    /// A UDP flow from 10.0.0.1:`port`.
    static FlowId udp(uint16_t port, uint32_t hash = kHash) {
        FlowId id;
        id.key.family = Family::Ipv4;
        id.key.protocol = ip_protocol::kUdp;
        id.key.addresses = {10, 0, 0, 1, 192, 0, 2, 1};
        id.key.low_port = port;
        id.key.high_port = 443;
        id.hash = hash;
        return id;
    }
    /// A UDP flow over IPv6, whose key says nothing of its addresses' last byte.
    static FlowId udp6(uint8_t last_byte) {
        FlowId id = udp(7);
        id.key.family = Family::Ipv6;
        id.ipv6.low[15] = last_byte;
        return id;
    }
    static FlowId answer(FlowId id) {
        id.swapped = !id.swapped;
        return id;
    }
    [[nodiscard]] const uint8_t* l4() const { return frame_.data() + headers_.l4_offset; }

    Opened open(const FlowId& id) {
        return conntrack_.open(headers_, id, l4(), Opening{}, options_, now_);
    }
    Tracked track(const FlowId& id) {
        conntrack_.prefetch_bucket(id);
        return conntrack_.track(headers_, id, l4(), conntrack_.prefetch_connection(id), options_,
                                now_);
    }
    std::vector<FlowRecord> flows(uint32_t budget = UINT32_MAX) {
        std::vector<FlowRecord> out(capacity_);
        uint32_t cursor = 0;
        uint32_t written = 0;
        EXPECT_EQ(conntrack_.dump(cursor, budget, out, written, now_), budget >= capacity_);
        EXPECT_EQ(cursor, std::min(budget, capacity_));
        out.resize(written);
        return out;
    }

    uint32_t capacity_;
    uint32_t ipv6_;
    Bytes frame_ = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(1, 443).payload("x").build();
    Headers headers_;
    TrackingOptions options_ = TrackingOptions::strict();
    Instant now_{1h};
    ConntrackCounters counters_;
    Conntrack conntrack_{
        {capacity_, 0, ipv6_}, FlowExtractor{HashSecret{1}}, 0, counters_, EventPort{}, now_};
};

TEST_F(ConntrackTest, refuses_a_connection_when_every_bucket_on_its_way_is_full) {
    constexpr uint16_t kRoom = FlowTable::kMaxProbes * 8;
    for (uint16_t port = 0; port < kRoom; ++port)
        ASSERT_EQ(open(udp(port)).reason, DropReason::None) << port;
    EXPECT_EQ(open(udp(kRoom)).reason, DropReason::TableFull);
    EXPECT_EQ(counters_.insert_failed_bucket.value(), 1U);
    EXPECT_EQ(counters_.insert_failed_full.value(), 0U);
    EXPECT_EQ(conntrack_.size(), kRoom);
    EXPECT_EQ(conntrack_.timers(), kRoom);
    EXPECT_EQ(flows().size(), kRoom) << "the refused one left nothing behind";
    EXPECT_EQ(open(udp(1, ~kHash)).reason, DropReason::None) << "there is room elsewhere";
}

TEST_F(ConntrackTest, tells_connections_of_one_hash_apart_by_their_keys) {
    open(udp(1));
    EXPECT_FALSE(track(udp(1)).missing);
    EXPECT_TRUE(track(udp(2)).missing);
    FlowId protocol = udp(1);
    protocol.key.protocol = ip_protocol::kTcp;
    EXPECT_TRUE(conntrack_.relate(protocol, 0, Conntrack::kNone, options_, now_).missing);
}

TEST_F(ConntrackTest, tells_ipv6_connections_of_one_digest_apart_by_their_addresses) {
    open(udp6(1));
    EXPECT_FALSE(track(udp6(1)).missing);
    EXPECT_TRUE(track(udp6(2)).missing);
    open(udp6(2));
    EXPECT_FALSE(track(udp6(2)).missing);
    EXPECT_EQ(conntrack_.size(), 2U);
}

TEST_F(ConntrackTest, tells_such_apart_in_the_short_cut_too) {
    const uint32_t index = open(udp6(1)).index;
    const Renewals renewals{options_, now_};
    Direction direction = Direction::Original;
    const auto cuts_short = [&](const FlowId& id) {
        return conntrack_.track_established(headers_, id, l4(), index, renewals, direction);
    };
    EXPECT_FALSE(cuts_short(udp6(1))) << "nobody has answered";
    track(answer(udp6(1)));
    track(udp6(1));
    EXPECT_TRUE(cuts_short(answer(udp6(1))));
    EXPECT_EQ(direction, Direction::Reply);
    EXPECT_FALSE(cuts_short(udp6(2))) << "another one of the same digest";
    const auto packets = flows().at(0).packets;
    EXPECT_EQ(packets, (std::array<uint64_t, 2>{2, 2}));
}

TEST_F(ConntrackTest, names_a_connection_only_for_who_asked) {
    EXPECT_EQ(open(udp(1)).flow, 0U);
    EXPECT_EQ(track(udp(1)).flow, 0U);
    conntrack_.identify(true);
    const uint64_t id = flows().at(0).id;
    EXPECT_NE(id, 0U);
    EXPECT_EQ(track(udp(1)).flow, id);
    EXPECT_EQ(track(answer(udp(1))).flow, id);
    EXPECT_EQ(conntrack_.relate(udp(1), 0, Conntrack::kNone, options_, now_).flow, id);
    const uint64_t second = open(udp(2)).flow;
    EXPECT_NE(second, 0U);
    EXPECT_NE(second, id);
}

TEST_F(ConntrackTest, lists_nothing_that_is_past_its_deadline_though_the_wheel_is_behind) {
    open(udp(1));
    now_ += options_.timeouts.udp_unreplied - kTick;
    EXPECT_EQ(flows().size(), 1U);
    now_ += kTick;
    EXPECT_TRUE(flows().empty());
    EXPECT_EQ(conntrack_.size(), 1U) << "nobody has called expire()";
    EXPECT_TRUE(track(udp(1)).missing);
    EXPECT_EQ(conntrack_.size(), 0U) << "who looks it up ends it";
    EXPECT_EQ(counters_.deleted[static_cast<size_t>(EndReason::Timeout)].value(), 1U);
}

TEST_F(ConntrackTest, what_nobody_answers_lasts_no_longer_than_was_set) {
    for (const TrackingOptions& profile :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        options_ = profile;
        options_.udp_unreplied_renewals = 2;
        open(udp(1));
        for (const int packet : {1, 2, 3, 4}) {
            now_ += 10s;
            ASSERT_FALSE(track(udp(1)).missing) << packet;
        }
        EXPECT_EQ(flows().at(0).packets[0], 5U) << "all of them are counted";
        now_ += 10s;
        EXPECT_TRUE(track(udp(1)).missing) << "30 s after the second one";

        open(udp(2));
        for (const int packet : {1, 2, 3}) {
            now_ += 5s;
            ASSERT_FALSE(track(udp(2)).missing) << packet;
        }
        ASSERT_FALSE(track(answer(udp(2))).missing);
        for (const int packet : {1, 2, 3, 4, 5}) {
            now_ += 29s;
            EXPECT_FALSE(track(udp(2)).missing) << "answered once, every packet counts " << packet;
        }
        uint32_t cursor = 0;
        conntrack_.flush(cursor, UINT32_MAX, now_);
    }
}

TEST_F(ConntrackTest, lists_and_flushes_no_more_entries_than_it_may) {
    for (uint16_t port = 0; port < 20; ++port)
        open(udp(port));
    EXPECT_EQ(flows(5).size(), 5U);
    uint32_t cursor = 0;
    EXPECT_FALSE(conntrack_.flush(cursor, 8, now_));
    EXPECT_EQ(conntrack_.size(), 12U);
    EXPECT_TRUE(conntrack_.flush(cursor, UINT32_MAX, now_));
    EXPECT_EQ(conntrack_.size(), 0U);
    EXPECT_EQ(counters_.deleted[static_cast<size_t>(EndReason::Operator)].value(), 20U);
}

TEST_F(ConntrackTest, takes_memory_for_every_connection_at_once) {
    const Conntrack larger{
        {2 * capacity_}, FlowExtractor{HashSecret{1}}, 0, counters_, EventPort{}, now_};
    const size_t added = larger.memory_bytes() - conntrack_.memory_bytes();
    EXPECT_GE(conntrack_.memory_bytes(), capacity_ * (sizeof(Connection) + sizeof(Ipv6Ends)));
    EXPECT_GE(added, capacity_ * (sizeof(Connection) + sizeof(Ipv6Ends)));
    EXPECT_LT(added, capacity_ * 256);
}

TEST_F(ConntrackTest, knows_which_connections_may_have_been_opened_lately) {
    EXPECT_FALSE(conntrack_.may_have_opened(udp(1)));
    open(udp(1));
    EXPECT_TRUE(conntrack_.may_have_opened(udp(1)));
    EXPECT_TRUE(conntrack_.may_have_opened(answer(udp(1))));
    EXPECT_TRUE(conntrack_.may_have_opened(udp(2))) << "of the same hash";
    int others = 0;
    for (uint32_t hash = 0; hash < 512; ++hash)
        others += conntrack_.may_have_opened(udp(3, hash)) ? 1 : 0;
    EXPECT_EQ(others, 1) << "a 512th";
    conntrack_.note_opened();
    EXPECT_FALSE(conntrack_.may_have_opened(udp(1)));
}

class ConntrackOfTwo : public ConntrackTest {
  protected:
    ConntrackOfTwo() : ConntrackTest{2} {}
};

TEST_F(ConntrackOfTwo, refuses_a_connection_when_no_entry_is_free) {
    open(udp(1));
    open(udp(2));
    EXPECT_EQ(open(udp(3)).reason, DropReason::TableFull);
    EXPECT_EQ(counters_.insert_failed_full.value(), 1U);
    now_ += options_.timeouts.udp_unreplied;
    conntrack_.expire(now_, 64);
    EXPECT_EQ(open(udp(3)).reason, DropReason::None);
    EXPECT_EQ(counters_.entries_peak.value(), 2U);
    EXPECT_EQ(counters_.entries.value(), 1U);
}

/// Two of them have room for IPv6 addresses.
class ConntrackOfFour : public ConntrackTest {
  protected:
    ConntrackOfFour() : ConntrackTest{4, 2} {}
    void end(const FlowId& id) {
        conntrack_.close(track(id).index, EndReason::Operator, Direction::Original, now_);
    }
};

TEST_F(ConntrackOfFour, ipv6_has_its_share_and_no_more) {
    EXPECT_EQ(open(udp6(1)).reason, DropReason::None);
    EXPECT_EQ(open(udp6(2)).reason, DropReason::None);
    EXPECT_EQ(open(udp6(3)).reason, DropReason::TableFull);
    EXPECT_EQ(counters_.insert_failed_full.value(), 1U);
    EXPECT_EQ(counters_.ipv6_entries.value(), 2U);
    EXPECT_EQ(open(udp(1)).reason, DropReason::None) << "the other half is for IPv4";
    EXPECT_EQ(open(udp(2)).reason, DropReason::None);
    EXPECT_EQ(open(udp(3)).reason, DropReason::TableFull);
    EXPECT_FALSE(track(udp6(1)).missing);
    EXPECT_TRUE(track(udp6(3)).missing);
    std::multiset<int> last_bytes;
    for (const FlowRecord& flow : flows())
        if (flow.family == Family::Ipv6) last_bytes.insert(flow.source.bytes[15]);
    EXPECT_EQ(last_bytes, (std::multiset<int>{1, 2}));
}

TEST_F(ConntrackOfFour, ipv4_may_have_all_and_what_it_gives_back_ipv6_can_take) {
    for (uint16_t port = 1; port <= 4; ++port)
        ASSERT_EQ(open(udp(port)).reason, DropReason::None) << port;
    EXPECT_EQ(counters_.ipv6_entries.value(), 0U);
    EXPECT_EQ(open(udp6(1)).reason, DropReason::TableFull);
    end(udp(1));
    EXPECT_EQ(open(udp6(1)).reason, DropReason::TableFull) << "that one has no room for addresses";
    end(udp(4));
    EXPECT_EQ(open(udp6(1)).reason, DropReason::None);
    EXPECT_FALSE(track(udp6(1)).missing);
    EXPECT_EQ(open(udp(5)).reason, DropReason::None);
    end(udp6(1));
    EXPECT_EQ(counters_.ipv6_entries.value(), 0U);
    EXPECT_EQ(open(udp(6)).reason, DropReason::None);
    EXPECT_EQ(conntrack_.size(), 4U);
}

/// Frames between a client and a server, as a worker hands them to Conntrack.
class ConntrackFrames : public ::testing::Test {
  protected:
    static PacketBuilder segment(Direction direction, std::string_view flags, uint32_t sequence,
                                 uint32_t ack) {
        const bool client = direction == Direction::Original;
        PacketBuilder builder;
        if (client)
            builder.ipv4("10.0.0.1", "192.0.2.1").tcp(40000, 443, flags);
        else
            builder.ipv4("192.0.2.1", "10.0.0.1").tcp(443, 40000, flags);
        return builder.seq(sequence).ack(ack).window(1000);
    }
    Tracked pass(Direction direction, std::string_view flags, uint32_t sequence, uint32_t ack = 0) {
        return pass(segment(direction, flags, sequence, ack));
    }
    Tracked pass(const PacketBuilder& builder) {
        const Bytes frame = builder.build();
        Headers headers;
        EXPECT_EQ(parse(frame, options_.parse, false, headers), DropReason::None);
        identify_by_spi(headers);
        FlowId id;
        conntrack_.extractor().extract(headers, frame.data() + headers.l3_offset, 0, id);
        last_ = id;
        const uint8_t* l4 = frame.data() + headers.l4_offset;
        const Tracked tracked =
            conntrack_.track(headers, id, l4, conntrack_.prefetch_connection(id), options_, now_);
        if (tracked.missing && tracked.ct_class == CtClass::New) {
            EXPECT_EQ(conntrack_.open(headers, id, l4, Opening{}, options_, now_).reason,
                      DropReason::None);
        }
        return tracked;
    }
    /// An ICMP error about the last packet.
    Tracked relate(uint32_t sequence = 0) {
        return conntrack_.relate(last_, sequence, Conntrack::kNone, options_, now_);
    }
    void establish() {
        pass(kThere, "S", 100);
        pass(kBack, "SA", 500, 101);
        EXPECT_EQ(pass(kThere, ".", 101, 501).ct_class, CtClass::Established);
    }
    FlowRecord flow() {
        std::vector<FlowRecord> out(4);
        uint32_t cursor = 0;
        uint32_t written = 0;
        conntrack_.dump(cursor, UINT32_MAX, out, written, now_);
        EXPECT_EQ(written, 1U);
        return out[0];
    }
    [[nodiscard]] uint64_t ended(EndReason reason) const {
        return counters_.deleted[static_cast<size_t>(reason)].value();
    }

    static constexpr Direction kThere = Direction::Original;
    static constexpr Direction kBack = Direction::Reply;
    FlowId last_;
    TrackingOptions options_ = TrackingOptions::strict();
    Instant now_{1h};
    ConntrackCounters counters_;
    Conntrack conntrack_{{16}, FlowExtractor{HashSecret{1}}, 0, counters_, EventPort{}, now_};
};

TEST_F(ConntrackFrames, a_segment_out_of_the_window_changes_nothing) {
    establish();
    const FlowRecord before = flow();
    now_ += 10s;
    const Tracked tracked = pass(kThere, "PA", 900'000, 501);
    EXPECT_EQ(tracked.ct_class, CtClass::Invalid);
    EXPECT_EQ(tracked.reason, DropReason::TcpWindow);
    EXPECT_FALSE(tracked.missing);
    EXPECT_EQ(flow().packets, before.packets);
    EXPECT_EQ(flow().bytes, before.bytes);
    EXPECT_EQ(flow().remaining, before.remaining - 10s);
}

TEST_F(ConntrackFrames, an_invalid_close_by_both_ends_shortens_the_time_once) {
    options_ = TrackingOptions::linux_profile();
    establish();
    EXPECT_EQ(pass(kThere, "FA", 900'000, 501).ct_class, CtClass::Invalid);
    EXPECT_EQ(flow().remaining, options_.timeouts.tcp_established);
    EXPECT_EQ(pass(kBack, "FA", 900'000, 900'001).ct_class, CtClass::Invalid);
    EXPECT_EQ(flow().remaining, options_.timeouts.tcp_unacknowledged);
    now_ += 10s;
    EXPECT_EQ(pass(kBack, "FA", 900'000, 900'001).ct_class, CtClass::Invalid);
    EXPECT_EQ(flow().remaining, options_.timeouts.tcp_unacknowledged - 10s) << "never longer";
    EXPECT_EQ(conntrack_.timers(), 1U);
}

TEST_F(ConntrackFrames, a_syn_on_a_closed_connection_replaces_it) {
    establish();
    pass(kThere, "FA", 101, 501);
    pass(kBack, "FA", 501, 102);
    pass(kThere, ".", 102, 502);
    const uint64_t first = flow().id;
    now_ += 1s;
    const Tracked tracked = pass(kThere, "S", 70'000);
    EXPECT_EQ(tracked.ct_class, CtClass::New);
    EXPECT_TRUE(tracked.missing);
    EXPECT_EQ(ended(EndReason::Replaced), 1U);
    EXPECT_NE(flow().id, first);
    EXPECT_EQ(flow().packets[0], 1U);
    EXPECT_EQ(conntrack_.timers(), 1U);
}

TEST_F(ConntrackFrames, an_rst_that_answers_the_syn_ends_the_connection) {
    pass(kThere, "S", 100);
    EXPECT_EQ(pass(kBack, "RA", 0, 101).ct_class, CtClass::Established);
    EXPECT_EQ(ended(EndReason::TcpReset), 1U);
    EXPECT_EQ(conntrack_.size(), 0U);
    EXPECT_EQ(conntrack_.timers(), 0U);
}

TEST_F(ConntrackFrames, an_error_ends_what_nobody_answered_and_nothing_else) {
    const PacketBuilder request = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(5000, 53);
    pass(request);
    EXPECT_EQ(relate().ct_class, CtClass::Related);
    EXPECT_EQ(ended(EndReason::IcmpError), 1U);
    pass(request);
    pass(PacketBuilder{}.ipv4("192.0.2.1", "10.0.0.1").udp(53, 5000));
    EXPECT_EQ(relate().ct_class, CtClass::Related);
    EXPECT_EQ(conntrack_.size(), 1U);
}

TEST_F(ConntrackFrames, an_error_ends_an_echo_request_but_no_flow_that_has_no_answers) {
    const PacketBuilder ping = PacketBuilder{}.ipv4("192.0.2.1", "10.0.0.1").icmp_echo(7, 1);
    pass(ping);
    EXPECT_EQ(flow().source, Address::from_ipv4(testing::address_bytes("192.0.2.1").data()));
    EXPECT_EQ(flow().source_port, 7U) << "the identifier is nobody's port";
    last_.swapped = !last_.swapped;
    EXPECT_EQ(relate().ct_class, CtClass::Related) << "about a reply";
    EXPECT_EQ(conntrack_.size(), 1U);
    last_.swapped = !last_.swapped;
    EXPECT_EQ(relate().ct_class, CtClass::Related);
    EXPECT_EQ(ended(EndReason::IcmpError), 1U);
    pass(PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").esp(0x1234).payload(Bytes(16)));
    EXPECT_EQ(relate().ct_class, CtClass::Related);
    EXPECT_EQ(conntrack_.size(), 1U);
}

TEST_F(ConntrackFrames, profile_linux_relates_any_sequence_and_ends_nothing) {
    pass(kThere, "S", 100);
    EXPECT_EQ(relate(99).reason, DropReason::IcmpErrorSequence);
    options_ = TrackingOptions::linux_profile();
    EXPECT_EQ(relate(99).ct_class, CtClass::Related);
    EXPECT_EQ(conntrack_.size(), 1U);
}

TEST_F(ConntrackFrames, a_connection_becomes_assured_once) {
    const PacketBuilder there =
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").gre().payload(Bytes(8));
    const PacketBuilder back =
        PacketBuilder{}.ipv4("192.0.2.1", "10.0.0.1").gre().payload(Bytes(8));
    pass(there);
    pass(back);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(pass(there).ct_class, CtClass::Established);
    EXPECT_NE(flow().flags & connection_flag::kAssured, 0);
    const auto& gauges = counters_.other_entries[static_cast<size_t>(ProtocolLabel::Gre)];
    EXPECT_EQ(gauges[static_cast<size_t>(ReplyLabel::Assured)].value(), 1U);
    EXPECT_EQ(gauges[static_cast<size_t>(ReplyLabel::Replied)].value(), 0U);
}

template <class Label>
std::set<std::string> keywords() {
    std::set<std::string> words;
    for (size_t i = 0; i < static_cast<size_t>(Label::Count); ++i)
        words.insert(keyword(static_cast<Label>(i)));
    return words;
}

TEST(ConntrackLabels, every_one_has_a_keyword_of_its_own) {
    EXPECT_EQ(keywords<EndReason>().size(), kEndReasonCount);
    EXPECT_EQ(keywords<ProtocolLabel>().size(), kProtocolLabelCount);
    EXPECT_EQ(keywords<ReplyLabel>().size(), kReplyLabelCount);
    EXPECT_EQ(keywords<CloseReason>().size(), kCloseReasonCount);
    EXPECT_EQ(keywords<EventKind>().size(), kEventKindCount);
    EXPECT_EQ(keywords<Certainty>().size(), kCertaintyCount);
    EXPECT_EQ(keywords<ClosedBy>().size(), kClosedByCount);
    EXPECT_STREQ(keyword(EndReason::IcmpError), "icmp_error");
    EXPECT_STREQ(keyword(ReplyLabel::Assured), "assured");
}

TEST(ConntrackLabels, a_protocol_without_a_label_is_other) {
    const std::array<std::pair<uint8_t, const char*>, 10> labels{{{6, "tcp"},
                                                                  {17, "udp"},
                                                                  {1, "icmp"},
                                                                  {58, "icmpv6"},
                                                                  {50, "esp"},
                                                                  {51, "ah"},
                                                                  {47, "gre"},
                                                                  {132, "sctp"},
                                                                  {89, "other"},
                                                                  {0, "other"}}};
    for (const auto& [protocol, word] : labels)
        EXPECT_STREQ(keyword(protocol_label(protocol)), word);
}

// ------------------------------------------------------------------------------- plain data passes

/// A watched UDP connection whose frame carries `payload`.
class PassingTest : public ConntrackTest {
  protected:
    PassingTest() {
        carry("x");
        index_ = open(udp(1)).index;
        conntrack_.watch(index_, 77);
    }
    void carry(const std::string& payload) {
        frame_ = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(1, 443).payload(payload).build();
        ASSERT_EQ(parse(frame_, ParseOptions{}, false, headers_), DropReason::None);
    }
    /// The handle that a packet of `direction` that carries `payload` is given to.
    uint32_t seen_by(Direction direction, const std::string& payload) {
        carry(payload);
        return track(direction == Direction::Original ? udp(1) : answer(udp(1))).tunnel;
    }

    uint32_t index_ = 0;
};

TEST_F(PassingTest, what_is_longer_and_begins_so_passes_in_its_direction_only) {
    // Lengths are kept in units of four bytes, and rounded up: rather one too many is looked at.
    for (const uint16_t small : std::to_array<uint16_t>({0, 1, 3, 4, 5, 16, 32, 43, 251, 252})) {
        const size_t longest_seen = (small + 3U) / 4 * 4;
        for (const Direction direction : {Direction::Original, Direction::Reply}) {
            conntrack_.let_none_pass(index_, opposite(direction));
            conntrack_.let_pass(index_, direction, 'd', small);
            EXPECT_TRUE(conntrack_.lets_pass(index_, direction));
            EXPECT_FALSE(conntrack_.lets_pass(index_, opposite(direction)));
            EXPECT_EQ(seen_by(direction, std::string(longest_seen + 1, 'd')), 0U) << small;
            EXPECT_EQ(seen_by(direction, std::string(longest_seen + 1000, 'd')), 0U) << small;
            EXPECT_EQ(seen_by(direction, std::string(longest_seen, 'd')), 77U) << small;
            EXPECT_EQ(seen_by(direction, std::string(longest_seen + 1, 'e')), 77U) << small;
            EXPECT_EQ(seen_by(opposite(direction), std::string(1000, 'd')), 77U) << small;
        }
    }
}

TEST_F(PassingTest, an_empty_packet_is_always_seen) {
    conntrack_.let_pass(index_, Direction::Original, 0, 0);
    EXPECT_EQ(seen_by(Direction::Original, ""), 77U);
}

TEST_F(PassingTest, of_two_lengths_the_longer_one_holds_while_both_pass) {
    conntrack_.let_pass(index_, Direction::Original, 'o', 16);
    conntrack_.let_pass(index_, Direction::Reply, 'r', 100);
    EXPECT_EQ(seen_by(Direction::Original, std::string(100, 'o')), 77U);
    EXPECT_EQ(seen_by(Direction::Original, std::string(101, 'o')), 0U);
    EXPECT_EQ(seen_by(Direction::Reply, std::string(101, 'r')), 0U);
    conntrack_.let_none_pass(index_, Direction::Reply);
    conntrack_.let_pass(index_, Direction::Original, 'o', 16);
    EXPECT_EQ(seen_by(Direction::Original, std::string(17, 'o')), 0U);
    conntrack_.let_pass(index_, Direction::Reply, 'r', 8);
    EXPECT_EQ(seen_by(Direction::Reply, std::string(16, 'r')), 77U);
    EXPECT_EQ(seen_by(Direction::Reply, std::string(17, 'r')), 0U);
}

TEST_F(PassingTest, a_length_that_cannot_be_kept_lets_nothing_pass) {
    for (const uint16_t small : std::to_array<uint16_t>({253, 1000, 65535})) {
        conntrack_.let_pass(index_, Direction::Original, 'd', 4);
        conntrack_.let_pass(index_, Direction::Original, 'd', small);
        EXPECT_FALSE(conntrack_.lets_pass(index_, Direction::Original));
        EXPECT_EQ(seen_by(Direction::Original, std::string(1200, 'd')), 77U);
    }
}

TEST_F(PassingTest, a_udp_length_beyond_the_packet_is_not_believed) {
    conntrack_.let_pass(index_, Direction::Original, 'd', 4);
    carry(std::string(20, 'd'));
    headers_.l4_length = 20;
    EXPECT_EQ(track(udp(1)).tunnel, 77U);
}

TEST_F(PassingTest, what_has_passed_is_counted_by_direction_and_told_once) {
    using Passed = std::array<uint32_t, 2>;
    EXPECT_EQ(conntrack_.take_passed(index_, now_), (Passed{0, 0}));
    conntrack_.let_pass(index_, Direction::Original, 'd', 4);
    conntrack_.let_pass(index_, Direction::Reply, 'd', 4);
    for (int i = 0; i < 3; ++i)
        seen_by(Direction::Original, "ddddddd");
    seen_by(Direction::Original, "else");
    seen_by(Direction::Reply, "ddddddd");
    EXPECT_EQ(conntrack_.take_passed(index_, now_), (Passed{3, 1}));
    EXPECT_EQ(conntrack_.take_passed(index_, now_), (Passed{0, 0}));
}

TEST_F(PassingTest, what_passes_never_brings_the_deadline_forward) {
    seen_by(Direction::Reply, "x");
    conntrack_.prolong(index_, 400s, now_);
    conntrack_.let_pass(index_, Direction::Original, 'd', 4);
    const auto remaining = [this] { return flows()[0].remaining; };
    EXPECT_EQ(remaining(), 400s);
    now_ += 100s;
    seen_by(Direction::Original, "ddddddd");
    EXPECT_EQ(remaining(), 300s) << "its own 180 s are less";
    // Whoever asks what has passed gives it what it needs.
    conntrack_.take_passed(index_, now_);
    EXPECT_EQ(remaining(), 400s);
    now_ += 300s;
    conntrack_.take_passed(index_, now_);
    EXPECT_EQ(remaining(), 100s) << "nothing has passed";
    seen_by(Direction::Original, "ddddddd");
    EXPECT_EQ(remaining(), 180s);
}

TEST_F(PassingTest, the_rule_outlives_being_watched_and_no_state_shows) {
    const FlowId id = udp(2);
    const uint32_t index =
        conntrack_.open(headers_, id, l4(), Opening{.rule = 0x1234}, options_, now_).index;
    const auto flow = [&] {
        for (const FlowRecord& record : flows())
            if (record.rule != 0) return record;
        return FlowRecord{};
    };
    EXPECT_EQ(flow().rule, 0x1234);
    conntrack_.watch(index, 5);
    conntrack_.let_pass(index, Direction::Original, 'd', 100);
    EXPECT_EQ(flow().rule, 0x1234);
    EXPECT_EQ(flow().state, 0);
    conntrack_.watch(index, 6);
    EXPECT_FALSE(conntrack_.lets_pass(index, Direction::Original));
    EXPECT_EQ(flow().rule, 0x1234);
    conntrack_.watch(index, 0);
    EXPECT_EQ(flow().rule, 0x1234);
}

}  // namespace
}  // namespace ravelin
