// SPDX-License-Identifier: BSD-3-Clause
// The loop: bursts, hand-over, full rings and tables, reload, requests, conservation.
#include "pipeline/worker.h"

#include "support/lab.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::Fate;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

std::string host(uint32_t n) {
    return "10.0." + std::to_string(n / 250) + "." + std::to_string(n % 250 + 1);
}
Bytes datagram(uint32_t client, bool reply = false) {
    return reply ? PacketBuilder{}.ipv4("192.0.2.20", host(client)).udp(1194, 40000).build()
                 : PacketBuilder{}.ipv4(host(client), "192.0.2.20").udp(40000, 1194).build();
}

TEST(Worker, a_lone_packet_leaves_in_the_turn_it_came_in) {
    Lab lab;
    lab.offer(kInside, datagram(1));
    EXPECT_TRUE(lab.workers[0]->run_once());
    EXPECT_EQ(lab.ios[0]->transmitted(kOutside).size(), 1U);
}

TEST(Worker, a_full_burst_may_wait_for_the_next_turn_but_no_longer) {
    Lab lab;
    for (uint32_t i = 0; i < kBurstSize; ++i)
        lab.offer(kInside, datagram(i));
    lab.workers[0]->run_once();
    EXPECT_EQ(lab.links[0]->counters.held.value(), kBurstSize);
    lab.workers[0]->run_once();
    EXPECT_EQ(lab.links[0]->counters.held.value(), 0U);
    EXPECT_EQ(lab.ios[0]->transmitted(kOutside).size(), kBurstSize);
    lab.check_conservation();
}

TEST(Worker, what_leaves_are_the_bytes_that_came_in_the_order_that_they_came) {
    Lab lab{1, Lab::allow_all()};
    std::vector<Bytes> sent;
    for (uint32_t i = 0; i < 300; ++i) {
        sent.push_back(PacketBuilder{}
                           .ipv4("10.0.0.1", "192.0.2.20")
                           .udp(40000, 1194)
                           .payload(Bytes(i % 40 + 1, static_cast<uint8_t>(i)))
                           .pad(i % 7)
                           .build());
        lab.offer(kInside, sent.back());
    }
    lab.run();
    EXPECT_EQ(lab.ios[0]->transmitted(kOutside), sent);
}

TEST(Worker, packets_of_one_new_connection_in_one_burst_make_one_connection) {
    Lab lab;
    for (int i = 0; i < 10; ++i)
        lab.offer(kInside, datagram(1));
    lab.run();
    EXPECT_EQ(lab.flows().size(), 1U);
    EXPECT_EQ(lab.flows()[0].packets[0], 10U);
}

TEST(Worker, first_packets_that_ask_many_rules_together_get_their_own_answers) {
    Runtime runtime = Lab::open_policy();
    for (uint16_t port = 0; port < 200; ++port) {
        Rule rule;
        rule.destination_ports = {
            {static_cast<uint16_t>(2000 + port), static_cast<uint16_t>(2000 + port)}};
        rule.allow = port % 3 != 0;
        runtime.policy.rules.push_back(rule);
    }
    for (const bool compiled : {false, true}) {
        if (compiled) runtime.policy.compile();
        Lab lab{1, runtime};
        // Some ask no rule that is there, some twice, some are no first packets at all.
        const Bytes known = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.20").udp(1, 53).build();
        lab.offer(kInside, known);
        std::vector<bool> allowed{true};
        for (uint16_t client = 1; client <= 190; ++client) {
            const auto port = static_cast<uint16_t>(1990 + client + client % 2);
            lab.offer(kOutside,
                      PacketBuilder{}.ipv4("203.0.113.1", "10.0.0.1").udp(client, port).build());
            const bool by_rule = port >= 2000 && port < 2200 && (port - 2000) % 3 != 0;
            allowed.push_back(by_rule);
            if (client % 5 == 0) lab.offer(kInside, known);
        }
        lab.run();
        size_t open = 0;
        for (const bool each : allowed)
            open += each ? 1 : 0;
        EXPECT_EQ(lab.flows().size(), open);
        EXPECT_EQ(lab.drops(DropReason::PolicyRule) + lab.drops(DropReason::PolicyDefault),
                  allowed.size() - open);
        for (uint16_t rule = 0; rule < 200; ++rule) {
            // Two clients ask for each even port.
            const uint16_t port = static_cast<uint16_t>(2000 + rule);
            const uint64_t asked = port % 2 == 0 && port <= 2180 ? 2 : 0;
            EXPECT_EQ(lab.links[0]->counters.rule_matched[rule].value(), asked) << rule;
        }
    }
}

TEST(Worker, a_burst_may_open_use_and_end_a_connection) {
    Lab lab;
    const auto tcp = [](const char* flags, uint32_t seq) {
        return PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.20").tcp(1, 2, flags).seq(seq).build();
    };
    const Bytes syn = tcp("S", 1);
    lab.offer(kInside, syn);
    lab.offer(kInside, syn);
    lab.offer(kInside,
              PacketBuilder{}.ipv4("198.51.100.1", "10.0.0.1").icmp_error(3, 1, syn, 28).build());
    lab.run();
    EXPECT_EQ(lab.flows().size(), 0U);
    EXPECT_EQ(lab.deleted(EndReason::IcmpError), 1U);
}

TEST(Worker, a_full_transmit_queue_is_counted_as_its_own_drop_reason) {
    Lab lab;
    lab.ios[0]->limit_transmit(kOutside, 3);
    for (uint32_t i = 0; i < 10; ++i)
        lab.offer(kInside, datagram(i));
    lab.run();
    EXPECT_EQ(lab.ios[0]->transmitted(kOutside).size(), 3U);
    EXPECT_EQ(lab.drops(DropReason::TransmitFull), 7U);
}

TEST(Worker, a_full_table_is_a_drop_reason_and_harms_no_connection_that_exists) {
    Lab lab{1, Lab::open_policy(), 100};
    for (uint32_t i = 0; i < 150; ++i)
        lab.offer(kInside, datagram(i));
    lab.run();
    EXPECT_EQ(lab.flows().size(), 100U);
    EXPECT_EQ(lab.drops(DropReason::TableFull), 50U);
    for (uint32_t i = 0; i < 100; ++i)
        EXPECT_EQ(lab.pass(kOutside, datagram(i, true)).ct_class, CtClass::Established);
    lab.wait(181s);
    EXPECT_EQ(lab.flows().size(), 0U);
    EXPECT_EQ(lab.pass(kInside, datagram(149)).action, Action::Forward);
}

TEST(Worker, a_flood_of_new_connections_never_fills_the_table_with_expired_ones) {
    // Each turn opens as many as one can, from both ports, and takes 2 s; after 30 s they are to
    // go.
    constexpr uint32_t kLasting = 15 * 2 * kBurstSize;
    for (const uint32_t tombstones : {0U, 1024U}) {
        Lab lab{1, Lab::allow_all(), kLasting + 8 * kBurstSize, false, {}, tombstones};
        uint32_t next = 0;
        const auto unused = [&](const char* server) {
            ++next;
            return PacketBuilder{}
                .ipv4(host(next / 50'000), server)
                .udp(static_cast<uint16_t>(next % 50'000 + 1), 1194)
                .build();
        };
        for (int turn = 0; turn < 200; ++turn) {
            for (uint32_t i = 0; i < kBurstSize; ++i) {
                lab.offer(kInside, unused("192.0.2.20"));
                lab.offer(kOutside, unused("192.0.2.21"));
            }
            lab.workers[0]->run_once();
            lab.clock.advance(2s);
        }
        lab.run();
        EXPECT_EQ(lab.drops(DropReason::TableFull), 0U);
        EXPECT_GT(lab.deleted(EndReason::Timeout), 180U * 2 * kBurstSize);
    }
}

class Workers : public ::testing::TestWithParam<std::tuple<uint32_t, bool, Steering>> {
  protected:
    [[nodiscard]] static uint32_t count() { return std::get<0>(GetParam()); }
    [[nodiscard]] static bool shared_queue() { return std::get<1>(GetParam()); }
    [[nodiscard]] static Steering steering() { return std::get<2>(GetParam()); }
    static std::unique_ptr<Lab> lab(Runtime runtime, uint32_t capacity) {
        return std::make_unique<Lab>(count(), std::move(runtime), capacity, shared_queue(),
                                     FragmentCapacity{}, 1024, 64, steering());
    }
};

size_t shards_in_use(Lab& lab) {
    std::set<uint8_t> shards;
    for (const FlowRecord& flow : lab.flows())
        shards.insert(flow.shard);
    return shards.size();
}

TEST_P(Workers, whoever_receives_a_packet_it_meets_its_connection) {
    const auto own = Workers::lab(Lab::open_policy(), 1024);
    Lab& lab = *own;
    std::mt19937 random{1};
    for (uint32_t client = 0; client < 200; ++client) {
        EXPECT_EQ(
            lab.pass(kInside, datagram(client), static_cast<uint32_t>(random()) % count()).ct_class,
            CtClass::New);
        EXPECT_EQ(
            lab.pass(kOutside, datagram(client, true), static_cast<uint32_t>(random()) % count())
                .ct_class,
            CtClass::Established);
    }
    EXPECT_EQ(lab.flows().size(), 200U);
    EXPECT_EQ(shards_in_use(lab), count());
}

TEST_P(Workers, share_the_connections_of_two_hosts_if_ports_count) {
    const auto own = Workers::lab(Lab::open_policy(), 1024);
    Lab& lab = *own;
    const auto packet = [](const char* from, const char* to, uint16_t source, uint16_t target,
                           bool tcp) {
        PacketBuilder builder;
        builder.ipv4(from, to);
        return tcp ? builder.tcp(source, target, "S").build() : builder.udp(source, target).build();
    };
    for (uint16_t port = 1; port <= 100; ++port) {
        const bool tcp = port % 2 == 0;
        const uint32_t worker = port % count();
        EXPECT_EQ(
            lab.pass(kInside, packet("10.0.0.1", "192.0.2.20", port, 1194, tcp), worker).ct_class,
            CtClass::New);
        EXPECT_EQ(lab.pass(kOutside,
                           tcp ? PacketBuilder{}
                                     .ipv4("192.0.2.20", "10.0.0.1")
                                     .tcp(1194, port, "SA")
                                     .ack(1)
                                     .build()
                               : packet("192.0.2.20", "10.0.0.1", 1194, port, false),
                           port / 2 % count())
                      .ct_class,
                  CtClass::Established);
    }
    EXPECT_EQ(lab.flows().size(), 100U);
    EXPECT_EQ(shards_in_use(lab), steering() == Steering::Ports ? count() : 1);
    uint64_t misdirected = 0;
    for (const auto& link : lab.links)
        for (const Counter& of_port : link->counters.misdirected)
            misdirected += of_port.value();
    EXPECT_EQ(misdirected > 0, count() > 1);
}

TEST_P(Workers, an_error_of_a_router_on_the_way_meets_the_connection_that_it_quotes) {
    const auto own = Workers::lab(Lab::open_policy(), 1024);
    Lab& lab = *own;
    uint64_t handed = 0;
    for (uint32_t client = 0; client < 50; ++client) {
        const Bytes sent = datagram(client);
        lab.pass(kInside, sent, client % count());
        lab.pass(kOutside, datagram(client, true), client % count());
        for (uint32_t router = 1; router < 6; ++router) {
            const Bytes error = PacketBuilder{}
                                    .ipv4("198.51.100." + std::to_string(router), host(client))
                                    .icmp_error(11, 0, sent, 28)
                                    .build();
            EXPECT_EQ(lab.pass(kOutside, error, router % count()).ct_class, CtClass::Related);
        }
    }
    for (const auto& link : lab.links)
        handed += link->counters.handed_in.value();
    EXPECT_EQ(handed > 0, count() > 1);
}

TEST_P(Workers, conserve_every_packet_of_a_random_mixture) {
    const auto own = Workers::lab(Lab::allow_all(), 256);
    Lab& lab = *own;
    std::mt19937 random{42};
    for (int round = 0; round < 60; ++round) {
        for (int i = 0; i < 200; ++i) {
            Bytes frame = datagram(static_cast<uint32_t>(random()) % 600, random() % 2 == 0);
            switch (random() % 6) {
                case 0:
                    frame.resize(random() % frame.size());
                    break;
                case 1:
                    frame[random() % frame.size()] ^= static_cast<uint8_t>(random());
                    break;
                case 2: {
                    Bytes junk(random() % 100);
                    for (uint8_t& byte : junk)
                        byte = static_cast<uint8_t>(random());
                    frame = std::move(junk);
                    break;
                }
                default:
                    break;
            }
            lab.offer(random() % 2 == 0 ? kInside : kOutside, std::move(frame),
                      static_cast<uint32_t>(random()) % count());
        }
        for (const auto& io : lab.ios)
            io->limit_transmit(kOutside, static_cast<uint32_t>(random()) % 64);
        lab.run();
        lab.wait(Duration{static_cast<int64_t>(random() % 20'000'000'000ULL)});
    }
}

INSTANTIATE_TEST_SUITE_P(number, Workers,
                         ::testing::Combine(::testing::Values(1U, 2U, 3U, 4U), ::testing::Bool(),
                                            ::testing::Values(Steering::Addresses,
                                                              Steering::Ports)));

TEST(Workers, a_full_ring_between_them_is_counted_as_its_own_drop_reason) {
    Lab lab{2};
    // Only the first worker runs, so the other's ring fills.
    uint32_t offered = 0;
    while (lab.drops(DropReason::RingFull) == 0 && offered < 100'000) {
        for (uint32_t i = 0; i < kBurstSize; ++i)
            lab.offer(kInside, datagram(offered++ % 60'000), 0);
        lab.workers[0]->run_once();
    }
    EXPECT_GT(lab.drops(DropReason::RingFull), 0U);
    EXPECT_EQ(lab.links[0]->counters.handed_off.value(), 2047U);
    lab.run();
}

TEST(Reload, takes_effect_at_the_next_turn_and_keeps_every_connection) {
    Lab lab;
    lab.pass(kInside, datagram(1));
    Runtime second = Lab::allow_all();
    second.generation = 2;
    second.tracking.timeouts.udp_replied = 60s;
    const auto old = lab.runtime.publish(std::make_unique<const Runtime>(second));
    const uint64_t mark = lab.quiescence.mark();
    EXPECT_FALSE(lab.quiescence.passed(mark)) << "the worker may still read the old one";
    EXPECT_EQ(lab.pass(kOutside, datagram(1, true)).ct_class, CtClass::Established);
    EXPECT_TRUE(lab.quiescence.passed(mark));
    EXPECT_EQ(lab.flows()[0].remaining, 60s);
    EXPECT_EQ(lab.pass(kOutside, datagram(2, true)).action, Action::Forward);
}

/// Lists all connections, 300 records a request; `each_turn` is called before every turn of the
/// worker. Returns how many turns it took.
template <class EachTurn>
uint32_t list_all(Lab& lab, std::set<uint64_t>& ids, EachTurn&& each_turn) {
    std::vector<FlowRecord> out(300);
    Request request;
    request.kind = Request::Kind::Dump;
    uint32_t turns = 0;
    while (!request.at_end) {
        request.out = out;
        request.written = 0;
        request.done = false;
        EXPECT_TRUE(lab.links[0]->requests.push(&request));
        while (!request.done && turns < 1'000U) {
            each_turn();
            lab.workers[0]->run_once();
            ++turns;
        }
        for (uint32_t i = 0; i < request.written; ++i)
            EXPECT_TRUE(ids.insert(out[i].id).second);
    }
    return turns;
}

TEST(Requests, a_listing_is_served_in_small_slices_while_packets_come) {
    Lab lab{1, Lab::open_policy(), 5'000};
    for (uint32_t i = 0; i < 1'000; ++i)
        lab.offer(kInside, datagram(i));
    lab.run();
    std::set<uint64_t> ids;
    const uint32_t turns = list_all(lab, ids, [&] { lab.offer(kInside, datagram(0)); });
    EXPECT_EQ(ids.size(), 1'000U);
    EXPECT_GE(turns, 5'000U / RequestServer::kSlice);
}

TEST(Requests, a_listing_takes_few_turns_when_no_packet_waits) {
    Lab lab{1, Lab::open_policy(), 5'000};
    for (uint32_t i = 0; i < 1'000; ++i)
        lab.offer(kInside, datagram(i));
    lab.run();
    std::set<uint64_t> ids;
    // One per request: four, since the records of one request are fewer than a slice.
    EXPECT_EQ(list_all(lab, ids, [] {}), 4U);
    EXPECT_EQ(ids.size(), 1'000U);
}

TEST(Requests, a_flush_ends_every_connection) {
    Lab lab;
    for (uint32_t i = 0; i < 500; ++i)
        lab.offer(kInside, datagram(i));
    lab.run();
    Request request;
    request.kind = Request::Kind::Flush;
    ASSERT_TRUE(lab.links[0]->requests.push(&request));
    for (int turn = 0; turn < 20 && !request.done; ++turn)
        lab.workers[0]->run_once();
    EXPECT_TRUE(request.done);
    EXPECT_EQ(lab.flows().size(), 0U);
    EXPECT_EQ(lab.deleted(EndReason::Operator), 500U);
    lab.check_conservation();
}

TEST(Events, tell_the_life_of_a_connection_when_somebody_listens) {
    Lab lab;
    lab.pass(kInside, datagram(1));
    EXPECT_EQ(lab.links[0]->events.size(), 0U) << "nobody listens";
    lab.links[0]->events_wanted = true;
    lab.pass(kInside, datagram(2));
    lab.pass(kOutside, datagram(2, true));
    lab.pass(kOutside, datagram(2, true));
    lab.wait(200s);
    std::vector<FlowEvent> events(10);
    events.resize(lab.links[0]->events.pop(events.data(), 10));
    std::vector<EventKind> kinds;
    for (const FlowEvent& event : events) {
        if (event.flow.source == Address::parse(host(2)).value()) kinds.push_back(event.kind);
    }
    EXPECT_EQ(kinds, (std::vector<EventKind>{EventKind::New, EventKind::Update, EventKind::Update,
                                             EventKind::Destroy}));
    EXPECT_EQ(events.back().end_reason, EndReason::Timeout);
}

TEST(Events, a_full_ring_costs_events_and_counts_them_but_no_packet) {
    Lab lab{1, Lab::open_policy(), 40'000};
    lab.links[0]->events_wanted = true;
    for (uint32_t i = 0; i < 20'000; ++i)
        lab.offer(kInside, PacketBuilder{}
                               .ipv4("10.0.0.1", "192.0.2.20")
                               .udp(static_cast<uint16_t>(i + 1), 1194)
                               .build());
    lab.run();
    EXPECT_EQ(lab.flows().size(), 20'000U);
    const WorkerCounters& counters = lab.links[0]->counters;
    EXPECT_EQ(counters.events_emitted[0].value() + counters.events_lost.value(), 20'000U);
    EXPECT_GT(counters.events_lost.value(), 0U);
}

TEST(Drain, without_receiving_the_last_burst_is_still_finished) {
    Lab lab;
    for (uint32_t i = 0; i < kBurstSize; ++i)
        lab.offer(kInside, datagram(i));
    lab.workers[0]->run_once();
    lab.offer(kInside, datagram(500));
    lab.workers[0]->run_once(false);
    EXPECT_EQ(lab.ios[0]->transmitted(kOutside).size(), kBurstSize);
    lab.check_conservation();
}

}  // namespace
}  // namespace ravelin
