// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.h"

#include <utility>

namespace ravelin::config {
namespace {

// Where a key's value goes: an expression over the draft. A macro, because a pointer to a nested
// member can't be written otherwise.
#define AT(expression)           \
    [](Draft & draft) -> auto& { \
        return draft.expression; \
    }

std::vector<Key> appliance_keys() {
    return {
        {"version", Format::Number, Access<uint32_t>{AT(config.version)},
         "Version of this file's form. There is one so far.", true, 1, 1},
        {"eal", Format::TextList, Access<std::vector<std::string>>{AT(config.eal)},
         "Options for DPDK's environment layer, passed on as they are, one word each. Without "
         "hugepages: [--no-huge, --no-pci, --no-shconf, -m, \"256\"]."},
        {"cores", Format::Section, {}, "Which CPUs do what."},
        {"cores.management", Format::CpuList,
         Access<std::vector<uint16_t>>{AT(config.cores.management)},
         "CPUs for everything but packets: control socket, metrics, reload, lists."},
        {"cores.workers", Format::CpuList, Access<std::vector<uint16_t>>{AT(config.cores.workers)},
         "CPUs that forward packets, one worker each; they poll and are always busy, unless nap_us "
         "lets them sleep. A CPU that is named twice gets two workers."},
        {"cores.nap_us", Format::Number, Access<uint32_t>{AT(config.cores.nap_microseconds)},
         "Longest sleep, in microseconds, of a worker that has had no packet for a millisecond: "
         "saves power, and lets the first packet wait for as long. 0: it polls on.",
         false, 0, 1000},
        {"steering",
         Format::Word,
         Access<std::string>{AT(steering)},
         "Which worker a connection belongs to. addresses: all between two hosts is one worker's. "
         "ports: of TCP and UDP the ports count too, so that two hosts with many connections, or "
         "clients behind one NAT, use all workers; limits per source address then hold for each "
         "worker.",
         false,
         0,
         0,
         {"addresses", "ports"}},
    };
}

std::vector<Key> port_keys() {
    return {
        {"ports", Format::NamedSections, {}, "The ports, each under a name of your choice.", true},
        {"ports.*.device", Format::Device, Access<std::string>{AT(ports.back().value.device)},
         "A PCI address (\"0000:03:00.0\"), or a virtual device of DPDK with its options "
         "(\"net_af_packet0,iface=eth1\").",
         true},
        {"ports.*.queues", Format::Number, Access<uint16_t>{AT(ports.back().value.queues)},
         "Receive queues. With one, the worker that polls it hands packets over to the others.",
         false, 1, 64},
        {"ports.*.descriptors", Format::Number,
         Access<uint16_t>{AT(ports.back().value.descriptors)},
         "Packets that each queue holds in each direction; a power of two.", false, 64, 32768},
        {"ports.*.mtu", Format::Number, Access<uint16_t>{AT(ports.back().value.mtu)},
         "Largest IP packet, in bytes.", false, 68, 9216},
        {"wires",
         Format::SectionList,
         {},
         "What enters one port of a wire leaves the other.",
         true},
        {"wires[].name", Format::Name, Access<std::string>{AT(wires.back().value.name)},
         "Its name in lists, events and metrics.", true},
        {"wires[].outside", Format::Reference, Access<std::string>{AT(wires.back().outside)},
         "The port towards the clients.", true},
        {"wires[].inside", Format::Reference, Access<std::string>{AT(wires.back().inside)},
         "The port towards the concentrator.", true},
        {"wires[].default",
         Format::Section,
         {},
         "What happens to a new connection that no rule speaks of."},
        {"wires[].default.from_outside",
         Format::Word,
         Access<std::string>{AT(wires.back().from_outside)},
         "When it comes from outside.",
         false,
         0,
         0,
         {"drop", "allow"}},
        {"wires[].default.from_inside",
         Format::Word,
         Access<std::string>{AT(wires.back().from_inside)},
         "When it comes from inside.",
         false,
         0,
         0,
         {"drop", "allow"}},
        {"non_ip", Format::EtherTypes, Access<std::vector<uint16_t>>{AT(config.pass_ethertypes)},
         "What crosses a wire besides IPv4 and IPv6: names, or EtherTypes as 0x88cc. All else that "
         "isn't IP is dropped."},
    };
}

std::vector<Key> rule_keys() {
    return {
        {"rules",
         Format::SectionList,
         {},
         "Asked for the first packet of each connection, in this order; the first rule that fits "
         "decides. All that a rule gives must fit; what it leaves out fits always."},
        {"rules[].name", Format::Name, Access<std::string>{AT(rules.back().value.name)},
         "Its name in lists, events and metrics.", true},
        {"rules[].from", Format::Reference, Access<std::string>{AT(rules.back().from)},
         "The port that the packet came in on."},
        {"rules[].protocol", Format::Protocol,
         Access<std::optional<uint8_t>>{AT(rules.back().value.protocol)},
         "Protocol by name or IANA number."},
        {"rules[].source", Format::Prefixes,
         Access<std::vector<Prefix>>{AT(rules.back().value.source)},
         "Address blocks that the connection may be opened from."},
        {"rules[].destination", Format::Prefixes,
         Access<std::vector<Prefix>>{AT(rules.back().value.destination)},
         "Address blocks that it may be opened to."},
        {"rules[].source_ports", Format::PortRanges,
         Access<std::vector<PortRange>>{AT(rules.back().value.source_ports)},
         "Source ports; TCP, UDP and SCTP only."},
        {"rules[].destination_ports", Format::PortRanges,
         Access<std::vector<PortRange>>{AT(rules.back().value.destination_ports)},
         "Destination ports; TCP, UDP and SCTP only."},
        {"rules[].action",
         Format::Word,
         Access<std::string>{AT(rules.back().action)},
         "What happens to the connection.",
         true,
         0,
         0,
         {"allow", "drop"}},
        {"rules[].late",
         Format::Word,
         Access<std::string>{AT(rules.back().late)},
         "What happens to late packets of the connections that this rule has allowed, if it isn't "
         "conntrack.tombstones.policy.",
         false,
         0,
         0,
         {"drop", "reject", "resurrect", "as-new"}},
    };
}

std::vector<Key> service_keys() {
    constexpr int64_t kMostPerSecond = 1000000;
    return {
        {"services",
         Format::SectionList,
         {},
         "VPN services of the concentrator. A new connection to one of them has to begin with a "
         "handshake of its protocol, however the rules let it in, and there is a budget for these. "
         "The first service that an address and port fits to counts."},
        {"services[].name", Format::Name, Access<std::string>{AT(services.back().value.name)},
         "Its name in lists.", true},
        {"services[].vpn",
         Format::Word,
         Access<std::string>{AT(services.back().protocol)},
         "What it speaks.",
         true,
         0,
         0,
         {"openvpn", "wireguard", "ipsec", "dtls"}},
        {"services[].address", Format::Prefixes,
         Access<std::vector<Prefix>>{AT(services.back().value.address)},
         "Where the concentrator serves it.", true},
        {"services[].ports", Format::PortRanges,
         Access<std::vector<PortRange>>{AT(services.back().value.ports)},
         "Its UDP ports; of IPsec 500 and 4500.", true},
        {"services[].public_key", Format::PublicKey,
         Access<std::string>{AT(services.back().public_key)},
         "WireGuard only: the server's public key. An initiation that wasn't made for it is "
         "dropped before it costs the server anything."},
        {"services[].handshakes_per_second", Format::Number,
         Access<uint32_t>{AT(services.back().value.handshakes_per_second)},
         "First packets of handshakes that reach it, from all addresses; a second's worth may come "
         "at once. OpenVPN's own connect-freq-initial is 100 in 10 s.",
         false, 1, kMostPerSecond},
        {"services[].handshakes_per_source", Format::Number,
         Access<uint32_t>{AT(services.back().value.handshakes_per_source)},
         "Of these, as many a second from one address.", false, 1, kMostPerSecond},
        {"services[].reserved_percent", Format::Number,
         Access<uint32_t>{AT(services.back().value.reserved_percent)},
         "The part of the budget that is kept for addresses that have completed a handshake "
         "before. "
         "Of the rest, one half is for whoever tries again.",
         false, 0, 90},
    };
}

std::vector<Key> tunnel_keys() {
    constexpr int64_t kShortest = std::chrono::milliseconds{30s}.count();
    constexpr int64_t kLongest = std::chrono::milliseconds{24h}.count();
    return {
        {"tunnels", Format::Section, {}, "VPN tunnels, seen from outside."},
        {"tunnels.capacity", Format::Number, Access<uint32_t>{AT(config.tunnels)},
         "Most tunnels at a time, over all workers; 65536 for each of them at most. 0: none is "
         "looked for. Read at start only.",
         false, 0, 1 << 20},
        {"tunnels.observe", Format::Boolean, Access<bool>{AT(config.observation.observe)},
         "New UDP connections are looked at for tunnels, and for NTP."},
        {"tunnels.adaptive_timeouts", Format::Boolean,
         Access<bool>{AT(config.observation.adaptive_timeouts)},
         "A tunnel that its server has confirmed lives without a packet for three of its "
         "keepalives and 10 s at least, however short conntrack.timeouts are."},
        {"tunnels.unknown_rhythm", Format::Duration,
         Access<Duration>{AT(config.observation.unknown_rhythm)},
         "The same until the keepalives' interval is known.", false, kShortest, kLongest},
        {"tunnels.longest_timeout", Format::Duration,
         Access<Duration>{AT(config.observation.longest)},
         "The same at most, however slow the keepalives are.", false, kShortest, kLongest},
        {"tunnels.pickup", Format::Duration, Access<Duration>{AT(config.observation.pickup)},
         "So long after the start of ravelind sessions go on with declared services though nobody "
         "has seen them begin, so that a restart doesn't cut them; 0s: never.",
         false, 0, std::chrono::milliseconds{1h}.count()},
    };
}

std::vector<Key> management_keys() {
    return {
        {"control", Format::Section, {}, "The socket that ravelinctl speaks to."},
        {"control.socket", Format::AbsolutePath, Access<std::string>{AT(config.control.socket)},
         "Where it is; its folder must exist."},
        {"control.mode", Format::FileMode, Access<uint16_t>{AT(config.control.mode)},
         "Its permissions, octal and in quotes: who may connect."},
        {"http", Format::Section, {}, "Metrics, health and API."},
        {"http.enabled", Format::Boolean, Access<bool>{AT(config.http.enabled)},
         "Whether to listen at all."},
        {"http.listen", Format::Endpoint, Access<std::string>{AT(config.http.listen)},
         "Address and port, \"[::1]:9117\" for IPv6. Neither encrypted nor authenticated: beyond "
         "the machine itself put a TLS proxy in front."},
        {"log", Format::Section, {}, "What is written to standard error."},
        {"log.level",
         Format::Word,
         Access<std::string>{AT(config.log.level)},
         "The least that is worth a line.",
         false,
         0,
         0,
         {"debug", "info", "warning", "error"}},
        {"log.format",
         Format::Word,
         Access<std::string>{AT(config.log.format)},
         "Lines for people, or JSON.",
         false,
         0,
         0,
         {"text", "json"}},
    };
}

#undef AT

std::vector<Key> gather() {
    std::vector<Key> all;
    for (std::vector<Key> part :
         {appliance_keys(), port_keys(), conntrack_keys(), tunnel_keys(), service_keys(),
          rule_keys(), rule_timeout_keys(), management_keys()}) {
        for (Key& key : part)
            all.push_back(std::move(key));
    }
    return all;
}

}  // namespace

const std::vector<Key>& all_keys() {
    static const std::vector<Key> kKeys = gather();
    return kKeys;
}

std::string_view last_name(const Key& key) noexcept {
    return key.path.substr(key.path.rfind('.') + 1);
}

std::vector<const Key*> keys_under(std::string_view path) {
    std::vector<const Key*> found;
    for (const Key& key : all_keys()) {
        const size_t dot = key.path.rfind('.');
        const std::string_view parent =
            dot == std::string_view::npos ? std::string_view{} : key.path.substr(0, dot);
        if (parent == path) found.push_back(&key);
    }
    return found;
}

void apply_profile(Draft& draft) {
    draft.config.tracking =
        draft.profile == "linux" ? TrackingOptions::linux_profile() : TrackingOptions::strict();
    // The kernel's timeouts don't know what a connection carries.
    draft.config.observation.adaptive_timeouts = draft.profile != "linux";
    draft.stale_policy = write_stale_policy(draft.config.tracking.tombstones.policy);
}

Draft example_draft(std::string_view profile) {
    Draft draft;
    draft.profile = profile;
    apply_profile(draft);
    draft.ports.emplace_back();
    draft.wires.emplace_back();
    draft.rules.emplace_back();
    draft.services.emplace_back();
    return draft;
}

}  // namespace ravelin::config
