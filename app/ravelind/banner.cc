// SPDX-License-Identifier: BSD-3-Clause
#include "banner.h"

#include "build_info.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {
namespace {

std::string list(const std::vector<uint16_t>& cpus) {
    std::string text;
    for (const uint16_t cpu : cpus)
        text += (text.empty() ? "" : ",") + std::to_string(cpu);
    return text;
}

std::string padded(std::string text, size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
}

std::string line(const std::string& key, const std::string& value) {
    return "  " + padded(key, 10) + value + "\n";
}

std::string port_lines(const Port& port, size_t name_width) {
    const QueuePlan& queues = port.queues();
    std::string text = padded(port.config().name, name_width) + "  " + port.config().device + ", " +
                       port.mac() + ", link " + (port.link().up ? "up" : "down");
    if (queues.receive > 1 || queues.transmit > 1) {
        text += ", " + std::to_string(queues.receive) + "/" + std::to_string(queues.transmit) +
                " queues, spread by " + (queues.rss ? "the card" : "the workers");
    }
    text = line("port", text);
    for (const std::string& note : port.notes())
        text += line("", "  " + note);
    return text;
}

std::string policy_of(bool allow) {
    return allow ? "allowed" : "only by rule";
}

std::string wire_line(const WireConfig& wire, const Config& config) {
    return line("wire", wire.name + ": " + config.ports[wire.outside].name + " <-> " +
                            config.ports[wire.inside].name + "; new connections from " +
                            config.ports[wire.outside].name + " " +
                            policy_of(wire.allow_from_outside) + ", from " +
                            config.ports[wire.inside].name + " " +
                            policy_of(wire.allow_from_inside));
}

/// Of this process.
size_t transparent_huge_bytes() {
    std::ifstream smaps{"/proc/self/smaps_rollup"};
    constexpr std::string_view kKey = "AnonHugePages:";
    std::string text;
    size_t bytes = 0;
    while (std::getline(smaps, text)) {
        if (text.starts_with(kKey))
            bytes += std::strtoull(text.c_str() + kKey.size(), nullptr, 10) * 1024;
    }
    return bytes;
}

/// What to say of a table of so many bytes; nothing where it matters little.
std::string page_note(size_t table) {
    constexpr size_t kWorthTelling = size_t{256} << 20;  // below that caches and TLBs hold much
    if (table < kWorthTelling) return {};
    const size_t percent = std::min<size_t>(100, transparent_huge_bytes() * 100 / table);
    std::string text = ", " + std::to_string(percent) + " % on huge pages";
    if (percent < 90) {
        text += ": slower than it could be; see \"Huge pages\" in docs/performance.md";
    }
    return text;
}

}  // namespace

std::string count(size_t number, const std::string& thing) {
    return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

std::string start_banner(const Config& config, const DataPath& path) {
    std::string text = version_line() + "\n";
    text += line("config", config.path + " (" + count(config.policy.rules.size(), "rule") + ")");
    size_t width = 0;
    for (const PortConfig& port : config.ports)
        width = std::max(width, port.name.size());
    for (const Port& port : path.ports())
        text += port_lines(port, width);
    for (const WireConfig& wire : config.wires)
        text += wire_line(wire, config);
    text += line("cores", count(config.cores.workers.size(), "worker") + " on CPU " +
                              list(config.cores.workers) + ", management on CPU " +
                              list(config.cores.management));
    if (config.cores.workers.size() > 1) {
        text += line("", config.steering == Steering::Ports
                             ? "connections belong to them by addresses, TCP and UDP by ports too"
                             : "connections belong to them by addresses");
    }
    const IdlePolicy& idle = path.idle();
    std::string ways = std::string{"idle workers "} + (idle.yield ? "give way" : "poll on") + " (" +
                       idle.why + ")";
    if (idle.nap.count() != 0)
        ways += ", then nap for up to " + std::to_string(idle.nap.count()) + " us";
    text += line("", ways);
    text +=
        line("table", count(config.connections, "connection") + " in " +
                          std::to_string((path.table_bytes() + (1U << 20) - 1) >> 20) + " MiB" +
                          page_note(path.table_bytes()) +
                          (path.without_hugepages() ? "; packet buffers without hugepages" : ""));
    text += line("control", config.control.socket);
    text += line("metrics", config.http.enabled ? "http://" + config.http.listen + "/metrics"
                                                : "off (http.enabled: false)");
    return text + "ready\n";
}

}  // namespace ravelin
