// SPDX-License-Identifier: BSD-3-Clause
#include "bench/ports.h"

#include "base/check.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

namespace ravelin::bench {

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

Ports::Ports(const std::string& name, uint32_t buffers, uint32_t ring)
    : pool_{rte_pktmbuf_pool_create(name.c_str(), buffers, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY)},
      from_{pool_},
      ports_{open(name + "-outside", ring), open(name + "-inside", ring)},
      io_{make_io()} {
    CHECK(pool_ != nullptr);
    const auto places = static_cast<uint16_t>(ring);
    for (const Port& port : ports_) {
        const rte_eth_conf none{};
        CHECK(rte_eth_dev_configure(port.device, 1, 1, &none) == 0);
        CHECK(rte_eth_rx_queue_setup(port.device, 0, places, 0, nullptr, pool_) == 0);
        CHECK(rte_eth_tx_queue_setup(port.device, 0, places, 0, nullptr) == 0);
        CHECK(rte_eth_dev_start(port.device) == 0);
    }
}

Ports::~Ports() {
    for (const Port& port : ports_)
        static_cast<void>(rte_eth_dev_stop(port.device));
}

Ports::Port Ports::open(const std::string& name, uint32_t ring) {
    const auto make = [&](const char* side) {
        rte_ring* made = rte_ring_create((name + side).c_str(), ring, SOCKET_ID_ANY,
                                         RING_F_SP_ENQ | RING_F_SC_DEQ);
        CHECK(made != nullptr);
        return made;
    };
    Port port{.receive = make("-rx"), .transmit = make("-tx")};
    const int device = rte_eth_from_rings(name.c_str(), &port.receive, 1, &port.transmit, 1, 0);
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

void Ports::write(uint8_t port, uint32_t packets, const Writer& writer) {
    Port& to = ports_[port];
    CHECK(to.offered == to.written.size());
    to.written.resize(packets);
    to.offered = 0;
    for (uint32_t done = 0; done < packets;) {
        const std::span burst{&to.written[done], std::min(packets - done, kBurstSize)};
        CHECK(rte_pktmbuf_alloc_bulk(from_, burst.data(), static_cast<uint32_t>(burst.size())) ==
              0);
        for (rte_mbuf* buffer : burst) {
            const uint32_t length = writer(port, rte_pktmbuf_mtod(buffer, uint8_t*));
            buffer->data_len = static_cast<uint16_t>(length);
            buffer->pkt_len = length;
        }
        done += static_cast<uint32_t>(burst.size());
    }
}

void Ports::offer(uint8_t port, uint32_t packets) {
    Port& to = ports_[port];
    CHECK(to.offered + packets <= to.written.size());
    auto** const first = reinterpret_cast<void**>(to.written.data() + to.offered);
    CHECK(rte_ring_sp_enqueue_bulk(to.receive, first, packets, nullptr) == packets);
    to.offered += packets;
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
