// SPDX-License-Identifier: BSD-3-Clause
#include "ports.h"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <sched.h>
#include <string>

namespace ravelin::load {
namespace {

std::atomic<bool> closing{false};

/// The library speaks of ravelind's configuration file.
tl::unexpected<Error> in_our_words(Error error) {
    const std::string_view theirs = "`eal:`";
    for (size_t at = 0; (at = error.message.find(theirs, at)) != std::string::npos;)
        error.message.replace(at, theirs.size(), "--eal");
    return tl::unexpected{std::move(error)};
}

Config config_of(const Options& options) {
    Config config;
    config.eal = options.eal;
    config.cores = {.management = {options.cpu}, .workers = {options.cpu}};
    config.fragments.fragments = 0;
    for (const Side side : {Side::Outside, Side::Inside}) {
        PortConfig port;
        port.name = side == Side::Outside ? "outside" : "inside";
        port.device = options.ports[index_of(side)];
        port.queues = options.receive_queues;
        port.descriptors = options.descriptors;
        config.ports.push_back(std::move(port));
    }
    return config;
}

Result<void> check_cpu(uint16_t cpu) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_ISSET(cpu, &allowed)) return {};
    return fail("--cpu " + std::to_string(cpu) +
                ": this process may not run there; see `nproc` "
                "and `taskset -p $$`");
}

}  // namespace

Result<std::unique_ptr<Ports>> Ports::open(const Options& options) {
    if (auto checked = check_cpu(options.cpu); !checked) return tl::unexpected{checked.error()};
    const Config config = config_of(options);
    auto eal = Eal::start(config, [](EalLogLevel level, std::string_view line) {
        // Some drivers complain while they close, which concerns nobody any more.
        if (level == EalLogLevel::Error && !closing) std::cerr << line << '\n';
    });
    if (!eal) return in_our_words(eal.error());
    auto buffers = Buffers::create(buffer_plan(config), eal->without_hugepages());
    if (!buffers) return in_our_words(buffers.error());
    auto outside = Port::open(config.ports[0], {}, *buffers, *eal);
    if (!outside) return in_our_words(outside.error());
    auto inside = Port::open(config.ports[1], {}, *buffers, *eal);
    if (!inside) return in_our_words(inside.error());
    if (outside->queues().receive < options.receive_queues ||
        inside->queues().receive < options.receive_queues) {
        return fail("--receive-queues " + std::to_string(options.receive_queues) +
                    ": the driver has fewer");
    }
    std::unique_ptr<Ports> ports{new Ports{std::move(*eal), std::move(*buffers),
                                           std::move(*outside), std::move(*inside),
                                           options.receive_queues}};
    for (Port& port : ports->ports_) {
        if (auto started = port.start(ports->eal_); !started) return in_our_words(started.error());
    }
    return ports;
}

Ports::~Ports() {
    closing = true;
    for (Port& port : ports_)
        port.stop();
    for (Waiting& waiting : waiting_)
        rte_pktmbuf_free_bulk(waiting.refused.data(), waiting.refused_count);
}

Result<void> Ports::links() const {
    for (const Port& port : ports_) {
        if (!port.link().up) {
            return fail("port " + port.config().name + ": nobody is at the other end of \"" +
                        port.config().device + "\"; start the device first");
        }
    }
    return {};
}

bool Ports::transmit(Side side, Waiting& waiting) noexcept {
    auto* const begin = waiting.refused.data();
    const uint16_t taken = rte_eth_tx_burst(ports_[index_of(side)].device(), 0, begin,
                                            static_cast<uint16_t>(waiting.refused_count));
    std::copy(begin + taken, begin + waiting.refused_count, begin);
    waiting.refused_count -= taken;
    return waiting.refused_count == 0;
}

void Ports::flush(Side side) noexcept {
    Waiting& waiting = waiting_[index_of(side)];
    if (waiting.refused_count != 0 && !transmit(side, waiting)) return;
    uint32_t done = 0;
    while (done < waiting.count) {
        const uint32_t count = std::min(waiting.count - done, kBurst);
        if (rte_pktmbuf_alloc_bulk(buffers_.pool(), waiting.refused.data(), count) != 0) break;
        for (uint32_t i = 0; i < count; ++i) {
            const std::span<const uint8_t> frame = waiting.frames[done + i];
            rte_mbuf* const buffer = waiting.refused[i];
            std::memcpy(rte_pktmbuf_mtod(buffer, uint8_t*), frame.data(), frame.size());
            buffer->data_len = static_cast<uint16_t>(frame.size());
            buffer->pkt_len = static_cast<uint32_t>(frame.size());
        }
        waiting.refused_count = count;
        done += count;
        if (!transmit(side, waiting)) break;
    }
    std::copy(waiting.frames.begin() + done, waiting.frames.begin() + waiting.count,
              waiting.frames.begin());
    waiting.count -= done;
}

std::span<const uint8_t> Ports::contiguous(const rte_mbuf* buffer) {
    const uint32_t length = std::min<uint32_t>(buffer->pkt_len, sizeof joined_);
    const void* const bytes = rte_pktmbuf_read(buffer, 0, length, joined_.data());
    return {static_cast<const uint8_t*>(bytes), length};
}

}  // namespace ravelin::load
