// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/port.h"

#include "dpdk/port_io.h"
#include "dpdk/rss.h"
#include "unit/dpdk/test_eal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>

namespace ravelin {
namespace {

using ::testing::HasSubstr;

/// Ports are opened and closed again and again on one small pool, which must be whole at the end.
class Ports : public ::testing::Test {
  protected:
    Ports() : eal_{testing::test_eal()} {
        auto buffers = Buffers::create({4095, 2048 + 128, 0}, true);
        EXPECT_TRUE(buffers.has_value());
        buffers_ = std::make_unique<Buffers>(std::move(*buffers));
    }
    ~Ports() override { EXPECT_EQ(buffers_->available(), buffers_->total()); }
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    Result<Port> open(const std::string& device, uint32_t workers = 1, uint16_t queues = 1,
                      Steering steering = Steering::Addresses) {
        PortConfig config;
        config.name = "outside";
        config.device = device;
        config.queues = queues;
        config.descriptors = 256;
        return Port::open(config, {workers, steering}, *buffers_, eal_);
    }

    Eal& eal_;
    std::unique_ptr<Buffers> buffers_;
};

TEST_F(Ports, take_frames_in_and_let_them_out_again) {
    auto port = open("net_ring0");
    ASSERT_TRUE(port.has_value()) << port.error().message;
    ASSERT_TRUE(port->start(eal_).has_value());
    std::array<PortIo::TransmitQueue, kMaxPorts> transmit{};
    transmit[5] = {port->device(), 0};
    PortIo io{{{port->device(), 0, 5}}, transmit};
    ASSERT_EQ(io.source_count(), 1U);

    Burst burst;
    EXPECT_EQ(io.receive(0, burst), 0U);

    // What this port transmits, it receives.
    std::array<void*, 70> sent{};
    for (void*& buffer : sent) {
        rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers_->pool());
        ASSERT_NE(rte_pktmbuf_append(mbuf, 60), nullptr);
        buffer = mbuf;
    }
    ASSERT_EQ(io.transmit(5, {sent.data(), 70}), 70U);
    ASSERT_EQ(io.receive(0, burst), kBurstSize);
    for (uint32_t i = 0; i < kBurstSize; ++i) {
        const Frame& frame = burst.packets[i].frame;
        EXPECT_EQ(frame.buffer, sent[i]);
        EXPECT_EQ(frame.length, 60U);
        EXPECT_EQ(frame.port, 5);
        EXPECT_FALSE(frame.too_long);
        EXPECT_FALSE(frame.l4_checksum_good);
    }
    EXPECT_EQ(burst.bytes, kBurstSize * 60);
    burst.clear();
    EXPECT_EQ(io.receive(0, burst), 6U);
    io.release({sent.data(), 70});
}

TEST_F(Ports, say_when_the_card_has_checked_the_checksum) {
    auto port = open("net_ring0");
    ASSERT_TRUE(port.has_value());
    ASSERT_TRUE(port->start(eal_).has_value());
    std::array<PortIo::TransmitQueue, kMaxPorts> transmit{};
    transmit[0] = {port->device(), 0};
    PortIo io{{{port->device(), 0, 0}}, transmit};
    const std::vector<std::pair<uint64_t, bool>> cases = {
        {RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, false},
        {RTE_MBUF_F_RX_L4_CKSUM_BAD, false},
        {RTE_MBUF_F_RX_L4_CKSUM_GOOD, true},
        {RTE_MBUF_F_RX_L4_CKSUM_NONE, false},
        {RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_BAD, true},
    };
    for (const auto& [flags, good] : cases) {
        rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers_->pool());
        ASSERT_NE(rte_pktmbuf_append(mbuf, 60), nullptr);
        mbuf->ol_flags = flags;
        void* buffer = mbuf;
        ASSERT_EQ(io.transmit(0, {&buffer, 1}), 1U);
        Burst burst;
        ASSERT_EQ(io.receive(0, burst), 1U);
        Frame& frame = burst.packets[0].frame;
        EXPECT_EQ(frame.l4_checksum_good, good) << flags;
        io.release({&frame.buffer, 1});
    }
}

TEST_F(Ports, give_back_what_a_full_queue_refuses) {
    auto port = open("net_ring0");
    ASSERT_TRUE(port.has_value());
    ASSERT_TRUE(port->start(eal_).has_value());
    std::array<PortIo::TransmitQueue, kMaxPorts> transmit{};
    transmit[0] = {port->device(), 0};
    PortIo io{{{port->device(), 0, 0}}, transmit};
    std::vector<void*> buffers(2048);
    for (void*& buffer : buffers) {
        buffer = rte_pktmbuf_alloc(buffers_->pool());
        ASSERT_NE(buffer, nullptr);
    }
    uint32_t sent = 0;
    for (uint32_t count = 1; count != 0 && sent < buffers.size(); sent += count)
        count = io.transmit(0, std::span{buffers}.subspan(sent, 32));
    EXPECT_LT(sent, buffers.size());
    io.release(std::span{buffers}.subspan(sent));
    Burst burst;
    while (io.receive(0, burst) != 0) {
        for (Packet& packet : burst)
            io.release({&packet.frame.buffer, 1});
        burst.clear();
    }
}

TEST_F(Ports, have_a_transmit_queue_for_every_worker_where_the_device_can) {
    auto port = open("net_null0", 3, 2);
    ASSERT_TRUE(port.has_value()) << port.error().message;
    EXPECT_EQ(port->queues().receive, 2);
    EXPECT_EQ(port->queues().transmit, 3);
    EXPECT_TRUE(port->queues().rss);
    EXPECT_TRUE(port->start(eal_).has_value());
    EXPECT_EQ(port->driver(), "net_null");
    EXPECT_EQ(port->mac().size(), 17U);
    EXPECT_TRUE(port->link().up);
    EXPECT_EQ(port->statistics().missed, 0U);
}

TEST_F(Ports, tell_a_card_what_to_hash_and_which_queue_gets_what) {
    for (const Steering steering : {Steering::Addresses, Steering::Ports}) {
        auto port = open("net_null0", 2, 2, steering);
        ASSERT_TRUE(port.has_value()) << port.error().message;
        ASSERT_TRUE(port->start(eal_).has_value());
        EXPECT_THAT(port->notes(), ::testing::IsEmpty());
        SteeringHash::CardKey key{};
        rte_eth_rss_conf hash{.rss_key = key.data(), .rss_key_len = 40, .rss_hf = 0};
        ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(port->device(), &hash), 0);
        EXPECT_TRUE(std::equal(key.begin(), key.begin() + 40, SteeringHash::card_key().begin()));
        EXPECT_TRUE((hash.rss_hf & RTE_ETH_RSS_IPV4) != 0);
        EXPECT_EQ((hash.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0, steering == Steering::Ports);
        EXPECT_EQ((hash.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0, steering == Steering::Ports);
        std::array<rte_eth_rss_reta_entry64, 2> table{};
        table[0].mask = table[1].mask = UINT64_MAX;
        ASSERT_EQ(rte_eth_dev_rss_reta_query(port->device(), table.data(), 128), 0);
        const Indirection indirection{2};
        for (uint32_t entry = 0; entry < 128; ++entry)
            EXPECT_EQ(table[entry / 64].reta[entry % 64], indirection.owner(entry));
    }
}

TEST(Rss, needs_a_card_that_hashes_what_steering_names) {
    constexpr uint64_t kBoth = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
    EXPECT_TRUE(rss_can_steer(kBoth, Steering::Addresses));
    EXPECT_FALSE(rss_can_steer(RTE_ETH_RSS_IPV4, Steering::Addresses));
    EXPECT_FALSE(rss_can_steer(kBoth | RTE_ETH_RSS_TCP, Steering::Ports));
    EXPECT_TRUE(rss_can_steer(kBoth | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP, Steering::Ports));
}

TEST(Rss, that_misdirects_much_of_enough_packets_is_another) {
    EXPECT_FALSE(spreads_otherwise(0, 0));
    EXPECT_FALSE(spreads_otherwise(4095, 4095)) << "too few to say";
    EXPECT_FALSE(spreads_otherwise(4096, 512));
    EXPECT_TRUE(spreads_otherwise(4096, 513));
}

TEST_F(Ports, end_with_an_error_that_names_port_device_and_cause) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"net_foo0", "device \"net_foo0\" of port outside: no such driver"},
        {"net_af_packet0,iface=ravelin-nope", "ravelin-nope"},
        {"net_null0,frob=1", "is one of its arguments missing, misspelt or impossible?"},
        {"net_pcap0,rx_pcap=/nonexistent/a.pcap", "/nonexistent/a.pcap: No such file"},
        {"net_memif0,role=server,socket=/nonexistent/m.sock,socket-abstract=no",
         "`mkdir -p /nonexistent`"},
        {"net_virtio_user0,path=/nonexistent/v.sock", "start the vhost-user side first"},
        {"0000:99:00.0", "dpdk-devbind.py"},
    };
    for (const auto& [device, expected] : cases) {
        const auto port = open(device);
        ASSERT_FALSE(port.has_value()) << device;
        EXPECT_THAT(port.error().message, HasSubstr(expected));
        EXPECT_THAT(port.error().message, HasSubstr("port outside"));
    }
}

TEST_F(Ports, refuse_a_device_that_another_port_has) {
    const auto first = open("net_null0");
    ASSERT_TRUE(first.has_value());
    const auto second = open("net_null0");
    ASSERT_FALSE(second.has_value());
    EXPECT_THAT(second.error().message, HasSubstr("another port has that device"));
}

TEST_F(Ports, can_be_opened_again_after_they_were_closed) {
    for (int i = 0; i < 3; ++i) {
        auto port = open("net_null0");
        ASSERT_TRUE(port.has_value()) << port.error().message;
        ASSERT_TRUE(port->start(eal_).has_value());
    }
}

TEST(EalLog, keeps_lines_while_a_call_may_fail_and_passes_them_on_otherwise) {
    EalLog& log = testing::test_eal().log();
    log.hold();
    rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "first line\n");
    EXPECT_EQ(log.release(), "first line\n");
    rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "to nobody\n");
    log.hold();
    EXPECT_EQ(log.release(), "");
}

TEST(OutputCapture, takes_what_is_printed_and_gives_the_streams_back) {
    OutputCapture capture;
    std::puts("to output");
    std::fputs("to error\n", stderr);
    const std::string text = capture.finish();
    EXPECT_THAT(text, HasSubstr("to output\n"));
    EXPECT_THAT(text, HasSubstr("to error\n"));
}

}  // namespace
}  // namespace ravelin
