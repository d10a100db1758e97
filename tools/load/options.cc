// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <CLI/CLI.hpp>

#include <iostream>
#include <limits>
#include <map>

namespace ravelin::load {
namespace {

constexpr const char* kAbout =
    "ravelin-load: both ends of a wire. Clients at the outside port open connections through the "
    "device to servers at the inside port, which answer. Every frame must arrive byte for byte.";

constexpr const char* kExamples =
    "Exit codes: 0 ok, 1 loss or damage, 2 usage, 5 environment.\n"
    "\n"
    "A device with two memif servers:\n"
    "  ravelin-load --port net_memif0,role=client,id=0,socket-abstract=no,socket=/run/o.sock \\\n"
    "    --port net_memif1,role=client,id=0,socket-abstract=no,socket=/run/i.sock\n"
    "vhost-user: --port net_virtio_user0,path=/run/o.sock,queue_size=1024 and so on, with\n"
    "  --eal=--single-file-segments; interfaces: --port net_af_packet0,iface=veth0 and so on;\n"
    "the generator alone: --loopback --port net_ring0 --port net_ring1";

template <class Enum>
auto one_of(std::map<std::string, Enum> names) {
    return CLI::CheckedTransformer(std::move(names), CLI::ignore_case);
}

void add_traffic(CLI::App& app, Traffic& traffic) {
    const char* const group = "Traffic";
    app.add_option("-n,--connections", traffic.connections, "How many connections there are")
        ->check(CLI::Range(1U, 1U << 24))
        ->capture_default_str()
        ->group(group);
    app.add_option("--order", traffic.order, "Which connection speaks next")
        ->transform(one_of<Order>({{"round-robin", Order::RoundRobin},
                                   {"uniform", Order::Uniform},
                                   {"zipf", Order::Zipf}}))
        ->default_str("round-robin")
        ->group(group);
    app.add_option("--zipf-exponent", traffic.zipf_exponent, "Of Zipf's law, with --order zipf")
        ->check(CLI::Range(0.01, 10.0))
        ->capture_default_str()
        ->group(group);
    app.add_option("--protocol", traffic.protocols, "TCP has handshake, data and close")
        ->transform(one_of<Protocols>(
            {{"udp", Protocols::Udp}, {"tcp", Protocols::Tcp}, {"both", Protocols::Both}}))
        ->default_str("udp")
        ->group(group);
    app.add_option("--family", traffic.families, "IP version")
        ->transform(one_of<Families>(
            {{"4", Families::Ipv4}, {"6", Families::Ipv6}, {"both", Families::Both}}))
        ->default_str("4")
        ->group(group);
    app.add_option("--size", traffic.frame_size,
                   "Bytes of a frame with data, without the frame check sequence; headers may "
                   "need more")
        ->check(CLI::Range(FrameWriter::kSmallest, FrameWriter::kLargest))
        ->capture_default_str()
        ->group(group);
    app.add_option("--server-port", traffic.server_port, "UDP and TCP port of the servers")
        ->check(CLI::Range(1, 65535))
        ->capture_default_str()
        ->group(group);
    app.add_option("--icmp-errors", traffic.icmp_errors,
                   "Share of the replies that are ICMP errors about the client's packet instead")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str()
        ->group(group);
    app.add_option("--fragments", traffic.fragments,
                   "Share of the clients' UDP packets that are datagrams in two fragments")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str()
        ->group(group);
    app.add_flag("--ignore-mac", traffic.ignore_mac, "The device may exchange Ethernet addresses")
        ->group(group);
}

void add_pace(CLI::App& app, Options& options, std::string& fresh) {
    const char* const group = "Pace";
    app.add_option("--rate", options.rate,
                   "Clients' packets per second, as many answers come on top; 0: as fast as the "
                   "window allows")
        ->check(CLI::Range(0.0, 1e9))
        ->capture_default_str()
        ->group(group);
    app.add_option("--window", options.traffic.window,
                   "Most frames in flight, both directions together; with --rate 16384 unless told")
        ->check(CLI::Range(4U, FramesInFlight::kMost))
        ->capture_default_str()
        ->group(group);
    app.add_option("--new-per-second", fresh,
                   "New connections per second, each in place of an old one; max: nothing else, "
                   "as many as possible")
        ->type_name("NUMBER|max")
        ->group(group);
    app.add_option("--seconds", options.seconds, "How long to measure, once all are open")
        ->check(CLI::Range(0.1, 1e6))
        ->capture_default_str()
        ->group(group);
    app.add_option("--warm-up", options.warm_up, "Seconds of the same before, unmeasured")
        ->check(CLI::Range(0.0, 1e6))
        ->group(group);
    app.add_option("--slice", options.slice,
                   "Measure in slices of so many seconds; each begins with nothing in flight")
        ->check(CLI::Range(0.01, 1e6))
        ->group(group);
    app.add_option("--probe-cpu", options.probe_cpu,
                   "The device's CPU: before and after each slice tell how near and how fast both "
                   "CPUs are, with a real-time thread that takes the device's place for a moment")
        ->check(CLI::Range(0, 1023))
        ->group(group);
    app.add_option("--timeout", options.timeout, "Seconds after which a frame counts as lost")
        ->check(CLI::Range(0.01, 60.0))
        ->capture_default_str()
        ->group(group);
    app.add_flag("--leave-open", options.leave_open, "Don't close TCP connections at the end")
        ->group(group);
}

void add_ports(CLI::App& app, Options& options, std::vector<std::string>& ports) {
    const char* const group = "Ports";
    app.add_option("--port", ports, "DPDK device; the first one is outside, the second inside")
        ->type_name("DEVICE")
        ->required()
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group(group);
    app.add_option("--receive-queues", options.receive_queues, "Of each port")
        ->check(CLI::Range(1, 16))
        ->capture_default_str()
        ->group(group);
    app.add_option("--descriptors", options.descriptors, "Of each queue")
        ->check(CLI::Range(64, 4096))
        ->capture_default_str()
        ->group(group);
    app.add_flag("--loopback", options.loopback, "What a port sends comes back to the same port")
        ->group(group);
    app.add_option("--cpu", options.cpu, "The CPU to run on")
        ->check(CLI::Range(0, 1023))
        ->capture_default_str()
        ->group(group);
    app.add_option("--eal", options.eal,
                   "Option for DPDK's EAL, such as --eal=--no-huge; may be repeated")
        ->type_name("OPTION")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group(group);
}

void add_output(CLI::App& app, Options& options) {
    const char* const group = "Result";
    app.add_option("--json", options.json, "Write the report as JSON too; - for standard output")
        ->type_name("FILE")
        ->group(group);
    app.add_flag("--allow-loss", options.allow_loss, "Lost frames are told, but are no failure")
        ->group(group);
    app.add_flag("--quiet", options.quiet, "No line per second on standard error")->group(group);
}

void read_new_per_second(const std::string& text, Options& options) {
    if (text.empty()) return;
    if (text == "max") {
        options.only_new = true;
        return;
    }
    if (!CLI::detail::lexical_cast(text, options.new_per_second) || options.new_per_second <= 0)
        throw CLI::ValidationError("--new-per-second",
                                   "\"" + text + "\" is neither a number above 0 nor max");
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
    Options options;
    std::vector<std::string> ports;
    std::string fresh;
    CLI::App app{kAbout};
    app.get_formatter()->column_width(32);
    app.footer(kExamples);
    add_traffic(app, options.traffic);
    add_pace(app, options, fresh);
    add_ports(app, options, ports);
    add_output(app, options);
    try {
        app.parse(argc, argv);
        read_new_per_second(fresh, options);
        if (ports.size() != 2)
            throw CLI::ValidationError("--port", "two are needed: outside, then inside");
        if (options.traffic.fragments > 0 && options.traffic.protocols == Protocols::Tcp)
            throw CLI::ValidationError("--fragments", "only UDP datagrams are cut");
        if (options.probe_cpu == options.cpu)
            throw CLI::ValidationError("--probe-cpu", "must be another one than --cpu");
        if (options.only_new && options.rate > 0)
            throw CLI::ValidationError("--new-per-second", "max and --rate exclude each other");
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? static_cast<int>(ExitCode::Ok)
                                                          : static_cast<int>(ExitCode::Usage);
    }
    options.ports = {ports[0], ports[1]};
    if (options.rate > 0 && app.count("--window") == 0)
        options.traffic.window = FramesInFlight::kMost;
    return options;
}

}  // namespace ravelin::load
