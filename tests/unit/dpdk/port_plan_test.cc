// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/port_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace ravelin {
namespace {

using Sources = std::vector<std::vector<Source>>;

TEST(PlanQueues, takes_what_is_wanted_as_far_as_the_device_has_it) {
    struct Case {
        std::string driver;
        uint16_t wanted;
        uint32_t workers;
        uint16_t device_receive;
        uint16_t device_transmit;
        uint16_t receive;
        uint16_t transmit;
    };
    const std::vector<Case> cases = {
        // A card has transmit queues for everybody.
        {"net_ixgbe", 4, 4, 128, 64, 4, 4},
        {"net_ixgbe", 1, 4, 128, 64, 1, 4},
        {"net_ixgbe", 4, 8, 128, 4, 4, 4},
        // af_packet has as many as its qpairs.
        {"net_af_packet", 1, 3, 1, 1, 1, 1},
        {"net_af_packet", 4, 3, 2, 2, 2, 2},
        // Pairs that the other end agrees to.
        {"net_memif", 1, 4, 255, 255, 1, 1},
        {"net_memif", 2, 4, 255, 255, 2, 2},
        {"net_vhost", 2, 4, 2, 2, 2, 2},
        {"net_virtio_user", 2, 1, 2, 2, 2, 2},
        {"net_tap", 3, 2, 16, 16, 3, 3},
        // A driver that says 0 still has one.
        {"net_odd", 0, 2, 0, 0, 1, 1},
    };
    for (const Case& c : cases) {
        PortConfig port;
        port.queues = c.wanted;
        DeviceLimits limits;
        limits.driver = c.driver;
        limits.receive_queues = c.device_receive;
        limits.transmit_queues = c.device_transmit;
        const QueuePlan plan = plan_queues(port, c.workers, limits);
        EXPECT_EQ(plan.receive, c.receive) << c.driver << " " << c.wanted;
        EXPECT_EQ(plan.transmit, c.transmit) << c.driver << " " << c.wanted;
        EXPECT_FALSE(plan.rss);
    }
}

TEST(PlanQueues, uses_rss_only_where_it_can_agree_with_the_software) {
    PortConfig port;
    port.queues = 4;
    DeviceLimits limits{"net_ixgbe", 16, 16, 128, true};
    EXPECT_TRUE(plan_queues(port, 4, limits).rss);
    limits.can_steer = false;
    EXPECT_FALSE(plan_queues(port, 4, limits).rss);
    limits.can_steer = true;
    limits.indirection_entries = 0;
    EXPECT_FALSE(plan_queues(port, 4, limits).rss);
    limits.indirection_entries = 128;
    port.queues = 1;
    EXPECT_FALSE(plan_queues(port, 4, limits).rss) << "one queue needs no spreading";
}

TEST(AssignSources, gives_rss_queues_to_the_worker_of_the_same_number) {
    const std::vector<QueuePlan> ports = {{3, 3, true}, {3, 3, true}};
    EXPECT_EQ(assign_sources(ports, 3),
              (Sources{{{0, 0}, {1, 0}}, {{0, 1}, {1, 1}}, {{0, 2}, {1, 2}}}));
}

TEST(AssignSources, spreads_all_other_queues_round_the_workers) {
    struct Case {
        std::string name;
        std::vector<QueuePlan> ports;
        uint32_t workers;
        Sources expected;
    };
    const std::vector<Case> cases = {
        {"one worker has it all", {{1, 1, false}, {2, 1, false}}, 1, {{{0, 0}, {1, 0}, {1, 1}}}},
        {"one port each", {{1, 1, false}, {1, 1, false}}, 2, {{{0, 0}}, {{1, 0}}}},
        {"the third has nothing of its own",
         {{1, 1, false}, {1, 1, false}},
         3,
         {{{0, 0}}, {{1, 0}}, {}}},
        {"pairs without rss",
         {{2, 2, false}, {2, 2, false}},
         2,
         {{{0, 0}, {1, 1}}, {{0, 1}, {1, 0}}}},
        {"rss over fewer queues than workers", {{2, 3, true}}, 3, {{{0, 0}}, {{0, 1}}, {}}},
    };
    for (const Case& c : cases)
        EXPECT_EQ(assign_sources(c.ports, c.workers), c.expected) << c.name;
}

TEST(AssignSources, gives_every_queue_to_exactly_one_worker) {
    for (uint32_t workers = 1; workers <= 8; ++workers) {
        for (uint16_t queues = 1; queues <= 8; ++queues) {
            for (const bool rss : {false, true}) {
                const std::vector<QueuePlan> ports(4, QueuePlan{queues, queues, rss});
                std::map<std::pair<uint8_t, uint16_t>, int> owners;
                for (const auto& sources : assign_sources(ports, workers)) {
                    for (const Source& source : sources)
                        ++owners[{source.port, source.queue}];
                }
                EXPECT_EQ(owners.size(), size_t{4} * queues);
                for (const auto& [source, count] : owners)
                    EXPECT_EQ(count, 1);
            }
        }
    }
}

TEST(AssignTransmitters, names_a_worker_that_has_a_queue_and_itself_where_it_has_one) {
    for (uint32_t workers = 1; workers <= 8; ++workers) {
        for (uint16_t queues = 1; queues <= workers; ++queues) {
            const auto transmitters = assign_transmitters({1, queues, false}, workers);
            ASSERT_EQ(transmitters.size(), workers);
            for (uint32_t worker = 0; worker < workers; ++worker) {
                EXPECT_LT(transmitters[worker], queues);
                if (worker < queues) {
                    EXPECT_EQ(transmitters[worker], worker);
                }
            }
        }
    }
}

TEST(IndirectionTable, sends_a_hash_to_the_queue_of_its_owner) {
    for (const uint16_t entries : std::initializer_list<uint16_t>{64, 128, 512}) {
        for (const uint16_t workers : std::initializer_list<uint16_t>{1, 2, 4, 8}) {
            const Indirection indirection{workers};
            const auto table = indirection_table(indirection, entries, workers);
            for (uint32_t hash = 0; hash < 4096; ++hash)
                ASSERT_EQ(table[hash % entries], indirection.owner(hash));
        }
    }
}

TEST(IndirectionTable, names_only_queues_that_are_there) {
    const auto table = indirection_table(Indirection{6}, 128, 4);
    EXPECT_EQ((std::set<uint16_t>{table.begin(), table.end()}), (std::set<uint16_t>{0, 1, 2, 3}));
}

TEST(MakeTopology, joins_the_two_ends_of_every_wire) {
    Config config;
    config.ports.resize(4);
    config.wires = {{"a", 0, 1, false, true}, {"b", 3, 2, false, true}};
    config.cores.workers = {1, 1};
    config.steering = Steering::Ports;
    const std::vector<QueuePlan> ports(4, QueuePlan{1, 1, false});
    const Topology topology = make_topology(config, ports);
    EXPECT_EQ(topology.port_count, 4U);
    EXPECT_EQ(topology.worker_count, 2U);
    EXPECT_EQ(topology.steering, Steering::Ports);
    const std::array<PortRole, 4> expected = {PortRole{1, 0, false}, PortRole{0, 0, true},
                                              PortRole{3, 1, true}, PortRole{2, 1, false}};
    for (size_t port = 0; port < expected.size(); ++port) {
        EXPECT_EQ(topology.ports[port].peer, expected[port].peer);
        EXPECT_EQ(topology.ports[port].wire, expected[port].wire);
        EXPECT_EQ(topology.ports[port].inside, expected[port].inside);
        EXPECT_EQ(topology.transmitter[port], (std::vector<uint8_t>{0, 0}));
    }
}

}  // namespace
}  // namespace ravelin
