// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/parse.h"
#include "support/packet_builder.h"

#include <string>
#include <vector>

namespace ravelin::testing {

inline constexpr const char* kClient = "10.0.0.1";
inline constexpr const char* kServer = "192.0.2.1";
inline constexpr const char* kClient6 = "2001:db8::1";
inline constexpr const char* kServer6 = "2001:db8:1::2";

struct NamedPacket {
    std::string name;
    Bytes bytes;
};

inline PacketBuilder v4() {
    return PacketBuilder{}.ipv4(kClient, kServer);
}
inline PacketBuilder v6() {
    return PacketBuilder{}.ipv6(kClient6, kServer6);
}

/// Hop-by-hop options with a router alert for MLD (RFC 2711).
inline Bytes router_alert6() {
    return {5, 2, 0, 0, 1, 0};
}

/// One whole IP packet of each kind that parse() takes with its default options.
inline std::vector<NamedPacket> valid_packets() {
    const Bytes syn = v4().tcp(40000, 443, "S").build();
    const Bytes syn6 = v6().tcp(40000, 443, "S").build();
    return {
        {"tcp", v4().tcp(40000, 443, "PA").seq(1).ack(2).payload("hello").build()},
        {"tcp with options", v4().tcp(1, 2, "S").options({2, 4, 5, 0xb4, 1, 3, 3, 7}).build()},
        {"udp", v4().udp(40000, 1194).payload("0123456789").build()},
        {"udp of odd length", v4().udp(40000, 1194).payload("012345678").build()},
        {"udp without data", v4().udp(40000, 1194).build()},
        {"long udp", v4().udp(40000, 1194).payload(Bytes(1400, 0x5a)).build()},
        {"icmp echo", v4().icmp_echo(7, 1).payload("ping").build()},
        {"icmp error", v4().icmp_error(3, 3, syn, 28).build()},
        {"esp", v4().esp(0x11223344).payload("secret").build()},
        {"ah", v4().ah(0x11223344).payload("clear").build()},
        {"gre", v4().gre().payload("inner").build()},
        {"pptp", v4().pptp(77).payload("ppp").build()},
        {"sctp", v4().sctp(36412, 36412).payload("init").build()},
        {"other protocol", v4().protocol(200).payload("x").build()},
        {"igmp with router alert",
         v4().ip_options({148, 4, 0, 0}).protocol(ip_protocol::kIgmp).payload(Bytes(8)).build()},
        {"dhcp request", PacketBuilder{}.ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).build()},
        {"tagged udp", v4().vlan(5).udp(1, 2).payload("x").build()},
        {"twice tagged tcp", v4().vlan(5, 0x88a8).vlan(6).tcp(1, 2, "A").build()},
        {"tcp over ipv6", v6().tcp(40000, 443, "PA").payload("hello").build()},
        {"udp over ipv6", v6().udp(40000, 1194).payload("0123456789").build()},
        {"icmpv6 echo", v6().icmp_echo(7, 1).payload("ping").build()},
        {"icmpv6 error", v6().icmp_error(1, 4, syn6, 60).build()},
        {"esp over ipv6", v6().esp(0x11223344).build()},
        {"ipv6 with hop-by-hop options", v6().extension(0, router_alert6()).udp(1, 2).build()},
        {"ipv6 with destination options twice", v6().extension(60, {1, 4, 0, 0, 0, 0})
                                                    .extension(60, {1, 4, 0, 0, 0, 0})
                                                    .udp(1, 2)
                                                    .build()},
        {"ipv6 atomic fragment", v6().fragment(0, false).tcp(1, 2, "S").build()},
        {"neighbour solicitation", PacketBuilder{}
                                       .ipv6("fe80::1", "ff02::1:ff00:2")
                                       .ttl(255)
                                       .icmp(135, 0)
                                       .payload(Bytes(16))
                                       .build()},
        {"duplicate address detection", PacketBuilder{}
                                            .ipv6("::", "ff02::1:ff00:2")
                                            .ttl(255)
                                            .icmp(135, 0)
                                            .payload(Bytes(16))
                                            .build()},
        {"multicast listener report", PacketBuilder{}
                                          .ipv6("::", "ff02::16")
                                          .ttl(1)
                                          .extension(0, router_alert6())
                                          .icmp(143, 0)
                                          .build()},
        {"tagged udp over ipv6", v6().vlan(7).udp(1, 2).payload("x").build()},
    };
}

inline DropReason parse_bytes(const Bytes& bytes, Headers& headers,
                              const ParseOptions& options = {}) {
    // An allocation of exactly this size, so that the sanitizer sees one byte too many.
    const Bytes exact(bytes.begin(), bytes.end());
    return parse(exact, options, false, headers);
}

}  // namespace ravelin::testing
