// SPDX-License-Identifier: BSD-3-Clause
// Late packets of connections that have ended, seen from the ports.
#include "support/fragmenter.h"
#include "support/lab.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::Fate;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

constexpr const char* kClient = "10.0.0.2";
constexpr const char* kServer = "192.0.2.20";

PacketBuilder from_client() {
    return PacketBuilder{}.ipv4(kClient, kServer);
}
PacketBuilder from_server() {
    return PacketBuilder{}.ipv4(kServer, kClient);
}
Bytes udp_request() {
    return from_client().udp(40000, 1194).build();
}
Bytes udp_answer() {
    return from_server().udp(1194, 40000).build();
}
Bytes client_tcp(const char* flags, uint32_t seq, uint32_t ack) {
    return from_client().tcp(40000, 443, flags).seq(seq).ack(ack).build();
}
Bytes server_tcp(const char* flags, uint32_t seq, uint32_t ack) {
    return from_server().tcp(443, 40000, flags).seq(seq).ack(ack).build();
}
Bytes sctp(bool from_opener, uint32_t tag, uint8_t chunk) {
    PacketBuilder builder = from_opener ? from_client() : from_server();
    return builder.sctp(from_opener ? 40000 : 5000, from_opener ? 5000 : 40000)
        .tag(tag)
        .chunk(chunk)
        .build();
}

Runtime with_policy(StalePolicy policy) {
    Runtime runtime = Lab::open_policy();
    runtime.tracking.tombstones.policy = policy;
    return runtime;
}

void expect_stale(const Fate& fate, Direction direction) {
    EXPECT_EQ(fate.action, Action::Drop);
    EXPECT_EQ(fate.ct_class, CtClass::Stale);
    EXPECT_EQ(keyword(fate.reason), keyword(DropReason::Stale));
    EXPECT_EQ(fate.direction, direction);
}
void expect_new(const Fate& fate) {
    EXPECT_EQ(fate.action, Action::Forward);
    EXPECT_EQ(fate.ct_class, CtClass::New);
}

/// The tombstone that a packet would meet, and how well it fits.
Late meet(Lab& lab, Bytes frame) {
    Shard& shard = lab.workers[0]->shard();
    const TrackingOptions& options = lab.runtime.get().tracking;
    Packet packet;
    EXPECT_EQ(parse(frame, options.parse, false, packet.headers), DropReason::None);
    if (options.ipsec_by_spi) identify_by_spi(packet.headers);
    shard.conntrack.extractor().extract(packet.headers, frame.data() + packet.headers.l3_offset, 0,
                                        packet.id);
    return shard.conntrack.find_late(packet.id, frame.data() + packet.headers.l4_offset,
                                     options.tombstones, lab.clock.now());
}

/// What the worker has written up.
std::vector<StaleRecord> reports(Lab& lab) {
    std::vector<StaleRecord> out(StaleReports::kCapacity);
    Request request;
    request.kind = Request::Kind::Stale;
    request.stale = out;
    EXPECT_TRUE(lab.links[0]->requests.push(&request));
    lab.run();
    EXPECT_TRUE(request.done);
    EXPECT_TRUE(request.at_end);
    out.resize(request.written);
    return out;
}

/// One frame of a story: where it comes in, or how long nothing does.
struct Step {
    uint8_t port = kInside;
    Bytes frame;
    Duration wait{};
};

struct Story {
    const char* name;
    std::vector<Step> steps;
    Bytes late;  ///< comes in from outside
    CloseReason reason;
    ClosedBy closed_by;
    Certainty certainty;
    Duration age;     ///< since the end, when the last step is over
    Duration lasted;  ///< from the first packet to the end
};

std::vector<Step> tcp_handshake(std::vector<Step> rest) {
    std::vector<Step> steps{{kInside, client_tcp("S", 100, 0)},
                            {kOutside, server_tcp("SA", 500, 101)},
                            {kInside, client_tcp("A", 101, 501)}};
    steps.insert(steps.end(), rest.begin(), rest.end());
    return steps;
}

std::vector<Step> sctp_handshake(std::vector<Step> rest) {
    std::vector<Step> steps{
        {kInside, from_client().sctp(40000, 5000).sctp_init(1, 0x1111).build()},
        {kOutside, from_server().sctp(5000, 40000).tag(0x1111).sctp_init(2, 0x2222).build()},
        {kInside, sctp(true, 0x2222, 10)},
        {kOutside, sctp(false, 0x1111, 11)}};
    steps.insert(steps.end(), rest.begin(), rest.end());
    return steps;
}

Bytes unreachable(const Bytes& quoted) {
    return PacketBuilder{}.ipv4("198.51.100.1", kClient).icmp_error(3, 1, quoted, 28).build();
}

std::vector<Story> stories() {
    const Bytes ping = from_client().icmp_echo(77, 1).build();
    const Bytes pong = from_server().icmp_echo(77, 1, true).build();
    return {
        {"udp_that_nobody_answered",
         {{kInside, udp_request()}, {.wait = 40s}},
         udp_answer(),
         CloseReason::Idle,
         ClosedBy::Nobody,
         Certainty::Tuple,
         10s,
         30s},
        {"udp_that_was_answered",
         {{kInside, udp_request()}, {.wait = 5s}, {kOutside, udp_answer()}, {.wait = 181s}},
         udp_answer(),
         CloseReason::Idle,
         ClosedBy::Nobody,
         Certainty::Tuple,
         1s,
         185s},
        {"udp_that_a_router_refused",
         {{kInside, udp_request()}, {kOutside, unreachable(udp_request())}, {.wait = 3s}},
         udp_answer(),
         CloseReason::IcmpError,
         ClosedBy::Responder,
         Certainty::Tuple,
         3s,
         0s},
        {"ping_that_was_answered",
         {{kInside, ping}, {kOutside, pong}},
         pong,
         CloseReason::Answered,
         ClosedBy::Responder,
         Certainty::Tuple,
         0s,
         0s},
        {"ping_that_nobody_answered",
         {{kInside, ping}, {.wait = 31s}},
         pong,
         CloseReason::Idle,
         ClosedBy::Nobody,
         Certainty::Tuple,
         1s,
         30s},
        {"tcp_that_the_opener_closed",
         tcp_handshake({{kInside, client_tcp("FA", 101, 501)},
                        {kOutside, server_tcp("FA", 501, 102)},
                        {kInside, client_tcp("A", 102, 502)},
                        {.wait = 121s}}),
         server_tcp("FA", 501, 102), CloseReason::Fin, ClosedBy::Opener, Certainty::Exact, 1s,
         120s},
        {"tcp_that_the_responder_closed",
         tcp_handshake({{kOutside, server_tcp("FA", 501, 101)},
                        {kInside, client_tcp("FA", 101, 502)},
                        {kOutside, server_tcp("A", 502, 102)},
                        {.wait = 121s}}),
         server_tcp("A", 502, 102), CloseReason::Fin, ClosedBy::Responder, Certainty::Exact, 1s,
         120s},
        {"tcp_that_the_responder_reset",
         tcp_handshake({{kOutside, server_tcp("R", 501, 0)}, {.wait = 11s}}),
         server_tcp("A", 501, 101), CloseReason::Reset, ClosedBy::Responder, Certainty::Exact, 1s,
         10s},
        {"tcp_that_was_refused",
         {{kInside, client_tcp("S", 100, 0)}, {kOutside, server_tcp("RA", 0, 101)}},
         server_tcp("RA", 0, 101),
         CloseReason::Reset,
         ClosedBy::Responder,
         Certainty::Exact,
         0s,
         0s},
        {"tcp_with_a_number_of_another_session",
         tcp_handshake({{kOutside, server_tcp("R", 501, 0)}, {.wait = 11s}}),
         server_tcp("A", 501 + (1 << 20), 101), CloseReason::Reset, ClosedBy::Responder,
         Certainty::Guess, 1s, 10s},
        {"sctp_that_the_opener_shut_down",
         sctp_handshake({{kInside, sctp(true, 0x2222, 7)}, {.wait = 4s}}), sctp(false, 0x1111, 0),
         CloseReason::Shutdown, ClosedBy::Opener, Certainty::Exact, 1s, 3s},
        {"sctp_whose_responder_probes_a_path",
         sctp_handshake({{kInside, sctp(true, 0x2222, 7)}, {.wait = 4s}}), sctp(false, 0x1111, 4),
         CloseReason::Shutdown, ClosedBy::Opener, Certainty::Exact, 1s, 3s},
        {"sctp_with_the_tag_of_another_association",
         sctp_handshake({{kOutside, sctp(false, 0x1111, 6)}, {.wait = 11s}}),
         sctp(false, 0x1112, 0), CloseReason::Shutdown, ClosedBy::Responder, Certainty::Guess, 1s,
         10s},
    };
}

class StaleStory : public ::testing::TestWithParam<Story> {};

TEST_P(StaleStory, leaves_a_tombstone_that_tells_it) {
    const Story& story = GetParam();
    Lab lab;
    for (const Step& step : story.steps) {
        if (step.frame.empty())
            lab.wait(step.wait);
        else
            ASSERT_EQ(lab.pass(step.port, step.frame).action, Action::Forward);
    }
    const Late late = meet(lab, story.late);
    ASSERT_NE(late.tombstone, nullptr);
    EXPECT_STREQ(keyword(late.tombstone->reason), keyword(story.reason));
    EXPECT_STREQ(keyword(late.tombstone->closed_by), keyword(story.closed_by));
    EXPECT_EQ(late.certainty, story.certainty);
    EXPECT_EQ(Tick::at(lab.clock.now()).since(late.tombstone->ended) * kTick, story.age);
    EXPECT_EQ(late.tombstone->lasted * kTick, story.lasted);
    EXPECT_TRUE(late.tombstone->has(connection_flag::kFromInside));

    expect_stale(lab.pass(kOutside, story.late), Direction::Reply);
    EXPECT_EQ(lab.links[0]->counters.stale[static_cast<size_t>(story.reason)].value(), 1U);
    EXPECT_EQ(lab.flows().size(), 0U);
    EXPECT_EQ(lab.drops(DropReason::Stale), 1U);
}

std::string story_name(const ::testing::TestParamInfo<Story>& info) {
    return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(All, StaleStory, ::testing::ValuesIn(stories()), story_name);

TEST(Stale, is_nothing_that_the_opener_sends_to_begin_anew) {
    struct Case {
        const char* name;
        Bytes first;
        Duration gone;
        Bytes again;
    };
    const std::vector<Case> cases{
        {"udp", udp_request(), 31s, udp_request()},
        {"icmp", from_client().icmp_echo(7, 1).build(), 31s, from_client().icmp_echo(7, 2).build()},
        {"tcp", client_tcp("S", 1, 0), 121s, client_tcp("S", 9000, 0)},
        {"sctp", from_client().sctp(40000, 5000).sctp_init(1, 0x1111).build(), 11s,
         from_client().sctp(40000, 5000).sctp_init(1, 0x1234).build()},
        {"esp", from_client().esp(0x1234).build(), 601s, from_client().esp(0x1234, 9).build()},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        Lab lab;
        expect_new(lab.pass(kInside, c.first));
        lab.wait(c.gone);
        ASSERT_EQ(lab.flows().size(), 0U);
        EXPECT_NE(meet(lab, c.again).tombstone, nullptr);
        expect_new(lab.pass(kInside, c.again));
        EXPECT_EQ(lab.flows().size(), 1U);
        EXPECT_EQ(meet(lab, c.again).tombstone, nullptr) << "it has begun anew";
        EXPECT_EQ(lab.links[0]->counters.tombstones.value(), 0U);
    }
}

TEST(Stale, is_no_syn_whoever_sends_it) {
    Lab lab{1, Lab::allow_all()};
    lab.pass(kInside, client_tcp("S", 1, 0));
    lab.wait(121s);
    expect_new(lab.pass(kOutside, server_tcp("S", 1, 0)));
    EXPECT_EQ(lab.flows().size(), 1U);
}

TEST(Stale, is_a_segment_from_the_middle_even_where_it_may_be_picked_up) {
    Runtime runtime = Lab::allow_all();
    runtime.tracking.tcp_loose = true;
    Lab lab{1, runtime};
    lab.pass(kInside, client_tcp("A", 1, 1));
    lab.wait(301s);
    expect_stale(lab.pass(kInside, client_tcp("A", 1, 1)), Direction::Original);
}

TEST(Stale, is_not_let_in_by_rules_that_would_allow_it_as_new) {
    Lab lab{1, Lab::allow_all()};
    lab.pass(kInside, udp_request());
    lab.wait(31s);
    expect_stale(lab.pass(kOutside, udp_answer()), Direction::Reply);
    EXPECT_EQ(lab.flows().size(), 0U);
}

TEST(Stale, is_what_the_opener_sends_when_the_rules_allow_it_no_longer) {
    Lab lab;
    const Bytes esp = from_client().esp(0x1234).build();
    lab.pass(kInside, esp);
    lab.wait(601s);
    const auto old = lab.runtime.publish(std::make_unique<const Runtime>());
    const Fate fate = lab.pass(kInside, esp);
    EXPECT_EQ(fate.ct_class, CtClass::Stale);
    EXPECT_EQ(keyword(fate.reason), keyword(DropReason::PolicyDefault)) << "which is the reason";
    ASSERT_EQ(reports(lab).size(), 1U);
    EXPECT_EQ(reports(lab)[0].info.drop, DropReason::PolicyDefault);
    EXPECT_EQ(reports(lab)[0].info.certainty, Certainty::Exact) << "the SPI";
    EXPECT_EQ(lab.links[0]->counters.stale[static_cast<size_t>(CloseReason::Idle)].value(), 1U);
}

TEST(Stale, is_an_icmp_error_about_what_has_ended) {
    Lab lab;
    lab.pass(kInside, udp_request());
    lab.wait(31s);
    expect_stale(lab.pass(kOutside, unreachable(udp_request())), Direction::Reply);
    Lab other;
    EXPECT_EQ(other.pass(kOutside, unreachable(udp_request())).ct_class, CtClass::Invalid);
}

TEST(Stale, is_a_datagram_that_comes_in_fragments) {
    Lab lab;
    lab.pass(kInside, udp_request());
    lab.wait(31s);
    const Bytes whole = from_server().udp(1194, 40000).payload(Bytes(200, 7)).build();
    for (const testing::Piece& piece :
         {testing::Piece{0, 96, true}, testing::Piece{96, 112, false}})
        lab.offer(kOutside, testing::fragment_of(whole, piece, 1));
    lab.run();
    EXPECT_EQ(lab.drops(DropReason::Stale), 2U);
}

TEST(Stale, ends_with_the_time_to_live_and_then_the_rules_decide) {
    Lab lab{1, Lab::allow_all()};
    lab.pass(kInside, udp_request());
    lab.wait(30s + 600s);
    expect_stale(lab.pass(kOutside, udp_answer()), Direction::Reply);
    lab.wait(kTick);
    expect_new(lab.pass(kOutside, udp_answer()));
}

TEST(Stale, with_the_policy_as_new_the_rules_decide) {
    Lab closed{1, with_policy(StalePolicy::AsNew)};
    closed.pass(kInside, udp_request());
    closed.wait(31s);
    const Fate fate = closed.pass(kOutside, udp_answer());
    EXPECT_EQ(fate.ct_class, CtClass::New);
    EXPECT_EQ(keyword(fate.reason), keyword(DropReason::PolicyDefault));

    Lab linux_like{1, Lab::allow_all(TrackingOptions::linux_profile())};
    linux_like.pass(kInside, udp_request());
    linux_like.wait(31s);
    expect_new(linux_like.pass(kOutside, udp_answer()));
}

TEST(Stale, is_never_known_where_nothing_is_remembered) {
    Lab lab{1, Lab::open_policy(), 1024, false, {}, 0};
    lab.pass(kInside, udp_request());
    lab.wait(31s);
    EXPECT_EQ(lab.pass(kOutside, udp_answer()).ct_class, CtClass::New);
    EXPECT_EQ(lab.links[0]->counters.tombstones.value(), 0U);
}

TEST(Stale, belongs_to_a_flush_too) {
    Lab lab;
    lab.pass(kInside, udp_request());
    lab.pass(kOutside, udp_answer());
    uint32_t cursor = 0;
    EXPECT_TRUE(lab.workers[0]->shard().conntrack.flush(cursor, UINT32_MAX, lab.clock.now()));
    const Late late = meet(lab, udp_answer());
    ASSERT_NE(late.tombstone, nullptr);
    EXPECT_EQ(late.tombstone->reason, CloseReason::Operator);
    EXPECT_EQ(late.tombstone->closed_by, ClosedBy::Operator);
    EXPECT_TRUE(late.tombstone->has(connection_flag::kSeenReply));
    expect_stale(lab.pass(kOutside, udp_answer()), Direction::Reply);
}

TEST(Stale, a_reused_pair_of_ports_leaves_the_tombstone_of_its_last_connection) {
    Lab lab;
    for (const Step& step : tcp_handshake({{kInside, client_tcp("FA", 101, 501)},
                                           {kOutside, server_tcp("FA", 501, 102)},
                                           {kInside, client_tcp("A", 102, 502)}}))
        lab.pass(step.port, step.frame);
    expect_new(lab.pass(kInside, client_tcp("S", 90'000, 0)));
    EXPECT_EQ(meet(lab, server_tcp("A", 1, 1)).tombstone, nullptr) << "a new one has begun";
    lab.wait(121s);
    const Late late = meet(lab, server_tcp("A", 1, 1));
    ASSERT_NE(late.tombstone, nullptr);
    EXPECT_EQ(late.tombstone->reason, CloseReason::Idle);
    EXPECT_EQ(lab.links[0]->counters.tombstones.value(), 1U);
}

TEST(Stale, is_written_up_once_for_each_connection) {
    Lab lab;
    EXPECT_TRUE(reports(lab).empty());
    lab.pass(kInside, udp_request());
    lab.pass(kInside, client_tcp("S", 1, 0));
    lab.wait(121s);
    lab.pass(kOutside, udp_answer());
    lab.wait(1s);
    lab.pass(kOutside, udp_answer());
    lab.pass(kOutside, server_tcp("A", 1, 1));
    const std::vector<StaleRecord> all = reports(lab);
    ASSERT_EQ(all.size(), 2U);
    const StaleRecord& udp = all[0];
    EXPECT_EQ(udp.flow.source, Address::parse(kClient).value());
    EXPECT_EQ(udp.flow.destination, Address::parse(kServer).value());
    EXPECT_EQ(udp.flow.source_port, 40000);
    EXPECT_EQ(udp.flow.destination_port, 1194);
    EXPECT_EQ(udp.flow.protocol, ip_protocol::kUdp);
    EXPECT_TRUE((udp.flow.flags & connection_flag::kFromInside) != 0);
    EXPECT_EQ(udp.flow.age, 30s);
    EXPECT_EQ(udp.info.ended, lab.clock.now() - 92s);
    EXPECT_EQ(udp.first, lab.clock.now() - 1s);
    EXPECT_EQ(udp.last, lab.clock.now());
    EXPECT_EQ(udp.info.packets, 2U);
    EXPECT_EQ(udp.info.reason, CloseReason::Idle);
    EXPECT_EQ(udp.info.closed_by, ClosedBy::Nobody);
    EXPECT_EQ(udp.info.direction, Direction::Reply);
    EXPECT_EQ(udp.info.drop, DropReason::Stale);
    EXPECT_EQ(all[1].info.packets, 1U);
    EXPECT_EQ(all[1].info.certainty, Certainty::Tuple) << "the server has never sent a number";
}

TEST(Stale, of_a_connection_on_the_same_ports_is_written_up_anew) {
    Lab lab;
    for (int i = 0; i < 2; ++i) {
        lab.pass(kInside, udp_request());
        lab.wait(31s);
        lab.pass(kOutside, udp_answer());
    }
    ASSERT_EQ(reports(lab).size(), 2U);
    EXPECT_EQ(reports(lab)[1].info.packets, 1U);
}

TEST(Stale, is_an_event_for_the_first_the_second_the_fourth_packet_and_so_on) {
    Lab lab;
    lab.pass(kInside, udp_request());
    lab.wait(31s);
    lab.pass(kOutside, udp_answer());
    EXPECT_EQ(lab.links[0]->events.size(), 0U) << "nobody listens";
    lab.links[0]->events_wanted = true;
    for (int i = 2; i <= 70; ++i)
        lab.pass(kOutside, udp_answer());
    std::vector<FlowEvent> events(100);
    events.resize(lab.links[0]->events.pop(events.data(), 100));
    std::vector<uint32_t> packets;
    for (const FlowEvent& event : events) {
        EXPECT_EQ(event.kind, EventKind::Stale);
        EXPECT_EQ(event.flow.source_port, 40000);
        EXPECT_EQ(event.stale.reason, CloseReason::Idle);
        packets.push_back(event.stale.packets);
    }
    EXPECT_EQ(packets, (std::vector<uint32_t>{2, 4, 8, 16, 32, 64}));
    EXPECT_EQ(lab.links[0]->counters.events_emitted[3].value(), 6U);
}

TEST(Stale, is_told_apart_by_both_addresses_of_ipv6) {
    Lab lab;
    const auto packet = [](const char* from, const char* to, uint16_t sport, uint16_t dport) {
        return PacketBuilder{}.ipv6(from, to).udp(sport, dport).build();
    };
    lab.pass(kInside, packet("2001:db8::1", "2001:db8::2", 40000, 1194));
    lab.wait(31s);
    EXPECT_EQ(lab.pass(kOutside, packet("2001:db8::3", "2001:db8::1", 1194, 40000)).ct_class,
              CtClass::New);
    expect_stale(lab.pass(kOutside, packet("2001:db8::2", "2001:db8::1", 1194, 40000)),
                 Direction::Reply);
}

TEST(Stale, never_shows_in_more_room_than_there_is) {
    Lab lab{1, Lab::open_policy(), 4096, false, {}, 64};
    for (uint16_t port = 1; port <= 1000; ++port)
        lab.offer(kInside, from_client().udp(port, 1194).build());
    lab.run();
    lab.wait(31s);
    const WorkerCounters& counters = lab.links[0]->counters;
    EXPECT_EQ(counters.tombstones.value(), 64U);
    EXPECT_EQ(counters.tombstones_overwritten.value(), 936U);
    EXPECT_EQ(counters.tombstone_overwritten_age_seconds.value(), 1U);
}

}  // namespace
}  // namespace ravelin
