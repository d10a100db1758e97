// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/connection.h"
#include "mgmt/appliance.h"
#include "mgmt/reload.h"
#include "packet/headers.h"
#include "pipeline/request.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ravelin::test {

/// A directory of its own for one test.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "ravelin-XXXXXX").string();
        EXPECT_NE(mkdtemp(pattern.data()), nullptr);
        path_ = pattern;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

/// A whole appliance but for the packets: two ports, one wire, as many workers as wanted, and a
/// clock that the test moves.
class FakeAppliance {
  public:
    explicit FakeAppliance(size_t workers = 1)
        : quiescence{static_cast<uint32_t>(workers)}, runtime{std::make_unique<Runtime>()} {
        Config config;
        config.control.socket = directory.file("ravelin.sock");
        config.http.listen = "127.0.0.1:0";
        config.cores.management = {};
        config.sha256 = "0000";
        config.ports = {{"outside", "net_null0"}, {"inside", "net_null1"}};
        WireConfig wire;
        wire.name = "vpn";
        wire.inside = 1;
        config.wires = {wire};
        Rule rule;
        rule.name = "allow-vpn";
        rule.allow = true;
        config.policy.rules = {rule};
        topology.port_count = 2;
        topology.worker_count = static_cast<uint32_t>(workers);
        topology.ports[0].peer = 1;
        topology.ports[1].peer = 0;
        appliance.config = config;
        appliance.build = {"0.1.0", "abc1234", "DPDK 22.11.11", "g++ 12.2.0"};
        appliance.topology = &topology;
        appliance.runtime = &runtime;
        appliance.quiescence = &quiescence;
        appliance.now = [this] { return Instant{Duration{now.load()}}; };
        appliance.unix_offset = [] { return Duration{1700000000s}; };
        appliance.ports = [this] {
            PortStats outside{"outside", "net_null", "net_null0", "02:00:00:00:00:01"};
            PortStats inside{"inside", "net_null", "net_null1", "02:00:00:00:00:02"};
            outside.up = true;
            inside.up = inside_up;
            return std::vector<PortStats>{outside, inside};
        };
        appliance.mempools = [] { return std::vector<MempoolStats>{{"packets", 8192, 8000}}; };
        for (size_t i = 0; i < workers; ++i) {
            links.push_back(std::make_unique<WorkerLink>(kEvents));
            links.back()->capacity = 1000;
            appliance.workers.push_back(
                {links.back().get(), std::to_string(i + 1), static_cast<uint16_t>(i + 1)});
        }
    }
    FakeAppliance(const FakeAppliance&) = delete;
    FakeAppliance& operator=(const FakeAppliance&) = delete;

    static constexpr uint32_t kEvents = 255;
    TemporaryDirectory directory;
    std::atomic<int64_t> now{0};
    std::atomic<bool> inside_up{true};
    Quiescence quiescence;
    Published<Runtime> runtime;
    Topology topology;
    std::vector<std::unique_ptr<WorkerLink>> links;
    Appliance appliance;
};

inline FlowRecord udp_flow(uint32_t number);
inline Address ipv4(uint32_t host_order);

/// Stands in for a worker: serves requests from a list of connections, in slices, and reports
/// quiescent points.
class FakeWorker {
  public:
    FakeWorker(FakeAppliance& fake, size_t index, std::vector<FlowRecord> flows,
               std::vector<TunnelRecord> tunnels = {})
        : flows_{std::move(flows)}, tunnels_{std::move(tunnels)}, thread_{[this, &fake, index] {
              run(fake, index);
          }} {}
    ~FakeWorker() {
        stop_ = true;
        thread_.join();
    }
    FakeWorker(const FakeWorker&) = delete;
    FakeWorker& operator=(const FakeWorker&) = delete;

    [[nodiscard]] size_t flushes() const { return flushes_; }
    /// From now on it has met one late packet, at that nanosecond, of that UDP flow; 0: none.
    void meet_late(uint32_t number) { stale_ = number; }

    /// The same of a packet that was denied.
    void deny(uint32_t number) { denied_ = number; }
    /// So often somebody has asked a time server.
    void ask_for_time(uint32_t times) { asks_ = times; }

  private:
    void run(FakeAppliance& fake, size_t index) {
        WorkerLink& link = *fake.links[index];
        fake.quiescence.enter(static_cast<uint32_t>(index));
        while (!stop_) {
            Request* request = nullptr;
            if (link.requests.pop(&request, 1) == 1) serve(*request);
            link.counters.iterations.add();
            fake.quiescence.report(static_cast<uint32_t>(index));
            std::this_thread::yield();
        }
        fake.quiescence.leave(static_cast<uint32_t>(index));
    }
    void serve(Request& request) {
        if (request.kind == Request::Kind::Dump) {
            const size_t count = std::min(request.out.size(), flows_.size() - request.cursor);
            std::copy_n(flows_.begin() + request.cursor, count, request.out.begin());
            request.written = static_cast<uint32_t>(count);
            request.cursor += request.written;
            request.at_end = request.cursor == flows_.size();
        }
        if (request.kind == Request::Kind::Tunnels) {
            const size_t count = std::min(request.tunnels.size(), tunnels_.size() - request.cursor);
            std::copy_n(tunnels_.begin() + request.cursor, count, request.tunnels.begin());
            request.written = static_cast<uint32_t>(count);
            request.cursor += request.written;
            request.at_end = request.cursor == tunnels_.size();
        }
        if (request.kind == Request::Kind::Stale) {
            request.stale[0] = StaleRecord{};
            request.stale[0].flow = udp_flow(stale_);
            request.stale[0].info.packets = 1;
            request.stale[0].last = Instant{Duration{stale_}};
            request.written = stale_ != 0 ? 1 : 0;
            request.at_end = true;
        }
        if (request.kind == Request::Kind::Denials) {
            request.denials[0] = DenialRecord{};
            request.denials[0].flow = udp_flow(denied_);
            request.denials[0].info.reason = DropReason::PolicyRule;
            request.denials[0].info.packets = 1;
            request.denials[0].last = Instant{Duration{denied_}};
            request.written = denied_ != 0 ? 1 : 0;
            request.at_end = true;
        }
        if (request.kind == Request::Kind::Ntp) {
            request.ntp[0] = NtpRecord{};
            request.ntp[0].server = ipv4(0xcb007101);
            request.ntp[0].requests = asks_;
            request.written = asks_ != 0 ? 1 : 0;
            request.at_end = true;
        }
        if (request.kind == Request::Kind::Flush) ++flushes_;
        request.done.store(true, std::memory_order_release);
    }

    std::vector<FlowRecord> flows_;
    std::vector<TunnelRecord> tunnels_;
    std::atomic<bool> stop_{false};
    std::atomic<size_t> flushes_{0};
    std::atomic<uint32_t> stale_{0};
    std::atomic<uint32_t> denied_{0};
    std::atomic<uint32_t> asks_{0};
    std::thread thread_;
};

inline Address ipv4(uint32_t host_order) {
    Address address;
    address.bytes[10] = address.bytes[11] = 0xff;
    for (size_t i = 0; i < 4; ++i)
        address.bytes[12 + i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
    return address;
}

/// A replied UDP connection from 10.0.0.0 + `number`; bytes grow with the number.
inline FlowRecord udp_flow(uint32_t number) {
    FlowRecord flow;
    flow.id = number + 1;
    flow.family = Family::Ipv4;
    flow.protocol = ip_protocol::kUdp;
    flow.source = ipv4(0x0a000000 + number);
    flow.destination = ipv4(0xc6336401);
    flow.source_port = static_cast<uint16_t>(40000 + number % 20000);
    flow.destination_port = 1194;
    flow.flags = connection_flag::kSeenReply;
    flow.rule = 0;
    flow.policy_generation = 1;
    flow.packets = {number + 1, number};
    flow.bytes = {100 * (uint64_t{number} + 1), 50 * uint64_t{number}};
    flow.remaining = 30s;
    flow.age = Duration{1s} * (number % 100);
    return flow;
}

inline std::vector<FlowRecord> udp_flows(uint32_t count) {
    std::vector<FlowRecord> flows;
    for (uint32_t i = 0; i < count; ++i)
        flows.push_back(udp_flow(i));
    return flows;
}

}  // namespace ravelin::test
