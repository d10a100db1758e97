# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own conntrack is the reference: same frames, same lines."""

from scapy.all import (ESP, GRE, ICMP, IP, UDP, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6)

from lab import conntrack
from lab.frames import Ends, ethernet, tcp_talk
from lab.netns import LabError
from lab.wire import Wire

A4, B4, A6, B6 = "203.0.113.5", "203.0.113.77", "2001:db8:c::5", "2001:db8:c::77"
_ALLOW_ALL = "rules:\n  - {name: all, from: outside, action: allow}\n"


def _datagrams(network, client, server):
    """UDP one way, UDP answered, and more of it."""
    frames = []
    for port, talk in ((4100, "c"), (4101, "cs"), (4102, "ccscs")):
        for who in talk:
            side = "outside" if who == "c" else "inside"
            ends = ({"src": client, "dst": server} if who == "c"
                    else {"src": server, "dst": client})
            ports = ({"sport": 30000, "dport": port} if who == "c"
                     else {"sport": port, "dport": 30000})
            frames.append((side, bytes(ethernet(side) / network(**ends) / UDP(**ports) / b"data")))
    return frames


def _conversations(network, client, server):
    """TCP in every state that an ordinary life of a connection has."""
    lives = ("c:S", "c:S s:SA", "c:S s:SA c:A", "c:S s:SA c:A c:PA5", "c:S s:SA c:A c:PA5 s:A",
             "c:S s:SA c:A c:FA", "c:S s:SA c:A c:FA s:A", "c:S s:SA c:A c:FA s:A s:FA",
             "c:S s:SA c:A c:FA s:A s:FA c:A", "c:S s:SA c:A s:R", "c:S c:S",
             "c:S s:SA c:A c:PA5 s:A s:PA900 c:A c:FA s:FA c:A")
    return [frame for i, life in enumerate(lives)
            for frame in tcp_talk(network, client, server, 20000 + i, 4200, life)]


def _queries():
    """Echo with and without an answer, both families."""
    def four(side, src, dst, kind, identifier):
        return side, bytes(ethernet(side) / IP(src=src, dst=dst) /
                           ICMP(type=kind, id=identifier, seq=1) / b"ping")

    def six(side, src, dst, kind, identifier):
        return side, bytes(ethernet(side) / IPv6(src=src, dst=dst) /
                           kind(id=identifier, seq=1, data=b"ping"))
    return [four("outside", A4, B4, 8, 71), four("outside", A4, B4, 8, 72),
            four("inside", B4, A4, 0, 72), six("outside", A6, B6, ICMPv6EchoRequest, 73),
            six("outside", A6, B6, ICMPv6EchoRequest, 74),
            six("inside", B6, A6, ICMPv6EchoReply, 74)]


def _others():
    """ESP and GRE, one way and both ways."""
    frames = []
    for last, talk in ((5, "c"), (6, "cs"), (7, "csc")):
        client, server = f"203.0.113.{last}", B4
        for who in talk:
            side = "outside" if who == "c" else "inside"
            ends = ({"src": client, "dst": server} if who == "c"
                    else {"src": server, "dst": client})
            frames.append((side, bytes(ethernet(side) / IP(**ends) /
                                       ESP(spi=0x1234, seq=1, data=b"x" * 40))))
            frames.append((side, bytes(ethernet(side) / IP(**ends) /
                                       GRE(proto=0x0800) / IP(src="10.0.0.1", dst="10.0.0.2"))))
    return frames


def _kernels_lines(frames):
    """`conntrack -L` of a bridge with br_netfilter that these frames have crossed."""
    with Wire(stand_in=True) as kernel:
        kernel.box.sysctl(**{"net__netfilter__nf_conntrack_acct": 1,
                             "net__bridge__bridge-nf-call-iptables": 1,
                             "net__bridge__bridge-nf-call-ip6tables": 1})
        kernel.box.run("nft", "-f", "-", text_in="""
            table inet lab {
                chain forward { type filter hook forward priority 0; ct state new accept; }
            }""")
        kernel.box.run("conntrack", "-F")
        with Ends(kernel) as ends:
            for side, frame in frames:
                ends.cross(side, frame)
            return [line for family in ("ipv4", "ipv6") for line in
                    kernel.box.run("conntrack", "-L", "-f", family).out.splitlines()]


def _compare(wire, frames):
    theirs = _kernels_lines(frames)
    ravelin = wire.start_ravelin(rules=_ALLOW_ALL, conntrack="  profile: linux\n")
    with Ends(wire) as ends:
        for side, frame in frames:
            ends.cross(side, frame)
        ours = ravelin.flows()
    mine = [line for line in ours if A4 in line or A6 in line or B4 in line]
    found = conntrack.differences(mine, [line for line in theirs
                                         if A4 in line or A6 in line or B4 in line])
    if not mine:
        raise LabError("no connection to compare")
    if found:
        raise LabError("\n".join(found))


def kernel_says_the_same_about_tcp(wire):
    """`flows -o conntrack` equals `conntrack -L` byte for byte: TCP in all its states"""
    _compare(wire, _conversations(IP, A4, B4) + _conversations(IPv6, A6, B6))


def kernel_says_the_same_about_udp(wire):
    """`flows -o conntrack` equals `conntrack -L` byte for byte: UDP"""
    _compare(wire, _datagrams(IP, A4, B4) + _datagrams(IPv6, A6, B6))


def kernel_says_the_same_about_icmp_esp_gre(wire):
    """`flows -o conntrack` equals `conntrack -L` byte for byte: echo, ESP, GRE"""
    _compare(wire, _queries() + _others())


ALL = (kernel_says_the_same_about_tcp, kernel_says_the_same_about_udp,
       kernel_says_the_same_about_icmp_esp_gre)
