// SPDX-License-Identifier: BSD-3-Clause
#include "packet/drop_reason.h"

namespace ravelin {
namespace {

using enum DropReason;

// Keywords follow the label set of the metrics page as far as a reason stands there.
constexpr std::array<DropReasonInfo, kDropReasonCount> kTable{{
    {None, "none", "the packet was not dropped", "Nothing to do."},
    {FrameTooLong, "frame_too_long", "the frame is longer than the appliance can take in one piece",
     "Set the same MTU on both ports and their neighbours, and switch off large receive offload."},
    {L2Malformed, "l2_malformed", "the frame ends inside its Ethernet header or VLAN tags",
     "Look for a broken card, driver or generator on the sending side."},
    {VlanUnsupported, "vlan_unsupported",
     "the frame has more than two VLAN tags, or the reserved VLAN id 4095",
     "Take one tag off at the switch: at most two tags are carried."},
    {EthertypeUnsupported, "ethertype_unsupported",
     "the frame is not IP and its EtherType is not on the list of those that pass",
     "If the protocol is wanted across the wire, add its EtherType to the wire's list."},
    {IpTruncated, "ip_truncated", "the IP header announces more bytes than the frame carries",
     "Compare the MTU and the offload settings of the sender and of this port; a capture cut by a "
     "snap length looks the same."},
    {Ipv4Malformed, "ipv4_malformed",
     "the IPv4 header is cut short, has another version, or lengths that contradict each other",
     "Capture the packet and look at its sender; no correct host builds this."},
    {Ipv4Checksum, "ipv4_checksum", "the IPv4 header checksum is wrong",
     "Look for damage on the link, or a sender that leaves the sum to a card that doesn't do it."},
    {Ipv4Options, "ipv4_options",
     "the packet carries IPv4 options, which are refused but for router alert in IGMP",
     "Options such as source route are no longer used; allow them in the configuration if you "
     "must."},
    {Ipv6Malformed, "ipv6_malformed", "the IPv6 header is cut short or has another version",
     "Capture the packet and look at its sender; no correct host builds this."},
    {Ipv6Jumbogram, "ipv6_jumbogram", "the packet is an IPv6 jumbogram of more than 65,535 bytes",
     "Jumbograms are not supported; lower the MTU of the sender's link."},
    {Ipv6ExtensionTruncated, "ipv6_exthdr_truncated",
     "an IPv6 extension header reaches beyond the end of the packet",
     "Capture the packet and look at its sender; no correct host builds this."},
    {Ipv6ExtensionOrder, "ipv6_exthdr_order",
     "an IPv6 hop-by-hop header stands elsewhere than directly behind the IPv6 header",
     "Capture the packet and look at its sender; tools that evade firewalls build such chains."},
    {Ipv6ExtensionRepeated, "ipv6_exthdr_repeated",
     "an IPv6 extension header comes more often than it may: once, destination options twice",
     "Capture the packet and look at its sender; tools that evade firewalls build such chains."},
    {Ipv6ExtensionLength, "ipv6_exthdr_too_long",
     "the IPv6 extension headers are longer than 512 bytes together",
     "Capture the packet and look at its sender; tools that evade firewalls build such chains."},
    {Ipv6HopByHopOptions, "ipv6_hop_by_hop_options",
     "the IPv6 hop-by-hop options are more than sixteen or don't fill their header exactly",
     "Capture the packet and look at its sender; no correct host builds this."},
    {Ipv6NoNextHeader, "ipv6_no_next_header",
     "the packet ends with its IPv6 headers (next header 59), so there is nothing to track",
     "Capture the packet and look at its sender; probes and fuzzers send these."},
    {Ipv6RoutingHeader, "ipv6_routing_header",
     "the packet carries an IPv6 routing header, which is refused",
     "Type 0 is never let through; allow the other types in the configuration if segment routing "
     "or mobile IPv6 is in use."},
    {TtlExpired, "ttl_expired", "the packet came with a TTL or hop limit of 0",
     "Look for a routing loop before the appliance, or a generator that forgets to set the TTL."},
    {Land, "land", "the packet's source and destination address are the same",
     "An attack or a generator's artefact (testpmd's flowgen sends one when it has more than "
     "65,536 flows)."},
    {MartianSource, "martian_source",
     "the source address can't be a sender's: this network, loopback, multicast or reserved",
     "Find the sender by its MAC address; a correct host never sends from such an address."},
    {MartianDestination, "martian_destination",
     "the destination address can't be on a wire: this network, unspecified or loopback",
     "Find the sender by its MAC address; look for a wrong route or a wrong peer address in its "
     "configuration."},
    {L4Malformed, "l4_malformed",
     "the TCP, UDP, ICMP or other transport header is cut short or has a length that can't be",
     "Capture the packet and look at its sender; scanners and fuzzers send these."},
    {L4Checksum, "l4_checksum", "the TCP, UDP or ICMP checksum is wrong",
     "Look for damage on the path; if all packets of a virtual neighbour are hit, switch off its "
     "transmit checksum offload."},
    {TcpFlags, "tcp_flags", "the TCP flags can't occur together, as SYN with FIN",
     "Scanners send these; nothing needs to be mended here."},
    {NdHopLimit, "nd_hop_limit",
     "a neighbour discovery packet has a hop limit other than 255, so it came from beyond the link",
     "Somebody sends forged neighbour discovery from afar; nothing needs to be mended here."},
    {NdFragmented, "nd_fragmented",
     "a neighbour discovery packet carries a fragment header, which no host may take",
     "Tools that evade router advertisement guards send these; nothing needs to be mended here."},
    {FragmentMalformed, "fragment_malformed",
     "an IP fragment is empty, or isn't the last one and no multiple of eight bytes long",
     "Capture the fragment and look at its sender; no correct host builds this."},
    {FragmentTooLong, "fragment_too_long",
     "the fragments' datagram would be longer than an IP packet can be",
     "An attack of old (ping of death); nothing needs to be mended here."},
    {FragmentTooMany, "fragment_too_many", "the datagram came in more than 64 fragments",
     "Look for a link with a very small MTU on the way; else somebody sends tiny fragments to burn "
     "time."},
    {FragmentTiny, "fragment_tiny",
     "the first fragment is too small to hold the transport header that rules are asked about",
     "Tools that evade firewalls send these; if a link's MTU really is that small, set "
     "conntrack.fragments.refuse_tiny to false."},
    {FragmentHeaderChain, "fragment_header_chain",
     "the first IPv6 fragment does not hold all headers through the transport header",
     "Tools that evade firewalls send these; no correct host builds this since RFC 7112."},
    {FragmentOverlap, "fragment_overlap",
     "fragments of the datagram overlap in part or with different bytes",
     "Tools that evade firewalls send these; if a correct host is hit, its datagrams' ids repeat "
     "too fast (RFC 4963): avoid fragments on that path."},
    {FragmentEnd, "fragment_end", "the fragments contradict each other about the datagram's end",
     "Tools that evade firewalls send these; if a correct host is hit, its datagrams' ids repeat "
     "too fast (RFC 4963): avoid fragments on that path."},
    {FragmentDuplicate, "fragment_duplicate", "the same bytes of the datagram are already held",
     "A few are duplicates of the network; many point to a loop or a mirrored port."},
    {FragmentTimeout, "fragment_timeout", "the rest of the datagram did not come in time",
     "Fragments are lost on the way, or take different ways; lower the tunnel's MTU, so that peers "
     "needn't fragment."},
    {FragmentTableFull, "fragment_table_full",
     "too many incomplete datagrams were held, and the oldest had to go",
     "Find out who sends incomplete datagrams; or raise conntrack.fragments.datagrams and "
     "conntrack.fragments.fragments."},
    {FragmentSourceLimit, "fragment_source_limit",
     "too much of one sender's incomplete datagrams was held, and the oldest had to go",
     "Look at the sender; or raise the source limits under conntrack.fragments."},
    {TcpNoConnection, "tcp_no_connection",
     "a TCP segment in mid-stream belongs to no connection known here",
     "After a restart allow pick-up for a while (conntrack.tcp.pickup); else look for asymmetric "
     "routing around the appliance."},
    {TcpState, "tcp_state", "the TCP segment does not fit the state of its connection",
     "Look for asymmetric routing, or for a peer that has restarted."},
    {TcpWindow, "tcp_window", "the TCP segment lies outside the window of its connection",
     "Look for a device that rewrites sequence numbers on one direction only, or for asymmetric "
     "routing."},
    {IcmpTypeRefused, "icmp_type_refused", "an ICMP type or code that is not let through",
     "Redirect, source quench and obsolete queries are refused on purpose; allow the obsolete "
     "queries if you need them."},
    {IcmpReplyUnmatched, "icmp_reply_unmatched",
     "an ICMP reply that nobody asked for, or that came after the request was answered",
     "A few are late replies; many are a reflection attack or asymmetric routing."},
    {IcmpErrorMalformed, "icmp_error_malformed",
     "the packet that an ICMP error quotes is cut too short or broken",
     "Some old routers quote too little; else somebody forges errors."},
    {IcmpErrorUnmatched, "icmp_error_unmatched",
     "an ICMP error about a packet of no connection known here",
     "A few come late, after the connection has ended; many are a forgery or asymmetric routing."},
    {IcmpErrorDestination, "icmp_error_destination",
     "an ICMP error sent to somebody else than the sender of the packet it quotes",
     "Only a forged error or a broken address translator looks like this."},
    {IcmpErrorSequence, "icmp_error_sequence",
     "an ICMP error quotes a TCP sequence number that isn't in flight",
     "Somebody tries to end or slow down a TCP connection blindly; nothing needs to be mended "
     "here."},
    {IcmpErrorMtu, "icmp_error_mtu", "an ICMP error announces a next-hop MTU that can't be",
     "Look at the router that sent it; forged errors use tiny MTUs to slow connections down."},
    {ProtocolInvalid, "protocol_invalid",
     "the packet does not fit its connection by the rules of its protocol",
     "Capture the packet and compare it with the connection's entry."},
    {Stale, "stale", "a late packet of a connection that has ended",
     "Usually nothing to do. If a peer may pause for longer than the connection's timeout, raise "
     "that timeout; if both ends may open it, set conntrack.tombstones.policy to as-new."},
    {PolicyRule, "policy_rule", "a rule of the configuration drops it",
     "If it should pass, add or move up a rule that allows it."},
    {PolicyDefault, "policy_default", "no rule allows a new connection from this port",
     "If it should pass, add a rule that allows it."},
    {VpnNotHandshake, "vpn_not_handshake",
     "what comes first to a declared VPN service is no handshake of its protocol",
     "Scanners look like this, and clients of a session that nobody here has seen: they come back "
     "by themselves. After a restart allow pick-up for a while (tunnels.pickup)."},
    {VpnMac1, "vpn_mac1", "a WireGuard initiation that was not made for this server's public key",
     "Scanners and floods look like this; if a real client is hit, public_key of the service or of "
     "the client's peer section is wrong."},
    {VpnSourceLimit, "vpn_source_limit", "this address begins more VPN handshakes than one may",
     "Look at the sender; if many clients share its address, raise handshakes_per_source of the "
     "service."},
    {VpnServiceLimit, "vpn_service_limit",
     "the budget of the VPN service for new handshakes is used up",
     "Somebody floods it, or many clients come back at once: they try again and get through. Raise "
     "handshakes_per_second of the service if the concentrator can bear it."},
    {TableFull, "table_full", "there is no room for a new connection",
     "Raise conntrack.connections (of IPv6, conntrack.ipv6_percent), or find out who opens so "
     "many connections."},
    {RingFull, "ring_full", "the worker that owns the connection did not take packets fast enough",
     "Look whether one worker is busier than the others; more workers or receive queues help."},
    {TransmitFull, "tx_full", "the output port did not take the packet",
     "The link or the peer behind it is slower than what comes in; look at the peer's receive "
     "rate."},
    {PortDown, "port_down", "the output port has no link",
     "Check the cable or the peer of the output port."},
    {Stopping, "stopping", "the appliance was stopping and let go of packets still inside",
     "Nothing to do."},
}};

consteval bool is_keyword(std::string_view text) {
    if (text.empty() || text.front() == '_' || text.back() == '_') return false;
    for (const char c : text) {
        if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return false;
    }
    return true;
}

// Every reason has its own row in its own place, its own keyword, and both sentences.
consteval bool is_dense() {
    for (size_t i = 0; i < kTable.size(); ++i) {
        const DropReasonInfo& row = kTable[i];
        if (static_cast<size_t>(row.reason) != i || !is_keyword(row.keyword)) return false;
        if (row.sentence.empty() || row.sentence.back() == '.') return false;
        if (row.fix.empty() || row.fix.back() != '.') return false;
        for (size_t j = 0; j < i; ++j) {
            if (kTable[j].keyword == row.keyword) return false;
        }
    }
    return true;
}
static_assert(is_dense());

}  // namespace

constinit const std::array<DropReasonInfo, kDropReasonCount> kDropReasons = kTable;

std::string_view keyword(DropReason reason) noexcept {
    return kDropReasons[static_cast<size_t>(reason)].keyword;
}

}  // namespace ravelin
