# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams that come in fragments cross the wire as one, or not at all."""

from lab import traffic
from lab.config import OUTSIDE_RULES
from lab.frames import Ends, ethernet
from lab.wire import CLIENT4, CLIENT6, ROUTER4, ROUTER6, SERVER4, SERVER6

from . import check

_IPERF_UDP = OUTSIDE_RULES + ("  - {name: iperf-udp, from: outside, protocol: udp, "
                              "destination_ports: [5201], action: allow}\n")


def _received(ravelin):
    return ravelin.metrics().sum("ravelin_fragments_received_total")


def iperf_datagrams_of_8000_bytes_ipv4(wire):
    """iperf3 with UDP datagrams of 8,000 bytes runs without loss over IPv4"""
    _iperf(wire, CLIENT4, SERVER4)


def iperf_datagrams_of_8000_bytes_ipv6(wire):
    """the same over IPv6"""
    _iperf(wire, CLIENT6, SERVER6)


def _iperf(wire, client, server):
    ravelin = wire.start_ravelin(rules=_IPERF_UDP)
    sent, lost = traffic.iperf_udp(wire, server, 8000)
    check.equal(lost, 0, f"datagrams lost of {sent}")
    check.at_least(sent, 300, "datagrams sent")
    check.at_least(_received(ravelin), 6 * sent, "fragments received")
    entry = check.one_entry(ravelin, "udp", src=client, dst=server, dport=traffic.IPERF_PORT)
    check.equal(entry.unreplied, False, f"unreplied of {entry}")
    check.equal(check.dropped(ravelin), {}, "drops")


def pings_of_4000_bytes(wire):
    """pings larger than the MTU are answered in both families, and leave nothing behind"""
    ravelin = wire.start_ravelin()
    for server in (SERVER4, SERVER6):
        check.equal(traffic.ping(wire.client, server, count=5, size=4000), (5, 5),
                    f"ping {server}")
    check.at_least(_received(ravelin), 2 * 2 * 5 * 3, "fragments received")
    check.no_entry(ravelin, "icmp")
    check.no_entry(ravelin, "icmpv6")
    check.equal(check.dropped(ravelin), {}, "drops")


def openvpn_tunnel_in_fragments(wire):
    """an OpenVPN tunnel whose own packets are larger than the MTU loses nothing"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire, ("--tun-mtu", "3000", "--mssfix", "0"))
    vpn.connect()
    before = _received(ravelin)
    check.equal(vpn.ping(10, size=2800), (10, 10), "pings through the tunnel")
    check.at_least(_received(ravelin) - before, 2 * 2 * 10, "fragments received")
    entry = check.one_entry(ravelin, "udp", src=CLIENT4, dst=SERVER4, dport=traffic.OPENVPN_PORT)
    check.state(entry, 300, assured=True, slack=10)
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def error_in_fragments(wire):
    """an ICMP error that comes in fragments is RELATED to the connection that it quotes"""
    from scapy.all import (ICMP, IP, UDP, ICMPv6DestUnreach, IPv6, IPv6ExtHdrFragment, Raw,
                           fragment, fragment6)
    ravelin = wire.start_ravelin()
    payload = b"x" * 900
    for client, server, router in ((CLIENT4, SERVER4, ROUTER4), (CLIENT6, SERVER6, ROUTER6)):
        echo = traffic.Echo(wire, server, 4000, client)
        echo.request(payload)
        echo.reply()
        ports = UDP(sport=echo.client_port, dport=4000)
        if client == CLIENT4:
            quoted = IP(src=client, dst=server) / ports / Raw(payload)
            whole = IP(src=router, dst=client, id=77) / ICMP(type=3, code=1) / quoted
            pieces = fragment(IP(bytes(whole)), 400)
        else:
            quoted = IPv6(src=client, dst=server) / ports / Raw(payload)
            whole = (IPv6(src=router, dst=client) / IPv6ExtHdrFragment(id=77) /
                     ICMPv6DestUnreach(code=0) / quoted)
            pieces = fragment6(IPv6(bytes(whole)), 500)
        before = check.related(ravelin)
        with Ends(wire) as ends:
            for piece in pieces[:-1]:
                ends.send("inside", bytes(ethernet("inside") / piece))
            ends.cross("inside", bytes(ethernet("inside") / pieces[-1]))
        check.equal(check.related(ravelin) - before, len(pieces), "fragments classified RELATED")
        echo.close()
    check.equal(check.dropped(ravelin), {}, "drops")


def ports_hidden_in_an_overlap(wire):
    """a datagram whose fragments overlap with other ports reaches nobody"""
    from scapy.all import IP, UDP, Raw
    ravelin = wire.start_ravelin()
    good = bytes(UDP(sport=4100, dport=4001, chksum=0, len=24) / Raw(b"0123456789abcdef"))
    evil = bytes(UDP(sport=4100, dport=22, chksum=0, len=24) / Raw(b"0123456789abcdef"))

    def piece(data, offset, length, more):
        return bytes(ethernet("outside") / IP(src=CLIENT4, dst=SERVER4, id=99, proto=17,
                                              frag=offset // 8, flags="MF" if more else 0) /
                     Raw(data[offset:offset + length]))
    with Ends(wire) as ends:
        for frame in (piece(good, 0, 8, True), piece(evil, 0, 16, True),
                      piece(good, 8, 16, False)):
            ends.send("outside", frame)
    check.wait_dropped(ravelin, "fragment_overlap", 3)
    check.no_entry(ravelin, "udp", dport=4001)
    check.no_entry(ravelin, "udp", dport=22)


def fragments_held_at_the_end(wire):
    """fragments whose rest never came don't hold up the end of ravelind"""
    from scapy.all import IP, UDP, Raw, fragment
    ravelin = wire.start_ravelin()
    pieces = fragment(IP(bytes(IP(src=CLIENT4, dst=SERVER4, id=5) / UDP(sport=1, dport=4000) /
                               Raw(b"x" * 3000))), 1400)
    with Ends(wire) as ends:
        ends.send("outside", bytes(ethernet("outside") / pieces[0]))
    check.wait_metric(ravelin, "ravelin_fragment_datagrams", 1)
    check.equal(ravelin.metrics().sum("ravelin_held_packets"), 1, "packets held")


ALL = (iperf_datagrams_of_8000_bytes_ipv4, iperf_datagrams_of_8000_bytes_ipv6, pings_of_4000_bytes,
       openvpn_tunnel_in_fragments, error_in_fragments, ports_hidden_in_an_overlap,
       fragments_held_at_the_end)
