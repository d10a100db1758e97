# SPDX-License-Identifier: BSD-3-Clause
"""Writes the captures of the container's demo: container_captures.py FOLDER

live-outside.pcap, live-inside.pcap: what two live ports receive. Everything from outside comes
before everything from inside, so the conversations are such that this order makes sense.
replay-outside.pcap, replay-inside.pcap: a TCP conversation with a forgery, and its times.
"""

import os
import sys

from scapy.all import ICMP, IP, TCP, UDP, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, wrpcap

CLIENT, SERVER, ROUTER = "198.51.100.2", "192.0.2.20", "198.51.100.1"
CLIENT6, SERVER6 = "2001:db8:a::2", "2001:db8:b::20"
OUTSIDE = Ether(src="02:00:00:00:aa:01", dst="02:00:00:00:bb:02")
INSIDE = Ether(src="02:00:00:00:bb:02", dst="02:00:00:00:aa:01")
START = 1700000000.0


def up(*layers):
    return _stack(OUTSIDE, IP(src=CLIENT, dst=SERVER), *layers)


def down(*layers, source=SERVER):
    return _stack(INSIDE, IP(src=source, dst=CLIENT), *layers)


def _stack(*layers):
    packet = layers[0]
    for layer in layers[1:]:
        packet = packet / layer
    return packet


def openvpn(*, reply):
    """An OpenVPN hard reset, or its answer: opcode, session id, and so on."""
    data = bytes([0x40 if reply else 0x38]) + b"sessions" + bytes(5)
    return (down(UDP(sport=1194, dport=40000), data) if reply
            else up(UDP(sport=40000, dport=1194), data))


def live():
    """(outside, inside)"""
    asked = IP(src=CLIENT, dst=SERVER) / UDP(sport=40001, dport=33434) / b"trace"
    outside = [
        openvpn(reply=False), openvpn(reply=False),
        up(ICMP(type=8, id=7, seq=1), b"ping"),
        _stack(OUTSIDE, IPv6(src=CLIENT6, dst=SERVER6), ICMPv6EchoRequest(id=8, seq=1)),
        up(UDP(sport=40001, dport=33434), b"trace"),
        up(UDP(sport=40002, dport=7777), b"nobody answers"),
        *(up(TCP(sport=50000, dport=port, flags="S")) for port in range(1, 11)),
        up(TCP(sport=50001, dport=5201, flags="FPU")),
    ]
    inside = [
        openvpn(reply=True),
        down(ICMP(type=0, id=7, seq=1), b"ping"),
        _stack(INSIDE, IPv6(src=SERVER6, dst=CLIENT6), ICMPv6EchoReply(id=8, seq=1)),
        down(ICMP(type=11, code=0), asked, source=ROUTER),
        down(ICMP(type=0, id=99, seq=1), b"never asked for"),
    ]
    return outside, inside


def replay():
    """[(from outside, packet)] in their order."""
    numbers = {True: 1000, False: 9000}
    script = []
    for outside, flags, data in ((True, "S", b""), (False, "SA", b""), (True, "A", b""),
                                 (True, "PA", b"hello"), (False, "A", b""), (False, "PA", b"world"),
                                 (True, "A", b""), (False, "FA", b""), (True, "FA", b""),
                                 (False, "A", b"")):
        ports = (45000, 5201) if outside else (5201, 45000)
        tcp = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=numbers[outside],
                  ack=numbers[not outside] if "A" in flags else 0)
        script.append((outside, (up if outside else down)(tcp, data)))
        numbers[outside] += len(data) + ("S" in flags) + ("F" in flags)
        if flags == "PA" and outside:
            script.append((False, down(TCP(sport=5201, dport=45000, flags="R", seq=77, ack=0))))
    script.append((True, up(TCP(sport=45001, dport=5201, flags="A", seq=1, ack=1))))
    return script


def main():
    folder = sys.argv[1]
    captures = dict(zip(("live-outside", "live-inside"), live()))
    for name in ("replay-outside", "replay-inside"):
        captures[name] = []
    for i, (outside, packet) in enumerate(replay()):
        packet.time = START + i * 0.01
        captures["replay-outside" if outside else "replay-inside"].append(packet)
    for name, packets in captures.items():
        wrpcap(os.path.join(folder, name + ".pcap"), packets)


if __name__ == "__main__":
    main()
