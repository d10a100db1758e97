// SPDX-License-Identifier: BSD-3-Clause
// The table of fragments alone: what it holds, lets go, refuses, remembers and forgets.
#include "conntrack/fragments.h"

#include "packet/parse.h"
#include "support/fragmenter.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::fragment_of;
using testing::fragments_of;
using testing::PacketBuilder;
using testing::Piece;

constexpr Piece kFirst{0, 64, true};
constexpr Piece kMiddle{64, 64, true};
constexpr Piece kLast{128, 40, false};

/// A UDP datagram of 168 bytes behind IP.
Bytes whole(Family family, uint32_t client = 1) {
    PacketBuilder builder;
    if (family == Family::Ipv4) {
        builder.ipv4(
            "10.0." + std::to_string(client / 250) + "." + std::to_string(client % 250 + 1),
            "192.0.2.20");
    } else {
        builder.ipv6("2001:db8:" + std::to_string(client) + "::1", "2001:db8:b::20");
    }
    Bytes payload(160);
    for (size_t i = 0; i < payload.size(); ++i)
        payload[i] = static_cast<uint8_t>(i * 7 + 1);
    return builder.udp(4000, 1194).payload(payload).build();
}

class Table {
  public:
    explicit Table(FragmentCapacity capacity = {}) : table{capacity, HashSecret{1, 2, 3}} {}

    FragmentTable::Added add(Bytes bytes, Instant now = {}, uint8_t port = 0) {
        frames_.push_back(std::move(bytes));
        const Bytes& frame = frames_.back();
        Headers headers;
        EXPECT_EQ(parse(frame, options_of_parse(), false, headers), DropReason::None);
        EXPECT_TRUE(headers.is_fragment);
        const Frame held{.buffer = &frames_.back(),
                         .data = frame.data(),
                         .length = static_cast<uint32_t>(frame.size()),
                         .port = port};
        return table.add(held, headers, table.prefetch(held, headers), 0, options, now);
    }
    DropReason refuse(Bytes bytes, Instant now = {}) {
        const auto added = add(std::move(bytes), now);
        EXPECT_EQ(added.complete, FragmentTable::kNone);
        return added.reason;
    }
    /// Everything that was let go, by reason.
    std::map<DropReason, uint32_t> let_go() {
        std::map<DropReason, uint32_t> counts;
        FragmentGroup group;
        Frame frame;
        while (table.next(group)) {
            while (table.take(group, frame))
                ++counts[group.verdict.reason];
        }
        return counts;
    }
    Bytes assembled(uint32_t datagram) {
        DropReason reason = DropReason::None;
        const Frame frame = table.assemble(datagram, reason);
        EXPECT_EQ(reason, DropReason::None);
        return {frame.data, frame.data + frame.length};
    }

    FragmentOptions options{};
    FragmentTable table;

  private:
    static ParseOptions options_of_parse() {
        ParseOptions parse;
        parse.refuse_ipv4_options = false;
        return parse;
    }
    std::deque<Bytes> frames_;
};

using LetGo = std::map<DropReason, uint32_t>;

class Fragments : public ::testing::TestWithParam<Family> {
  protected:
    static Bytes piece(Piece which, uint32_t id = 7, uint32_t client = 1) {
        return fragment_of(whole(GetParam(), client), which, id);
    }
    static Bytes changed(Piece which, size_t from_end = 1) {
        Bytes frame = piece(which);
        frame[frame.size() - from_end] ^= 0x55;
        return frame;
    }
    static Duration timeout() { return GetParam() == Family::Ipv4 ? 30s : 60s; }
};

INSTANTIATE_TEST_SUITE_P(family, Fragments, ::testing::Values(Family::Ipv4, Family::Ipv6),
                         [](const auto& param) {
                             return param.param == Family::Ipv4 ? "ipv4" : "ipv6";
                         });

TEST_P(Fragments, make_the_datagram_that_was_divided_in_whatever_order_they_come) {
    Bytes expected = whole(GetParam());
    if (GetParam() == Family::Ipv4) testing::set_ipv4_fragment(expected, 7, 0);
    std::array<Piece, 3> order{kFirst, kMiddle, kLast};
    std::array<size_t, 3> index{0, 1, 2};
    do {
        Table table;
        EXPECT_EQ(table.add(piece(order[index[0]])).complete, FragmentTable::kNone);
        EXPECT_EQ(table.add(piece(order[index[1]])).complete, FragmentTable::kNone);
        const auto last = table.add(piece(order[index[2]]));
        ASSERT_NE(last.complete, FragmentTable::kNone);
        EXPECT_EQ(table.assembled(last.complete), expected);
        table.table.settle(last.complete, {}, 0);
        EXPECT_EQ(table.let_go(), (LetGo{{DropReason::None, 3}}));
        EXPECT_EQ(table.table.held(), 0U);
        EXPECT_EQ(table.table.datagrams(), 0U);
    } while (std::next_permutation(index.begin(), index.end()));
}

TEST_P(Fragments, leave_in_the_order_in_which_they_came_and_with_their_buffers) {
    Table table;
    const std::vector<Bytes> sent{piece(kLast), piece(kFirst), piece(kMiddle)};
    FragmentTable::Added added;
    for (const Bytes& frame : sent)
        added = table.add(frame);
    table.table.settle(added.complete, {.out_port = 3}, 5);
    FragmentGroup group;
    ASSERT_TRUE(table.table.next(group));
    EXPECT_EQ(group.place, 5U);
    EXPECT_EQ(group.verdict.out_port, 3);
    Frame frame;
    for (const Bytes& each : sent) {
        ASSERT_TRUE(table.table.take(group, frame));
        EXPECT_EQ(*static_cast<Bytes*>(frame.buffer), each);
    }
    EXPECT_FALSE(table.table.take(group, frame));
    EXPECT_FALSE(table.table.next(group));
}

TEST_P(Fragments, of_different_datagrams_are_never_mixed) {
    Table table;
    const Bytes other = whole(GetParam(), 2);
    EXPECT_EQ(table.add(piece(kFirst)).reason, DropReason::None);
    EXPECT_EQ(table.add(piece(kMiddle, 8)).reason, DropReason::None) << "another id";
    EXPECT_EQ(table.add(piece(kMiddle), {}, 1).reason, DropReason::None) << "another port";
    EXPECT_EQ(table.add(fragment_of(other, kMiddle, 7)).reason, DropReason::None);
    Bytes frame = piece(kMiddle);
    const Bytes tag = {0x81, 0, 0, 5};
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    EXPECT_EQ(table.add(frame).reason, DropReason::None) << "another VLAN";
    EXPECT_EQ(table.table.datagrams(), 5U);
    EXPECT_EQ(table.add(piece(kLast)).complete, FragmentTable::kNone) << "the middle is missing";
    EXPECT_NE(table.add(piece(kMiddle)).complete, FragmentTable::kNone);
}

TEST_P(Fragments, that_are_held_already_are_dropped_alone) {
    Table table;
    table.add(piece(kFirst));
    EXPECT_EQ(table.refuse(piece(kFirst)), DropReason::FragmentDuplicate);
    EXPECT_EQ(table.refuse(piece({8, 16, true})), DropReason::FragmentDuplicate) << "a part of it";
    table.add(piece(kMiddle));
    EXPECT_EQ(table.refuse(piece({32, 64, true})), DropReason::FragmentDuplicate) << "of both";
    EXPECT_EQ(table.let_go(), LetGo{});
    EXPECT_NE(table.add(piece(kLast)).complete, FragmentTable::kNone);
}

struct Bad {
    const char* name;
    std::vector<Piece> before;
    Piece piece;
    bool differs;
    DropReason reason;
};

TEST_P(Fragments, that_contradict_each_other_poison_their_datagram_until_its_timeout) {
    using enum DropReason;
    const std::vector<Bad> cases{
        {"other bytes", {kFirst}, kFirst, true, FragmentOverlap},
        {"other bytes in the middle", {kFirst, kMiddle}, {32, 64, true}, true, FragmentOverlap},
        {"over its end, same bytes", {kFirst}, {32, 64, true}, false, FragmentOverlap},
        {"over its begin, same bytes", {kMiddle}, {32, 64, true}, false, FragmentOverlap},
        {"around it, same bytes", {kMiddle}, {0, 136, true}, false, FragmentOverlap},
        {"across a gap", {kFirst, kLast}, {56, 80, true}, false, FragmentOverlap},
        {"two ends, shorter", {kLast}, {64, 64, false}, false, FragmentEnd},
        {"two ends, longer", {kLast}, {128, 48, false}, false, FragmentEnd},
        {"beyond the end", {kLast}, {168, 8, true}, false, FragmentEnd},
        {"more at the end", {kLast}, {120, 48, true}, false, FragmentEnd},
        {"the end before what is there", {kMiddle}, {8, 56, false}, false, FragmentEnd},
        {"the end where more was to come", {kMiddle}, {64, 64, false}, false, FragmentEnd},
        {"too long", {kFirst}, {65528, 64, true}, false, FragmentTooLong},
        {"too long by one", {kFirst}, {65528, 8, false}, false, FragmentTooLong},
    };
    for (const Bad& bad : cases) {
        SCOPED_TRACE(bad.name);
        Table table;
        for (const Piece& each : bad.before)
            ASSERT_EQ(table.add(piece(each)).reason, None);
        EXPECT_EQ(table.refuse(bad.differs ? changed(bad.piece) : piece(bad.piece)), bad.reason);
        EXPECT_EQ(table.let_go(), (LetGo{{bad.reason, static_cast<uint32_t>(bad.before.size())}}));
        EXPECT_EQ(table.table.incomplete(), 0U);
        const Instant late = Instant{} + timeout() - 1ns;
        for (const Piece& each : {kFirst, kMiddle, kLast})
            EXPECT_EQ(table.refuse(piece(each), late), bad.reason) << "it is remembered";
        EXPECT_EQ(table.add(piece(kFirst), late + 1ns).reason, None) << "no longer than its time";
        EXPECT_EQ(table.let_go(), LetGo{});
    }
}

TEST_P(Fragments, that_nobody_can_use_harm_no_datagram) {
    Table table;
    table.add(piece(kFirst));
    EXPECT_EQ(table.refuse(piece({64, 60, true})), DropReason::FragmentMalformed);
    EXPECT_EQ(table.refuse(piece({64, 0, true})), DropReason::FragmentMalformed);
    EXPECT_EQ(table.refuse(piece({64, 0, false})), DropReason::FragmentMalformed);
    table.add(piece(kMiddle));
    EXPECT_NE(table.add(piece(kLast)).complete, FragmentTable::kNone);
}

TEST_P(Fragments, up_to_the_longest_datagram_are_put_together) {
    const bool v4 = GetParam() == Family::Ipv4;
    const uint32_t total = v4 ? 65515 : 65535;
    PacketBuilder builder;
    v4 ? builder.ipv4("10.0.0.1", "192.0.2.20") : builder.ipv6("2001:db8::1", "2001:db8::2");
    const Bytes longest = builder.protocol(200).payload(Bytes(total, 0x5a)).build();
    Table table;
    FragmentTable::Added added;
    for (const Bytes& frame : fragments_of(longest, 1480, 1))
        added = table.add(frame);
    ASSERT_NE(added.complete, FragmentTable::kNone);
    Bytes expected = longest;
    if (v4) testing::set_ipv4_fragment(expected, 1, 0);
    EXPECT_EQ(table.assembled(added.complete), expected);
}

TEST_P(Fragments, of_more_than_64_pieces_poison_their_datagram) {
    Table table;
    for (uint32_t i = 0; i < FragmentTable::kMaxParts; ++i)
        ASSERT_EQ(table.add(piece({i * 16, 8, true})).reason, DropReason::None);
    EXPECT_EQ(table.refuse(piece({8, 8, true})), DropReason::FragmentTooMany);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTooMany, FragmentTable::kMaxParts}}));
    EXPECT_EQ(table.refuse(piece({24, 8, true})), DropReason::FragmentTooMany);
}

TEST_P(Fragments, wait_exactly_for_their_timeout_from_the_first_that_came) {
    Table table;
    table.add(piece(kFirst));
    table.add(piece(kMiddle), Instant{} + 29s);
    EXPECT_EQ(table.table.expire(table.options, Instant{} + timeout() - 1ns, 8), Duration{});
    EXPECT_EQ(table.let_go(), LetGo{});
    table.table.expire(table.options, Instant{} + timeout(), 8);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTimeout, 2}}));
    EXPECT_EQ(table.table.datagrams(), 0U);
}

TEST_P(Fragments, that_come_after_the_timeout_start_anew_however_far_expiry_is_behind) {
    Table table;
    table.add(piece(kFirst));
    table.add(piece(kMiddle));
    EXPECT_EQ(table.add(piece(kLast), Instant{} + timeout()).complete, FragmentTable::kNone);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTimeout, 2}}));
    EXPECT_EQ(table.table.held(), 1U);
}

TEST_P(Fragments, expire_no_more_than_the_budget_at_a_time_and_tell_how_late_the_rest_is) {
    Table table;
    for (uint32_t id = 0; id < 20; ++id)
        table.add(piece(kFirst, id), Instant{} + id * 1s);
    const Instant now = Instant{} + timeout() + 30s;
    EXPECT_EQ(table.table.expire(table.options, now, 8), 22s + 1ns);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTimeout, 8}}));
    EXPECT_GT(table.table.expire(table.options, now, 8), Duration{});
    EXPECT_EQ(table.table.expire(table.options, now, 8), Duration{});
    EXPECT_EQ(table.table.held(), 12U) << "until the groups are taken";
    table.let_go();
    EXPECT_EQ(table.table.held(), 0U);
}

TEST_P(Fragments, a_full_table_gives_up_its_oldest_datagram) {
    Table table{{.datagrams = 4, .fragments = 64}};
    for (uint32_t id = 0; id < 4; ++id)
        table.add(piece(kFirst, id));
    table.add(piece(kMiddle, 0));
    EXPECT_EQ(table.let_go(), LetGo{});
    EXPECT_EQ(table.add(piece(kFirst, 4)).reason, DropReason::None);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTableFull, 2}})) << "that of id 0";
    for (const uint32_t id : {1U, 2U, 3U, 4U}) {
        table.add(piece(kMiddle, id));
        EXPECT_NE(table.add(piece(kLast, id)).complete, FragmentTable::kNone) << id;
    }
}

TEST_P(Fragments, no_room_for_another_fragment_costs_the_oldest_datagram) {
    Table table{{.datagrams = 64, .fragments = 64}};
    for (uint32_t id = 0; id < 32; ++id) {
        table.add(piece(kFirst, id));
        table.add(piece(kMiddle, id));
    }
    EXPECT_EQ(table.let_go(), LetGo{});
    EXPECT_NE(table.add(piece(kLast, 31)).complete, FragmentTable::kNone);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTableFull, 2}}));
    EXPECT_EQ(table.table.incomplete(), 31U);
}

TEST_P(Fragments, no_room_for_more_bytes_costs_the_oldest_datagram) {
    Table table;
    const auto frame = static_cast<uint32_t>(piece(kFirst).size());
    table.options.bytes = 3 * frame;
    for (uint32_t id = 0; id < 3; ++id)
        table.add(piece(kFirst, id));
    EXPECT_EQ(table.let_go(), LetGo{});
    table.add(piece(kFirst, 3));
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTableFull, 1}}));
}

TEST_P(Fragments, a_datagram_that_has_no_room_alone_is_dropped_and_remembered) {
    Table table;
    table.options.bytes = static_cast<uint32_t>(piece(kFirst).size()) + 10;
    EXPECT_EQ(table.add(piece(kFirst)).reason, DropReason::None);
    EXPECT_EQ(table.refuse(piece(kMiddle)), DropReason::FragmentTableFull);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTableFull, 1}}));
    EXPECT_EQ(table.refuse(piece(kLast)), DropReason::FragmentTableFull);
}

TEST_P(Fragments, a_source_at_its_limits_loses_its_own_oldest_and_nobody_elses) {
    struct Limit {
        const char* name;
        uint32_t FragmentOptions::*field;
        uint32_t value;
    };
    const auto frame = static_cast<uint32_t>(piece(kFirst).size());
    for (const Limit& limit : {Limit{"datagrams", &FragmentOptions::source_datagrams, 2},
                               Limit{"fragments", &FragmentOptions::source_fragments, 2},
                               Limit{"bytes", &FragmentOptions::source_bytes, 2 * frame}}) {
        SCOPED_TRACE(limit.name);
        Table table;
        table.options.*limit.field = limit.value;
        table.add(piece(kFirst, 100, 2));
        for (uint32_t id = 0; id < 2; ++id)
            table.add(piece(kFirst, id));
        EXPECT_EQ(table.let_go(), LetGo{});
        table.add(piece(kFirst, 2));
        EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentSourceLimit, 1}}));
        EXPECT_EQ(table.table.incomplete(), 3U);
        EXPECT_EQ(table.refuse(piece(kFirst, 100, 2)), DropReason::FragmentDuplicate)
            << "the neighbour's is still there";
        EXPECT_EQ(table.refuse(piece(kFirst, 1)), DropReason::FragmentDuplicate);
    }
}

TEST_P(Fragments, everything_can_be_dropped_at_once) {
    Table table;
    for (uint32_t id = 0; id < 10; ++id)
        table.add(piece(kFirst, id));
    table.refuse(changed(kFirst));
    table.table.clear(DropReason::Stopping);
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentOverlap, 1}, {DropReason::Stopping, 9}}));
    EXPECT_EQ(table.table.held(), 0U);
    EXPECT_EQ(table.table.datagrams(), 0U);
}

TEST(FragmentSource, of_ipv6_is_a_slash_64) {
    Table table;
    table.options.source_datagrams = 1;
    const auto from = [](const char* host) {
        return fragment_of(
            PacketBuilder{}.ipv6(host, "2001:db8:b::20").udp(1, 2).payload(Bytes(100)).build(),
            kFirst, 7);
    };
    table.add(from("2001:db8:1:2::1"));
    table.add(from("2001:db8:1:3::1"));
    EXPECT_EQ(table.let_go(), LetGo{});
    table.add(from("2001:db8:1:2:ffff::9"));
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentSourceLimit, 1}}));
}

TEST(FragmentAge, counts_over_both_families) {
    Table table{{.datagrams = 2, .fragments = 64}};
    table.add(fragment_of(whole(Family::Ipv6), kFirst, 1));
    table.add(fragment_of(whole(Family::Ipv4), kFirst, 1));
    table.add(fragment_of(whole(Family::Ipv4), kFirst, 2));
    EXPECT_EQ(table.let_go(), (LetGo{{DropReason::FragmentTableFull, 1}}));
    EXPECT_EQ(table.refuse(fragment_of(whole(Family::Ipv4), kFirst, 1)),
              DropReason::FragmentDuplicate);
}

struct Tiny {
    const char* name;
    Bytes frame;
    DropReason strict;
    DropReason lenient;
};

TEST(FragmentTiny, a_first_fragment_holds_the_transport_header) {
    using enum DropReason;
    const auto v4 = [] { return PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.20"); };
    const auto v6 = [] { return PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::2"); };
    const Bytes more(64);
    const auto cut = [](const Bytes& frame, uint32_t length) {
        return fragment_of(frame, {0, length, true}, 1);
    };
    const Bytes tcp4 = v4().tcp(1, 2, "S").options(Bytes(12, 1)).payload(more).build();
    const Bytes tcp6 = v6().tcp(1, 2, "S").options(Bytes(12, 1)).payload(more).build();
    const std::vector<Tiny> cases{
        {"TCP ports only", cut(tcp4, 8), FragmentTiny, None},
        {"TCP flags cut", cut(tcp4, 16), FragmentTiny, None},
        {"TCP options cut", cut(tcp4, 24), FragmentTiny, None},
        {"TCP whole", cut(tcp4, 32), None, None},
        {"UDP whole", cut(v4().udp(1, 2).payload(more).build(), 8), None, None},
        {"ICMP whole", cut(v4().icmp_echo(1, 1).payload(more).build(), 8), None, None},
        {"SCTP cut", cut(v4().sctp(1, 2).payload(more).build(), 8), FragmentTiny, None},
        {"a protocol without ports", cut(v4().protocol(200).payload(more).build(), 8), None, None},
        {"TCP at offset 8", fragment_of(tcp4, {8, 16, true}, 1), FragmentTiny, None},
        {"TCP at offset 16", fragment_of(tcp4, {16, 16, true}, 1), None, None},
        {"UDP at offset 8", fragment_of(v4().udp(1, 2).payload(more).build(), {8, 16, true}, 1),
         None, None},
        {"IPv6 TCP cut", cut(tcp6, 16), FragmentHeaderChain, FragmentHeaderChain},
        {"IPv6 TCP options cut", cut(tcp6, 24), FragmentTiny, None},
        {"IPv6 TCP whole", cut(tcp6, 32), None, None},
        {"IPv6 options only", cut(v6().extension(60, Bytes(6)).udp(1, 2).payload(more).build(), 8),
         FragmentHeaderChain, FragmentHeaderChain},
        {"IPv6 chain cut", cut(v6().extension(60, Bytes(14)).udp(1, 2).payload(more).build(), 8),
         FragmentHeaderChain, FragmentHeaderChain},
        {"IPv6 whole chain", cut(v6().extension(60, Bytes(6)).udp(1, 2).payload(more).build(), 16),
         None, None},
        {"IPv6 ICMP whole", cut(v6().icmp_echo(1, 1).payload(more).build(), 8), None, None},
    };
    for (const Tiny& tiny : cases) {
        SCOPED_TRACE(tiny.name);
        Table strict;
        EXPECT_EQ(strict.add(tiny.frame).reason, tiny.strict);
        Table lenient;
        lenient.options.refuse_tiny = false;
        EXPECT_EQ(lenient.add(tiny.frame).reason, tiny.lenient);
    }
}

TEST(FragmentHeaders, of_ipv6_that_stand_before_the_fragment_header_stay) {
    const Bytes original = PacketBuilder{}
                               .ipv6("2001:db8::1", "2001:db8::2")
                               .extension(0, {5, 2, 0, 0, 1, 0})
                               .extension(60, {1, 4})
                               .udp(1, 2)
                               .payload(Bytes(100, 3))
                               .build();
    for (const size_t before : {8U, 16U}) {
        Table table;
        FragmentTable::Added added;
        for (const Bytes& frame : fragments_of(original, 48, 9, before))
            added = table.add(frame);
        ASSERT_NE(added.complete, FragmentTable::kNone);
        EXPECT_EQ(table.assembled(added.complete), original);
    }
}

TEST(FragmentHeaders, of_the_first_ipv4_fragment_count) {
    Bytes original = PacketBuilder{}
                         .ipv4("10.0.0.1", "192.0.2.20")
                         .ip_options({7, 3, 4})
                         .udp(1, 2)
                         .payload(Bytes(100, 3))
                         .build();
    testing::set_ipv4_fragment(original, 9, 0x4000);
    const Bytes plain =
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.20").udp(1, 2).payload(Bytes(100, 3)).build();
    Table table;
    table.add(fragment_of(plain, {48, 60, false}, 9));
    Bytes first = fragment_of(original, {0, 48, true}, 9);
    testing::set_ipv4_fragment(first, 9, 0x6000);  // whoever sets "don't fragment" too
    const auto added = table.add(first);
    ASSERT_NE(added.complete, FragmentTable::kNone);
    EXPECT_EQ(table.assembled(added.complete), original);
}

TEST(FragmentHeaders, that_make_the_whole_too_long_are_found_when_it_is_whole) {
    const Bytes long_one = PacketBuilder{}
                               .ipv4("10.0.0.1", "192.0.2.20")
                               .protocol(200)
                               .payload(Bytes(65515, 1))
                               .build();
    std::vector<Bytes> frames = fragments_of(long_one, 32760, 9);
    ASSERT_EQ(frames.size(), 2U);
    // The first one with options: 24 bytes of header.
    Bytes& first = frames[0];
    first[14] = 0x46;
    const Bytes options = {1, 1, 1, 1};
    first.insert(first.begin() + 34, options.begin(), options.end());
    testing::set_ipv4_fragment(first, 9, 0x2000);
    Table table;
    table.add(frames[1]);
    const auto added = table.add(first);
    ASSERT_NE(added.complete, FragmentTable::kNone);
    DropReason reason = DropReason::None;
    table.table.assemble(added.complete, reason);
    EXPECT_EQ(reason, DropReason::FragmentTooLong);
}

/// Random datagrams, cut at random places, shuffled, repeated and lost, against what must come out.
TEST(FragmentModel, complete_datagrams_are_the_ones_that_were_divided_and_no_others) {
    std::mt19937 random{2026};
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    for (int round = 0; round < 200; ++round) {
        struct Original {
            Bytes frame;
            std::vector<Bytes> pieces;
            size_t missing;
        };
        std::vector<Original> originals;
        std::vector<std::pair<size_t, size_t>> order;
        for (uint32_t n = 0; n < 12; ++n) {
            const Family family = below(2) == 0 ? Family::Ipv4 : Family::Ipv6;
            Original original{whole(family, below(3)), {}, 0};
            const uint32_t id = n;
            for (uint32_t at = 0; at < 168;) {
                // A last piece of any length, others of a multiple of eight; the first a header's.
                const uint32_t length = std::min(168 - at, 8 * (1 + below(8)));
                original.pieces.push_back(
                    fragment_of(original.frame, {at, length, at + length < 168}, id));
                at += length;
            }
            if (family == Family::Ipv4)
                testing::set_ipv4_fragment(original.frame, static_cast<uint16_t>(id), 0);
            original.missing = original.pieces.size();
            const bool lossy = below(4) == 0;
            for (size_t piece = lossy ? 1 : 0; piece < original.pieces.size(); ++piece) {
                order.emplace_back(n, piece);
                if (below(5) == 0) order.emplace_back(n, piece);
            }
            originals.push_back(std::move(original));
        }
        std::shuffle(order.begin(), order.end(), random);

        Table table;
        std::set<std::pair<size_t, size_t>> seen;
        uint32_t held = 0;
        for (const auto& [n, piece] : order) {
            Original& original = originals[n];
            const bool over = original.missing == 0;
            const bool duplicate = !over && !seen.insert({n, piece}).second;
            const auto added = table.add(original.pieces[piece]);
            if (over) {
                // A datagram of its own that never ends: but for a repeated piece of it.
                if (added.reason == DropReason::None) ++held;
                continue;
            }
            EXPECT_EQ(added.reason, duplicate ? DropReason::FragmentDuplicate : DropReason::None);
            if (duplicate) continue;
            ++held;
            const bool last = --original.missing == 0;
            ASSERT_EQ(added.complete != FragmentTable::kNone, last);
            if (!last) continue;
            EXPECT_EQ(table.assembled(added.complete), original.frame);
            table.table.settle(added.complete, {}, 0);
            EXPECT_EQ(table.let_go(),
                      (LetGo{{DropReason::None, static_cast<uint32_t>(original.pieces.size())}}));
            held -= static_cast<uint32_t>(original.pieces.size());
        }
        EXPECT_EQ(table.table.held(), held);
        table.table.expire(table.options, Instant{} + 60s, UINT32_MAX);
        const LetGo rest = table.let_go();
        EXPECT_EQ(
            rest.contains(DropReason::FragmentTimeout) ? rest.at(DropReason::FragmentTimeout) : 0,
            held);
        EXPECT_EQ(table.table.datagrams(), 0U);
    }
}

}  // namespace
}  // namespace ravelin
