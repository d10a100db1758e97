# SPDX-License-Identifier: BSD-3-Clause
"""`ravelind --replay`: captures in, one verdict line per packet out, exactly."""

import json
import os
import re

from scapy.all import (ICMP, IP, TCP, UDP, Ether, IPv6, Raw,
                       rdpcap, wrpcap)

from lab.config import wire_config
from lab.daemon import binary
from lab.frames import ethernet, tcp_talk
from lab.netns import LabError, run

from . import check
from .lifecycle import NOBODY

CLIENT, SERVER, ROUTER = "198.51.100.2", "192.0.2.20", "198.51.100.1"
_START = 1700000000
_LINE = re.compile(r'^\{"n":(\d+),"ts":"(\d+\.\d{6})","port":"(\w+)","class":"(\w+)",'
                   r'"verdict":"(\w+)","reason":"(\w*)","flow":(\d+|null)\}$')


def _frame(side, *layers):
    packet = ethernet(side)
    for layer in layers:
        packet = packet / layer
    return side, packet


def _up(*layers):
    return _frame("outside", IP(src=CLIENT, dst=SERVER), *layers)


def _down(*layers):
    return _frame("inside", IP(src=SERVER, dst=CLIENT), *layers)


class _Replay:
    """Writes the script's frames to two captures, replays them as nobody, reads what came out."""

    def __init__(self, wire, script, step=0.01, conntrack="", extra=()):
        folder = wire.folder
        os.chmod(folder, 0o777)
        self.path = {name: os.path.join(folder, name) for name in
                     ("outside.pcap", "inside.pcap", "verdicts.jsonl", "forwarded.pcap",
                      "dropped.pcap", "flows.txt", "replay.yaml")}
        for side in ("outside", "inside"):
            frames = []
            for i, (where, frame) in enumerate(script):
                if where == side:
                    packet = Ether(bytes(frame))
                    packet.time = _START + round(i * step, 6)
                    frames.append(packet)
            wrpcap(self.path[f"{side}.pcap"], frames)
        with open(self.path["replay.yaml"], "w", encoding="utf-8") as file:
            file.write(wire_config(folder, conntrack=conntrack))
        for path in self.path.values():
            if os.path.exists(path):
                os.chmod(path, 0o644)
        self.done = run(
            [*NOBODY, binary("ravelind"), "--replay",
             f"outside={self.path['outside.pcap']},inside={self.path['inside.pcap']}",
             "--config", self.path["replay.yaml"], "--verdicts", self.path["verdicts.jsonl"],
             "--forwarded", self.path["forwarded.pcap"], "--dropped", self.path["dropped.pcap"],
             "--flows", self.path["flows.txt"], *extra])
        self.lines = self._text("verdicts.jsonl").splitlines()
        self.flows = self._text("flows.txt").splitlines()

    def _text(self, name):
        with open(self.path[name], encoding="utf-8") as file:
            return file.read()

    def verdicts(self):
        """[(port, class, verdict, reason)]; checks the lines' form and numbering on the way."""
        found = []
        for i, line in enumerate(self.lines):
            match = _LINE.match(line)
            if not match:
                raise LabError(f"not a verdict line: {line}")
            check.equal(int(match.group(1)), i + 1, "n")
            found.append(match.group(3, 4, 5, 6))
        return found


def exact_verdicts(wire):
    """every kind of packet gets its line, in the captures' order and with their times"""
    syn, *rest = tcp_talk(IP, CLIENT, SERVER, 40000, 5201, "c:S s:SA c:A c:PA5 s:A")
    asked = IP(src=CLIENT, dst=SERVER) / UDP(sport=40001, dport=4000) / Raw(b"asked")
    script = [
        (_up(UDP(sport=40001, dport=4000), Raw(b"asked")), "NEW", "forward", ""),
        (_down(UDP(sport=4000, dport=40001), Raw(b"answer")), "ESTABLISHED", "forward", ""),
        (_up(UDP(sport=40001, dport=9), Raw(b"x")), "NEW", "drop", "policy_default"),
        (_up(ICMP(type=8, id=7, seq=1), Raw(b"ping")), "NEW", "forward", ""),
        (_down(ICMP(type=0, id=7, seq=1), Raw(b"ping")), "ESTABLISHED", "forward", ""),
        (_down(ICMP(type=0, id=7, seq=2), Raw(b"ping")), "STALE", "drop", "stale"),
        ((syn[0], Ether(syn[1])), "NEW", "forward", ""),
        *(((side, Ether(frame)), "ESTABLISHED", "forward", "") for side, frame in rest),
        (_up(TCP(sport=41000, dport=5201, flags="A", seq=5, ack=5)), "INVALID", "drop",
         "tcp_no_connection"),
        (_frame("inside", IP(src=ROUTER, dst=CLIENT), ICMP(type=11, code=0), asked), "RELATED",
         "forward", ""),
        (_frame("inside", IP(src=ROUTER, dst="198.51.100.9"), ICMP(type=11, code=0), asked),
         "INVALID", "drop", "icmp_error_destination"),
        (_frame("outside", IP(src=CLIENT, dst=SERVER, options=[b"\x07\x07\x04\0\0\0\0\0"]),
                UDP(sport=1, dport=4000)), "INVALID", "drop", "ipv4_options"),
        (("outside", Ether(dst="ff:ff:ff:ff:ff:ff", type=0x0806) / Raw(bytes(28))), "NONE",
         "forward", ""),
        (("outside", Ether(dst="01:80:c2:00:00:0e", type=0x88cc) / Raw(bytes(46))), "NONE",
         "drop", "ethertype_unsupported"),
    ]
    replay = _Replay(wire, [frame for frame, *_ in script])
    wanted = [(frame[0], *rest) for frame, *rest in script]
    seen = replay.verdicts()
    for i, (one, other) in enumerate(zip(seen, wanted)):
        check.equal(one, other, f"verdict of packet {i + 1}")
    check.equal(len(seen), len(wanted), "verdicts")
    check.contains(replay.lines[1], f'"ts":"{_START}.010000"', "the second packet's time")
    forwarded = sum(1 for _, _, verdict, _ in wanted if verdict == "forward")
    check.equal(len(rdpcap(replay.path["forwarded.pcap"])), forwarded, "packets forwarded")
    check.equal(len(rdpcap(replay.path["dropped.pcap"])), len(wanted) - forwarded,
                "packets dropped")
    check.equal(sorted(line.split()[0] for line in replay.flows), ["tcp", "udp"],
                "connections that are left")


def time_is_the_captures(wire):
    """timeouts run on the captures' clock: 30 s of silence end an unanswered UDP entry"""
    frame = _up(UDP(sport=40001, dport=4000), Raw(b"x"))
    stale = _down(UDP(sport=4000, dport=40001), Raw(b"late"))
    quick = _Replay(wire, [frame, stale], step=29.5)
    check.equal([line[1] for line in quick.verdicts()], ["NEW", "ESTABLISHED"], "after 29.5 s")
    late = _Replay(wire, [frame, frame], step=31)
    check.equal([line[1] for line in late.verdicts()], ["NEW", "NEW"], "after 31 s")
    flows = [json.loads(line)["flow"] for line in late.lines]
    check.equal(flows[0] != flows[1], True, "the second is another connection")


def damaged_packets_have_reasons(wire):
    """packets cut at every length, in both families, end with a reason and never crash"""
    whole = bytes(_up(TCP(sport=40000, dport=5201, flags="S"))[1])
    six = bytes(_frame("outside", IPv6(src="2001:db8:a::2", dst="2001:db8:b::20"),
                       UDP(sport=40000, dport=4000), Raw(b"x" * 20))[1])
    script = [("outside", Ether(frame[:length])) for frame in (whole, six)
              for length in range(14, len(frame))]
    replay = _Replay(wire, script)
    for port, kind, verdict, reason in replay.verdicts():
        del port
        if verdict != "drop" or not reason:
            raise LabError(f"a truncated packet was {kind}, {verdict}")


def errors_of_replay(wire):
    """a missing file, a file that is no capture and another link type are clear errors"""
    config = wire.path("replay.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(wire_config(wire.folder))
    text = wire.path("text.pcap")
    with open(text, "w", encoding="utf-8") as file:
        file.write("this is no capture, but it is long enough to be read as one\n")
    raw_ip = wire.path("raw.pcap")
    wrpcap(raw_ip, [IP(src=CLIENT, dst=SERVER) / UDP()], linktype=101)
    for path in (wire.path("missing.pcap"), text, raw_ip):
        done = run([binary("ravelind"), "--replay", f"outside={path}", "--config", config],
                   check=False)
        if done.code <= 0:
            raise LabError(f"no failure:\n{done}")
        check.contains(done.out + done.err, os.path.basename(path), "the message")
    check.contains(done.out + done.err, "Ethernet", "the message about another link type")


ALL = (exact_verdicts, time_is_the_captures, damaged_packets_have_reasons, errors_of_replay)
