// SPDX-License-Identifier: BSD-3-Clause
#include "bench/ports.h"

#include "base/check.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <string>
#include <vector>

namespace ravelin::bench {

namespace {

constexpr uint32_t kBuffers = 16384 - 1;
constexpr uint32_t kRing = 8192;

}  // namespace

void start_eal(bool hugepages, uint32_t megabytes) {
    std::vector<std::string> words{
        "bed",           "--no-pci", "--no-telemetry",         "--lcores=0@(0-1)",
        "--log-level=4", "-m",       std::to_string(megabytes)};
    if (hugepages) {
        words.emplace_back("--in-memory");
    } else {
        words.insert(words.end(), {"--no-huge", "--no-shconf"});
    }
    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    CHECK(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0);
}

Ports::Ports()
    : pool_{rte_pktmbuf_pool_create("bed", kBuffers, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY)},
      ports_{open("outside"), open("inside")},
      io_{make_io()} {
    CHECK(pool_ != nullptr);
    for (const Port& port : ports_) {
        const rte_eth_conf none{};
        CHECK(rte_eth_dev_configure(port.device, 1, 1, &none) == 0);
        CHECK(rte_eth_rx_queue_setup(port.device, 0, kRing, 0, nullptr, pool_) == 0);
        CHECK(rte_eth_tx_queue_setup(port.device, 0, kRing, 0, nullptr) == 0);
        CHECK(rte_eth_dev_start(port.device) == 0);
    }
}

Ports::~Ports() {
    for (const Port& port : ports_)
        static_cast<void>(rte_eth_dev_stop(port.device));
}

Ports::Port Ports::open(const char* name) {
    const auto ring = [name](const char* side) {
        rte_ring* made = rte_ring_create((std::string{name} + side).c_str(), kRing, SOCKET_ID_ANY,
                                         RING_F_SP_ENQ | RING_F_SC_DEQ);
        CHECK(made != nullptr);
        return made;
    };
    Port port{.receive = ring("-rx"), .transmit = ring("-tx"), .device = 0};
    const int device = rte_eth_from_rings(name, &port.receive, 1, &port.transmit, 1, 0);
    CHECK(device >= 0);
    port.device = static_cast<uint16_t>(device);
    return port;
}

PortIo Ports::make_io() {
    std::array<PortIo::TransmitQueue, kMaxPorts> transmit{};
    transmit[kOutside].device = ports_[kOutside].device;
    transmit[kInside].device = ports_[kInside].device;
    return PortIo{{{.device = ports_[kOutside].device, .queue = 0, .port = kOutside},
                   {.device = ports_[kInside].device, .queue = 0, .port = kInside}},
                  transmit};
}

void Ports::fill(uint8_t port, uint32_t packets, const Writer& writer) {
    std::array<rte_mbuf*, kBurstSize> buffers{};
    for (uint32_t left = packets; left != 0;) {
        const uint32_t count = std::min(left, kBurstSize);
        CHECK(rte_pktmbuf_alloc_bulk(pool_, buffers.data(), count) == 0);
        for (uint32_t i = 0; i < count; ++i) {
            const uint32_t length = writer(port, rte_pktmbuf_mtod(buffers[i], uint8_t*));
            buffers[i]->data_len = static_cast<uint16_t>(length);
            buffers[i]->pkt_len = length;
        }
        CHECK(rte_ring_sp_enqueue_bulk(ports_[port].receive,
                                       reinterpret_cast<void**>(buffers.data()), count,
                                       nullptr) == count);
        left -= count;
    }
}

uint32_t Ports::drain() {
    std::array<rte_mbuf*, kBurstSize> buffers{};
    uint32_t total = 0;
    for (const Port& port : ports_) {
        while (const uint32_t count = rte_ring_sc_dequeue_burst(
                   port.transmit, reinterpret_cast<void**>(buffers.data()), kBurstSize, nullptr)) {
            rte_pktmbuf_free_bulk(buffers.data(), count);
            total += count;
        }
    }
    return total;
}

}  // namespace ravelin::bench
