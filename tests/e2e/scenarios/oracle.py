# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own conntrack is the reference: same frames, same lines."""

from scapy.all import (ESP, GRE, ICMP, IP, SCTP, UDP, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6,
                       SCTPChunkAbort, SCTPChunkCookieAck, SCTPChunkCookieEcho, SCTPChunkData,
                       SCTPChunkHeartbeatAck, SCTPChunkHeartbeatReq, SCTPChunkInit,
                       SCTPChunkInitAck, SCTPChunkShutdown, SCTPChunkShutdownAck,
                       SCTPChunkShutdownComplete)

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


def _calls():
    """GRE of PPTP: a call id in each direction, one that both use, and 0, which is no key."""
    frames = []
    for who, call in (("c", 7), ("c", 7), ("s", 9), ("s", 7), ("c", 0), ("s", 0)):
        side = "outside" if who == "c" else "inside"
        ends = {"src": A4, "dst": B4} if who == "c" else {"src": B4, "dst": A4}
        header = bytes.fromhex("3001880b0004") + call.to_bytes(2, "big") + bytes(4)
        frames.append((side, bytes(ethernet(side) / IP(**ends, proto=47) / (header + b"ppp."))))
    return frames


# Verification tags by who must send them, and what each word of a life below stands for.
_TAGS = {"c": 0x2222, "s": 0x1111}
_CHUNKS = {
    "init": lambda who: SCTPChunkInit(init_tag=_TAGS["s" if who == "c" else "c"]),
    "initack": lambda who: SCTPChunkInitAck(init_tag=_TAGS["s" if who == "c" else "c"]),
    "echo": lambda _: SCTPChunkCookieEcho(cookie=b"cookie.."),
    "ack": lambda _: SCTPChunkCookieAck(),
    "data": lambda _: SCTPChunkData(data=b"data"),
    "beat": lambda _: SCTPChunkHeartbeatReq(),
    "beatack": lambda _: SCTPChunkHeartbeatAck(),
    "shut": lambda _: SCTPChunkShutdown(cumul_tsn_ack=1),
    "shutack": lambda _: SCTPChunkShutdownAck(),
    "complete": lambda _: SCTPChunkShutdownComplete(),
    "abort": lambda _: SCTPChunkAbort(),
}


def _associations(network, client, server):
    """SCTP in every state that lasts long enough to be compared, and those of 3 s at the end."""
    up = "c:init s:initack c:echo s:ack"
    lives = ("c:init", up, f"{up} c:data s:data", f"{up} c:abort", f"{up} s:abort",
             f"{up} c:shut s:shutack c:complete", "c:beat", "c:beat s:beatack c:data",
             "c:init s:initack", "c:init s:initack c:echo", f"{up} c:shut", f"{up} s:shut",
             f"{up} c:shut s:shutack")
    frames = []
    for i, life in enumerate(lives):
        for word in life.split():
            who, kind = word.split(":")
            side = "outside" if who == "c" else "inside"
            ends, ports = (({"src": client, "dst": server}, {"sport": 31000 + i, "dport": 7000})
                           if who == "c" else
                           ({"src": server, "dst": client}, {"sport": 7000, "dport": 31000 + i}))
            frames.append((side, bytes(
                ethernet(side) / network(**ends) /
                SCTP(**ports, tag=0 if kind == "init" else _TAGS[who]) / _CHUNKS[kind](who))))
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


def kernel_says_the_same_about_pptp(wire):
    """`flows -o conntrack` equals `conntrack -L` byte for byte: GRE with call ids"""
    _compare(wire, _calls())


def kernel_says_the_same_about_sctp(wire):
    """`flows -o conntrack` equals `conntrack -L` byte for byte: SCTP in all its states"""
    _compare(wire, _associations(IP, A4, B4) + _associations(IPv6, A6, B6))


ALL = (kernel_says_the_same_about_tcp, kernel_says_the_same_about_udp,
       kernel_says_the_same_about_icmp_esp_gre, kernel_says_the_same_about_pptp,
       kernel_says_the_same_about_sctp)
