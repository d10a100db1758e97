// SPDX-License-Identifier: BSD-3-Clause
#include "replay_command.h"

#include "capture/merge.h"
#include "capture/output.h"
#include "capture/replay.h"
#include "capture/writer.h"
#include "dpdk/port_plan.h"
#include "mgmt/conntrack_format.h"
#include "mgmt/reload.h"
#include "replay_tunnels.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace ravelin {
namespace {

struct NamedCapture {
    uint8_t port = 0;
    std::string path;
};

/// "outside=A.pcap,inside=B.pcap", in the order in which equal time stamps count: outside ports
/// first, then as configured.
Result<std::vector<NamedCapture>> parse_captures(const std::string& text, const Config& config) {
    std::vector<NamedCapture> captures;
    std::istringstream stream{text};
    for (std::string item; std::getline(stream, item, ',');) {
        const size_t equals = item.find('=');
        const std::string name = item.substr(0, equals);
        const auto port =
            std::find_if(config.ports.begin(), config.ports.end(),
                         [&](const PortConfig& candidate) { return candidate.name == name; });
        if (equals == std::string::npos || equals + 1 == item.size() ||
            port == config.ports.end()) {
            std::string names;
            for (const PortConfig& candidate : config.ports)
                names += (names.empty() ? "" : ", ") + candidate.name;
            return fail("--replay: \"" + item + "\" is not PORT=FILE with a port of " +
                        config.path + " (" + names + ")");
        }
        const auto index = static_cast<uint8_t>(port - config.ports.begin());
        if (std::any_of(captures.begin(), captures.end(),
                        [&](const NamedCapture& other) { return other.port == index; }))
            return fail("--replay: port " + name + " stands there twice");
        captures.push_back({index, item.substr(equals + 1)});
    }
    if (captures.empty()) return fail("--replay: no capture is named; expected PORT=FILE,...");
    const auto is_inside = [&](const NamedCapture& capture) {
        return std::any_of(config.wires.begin(), config.wires.end(),
                           [&](const WireConfig& wire) { return wire.inside == capture.port; });
    };
    std::sort(captures.begin(), captures.end(), [&](const NamedCapture& a, const NamedCapture& b) {
        return std::pair{is_inside(a), a.port} < std::pair{is_inside(b), b.port};
    });
    return captures;
}

/// The files that a replay writes; those not asked for stay closed.
class Outputs {
  public:
    Result<void> open(const Options& options) {
        for (const auto& [path, writer] :
             {std::pair{&options.forwarded, &forwarded_}, std::pair{&options.dropped, &dropped_}}) {
            if (path->empty()) continue;
            auto created = CaptureWriter::create(*path);
            if (!created) return tl::unexpected{created.error()};
            writer->emplace(std::move(*created));
        }
        for (Text* text : {&verdicts_, &tunnels_}) {
            text->path = text == &verdicts_ ? options.verdicts : options.tunnels;
            if (text->path.empty()) continue;
            text->file.open(text->path);
            if (!text->file) return fail(text->path + ": " + std::system_category().message(errno));
        }
        return {};
    }

    void write(const ReplayedPacket& packet, const std::string& port) {
        if (verdicts_.file.is_open()) verdicts_.file << verdict_line(packet, port);
        if (forwarded_ && packet.action == Action::Forward) forwarded_->write(packet.frame);
        if (dropped_ && packet.action == Action::Drop) dropped_->write(packet.frame);
    }

    void write_tunnel(std::string_view line) {
        if (tunnels_.file.is_open()) tunnels_.file << line;
    }

    Result<void> close() {
        for (std::optional<CaptureWriter>* writer : {&forwarded_, &dropped_}) {
            if (!writer->has_value()) continue;
            if (auto closed = (*writer)->close(); !closed) return closed;
        }
        for (Text* text : {&verdicts_, &tunnels_}) {
            if (!text->file.is_open()) continue;
            text->file.close();
            if (!text->file) return fail(text->path + ": can't be written");
        }
        return {};
    }

  private:
    struct Text {
        std::ofstream file;
        std::string path;
    };

    std::optional<CaptureWriter> forwarded_;
    std::optional<CaptureWriter> dropped_;
    Text verdicts_;
    Text tunnels_;
};

Result<void> write_flows(const std::string& path, const std::vector<FlowRecord>& flows) {
    if (path.empty()) return {};
    std::ofstream file{path};
    if (!file) return fail(path + ": " + std::system_category().message(errno));
    std::string text;
    for (const FlowRecord& flow : flows)
        append_conntrack_line(text, flow);
    file << text;
    file.close();
    if (!file) return fail(path + ": can't be written");
    return {};
}

/// "1200 packets: 1100 forwarded, 100 dropped (policy_default 90, tcp_window 10); 12 connections
/// open at the end"
std::string summary(const WorkerCounters& counters, size_t flows) {
    uint64_t received = 0;
    uint64_t transmitted = 0;
    for (size_t port = 0; port < kMaxPorts; ++port) {
        received += counters.received[port].packets.value();
        transmitted += counters.transmitted[port].packets.value();
    }
    uint64_t dropped = 0;
    std::string reasons;
    for (size_t reason = 0; reason < kDropReasonCount; ++reason) {
        const uint64_t count = counters.dropped[reason].packets.value();
        if (count == 0) continue;
        dropped += count;
        reasons.append(reasons.empty() ? " (" : ", ");
        reasons.append(keyword(static_cast<DropReason>(reason))).append(" ");
        reasons.append(std::to_string(count));
    }
    if (!reasons.empty()) reasons.append(")");
    return std::to_string(received) + " packets: " + std::to_string(transmitted) + " forwarded, " +
           std::to_string(dropped) + " dropped" + reasons + "; " + std::to_string(flows) +
           " connections open at the end";
}

ExitCode failed(const Error& error, ExitCode code) {
    std::cerr << "ravelind: " << error.message << '\n';
    return code;
}

}  // namespace

ExitCode run_replay(const Options& options, const Config& config) {
    const auto captures = parse_captures(options.replay, config);
    if (!captures) return failed(captures.error(), ExitCode::Usage);
    CaptureMerge merge;
    for (const NamedCapture& capture : *captures) {
        auto reader = CaptureReader::open(capture.path);
        if (!reader) return failed(reader.error(), ExitCode::Environment);
        merge.add(capture.port, std::move(*reader));
    }
    Outputs outputs;
    if (const auto opened = outputs.open(options); !opened)
        return failed(opened.error(), ExitCode::Environment);

    // One worker, whatever the file says: a replay is a pure function of its captures. The secret
    // is fixed too, so that the ids of connections are the same in every run.
    const std::vector<QueuePlan> queues(config.ports.size());
    Replay replay{make_topology(config, queues), first_runtime(config), config.connections,
                  HashSecret{}, ShardCapacity{config.fragments, config.tombstones, config.tunnels}};
    ReplayTunnels tunnels{replay, config,
                          [&](std::string_view line) { outputs.write_tunnel(line); }};
    replay.run(merge, [&](const ReplayedPacket& packet) {
        outputs.write(packet, config.ports[packet.port].name);
        tunnels.follow(packet);
    });
    tunnels.finish();
    const std::vector<FlowRecord> flows = replay.flows();
    if (const auto closed = outputs.close(); !closed)
        return failed(closed.error(), ExitCode::Failure);
    if (const auto written = write_flows(options.flows, flows); !written)
        return failed(written.error(), ExitCode::Failure);
    for (const std::string& problem : merge.problems())
        std::cerr << "ravelind: warning: " << problem << '\n';
    std::cerr << summary(replay.counters(), flows.size()) << '\n' << tunnels.report();
    return ExitCode::Ok;
}

}  // namespace ravelin
