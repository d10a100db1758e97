// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/port.h"

#include "dpdk/diagnosis.h"
#include "dpdk/eal_arguments.h"
#include "dpdk/rss.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

namespace ravelin {
namespace {

int errno_of(int result) {
    return result == -1 && rte_errno != 0 ? rte_errno : -result;
}

Result<uint16_t> find_device(const PortConfig& port) {
    const std::string name = device_name(port.device);
    uint16_t device = 0;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &device) == 0) return device;
    if (rte_eth_dev_get_port_by_name(("0000:" + name).c_str(), &device) == 0) return device;
    return fail(diagnose_device(port, is_pci_device(port.device) ? "rte_eal_init" : "rte_dev_probe",
                                {}, ENODEV));
}

DeviceLimits limits_of(const rte_eth_dev_info& info, Steering steering) {
    DeviceLimits limits;
    limits.driver = info.driver_name;
    limits.receive_queues = info.max_rx_queues;
    limits.transmit_queues = info.max_tx_queues;
    limits.indirection_entries = info.reta_size;
    limits.can_steer = rss_can_steer(info.flow_type_rss_offloads, steering);
    return limits;
}

rte_eth_conf device_configuration(const rte_eth_dev_info& info, uint16_t mtu) {
    rte_eth_conf conf{};
    conf.rxmode.mtu = mtu;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_CHECKSUM;
    conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    return conf;
}

}  // namespace

Result<Port> Port::open(const PortConfig& config, const Spread& spread, const Buffers& buffers,
                        Eal& eal) {
    if (!is_pci_device(config.device)) {
        uint16_t taken = 0;
        if (rte_eth_dev_get_port_by_name(device_name(config.device).c_str(), &taken) == 0) {
            return fail("device \"" + config.device + "\" of port " + config.name +
                        ": another port has that device; give it a number of its own");
        }
        eal.log().hold();
        const int probed = rte_dev_probe(config.device.c_str());
        const std::string log = eal.log().release();
        if (probed != 0) {
            return fail(diagnose_device(config, "rte_dev_probe", log, errno_of(probed)));
        }
    }
    auto device = find_device(config);
    if (!device) return tl::unexpected{device.error()};
    Port port{config, *device, spread};
    eal.log().hold();
    auto done = port.set_up(buffers);
    const std::string log = eal.log().release();
    if (!done) {
        // set_up() names the call; the drivers' log says why.
        return fail(diagnose_device(config, done.error().message, log, errno));
    }
    return port;
}

Result<void> Port::set_up(const Buffers& buffers) {
    rte_eth_dev_info info{};
    if (const int result = rte_eth_dev_info_get(device_, &info); result != 0) {
        errno = errno_of(result);
        return fail("rte_eth_dev_info_get");
    }
    limits_ = limits_of(info, spread_.steering);
    queues_ = plan_queues(config_, spread_.workers, limits_);
    if (queues_.receive < config_.queues) {
        notes_.push_back("the device has " + std::to_string(queues_.receive) +
                         " receive queues, not " + std::to_string(config_.queues));
    }
    if (queues_.receive > 1 && !queues_.rss && info.flow_type_rss_offloads != 0) {
        notes_.push_back(
            std::string{"its RSS can't "} +
            (limits_.can_steer ? "be told which queue gets what" : "hash as `steering` says") +
            ": packets are handed over between workers");
    }
    // Drivers that name a largest frame mean what the card takes; software ones take more.
    const uint32_t largest = std::min<uint32_t>(
        info.max_mtu, info.max_rx_pktlen > RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN
                          ? info.max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN
                          : UINT32_MAX);
    const auto mtu = static_cast<uint16_t>(std::min<uint32_t>(config_.mtu, largest));
    if (mtu < config_.mtu) {
        notes_.push_back("the driver announces an mtu of " + std::to_string(mtu) +
                         " at most, not " + std::to_string(config_.mtu));
    }

    SteeringHash::CardKey key{};
    rte_eth_conf conf = device_configuration(info, mtu);
    if (queues_.rss) ask_for_rss(conf, info, spread_.steering, key);
    if (const int result = rte_eth_dev_configure(device_, queues_.receive, queues_.transmit, &conf);
        result != 0) {
        errno = errno_of(result);
        return fail("rte_eth_dev_configure");
    }
    return set_up_queues(buffers);
}

Result<void> Port::set_up_queues(const Buffers& buffers) {
    uint16_t receive = config_.descriptors;
    uint16_t transmit = config_.descriptors;
    if (const int result = rte_eth_dev_adjust_nb_rx_tx_desc(device_, &receive, &transmit);
        result != 0) {
        errno = errno_of(result);
        return fail("rte_eth_dev_adjust_nb_rx_tx_desc");
    }
    const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(device_));
    for (uint16_t queue = 0; queue < queues_.receive; ++queue) {
        const int result =
            rte_eth_rx_queue_setup(device_, queue, receive, socket, nullptr, buffers.pool());
        if (result == 0) continue;
        errno = errno_of(result);
        return fail("rte_eth_rx_queue_setup");
    }
    for (uint16_t queue = 0; queue < queues_.transmit; ++queue) {
        const int result = rte_eth_tx_queue_setup(device_, queue, transmit, socket, nullptr);
        if (result == 0) continue;
        errno = errno_of(result);
        return fail("rte_eth_tx_queue_setup");
    }
    return {};
}

Result<void> Port::start(Eal& eal) {
    eal.log().hold();
    const int result = rte_eth_dev_start(device_);
    const std::string log = eal.log().release();
    if (result != 0)
        return fail(diagnose_device(config_, "rte_eth_dev_start", log, errno_of(result)));
    started_ = true;
    // A wire takes frames for everybody; software ports take them anyway and say ENOTSUP.
    if (const int promiscuous = rte_eth_promiscuous_enable(device_);
        promiscuous != 0 && errno_of(promiscuous) != ENOTSUP) {
        return fail(
            diagnose_device(config_, "rte_eth_promiscuous_enable", {}, errno_of(promiscuous)));
    }
    if (queues_.rss) {
        rte_eth_dev_info info{};
        if (rte_eth_dev_info_get(device_, &info) == 0)
            for (std::string& note : program_rss(device_, info, spread_.steering, queues_.receive))
                notes_.push_back(std::move(note));
    }
    return {};
}

void Port::stop() noexcept {
    if (started_) rte_eth_dev_stop(device_);
    started_ = false;
}

Port::~Port() {
    if (!open_) return;
    stop();
    rte_eth_dev_info info{};
    const bool known = rte_eth_dev_info_get(device_, &info) == 0;
    rte_eth_dev_close(device_);
    // Virtual devices were made by open(); cards stay with EAL.
    if (known && !is_pci_device(config_.device))
        rte_dev_remove(const_cast<rte_device*>(info.device));
}

Port::Port(Port&& other) noexcept
    : config_{std::move(other.config_)},
      device_{other.device_},
      open_{std::exchange(other.open_, false)},
      started_{std::exchange(other.started_, false)},
      spread_{other.spread_},
      limits_{std::move(other.limits_)},
      queues_{other.queues_},
      notes_{std::move(other.notes_)} {}

int Port::numa_node() const noexcept {
    return rte_eth_dev_socket_id(device_);
}

std::string Port::mac() const {
    rte_ether_addr address{};
    if (rte_eth_macaddr_get(device_, &address) != 0) return {};
    std::array<char, RTE_ETHER_ADDR_FMT_SIZE> text{};
    rte_ether_format_addr(text.data(), text.size(), &address);
    std::string mac{text.data()};
    std::transform(mac.begin(), mac.end(), mac.begin(),
                   [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
    return mac;
}

PortStatistics Port::statistics() const noexcept {
    rte_eth_stats stats{};
    if (rte_eth_stats_get(device_, &stats) != 0) return {};
    return {stats.imissed, stats.ierrors, stats.rx_nombuf, stats.oerrors};
}

LinkState Port::link() const noexcept {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(device_, &link) != 0) return {};
    LinkState state;
    state.up = link.link_status == RTE_ETH_LINK_UP;
    if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
        state.bytes_per_second = uint64_t{link.link_speed} * 125'000;
    return state;
}

}  // namespace ravelin
