// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.h"
#include "config/values.h"
#include "unit/config/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <type_traits>

namespace ravelin {
namespace {

using config_test::shown;
using config_test::with;
using testing::ElementsAre;
using testing::IsEmpty;

Config load(std::string_view text) {
    const LoadResult result = load_config_text(text, "f.yaml");
    EXPECT_THAT(shown(result), IsEmpty()) << text;
    return result.config.value_or(Config{});
}

/// One rule with what the test is about.
Rule load_rule(std::string_view written) {
    const Config config =
        load(with("rules:\n  - {name: r, action: allow, " + std::string{written} + "}\n"));
    return config.policy.rules.empty() ? Rule{} : config.policy.rules[0];
}

TEST(Load, the_least_file_has_every_default_of_the_schema) {
    const Config config = load(with(""));
    const Config fresh;
    EXPECT_EQ(config.version, 1U);
    EXPECT_EQ(config.eal, fresh.eal);
    EXPECT_EQ(config.cores.management, fresh.cores.management);
    EXPECT_EQ(config.cores.workers, fresh.cores.workers);
    EXPECT_EQ(config.pass_ethertypes, fresh.pass_ethertypes);
    EXPECT_EQ(config.connections, fresh.connections);
    EXPECT_EQ(config.tracking, fresh.tracking);
    EXPECT_EQ(config.control.socket, fresh.control.socket);
    EXPECT_EQ(config.control.mode, fresh.control.mode);
    EXPECT_EQ(config.http.enabled, fresh.http.enabled);
    EXPECT_EQ(config.http.listen, fresh.http.listen);
    EXPECT_EQ(config.log.level, fresh.log.level);
    EXPECT_EQ(config.log.format, fresh.log.format);
    ASSERT_EQ(config.ports.size(), 2U);
    EXPECT_EQ(config.ports[0].name, "a");
    EXPECT_EQ(config.ports[0].queues, PortConfig{}.queues);
    EXPECT_EQ(config.ports[0].descriptors, PortConfig{}.descriptors);
    EXPECT_EQ(config.ports[0].mtu, PortConfig{}.mtu);
    ASSERT_EQ(config.wires.size(), 1U);
    EXPECT_FALSE(config.wires[0].allow_from_outside);
    EXPECT_TRUE(config.wires[0].allow_from_inside);
    EXPECT_EQ(config.path, "f.yaml");
}

TEST(Load, every_top_level_value_arrives) {
    const Config config = load(
        "version: 1\n"
        "eal: [--no-huge, -m, 256, \"--log-level=lib.eal:8\"]\n"
        "cores: {management: [0, 2], workers: [1, 3, 3]}\n"
        "steering: ports\n"
        "ports:\n"
        "  left: {device: \"0000:03:00.1\", queues: 4, descriptors: 2048, mtu: 9000}\n"
        "  right: {device: \"net_tap0,iface=tap0\"}\n"
        "wires:\n"
        "  - name: w\n    outside: right\n    inside: left\n"
        "    default: {from_outside: allow, from_inside: drop}\n"
        "non_ip: [arp, lldp, 0x88b5, stp, pppoe, arp]\n"
        "conntrack: {connections: 1024}\n"
        "control: {socket: /tmp/r.sock, mode: \"0600\"}\n"
        "http: {enabled: false, listen: \"[::1]:80\"}\n"
        "log: {level: warning, format: json}\n");
    EXPECT_THAT(config.eal, ElementsAre("--no-huge", "-m", "256", "--log-level=lib.eal:8"));
    EXPECT_THAT(config.cores.management, ElementsAre(0, 2));
    EXPECT_THAT(config.cores.workers, ElementsAre(1, 3, 3));
    EXPECT_EQ(config.steering, Steering::Ports);
    ASSERT_EQ(config.ports.size(), 2U);
    EXPECT_EQ(config.ports[0].name, "left");
    EXPECT_EQ(config.ports[0].device, "0000:03:00.1");
    EXPECT_EQ(config.ports[0].queues, 4);
    EXPECT_EQ(config.ports[0].descriptors, 2048);
    EXPECT_EQ(config.ports[0].mtu, 9000);
    EXPECT_EQ(config.ports[1].device, "net_tap0,iface=tap0");
    ASSERT_EQ(config.wires.size(), 1U);
    EXPECT_EQ(config.wires[0].outside, 1);
    EXPECT_EQ(config.wires[0].inside, 0);
    EXPECT_TRUE(config.policy.default_allow[1]);
    EXPECT_FALSE(config.policy.default_allow[0]);
    // LLC frames have no EtherType; parsing gives them 0.
    EXPECT_THAT(config.pass_ethertypes, ElementsAre(0x0806, 0x88cc, 0x88b5, 0, 0x8863, 0x8864));
    EXPECT_EQ(config.connections, 1024U);
    EXPECT_EQ(config.control.socket, "/tmp/r.sock");
    EXPECT_EQ(config.control.mode, 0600);
    EXPECT_FALSE(config.http.enabled);
    EXPECT_EQ(config.http.listen, "[::1]:80");
    EXPECT_EQ(config.log.level, "warning");
    EXPECT_EQ(config.log.format, "json");
}

TEST(Load, ports_keep_the_files_order) {
    const Config config = load(
        "version: 1\nports: {z: {device: net_null0}, a: {device: net_null1}}\n"
        "wires: [{name: w, outside: a, inside: z}]\n");
    EXPECT_EQ(config.ports[0].name, "z");
    EXPECT_EQ(config.wires[0].outside, 1);
}

TEST(Load, an_empty_non_ip_list_lets_nothing_pass) {
    EXPECT_THAT(load(with("non_ip: []\n")).pass_ethertypes, IsEmpty());
}

TEST(Load, a_full_rule_arrives) {
    const Rule rule = load_rule(
        "from: b, protocol: udp, source: [198.51.100.0/24, 203.0.113.7], destination: 192.0.2.20, "
        "source_ports: [\"1024-65535\"], destination_ports: [1194, 5000-5010]");
    EXPECT_EQ(rule.name, "r");
    EXPECT_EQ(rule.from_port, 1);
    EXPECT_EQ(rule.protocol, 17);
    ASSERT_EQ(rule.source.size(), 2U);
    EXPECT_EQ(rule.source[0], Prefix::parse("198.51.100.0/24").value());
    EXPECT_EQ(rule.source[1], Prefix::parse("203.0.113.7/32").value());
    EXPECT_THAT(rule.destination, ElementsAre(Prefix::parse("192.0.2.20").value()));
    EXPECT_THAT(rule.source_ports, ElementsAre(PortRange{1024, 65535}));
    EXPECT_THAT(rule.destination_ports, ElementsAre(PortRange{1194, 1194}, PortRange{5000, 5010}));
    EXPECT_TRUE(rule.allow);
    EXPECT_EQ(rule.where, "f.yaml:7");
}

TEST(Load, an_empty_rule_matches_everything) {
    const Config config = load(with("rules: [{name: r, action: drop}]\n"));
    const Rule& rule = config.policy.rules.at(0);
    EXPECT_FALSE(rule.from_port.has_value());
    EXPECT_FALSE(rule.protocol.has_value());
    EXPECT_THAT(rule.source, IsEmpty());
    EXPECT_THAT(rule.destination_ports, IsEmpty());
    EXPECT_FALSE(rule.allow);
}

TEST(Load, protocols_have_names_and_numbers) {
    struct Named {
        const char* written;
        uint8_t number;
    };
    for (const Named& one :
         {Named{"icmp", 1}, Named{"igmp", 2}, Named{"tcp", 6}, Named{"udp", 17}, Named{"gre", 47},
          Named{"esp", 50}, Named{"ah", 51}, Named{"icmpv6", 58}, Named{"sctp", 132}, Named{"0", 0},
          Named{"255", 255}}) {
        EXPECT_EQ(load_rule(std::string{"protocol: "} + one.written).protocol, one.number)
            << one.written;
    }
}

TEST(Load, both_families_in_one_rule_are_fine_when_both_sides_have_them) {
    const Rule rule = load_rule(
        "source: [10.0.0.0/8, \"2001:db8::/32\"], destination: [192.0.2.1, \"2001:db8:1::1\"]");
    EXPECT_EQ(rule.source.size(), 2U);
    EXPECT_EQ(rule.destination.size(), 2U);
}

TEST(Load, durations_take_every_unit) {
    struct Written {
        const char* text;
        Duration value;
    };
    for (const Written& one :
         {Written{"1s", 1s}, Written{"1500ms", 1500ms}, Written{"5m", 5min}, Written{"12h", 12h},
          Written{"30d", 30 * 24h}, Written{"\"90s\"", 90s}}) {
        const Config config =
            load(with(std::string{"conntrack: {timeouts: {udp_replied: "} + one.text + "}}\n"));
        EXPECT_EQ(config.tracking.timeouts.udp_replied, one.value) << one.text;
    }
}

TEST(Load, profile_linux_is_exactly_the_trackers_linux_profile) {
    const Config config = load(with("conntrack: {profile: linux}\n"));
    EXPECT_EQ(config.tracking, TrackingOptions::linux_profile());
    EXPECT_NE(config.tracking, TrackingOptions::strict());
}

TEST(Load, profile_strict_is_exactly_the_trackers_strict_profile) {
    EXPECT_EQ(load(with("conntrack: {profile: strict}\n")).tracking, TrackingOptions::strict());
    EXPECT_EQ(load(with("")).tracking, TrackingOptions::strict());
}

TEST(Load, single_values_override_the_profile_whatever_the_order) {
    TrackingOptions expected = TrackingOptions::linux_profile();
    expected.timeouts.udp_replied = 77s;
    expected.tcp_loose = false;
    EXPECT_EQ(load(with("conntrack:\n  timeouts: {udp_replied: 77s}\n  tcp: {loose: false}\n"
                        "  profile: linux\n"))
                  .tracking,
              expected);
    EXPECT_EQ(load(with("conntrack:\n  profile: linux\n  tcp: {loose: false}\n"
                        "  timeouts: {udp_replied: 77s}\n"))
                  .tracking,
              expected);
}

// Writing every key with the value that it has under `linux` must give `linux` without the profile:
// each key reaches its own field, and no field lacks its key.
TEST(Load, every_knob_written_out_equals_the_profile) {
    config::Draft linux_values;
    linux_values.profile = "linux";
    config::apply_profile(linux_values);
    std::string text;
    for (const config::Key* section : config::keys_under("conntrack")) {
        if (section->path == "conntrack.profile" || section->path == "conntrack.connections") {
            continue;
        }
        text += "  " + std::string{config::last_name(*section)} + ":";
        if (section->format != config::Format::Section) {
            text += " " + config::show_value(*section, linux_values) + "\n";
            continue;
        }
        text += "\n";
        for (const config::Key* key : config::keys_under(section->path)) {
            text += "    " + std::string{config::last_name(*key)} + ": " +
                    config::show_value(*key, linux_values) + "\n";
        }
    }
    EXPECT_EQ(load(with("conntrack:\n" + text)).tracking, TrackingOptions::linux_profile());
}

/// Marks the bytes of TrackingOptions that keys reach.
std::array<bool, sizeof(TrackingOptions)> reached_bytes() {
    std::array<bool, sizeof(TrackingOptions)> reached{};
    config::Draft draft;
    draft.ports.emplace_back();
    draft.wires.emplace_back();
    draft.rules.emplace_back();
    draft.services.emplace_back();
    const auto* begin = reinterpret_cast<const char*>(&draft.config.tracking);
    for (const config::Key& key : config::all_keys()) {
        std::visit(
            [&](auto access) {
                if constexpr (!std::is_same_v<decltype(access), std::monostate>) {
                    auto& field = access(draft);
                    const auto* at = reinterpret_cast<const char*>(&field);
                    if (at < begin || at >= begin + sizeof(TrackingOptions)) return;
                    for (size_t i = 0; i < sizeof field; ++i) {
                        reached.at(static_cast<size_t>(at - begin) + i) = true;
                    }
                }
            },
            key.field);
    }
    // This one is a word until validation; the test above holds it to its field.
    reached.at(offsetof(TrackingOptions, tombstones) + offsetof(TombstoneOptions, policy)) = true;
    return reached;
}

TEST(Load, every_knob_of_tracking_has_a_key) {
    static_assert(std::is_trivially_copyable_v<TrackingOptions>);
    const std::array<bool, sizeof(TrackingOptions)> reached = reached_bytes();
    const TrackingOptions before;
    for (size_t i = 0; i < reached.size(); ++i) {
        if (reached[i]) continue;
        // What no key reaches may only be padding: changing it changes nothing.
        TrackingOptions after = before;
        reinterpret_cast<unsigned char*>(&after)[i] ^= 1;
        EXPECT_EQ(after, before) << "byte " << i << " belongs to a value without a key";
    }
}

TEST(Load, the_word_for_late_packets_overrides_that_of_the_profile) {
    const auto policy = [](const std::string& conntrack) {
        return load(with("conntrack: " + conntrack + "\n")).tracking.tombstones.policy;
    };
    EXPECT_EQ(policy("{profile: strict}"), StalePolicy::Drop);
    EXPECT_EQ(policy("{profile: linux}"), StalePolicy::AsNew);
    EXPECT_EQ(policy("{profile: linux, tombstones: {policy: drop}}"), StalePolicy::Drop);
    EXPECT_EQ(policy("{tombstones: {policy: as-new}}"), StalePolicy::AsNew);
    EXPECT_EQ(policy("{tombstones: {policy: reject}}"), StalePolicy::Reject);
    EXPECT_EQ(policy("{tombstones: {policy: resurrect}}"), StalePolicy::Resurrect);
}

TEST(Load, a_rule_may_have_its_own_timeouts_and_takes_the_rest_from_all) {
    EXPECT_FALSE(load_rule("protocol: udp").timeouts);
    const LoadResult result = load_config_text(
        with("rules:\n"
             "  - {name: r, action: allow, timeouts: {udp_replied: 10m, tcp_close: 3s}}\n"
             "  - {name: s, from: a, action: allow, timeouts: {udp_unreplied: 7s}}\n"
             "conntrack: {profile: linux, timeouts: {udp_unreplied: 7s}}\n"),
        "f.yaml");
    ASSERT_TRUE(result.config.has_value()) << shown(result).front();
    Timeouts expected = TrackingOptions::linux_profile().timeouts;
    expected.udp_unreplied = 7s;
    EXPECT_EQ(result.config->tracking.timeouts, expected);
    EXPECT_FALSE(result.config->policy.rules.at(1).timeouts) << "they are the general ones";
    expected.udp_replied = 10min;
    expected.tcp_close = 3s;
    EXPECT_EQ(result.config->policy.rules.at(0).timeouts, expected);
}

TEST(Load, a_rule_may_have_its_own_word_for_late_packets) {
    EXPECT_EQ(load_rule("protocol: udp").late, StalePolicy::General);
    EXPECT_EQ(load_rule("late: drop").late, StalePolicy::Drop);
    EXPECT_EQ(load_rule("late: reject").late, StalePolicy::Reject);
    EXPECT_EQ(load_rule("late: resurrect").late, StalePolicy::Resurrect);
    EXPECT_EQ(load_rule("late: as-new").late, StalePolicy::AsNew);
    EXPECT_TRUE(
        load(with("rules: [{name: r, action: allow, late: drop}]\n")).policy.speaks_of_late());
    EXPECT_FALSE(load(with("rules: [{name: r, action: allow}]\n")).policy.speaks_of_late());
}

TEST(Load, a_service_arrives) {
    const Config config =
        load(with("services:\n"
                  "  - {name: a, vpn: openvpn, address: 192.0.2.20, ports: 1194}\n"
                  "  - name: b\n"
                  "    vpn: wireguard\n"
                  "    address: [192.0.2.30, \"2001:db8::30\"]\n"
                  "    ports: [51820, 51830-51835]\n"
                  "    public_key: MA5Yj0Agjwox3a54a/vhVozccNtyfZxuiF/tV7rP/VI=\n"
                  "    handshakes_per_second: 50\n"
                  "    handshakes_per_source: 5\n"
                  "    reserved_percent: 30\n"
                  "  - {name: c, vpn: ipsec, address: 192.0.2.40, ports: [500, 4500]}\n"
                  "  - {name: d, vpn: dtls, address: 192.0.2.50, ports: 443}\n"));
    ASSERT_EQ(config.services.size(), 4U);
    EXPECT_EQ(config.services[0].protocol, VpnProtocol::OpenVpn);
    EXPECT_EQ(config.services[0].name, "a");
    EXPECT_FALSE(config.services[0].mac1.has_value());
    EXPECT_EQ(config.services[0].handshakes_per_second, 100U);
    EXPECT_EQ(config.services[0].handshakes_per_source, 10U);
    EXPECT_EQ(config.services[0].reserved_percent, 50U);
    const VpnService& wireguard = config.services[1];
    EXPECT_EQ(wireguard.protocol, VpnProtocol::WireGuard);
    EXPECT_EQ(wireguard.address.size(), 2U);
    EXPECT_EQ(wireguard.ports, (std::vector<PortRange>{{51820, 51820}, {51830, 51835}}));
    const std::array<uint8_t, 32> key{0x30, 0x0e, 0x58, 0x8f, 0x40, 0x20, 0x8f, 0x0a,
                                      0x31, 0xdd, 0xae, 0x78, 0x6b, 0xfb, 0xe1, 0x56,
                                      0x8c, 0xdc, 0x70, 0xdb, 0x72, 0x7d, 0x9c, 0x6e,
                                      0x88, 0x5f, 0xed, 0x57, 0xba, 0xcf, 0xfd, 0x52};
    EXPECT_EQ(wireguard.mac1, Mac1Key::of(key));
    EXPECT_EQ(wireguard.handshakes_per_second, 50U);
    EXPECT_EQ(wireguard.handshakes_per_source, 5U);
    EXPECT_EQ(wireguard.reserved_percent, 30U);
    EXPECT_EQ(config.services[2].protocol, VpnProtocol::Ike);
    EXPECT_EQ(config.services[3].protocol, VpnProtocol::Dtls);
}

TEST(Load, a_byte_order_mark_and_crlf_lines_are_fine) {
    std::string text = "\xef\xbb\xbf";
    for (const char byte : with("log:\n  level: debug\n")) {
        if (byte == '\n') text += '\r';
        text += byte;
    }
    EXPECT_EQ(load(text).log.level, "debug");
}

TEST(Load, a_byte_order_mark_does_not_move_columns) {
    const LoadResult result = load_config_text("\xef\xbb\xbfvresion: 1\n", "f.yaml");
    ASSERT_FALSE(result.findings.empty());
    EXPECT_EQ(result.findings[0].column, 1U);
}

TEST(Load, columns_count_characters_and_not_bytes) {
    const LoadResult result = load_config_text(with("log: {\"äöü€😀\": 1, level: x}\n"), "f.yaml");
    EXPECT_THAT(shown(result),
                ElementsAre("6:7 error: unknown key 'äöü€😀' in log",
                            "6:26 error: log.level: expected debug, info, warning or error, got "
                            "'x'"));
    EXPECT_EQ(result.findings[0].length, 7U);
}

TEST(Load, explicit_document_marks_and_directives_are_fine) {
    EXPECT_EQ(load("%YAML 1.2\n---\n" + with("log: {level: error}\n") + "...\n").log.level,
              "error");
}

TEST(Load, tabs_are_fine_where_they_do_not_indent) {
    EXPECT_EQ(load(with("log: {level: debug}\t# comment\n\t\n\t# comment\n")).log.level, "debug");
}

TEST(Load, the_hash_is_that_of_the_whole_text) {
    // sha256sum of the bytes of kBase, computed outside.
    const LoadResult one = load_config_text(with(""), "f.yaml");
    const LoadResult other = load_config_text(with("# x\n"), "f.yaml");
    ASSERT_TRUE(one.config && other.config);
    EXPECT_EQ(one.config->sha256,
              "429c8d7e7e332ea9df36eac00025ec3137b5acf24535d0cd41ece378faf85f52");
    EXPECT_NE(one.config->sha256, other.config->sha256);
}

TEST(Load, an_error_gives_no_config_and_a_warning_gives_one) {
    EXPECT_FALSE(load_config_text(with("x: 1\n"), "f.yaml").config.has_value());
    const LoadResult warned =
        load_config_text(with("cores: {management: [1], workers: [1]}\n"), "f.yaml");
    EXPECT_EQ(warned.findings.size(), 1U);
    EXPECT_TRUE(warned.config.has_value());
}

}  // namespace
}  // namespace ravelin
