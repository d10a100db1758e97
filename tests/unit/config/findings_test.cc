// SPDX-License-Identifier: BSD-3-Clause
#include "unit/config/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace ravelin {
namespace {

using config_test::shown;
using config_test::with;

struct Case {
    const char* name;
    std::string text;
    std::vector<std::string> findings;
};

void PrintTo(const Case& one, std::ostream* out) {
    *out << one.name;
}

class BadFile : public testing::TestWithParam<Case> {};

TEST_P(BadFile, has_exactly_these_findings) {
    const LoadResult result = load_config_text(GetParam().text, "f.yaml");
    EXPECT_THAT(shown(result), testing::ElementsAreArray(GetParam().findings)) << GetParam().text;
    EXPECT_EQ(result.config.has_value(), !config_test::has_error(result));
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
    return info.param.name;
}

std::string nested(size_t depth) {
    return with("eal: " + std::string(depth, '[') + std::string(depth, ']') + "\n");
}

const std::string kNotYaml = "not YAML: ";

// What is wrong with the bytes, or with the YAML.
INSTANTIATE_TEST_SUITE_P(
    Yaml, BadFile,
    testing::Values(
        Case{"empty",
             "",
             {"0:0 error: the file is empty; conf/ravelin.yaml is a commented beginning"}},
        Case{"only_a_comment",
             "# nothing\n",
             {"0:0 error: the file is empty; conf/ravelin.yaml is a commented beginning"}},
        Case{"only_null", "~\n", {"1:1 error: expected 'key: value' lines, got nothing"}},
        Case{"a_list", "- 1\n", {"1:1 error: expected 'key: value' lines, got a list"}},
        Case{"a_word", "hello\n", {"1:1 error: expected 'key: value' lines, got 'hello'"}},
        Case{"nul_byte",
             with(std::string{"log: \0", 6}),
             {"6:6 error: control character 0x00: this is not a text file"}},
        Case{"escape_character",
             with("log: {level: \x1b[31m}\n"),
             {"6:14 error: control character 0x1b: this is not a text file"}},
        Case{"elf",
             std::string{"\x7f"} + "ELF\x02\x01",
             {"1:1 error: control character 0x7f: this is not a text file"}},
        Case{"latin_1", with("# caf\xe9\n"), {"6:6 error: byte 0xe9 is not UTF-8"}},
        Case{"overlong_utf8", with("# \xc0\xaf\n"), {"6:3 error: byte 0xc0 is not UTF-8"}},
        Case{"surrogate", with("# \xed\xa0\x80\n"), {"6:3 error: byte 0xed is not UTF-8"}},
        Case{"cut_utf8", with("# \xe2\x82"), {"6:3 error: byte 0xe2 is not UTF-8"}},
        Case{"utf16", std::string{"\xff\xfe"} + "v\0e\0", {"1:1 error: byte 0xff is not UTF-8"}},
        Case{"c1_control",
             with("# \xc2\x85\n"),
             {"6:3 error: control character 0x85: this is not a text file"}},
        Case{"lone_carriage_return",
             "version: 1\rports: 2\n",
             {"1:11 error: control character 0x0d: this is not a text file"}},
        Case{"tab_indentation",
             with("log:\n\tlevel: info\n"),
             {"7:1 error: a tab in the indentation; use spaces"}},
        Case{"tab_after_spaces",
             with("log:\n  \tlevel: info\n"),
             {"7:3 error: a tab in the indentation; use spaces"}},
        Case{"duplicate_key",
             with("version: 1\n"),
             {"6:1 error: duplicate key 'version': it stands in line 1 already"}},
        Case{"duplicate_key_below",
             with("log: {level: info,\n      level: debug}\n"),
             {"7:7 error: duplicate key 'level': it stands in line 6 already"}},
        Case{"duplicate_port",
             "version: 1\nports:\n  a: {device: net_null0}\n  a: {device: net_null1}\n"
             "  b: {device: net_null2}\nwires: [{name: w, outside: a, inside: b}]\n",
             {"4:3 error: duplicate key 'a': it stands in line 3 already"}},
        Case{"anchor",
             with("eal: &x [a]\n"),
             {"6:6 error: anchors and aliases are not used here: write the value out"}},
        Case{"alias",
             with("eal: &x [a]\nlog: {level: *x}\n"),
             {"6:6 error: anchors and aliases are not used here: write the value out",
              "7:14 error: anchors and aliases are not used here: write the value out"}},
        Case{"undefined_alias",
             with("eal: *nobody\n"),
             {"6:6 error: anchors and aliases are not used here: write the value out"}},
        Case{"merge_key",
             with("log: {<<: {level: info}}\n"),
             {"6:7 error: unknown key '<<' in log"}},
        Case{"tag",
             with("log: !!map {level: info}\n"),
             {"6:6 error: tags such as 'tag:yaml.org,2002:map' are not used here"}},
        Case{"scalar_tag",
             with("log: {level: !secret info}\n"),
             {"6:14 error: tags such as '!secret' are not used here"}},
        Case{"two_documents",
             with("---\nversion: 1\n"),
             {"6:1 error: a second document: one file holds one configuration"}},
        Case{"list_as_key", with("? [a, b]\n: 1\n"), {"6:3 error: a key must be one word"}},
        Case{"null_key", with("log: {~: 1}\n"), {"6:7 error: a key must be one word"}},
        Case{"seventeen_levels", nested(16), {"6:21 error: more than 16 levels of nesting"}},
        Case{"a_hundred_thousand_levels",
             nested(100000),
             {"6:21 error: more than 16 levels of nesting"}},
        Case{"unclosed_list",
             with("eal: [a, b\n"),
             {"6:6 error: " + kNotYaml + "this '[' needs its ']', or a ',' or quote in between"}},
        Case{"unclosed_section",
             with("log: {level: info\n"),
             {"6:6 error: " + kNotYaml + "this '{' needs its '}', or a ',' or quote in between"}},
        Case{"unclosed_quote",
             with("eal: [\"a]\n"),
             {"6:6 error: " + kNotYaml + "this '[' needs its ']', or a ',' or quote in between"}},
        Case{"closing_nothing",
             with("eal: ]\n"),
             {"6:6 error: " + kNotYaml + "a ']' or '}' that closes nothing"}},
        Case{"colon_in_plain_text",
             with("log: {level: info}\nhttp: listen: x\n"),
             {"7:13 error: " + kNotYaml +
              "a ':' where no key can be; quote the text that holds it"}},
        Case{"wrong_indentation",
             with("log:\n    level: info\n  format: text\n"),
             {"8:3 error: " + kNotYaml + "expected 'key: value' at this indentation"}},
        Case{"backtick",
             with("eal: [`a`]\n"),
             {"6:7 error: " + kNotYaml + "a character that can't stand here; quote the text"}}),
    name_of);

// Keys.
INSTANTIATE_TEST_SUITE_P(
    Keys, BadFile,
    testing::Values(
        Case{"unknown_key",
             with("lgo: {level: info}\n"),
             {"6:1 error: unknown key 'lgo' (did you mean 'log'?)"}},
        Case{"unknown_key_far_from_all",
             with("frobnicate: 1\n"),
             {"6:1 error: unknown key 'frobnicate'"}},
        Case{"unknown_key_in_a_section",
             with("log: {levle: info}\n"),
             {"6:7 error: unknown key 'levle' in log (did you mean 'level'?)"}},
        Case{"unknown_key_in_a_rule",
             with("rules:\n  - name: vpn\n    sorce: 203.0.113.0/24\n    action: allow\n"),
             {"8:5 error: unknown key 'sorce' in rule 'vpn' (did you mean 'source'?)"}},
        Case{"key_in_the_wrong_section",
             with("conntrack: {udp_replied: 60s}\n"),
             {"6:13 error: unknown key 'udp_replied' in conntrack (did you mean "
              "'conntrack.timeouts.udp_replied'?)"}},
        Case{"upper_case_key",
             with("Log: {level: info}\n"),
             {"6:1 error: unknown key 'Log' (did you mean 'log'?)"}},
        Case{"very_long_key",
             with(std::string(100, 'x') + ": 1\n"),
             {"6:1 error: unknown key '" + std::string(40, 'x') + "...'"}},
        Case{"missing_everything",
             "log: {level: info}\n",
             {"1:1 error: missing key 'version': expected 1",
              "1:1 error: missing key 'ports': expected names with a section each",
              "1:1 error: missing key 'wires': expected a list of sections"}},
        Case{"missing_device",
             "version: 1\nports: {a: {}, b: {device: net_null1}}\n"
             "wires: [{name: w, outside: a, inside: b}]\n",
             {"2:12 error: missing key 'device' in port 'a': expected a PCI address such as "
              "0000:03:00.0, or a virtual device such as net_af_packet0,iface=eth1"}},
        Case{"missing_in_a_rule",
             with("rules: [{protocol: udp}]\n"),
             {"6:9 error: missing key 'name' in rule 1: expected a name: a lower-case letter, then "
              "letters, digits, _ or -, at most 31 in all",
              "6:9 error: missing key 'action' in rule 1: expected allow or drop"}},
        Case{"section_is_a_word",
             with("log: loud\n"),
             {"6:6 error: log: expected a section with keys, got 'loud'"}},
        Case{"section_is_empty",
             with("log:\n"),
             {"6:1 error: log: expected a section with keys, got nothing"}},
        Case{"rules_are_a_section",
             with("rules: {name: x}\n"),
             {"6:8 error: rules: expected a list of sections, got a section with keys"}},
        Case{"a_rule_is_a_word",
             with("rules: [allow]\n"),
             {"6:9 error: rule 1: expected a section with keys, got 'allow'"}},
        Case{"ports_are_a_list",
             "version: 1\nports: [a]\nwires: []\n",
             {"2:8 error: ports: expected names with a section each, got a list",
              "3:8 error: wires: expected a list of sections, got an empty list"}}),
    name_of);

const std::string kTimeout =
    "expected a duration from 1s to 30d with its unit, such as 30s, 5m or 12h, got ";
const std::string kUdp = "error: conntrack.timeouts.udp_replied: ";

Case timeout(const char* name, const std::string& written, const std::string& message) {
    return {name,
            with("conntrack: {timeouts: {udp_replied: " + written + "}}\n"),
            {"6:37 " + kUdp + message}};
}

Case boolean(const char* name, const std::string& written, const std::string& message) {
    return {name,
            with("http: {enabled: " + written + "}\n"),
            {"6:17 error: http.enabled: expected true or false, got " + message}};
}

Case number(const char* name, const std::string& written, const std::string& message) {
    return {name,
            with("conntrack: {connections: " + written + "}\n"),
            {"6:26 error: conntrack.connections: expected a whole number from 1024 to 67108864, "
             "got " +
             message}};
}

// Values that every key has in common.
INSTANTIATE_TEST_SUITE_P(
    Values, BadFile,
    testing::Values(
        timeout("duration_without_unit", "180", kTimeout + "'180'; the unit is missing"),
        timeout("duration_with_space", "180 s", kTimeout + "'180 s'"),
        timeout("duration_with_wrong_unit", "3min", kTimeout + "'3min'"),
        timeout("duration_with_upper_case_unit", "3M", kTimeout + "'3M'"),
        timeout("negative_duration", "-5s", kTimeout + "'-5s'"),
        timeout("fractional_duration", "1.5s", kTimeout + "'1.5s'"),
        timeout("zero_duration", "0s", kTimeout + "'0s'"),
        timeout("short_duration", "500ms", kTimeout + "'500ms'"),
        timeout("long_duration", "31d", kTimeout + "'31d'"),
        timeout("overflowing_duration", "99999999999999d", kTimeout + "'99999999999999d'"),
        timeout("octal_duration", "030s", kTimeout + "'030s'"),
        timeout("unit_alone", "s", kTimeout + "'s'"),
        timeout("infinite_duration", ".inf", kTimeout + "'.inf'"),
        timeout("list_for_duration", "[30s]", kTimeout + "a list"),
        timeout("null_for_duration", "~", kTimeout + "nothing"),
        boolean("yes", "yes", "'yes'; write true"), boolean("on", "on", "'on'; write true"),
        boolean("no", "no", "'no'; write false"), boolean("off", "Off", "'Off'; write false"),
        boolean("one", "1", "'1'; write true"), boolean("True", "True", "'True'; write true"),
        boolean("quoted_true", "\"true\"", "'true'; remove the quotes"),
        boolean("maybe", "maybe", "'maybe'"), boolean("null_for_boolean", "null", "nothing"),
        number("octal", "0100000", "'0100000'; a leading zero means octal to some YAML readers"),
        number("hexadecimal", "0x10000", "'0x10000'"), number("negative", "-1", "'-1'"),
        number("plus", "+4096", "'+4096'"), number("fraction", "4096.0", "'4096.0'"),
        number("exponent", "1e6", "'1e6'"), number("not_a_number", ".nan", "'.nan'"),
        number("infinite", ".inf", "'.inf'"), number("underscores", "1_000_000", "'1_000_000'"),
        number("quoted_number", "'4096'", "'4096'; remove the quotes"),
        number("too_small", "1023", "'1023'"), number("too_large", "67108865", "'67108865'"),
        number("wraps_32_bits", "4294968320", "'4294968320'"),
        number("overflow", "99999999999999999999", "'99999999999999999999'"),
        number("empty_text", "\"\"", "an empty text"),
        number("section_for_number", "{a: 1}", "a section with keys")),
    name_of);

// Values with a form of their own.
INSTANTIATE_TEST_SUITE_P(
    Forms, BadFile,
    testing::Values(
        Case{"wrong_word",
             with("conntrack: {profile: stric}\n"),
             {"6:22 error: conntrack.profile: expected strict or linux, got 'stric' (did you mean "
              "'strict'?)"}},
        Case{"word_of_three",
             with("log: {level: verbose}\n"),
             {"6:14 error: log.level: expected debug, info, warning or error, got 'verbose'"}},
        Case{"version_2",
             "version: 2\n" + with("").substr(11),
             {"1:10 error: version: expected 1, got '2'"}},
        Case{"mode_without_quotes",
             with("control: {mode: 0660}\n"),
             {"6:17 error: control.mode: expected file permissions in octal and in quotes, such as "
              "\"0660\", got '0660'; without quotes some YAML readers see a number"}},
        Case{"mode_is_not_octal",
             with("control: {mode: \"0680\"}\n"),
             {"6:17 error: control.mode: expected file permissions in octal and in quotes, such as "
              "\"0660\", got '0680'"}},
        Case{"mode_for_everybody",
             with("control: {mode: \"0666\"}\n"),
             {"6:17 warning: control.mode: '0666' lets every user of this machine control the "
              "appliance"}},
        Case{
            "relative_socket",
            with("control: {socket: run/x.sock}\n"),
            {"6:19 error: control.socket: expected an absolute path of at most 107 characters, got "
             "'run/x.sock'"}},
        Case{
            "long_socket",
            with("control: {socket: /" + std::string(107, 'x') + "}\n"),
            {"6:19 error: control.socket: expected an absolute path of at most 107 characters, got "
             "'/" +
             std::string(39, 'x') + "...'; that has 108 characters"}},
        Case{"listen_without_port",
             with("http: {listen: 127.0.0.1}\n"),
             {"6:16 error: http.listen: expected an address and a port, such as 127.0.0.1:9117 or "
              "[::1]:9117, got '127.0.0.1'"}},
        Case{"listen_with_tls_port",
             with("http: {listen: \"127.0.0.1:9117s\"}\n"),
             {"6:16 error: http.listen: expected an address and a port, such as 127.0.0.1:9117 or "
              "[::1]:9117, got '127.0.0.1:9117s'"}},
        Case{"listen_on_a_name",
             with("http: {listen: \"localhost:9117\"}\n"),
             {"6:16 error: http.listen: expected an address and a port, such as 127.0.0.1:9117 or "
              "[::1]:9117, got 'localhost:9117'"}},
        Case{"listen_on_bare_ipv6",
             with("http: {listen: \"::1:9117\"}\n"),
             {"6:16 error: http.listen: expected an address and a port, such as 127.0.0.1:9117 or "
              "[::1]:9117, got '::1:9117'"}},
        Case{"no_workers",
             with("cores: {workers: []}\n"),
             {"6:18 error: cores.workers: expected a list of CPU numbers, such as [1, 2], got an "
              "empty list"}},
        Case{"workers_as_number",
             with("cores: {workers: 2}\n"),
             {"6:18 error: cores.workers: expected a list of CPU numbers, such as [1, 2], got "
              "'2'"}},
        Case{"cpu_is_a_word",
             with("cores: {workers: [1, x, 1024]}\n"),
             {"6:22 error: cores.workers: expected a CPU number from 0 to 1023, got 'x'",
              "6:25 error: cores.workers: expected a CPU number from 0 to 1023, got '1024'"}},
        Case{"eal_as_text",
             with("eal: --no-huge -m 256\n"),
             {"6:6 error: eal: expected a list of words, such as [--no-huge, --no-pci], got "
              "'--no-huge -m 256'"}},
        Case{"eal_with_a_list",
             with("eal: [a, [b]]\n"),
             {"6:10 error: eal: expected one word, got a list"}},
        Case{"ip_in_non_ip",
             with("non_ip: [arp, 0x0800]\n"),
             {"6:15 error: non_ip: '0x0800': IP is tracked and judged by the rules"}},
        Case{"vlan_in_non_ip",
             with("non_ip: [0x8100]\n"),
             {"6:10 error: non_ip: '0x8100': a VLAN tag is no protocol; what follows it counts"}},
        Case{"length_in_non_ip",
             with("non_ip: [0x05dc]\n"),
             {"6:10 error: non_ip: '0x05dc': EtherTypes begin at 0x0600"}},
        Case{"wrong_name_in_non_ip",
             with("non_ip: [lldpp, 0x12345, 2054]\n"),
             {"6:10 error: non_ip: expected a name such as arp, or 0x88cc, got 'lldpp' (did you "
              "mean 'lldp'?)",
              "6:17 error: non_ip: expected a name such as arp, or 0x88cc, got '0x12345'",
              "6:26 error: non_ip: expected a name such as arp, or 0x88cc, got '2054'"}}),
    name_of);

Case port(const char* name, const std::string& written, std::vector<std::string> findings) {
    return {name,
            "version: 1\nports:\n  a: {" + written +
                "}\n  b: {device: net_null1}\nwires: [{name: w, outside: a, inside: b}]\n",
            std::move(findings)};
}

// Ports, wires and what refers to them.
INSTANTIATE_TEST_SUITE_P(
    Ports, BadFile,
    testing::Values(
        port("device_with_space", "device: \"net_tap0, iface=x\"",
             {"3:15 error: device of port 'a': expected a PCI address such as 0000:03:00.0, or a "
              "virtual device such as net_af_packet0,iface=eth1, got 'net_tap0, iface=x'"}),
        port("short_pci_address", "device: \"03:00.0\"",
             {"3:15 error: device of port 'a': expected a PCI address such as 0000:03:00.0, or a "
              "virtual device such as net_af_packet0,iface=eth1, got '03:00.0'"}),
        port("device_twice", "device: \"net_null1,copy=1\"",
             {"4:3 error: port 'b': device 'net_null1' belongs to port 'a' already"}),
        port("mtu_too_small", "device: net_null0, mtu: 67",
             {"3:31 error: mtu of port 'a': expected a whole number from 68 to 9216, got '67'"}),
        port("descriptors_are_no_power", "device: net_null0, descriptors: 1000",
             {"3:3 error: port 'a': descriptors must be a power of two, got 1000"}),
        port("no_queues", "device: net_null0, queues: 0",
             {"3:34 error: queues of port 'a': expected a whole number from 1 to 64, got '0'"}),
        Case{"port_without_section",
             "version: 1\nports:\n  a:\n  b: {device: net_null1}\n"
             "wires: [{name: w, outside: a, inside: b}]\n",
             {"3:3 error: port 'a': expected a section with keys, got nothing"}},
        Case{"port_name_in_capitals",
             "version: 1\nports: {Eth0: {device: net_null0}, b: {device: net_null1}}\n"
             "wires: [{name: w, outside: Eth0, inside: b}]\n",
             {"2:9 error: port 'Eth0': expected a name: a lower-case letter, then letters, digits, "
              "_ "
              "or -, at most 31 in all"}},
        Case{
            "port_name_too_long",
            "version: 1\nports: {" + std::string(32, 'a') +
                ": {device: net_null0}, b: {device: net_null1}}\nwires: [{name: w, outside: " +
                std::string(32, 'a') + ", inside: b}]\n",
            {"2:9 error: port '" + std::string(32, 'a') +
             "': expected a name: a lower-case letter, then letters, digits, _ or -, at most 31 in "
             "all"}},
        Case{"unused_port",
             "version: 1\nports:\n  a: {device: net_null0}\n  b: {device: net_null1}\n"
             "  c: {device: net_null2}\nwires: [{name: w, outside: a, inside: b}]\n",
             {"5:3 error: port 'c' belongs to no wire"}},
        Case{"unknown_port_in_wire",
             "version: 1\nports: {outside: {device: net_null0}, inside: {device: net_null1}}\n"
             "wires:\n  - name: w\n    outside: outsid\n    inside: inside\n",
             {"5:14 error: outside of wire 'w': there is no port 'outsid' (did you mean "
              "'outside'?)"}},
        Case{"wire_onto_itself",
             "version: 1\nports: {a: {device: net_null0}}\nwires: [{name: w, outside: a, inside: "
             "a}]\n",
             {"3:39 error: wire 'w' needs two different ports, got 'a' twice"}},
        Case{"port_in_two_wires",
             "version: 1\nports: {a: {device: net_null0}, b: {device: net_null1}, c: {device: "
             "net_null2}}\nwires:\n  - {name: v, outside: a, inside: b}\n  - {name: w, outside: a, "
             "inside: c}\n",
             {"5:24 error: port 'a' belongs to wire 'v' already"}},
        Case{"wire_name_twice",
             "version: 1\nports: {a: {device: net_null0}, b: {device: net_null1}, c: {device: "
             "net_null2}, d: {device: net_null3}}\nwires:\n  - {name: w, outside: a, inside: b}\n"
             "  - {name: w, outside: c, inside: d}\n",
             {"5:12 error: wire 'w': the name is used in line 4 already"}},
        Case{"wire_default_is_wrong",
             "version: 1\nports: {a: {device: net_null0}, b: {device: net_null1}}\n"
             "wires: [{name: w, outside: a, inside: b, default: {from_outside: deny}}]\n",
             {"3:66 error: default.from_outside of wire 'w': expected drop or allow, got 'deny'"}},
        Case{"shared_cpu",
             with("cores: {management: [0, 1], workers: [1]}\n"),
             {"6:38 warning: CPU 1 is named for management and for workers: they would share it, "
              "and a worker is always busy"}},
        Case{"eal_cores",
             with("eal: [-l, \"0-1\", --main-lcore=0]\n"),
             {"6:6 error: eal: '-l' is decided by 'cores'; leave it out",
              "6:6 error: eal: '--main-lcore=0' is decided by 'cores'; leave it out"}},
        Case{"eal_memory",
             with("eal: [--no-huge, --in-memory]\n"),
             {"6:6 error: eal: --in-memory needs huge pages and can't go with --no-huge"}}),
    name_of);

Case rule(const char* name, const std::string& written, const std::string& finding) {
    return {name, with("rules:\n  - {name: r, action: allow, " + written + "}\n"),
            finding.empty() ? std::vector<std::string>{} : std::vector<std::string>{finding}};
}

const std::string kPorts =
    "expected ports from 0 to 65535, such as 1194 or [500, 4500, 5000-5010], got ";
const std::string kPrefixes =
    "expected address blocks, such as 192.0.2.0/24 or [192.0.2.20, 2001:db8::/32], got ";

// Rules.
INSTANTIATE_TEST_SUITE_P(
    Rules, BadFile,
    testing::Values(
        rule("unknown_from", "from: c", "7:36 error: from of rule 'r': there is no port 'c'"),
        rule("unknown_protocol", "protocol: udpp",
             "7:40 error: protocol of rule 'r': expected a protocol by name, such as udp, or by "
             "number from 0 to 255, got 'udpp' (did you mean 'udp'?)"),
        rule("protocol_256", "protocol: 256",
             "7:40 error: protocol of rule 'r': expected a protocol by name, such as udp, or by "
             "number from 0 to 255, got '256'"),
        rule("protocol_any", "protocol: any",
             "7:40 error: protocol of rule 'r': expected a protocol by name, such as udp, or by "
             "number from 0 to 255, got 'any'; leave the key out to match all"),
        rule(
            "host_bits", "source: 192.0.2.20/24",
            "7:38 error: source of rule 'r': \"192.0.2.20/24\" has bits set behind its prefix (did "
            "you mean 192.0.2.0/24?)"),
        rule("long_prefix", "source: [192.0.2.0/33]",
             "7:39 error: source of rule 'r': \"192.0.2.0/33\" has no prefix length from 0 to 32 "
             "behind the slash"),
        rule("host_name", "destination: vpn.example.com",
             "7:43 error: destination of rule 'r': \"vpn.example.com\" is not an address or block "
             "(try 192.0.2.0/24 or 2001:db8::/32)"),
        rule("octal_address", "source: 010.0.0.1",
             "7:38 error: source of rule 'r': \"010.0.0.1\" is not an address or block (try "
             "192.0.2.0/24 or 2001:db8::/32)"),
        rule(
            "mapped_address", "source: \"::ffff:192.0.2.1\"",
            "7:38 error: source of rule 'r': \"::ffff:192.0.2.1\" is an IPv4 address in IPv6 form; "
            "write it as 192.0.2.1"),
        rule("empty_sources", "source: []",
             "7:38 error: source of rule 'r': " + kPrefixes +
                 "an empty list; leave the key out to match all"),
        rule("section_as_source", "source: {a: 1}",
             "7:38 error: source of rule 'r': " + kPrefixes + "a section with keys"),
        rule("port_too_high", "protocol: udp, destination_ports: 65536",
             "7:64 error: destination_ports of rule 'r': " + kPorts + "'65536'"),
        rule("ports_backwards", "protocol: udp, destination_ports: [20-10]",
             "7:65 error: destination_ports of rule 'r': " + kPorts + "'20-10'"),
        rule("port_by_name", "protocol: tcp, destination_ports: https",
             "7:64 error: destination_ports of rule 'r': " + kPorts + "'https'"),
        rule("half_a_range", "protocol: tcp, source_ports: \"1024-\"",
             "7:59 error: source_ports of rule 'r': " + kPorts + "'1024-'"),
        rule("ports_of_esp", "protocol: esp, destination_ports: 500",
             "7:64 error: destination_ports of rule 'r': esp has no ports; only tcp, udp and sctp "
             "have"),
        rule("ports_of_protocol_99", "protocol: 99, source_ports: 500",
             "7:58 error: source_ports of rule 'r': 99 has no ports; only tcp, udp and sctp have"),
        rule("mixed_families", "source: 192.0.2.0/24, destination: [192.0.2.1, \"2001:db8::1\"]",
             "7:65 error: destination of rule 'r' has IPv6, but source has none: it would never "
             "match"),
        rule("icmp_to_ipv6", "protocol: icmp, destination: \"2001:db8::/32\"",
             "7:59 error: destination of rule 'r': protocol icmp is IPv4's; icmpv6 is IPv6's"),
        rule("icmpv6_from_ipv4", "protocol: icmpv6, source: 192.0.2.0/24",
             "7:56 error: source of rule 'r': protocol icmpv6 is IPv6's; icmp is IPv4's"),
        Case{"wrong_action",
             with("rules: [{name: r, action: accept}]\n"),
             {"6:27 error: action of rule 'r': expected allow or drop, got 'accept'"}},
        Case{"rule_name_with_space",
             with("rules: [{name: my rule, action: drop}]\n"),
             {"6:16 error: name of rule 'my rule': expected a name: a lower-case letter, then "
              "letters, digits, _ or -, at most 31 in all, got 'my rule'"}},
        Case{"rule_called_default",
             with("rules: [{name: default, action: drop}]\n"),
             {"6:16 error: rule 'default': that is what the wires' own defaults are called"}},
        Case{"rule_name_twice",
             with("rules:\n  - {name: r, protocol: tcp, action: drop}\n"
                  "  - {name: r, protocol: udp, action: drop}\n"),
             {"8:12 error: rule 'r': the name is used in line 7 already"}},
        Case{"unreachable_rule",
             with("rules:\n  - {name: all, action: drop}\n  - name: ike\n    protocol: udp\n"
                  "    destination_ports: 500\n    action: allow\n"),
             {"8:11 warning: rule 'ike' is never reached: rule 'all' in line 7 takes all that it "
              "would"}}),
    name_of);

// One service in line 7, with a name, the address 192.0.2.20 and the port 1194.
Case service(const char* name, const std::string& written, const std::string& finding) {
    return {name,
            with("services:\n  - {name: s, address: 192.0.2.20, ports: 1194, " + written + "}\n"),
            {finding}};
}

INSTANTIATE_TEST_SUITE_P(
    Services, BadFile,
    testing::Values(
        service("of_no_protocol", "handshakes_per_second: 10",
                "7:5 error: missing key 'vpn' in service 's': expected openvpn, wireguard, ipsec "
                "or dtls"),
        service("of_another_protocol", "vpn: l2tp",
                "7:54 error: vpn of service 's': expected openvpn, wireguard, ipsec or dtls, got "
                "'l2tp'"),
        service("key_without_wireguard",
                "vpn: openvpn, public_key: MA5Yj0Agjwox3a54a/vhVozccNtyfZxuiF/tV7rP/VI=",
                "7:75 error: public_key of service 's': only wireguard's handshakes show for whom "
                "they were made"),
        service("key_too_short", "vpn: wireguard, public_key: MA5YjQ==",
                "7:77 error: public_key of service 's': expected a WireGuard public key: 44 "
                "characters of base64, as `wg pubkey` writes it, got 'MA5YjQ=='"),
        service("budget_of_nothing", "vpn: openvpn, handshakes_per_second: 0",
                "7:86 error: handshakes_per_second of service 's': expected a whole number from 1 "
                "to 1000000, got '0'"),
        service("reserve_of_all", "vpn: openvpn, reserved_percent: 100",
                "7:81 error: reserved_percent of service 's': expected a whole number from 0 to "
                "90, got '100'"),
        Case{"twice",
             with("services:\n  - {name: s, vpn: dtls, address: 192.0.2.20, ports: 443}\n"
                  "  - {name: s, vpn: dtls, address: 192.0.2.21, ports: 443}\n"),
             {"8:12 error: service 's': the name is used in line 7 already"}},
        Case{"without_tunnels",
             with("services:\n  - {name: s, vpn: dtls, address: 192.0.2.20, ports: 443}\n"
                  "tunnels: {capacity: 0}\n"),
             {"7:5 error: services need tunnels to be observed: tunnels.capacity is 0, or "
              "tunnels.observe is false"}},
        Case{"late_of_a_rule_that_drops",
             with("rules: [{name: r, action: drop, late: reject}]\n"),
             {"6:39 error: late of rule 'r': the rule allows no connection that could be late"}},
        Case{"timeouts_of_a_rule_that_drops",
             with("rules: [{name: r, action: drop, timeouts: {icmp: 5s}}]\n"),
             {"6:43 error: timeouts of rule 'r': the rule allows no connection that could have "
              "one"}},
        Case{"timeouts_of_another_protocol",
             with("rules:\n"
                  "  - name: r\n"
                  "    protocol: udp\n"
                  "    action: allow\n"
                  "    timeouts: {udp_replied: 5s, tcp_close: 5s, icmpv6: 5s, generic: 5s}\n"),
             {"10:33 error: timeouts.tcp_close of rule 'r': the rule is about another protocol",
              "10:48 error: timeouts.icmpv6 of rule 'r': the rule is about another protocol"}},
        Case{"timeouts_of_a_rule_that_are_none",
             with("rules: [{name: r, action: allow, timeouts: {udp: 5s, icmp: 5}}]\n"),
             {"6:45 error: unknown key 'udp' in rule 'r'",
              "6:60 error: timeouts.icmp of rule 'r': expected a duration from 1s to 30d with its "
              "unit, such as 30s, 5m or 12h, got '5'; the unit is missing"}}),
    name_of);

TEST(Findings, more_rules_with_timeouts_than_connections_can_name_are_refused) {
    const auto rules = [](int count) {
        std::string text = "rules:\n";
        for (int i = 0; i < count; ++i)
            text += "  - {name: r" + std::to_string(i) +
                    ", protocol: udp, destination_ports: " + std::to_string(i) +
                    ", timeouts: {udp_replied: 5s}, action: allow}\n";
        return shown(load_config_text(with(text), "f.yaml"));
    };
    EXPECT_THAT(rules(255), testing::IsEmpty());
    EXPECT_THAT(rules(256), testing::ElementsAre("7:5 error: at most 255 rules may have timeouts "
                                                 "of their own, got 256"));
}

TEST(Findings, more_than_sixty_four_services_are_refused) {
    std::string text = "services:\n";
    for (int i = 0; i < 65; ++i) {
        text += "  - {name: s" + std::to_string(i) +
                ", vpn: openvpn, address: 192.0.2.20, ports: 1194}\n";
    }
    EXPECT_THAT(shown(load_config_text(with(text), "f.yaml")),
                testing::ElementsAre("71:5 error: at most 64 services, got 65"));
}

TEST(Findings, a_file_of_one_megabyte_and_one_byte_is_refused) {
    const std::string text = with("") + std::string(kMaxConfigBytes, '#');
    EXPECT_THAT(shown(load_config_text(text, "f.yaml")),
                testing::ElementsAre("0:0 error: the file has more than 1 MiB"));
}

TEST(Findings, more_than_thirty_two_ports_are_refused_at_the_first_that_is_too_many) {
    std::string text = "version: 1\nports:\n";
    for (int i = 0; i < 34; ++i) {
        text += "  p" + std::to_string(i) + ": {device: net_null" + std::to_string(i) + "}\n";
    }
    text += "wires:\n";
    for (int i = 0; i < 34; i += 2) {
        text += "  - {name: w" + std::to_string(i) + ", outside: p" + std::to_string(i) +
                ", inside: p" + std::to_string(i + 1) + "}\n";
    }
    EXPECT_THAT(shown(load_config_text(text, "f.yaml")),
                testing::ElementsAre("35:3 error: at most 32 ports, got 34"));
}

TEST(Findings, all_of_them_come_at_once_and_in_the_files_order) {
    const LoadResult result = load_config_text(
        with("rules: [{name: R, action: allow}]\nlog: {level: x}\ncores: {workers: [a]}\nx: 1\n"),
        "f.yaml");
    ASSERT_EQ(result.findings.size(), 4U);
    for (size_t i = 0; i < 4; ++i)
        EXPECT_EQ(result.findings[i].line, 6 + i);
}

TEST(Findings, a_thousand_are_listed_and_the_rest_is_counted) {
    std::string text = with("");
    for (int i = 0; i < 1500; ++i)
        text += "k" + std::to_string(i) + ": 1\n";
    const LoadResult result = load_config_text(text, "f.yaml");
    ASSERT_EQ(result.findings.size(), 1001U);
    EXPECT_EQ(result.findings.back().message, "and 500 findings more; mend these first");
    EXPECT_FALSE(result.config.has_value());
}

TEST(Findings, a_rule_that_is_wrong_itself_makes_no_other_unreachable) {
    const LoadResult result =
        load_config_text(with("rules:\n  - {name: a, source: nonsense, action: drop}\n"
                              "  - {name: b, protocol: udp, action: allow}\n"),
                         "f.yaml");
    EXPECT_EQ(result.findings.size(), 1U);
}

TEST(Findings, messages_never_carry_control_characters_of_the_file) {
    const LoadResult result = load_config_text(with("log: {level: \"\\e[31m\\r\"}\n"), "f.yaml");
    EXPECT_THAT(shown(result),
                testing::ElementsAre("6:14 error: log.level: expected debug, info, warning or "
                                     "error, got '?[31m?'"));
}

}  // namespace
}  // namespace ravelin
