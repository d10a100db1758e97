# SPDX-License-Identifier: BSD-3-Clause
"""Captures of tunnels, through `ravelind --replay`: what it tells about the tunnels in them."""

import collections
import json
import os
import struct
import tempfile

from .config import wire_config
from .daemon import binary
from .netns import LabError, run

# The ports of the daemons in the captures; all else from outside is refused, and so is whatever
# the inside begins: answers have to be known as answers.
RULES = """\
rules:
  - {name: vpn, from: outside, protocol: udp, action: allow,
     destination_ports: [443, 500, 1194, 4443, 4500, 51820]}
  - {name: anyconnect, from: outside, protocol: tcp, destination_ports: [443, 4443], action: allow}
"""


class Capture:
    """The frames of one pcap file, with the side that each came from."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            data = file.read()
        try:
            order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[data[:4]]
        except KeyError:
            raise LabError(f"{path} is no pcap file with microseconds") from None
        self._head = data[:24]
        self.frames = []  # (seconds, the frame with its header, side)
        at, client = 24, None
        while at + 16 <= len(data):
            seconds, micros, length = struct.unpack_from(order + "III", data, at)
            whole, frame = data[at:at + 16 + length], data[at + 16:at + 16 + length]
            at += 16 + length
            # Whoever speaks IP first is the client; its addresses may change, its card doesn't.
            if client is None and frame[12:14] == b"\x08\x00":
                client = frame[6:12]
            side = "outside" if frame[6:12] == client else "inside"
            self.frames.append((seconds + micros / 1e6, whole, side))
        if client is None:
            raise LabError(f"{path} has no IPv4 packet")

    @property
    def begun(self):
        """Unix time of the first packet."""
        return self.frames[0][0]

    def write(self, side, path):
        """What came from that side, as a capture of its own."""
        with open(path, "wb") as file:
            file.write(self._head)
            file.writelines(whole for _, whole, where in self.frames if where == side)


class Replayed:
    """What ravelind says about a capture."""

    def __init__(self, capture, folder, conntrack="", extra=""):
        path = {name: os.path.join(folder, name) for name in
                ("outside.pcap", "inside.pcap", "replay.yaml", "verdicts.jsonl", "tunnels.jsonl")}
        for side in ("outside", "inside"):
            capture.write(side, path[f"{side}.pcap"])
        text = wire_config(folder, rules=RULES, conntrack=conntrack, extra=extra)
        with open(path["replay.yaml"], "w", encoding="utf-8") as file:
            file.write(text.replace("inside: inside}", "inside: inside, "
                                    "default: {from_inside: drop}}"))
        self.done = run([binary("ravelind"), "--replay",
                         f"outside={path['outside.pcap']},inside={path['inside.pcap']}",
                         "--config", path["replay.yaml"], "--verdicts", path["verdicts.jsonl"],
                         "--tunnels", path["tunnels.jsonl"]])
        self.packets = _lines(path["verdicts.jsonl"])
        self.events = _lines(path["tunnels.jsonl"])
        for event in self.events:
            event["at"] = round(event["time"] - capture.begun, 3)

    def kinds(self):
        return [event["kind"] for event in self.events]

    def verdicts(self):
        return [event["verdict"] for event in self.events if event["kind"] == "verdict"]


def _lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# What else a capture is replayed with than the defaults: (name's end, conntrack's lines, others).
VARIANTS = {
    "openvpn_nat_timeout": (
        ("_fixed_timeouts", "  timeouts: {udp_unreplied: 2s, udp_replied: 2s}\n",
         "tunnels: {adaptive_timeouts: false}\n"),
        ("_adaptive_timeouts", "  timeouts: {udp_unreplied: 2s, udp_replied: 2s}\n", "")),
}


def golden_names(folder):
    """(name of the golden file, path of its capture, variant) of each that is to be compared."""
    for file in sorted(os.listdir(folder)):
        name, end = os.path.splitext(file)
        if end == ".pcap":
            path = os.path.join(folder, file)
            yield name, path, ("", "", "")
            for variant in VARIANTS.get(name, ()):
                yield name + variant[0], path, variant


def golden_text(path, variant=("", "", "")):
    """All that ravelind says about a capture: what became of its packets, then the tunnels' events,
    one a line, with seconds since the first packet."""
    with tempfile.TemporaryDirectory(prefix="ravelin-replay-") as folder:
        replayed = Replayed(Capture(path), folder, variant[1], variant[2])
    became = collections.Counter(
        " ".join(filter(None, (packet["class"], packet["verdict"], packet["reason"])))
        for packet in replayed.packets)
    lines = [{"packets": dict(sorted(became.items()))}]
    lines += [{key: event[key] for key in
               ("at", "id", "kind", "vpn", "state", "client", "server", "verdict", "explanation")
               if key in event} for event in replayed.events]
    return "".join(json.dumps(line) + "\n" for line in lines)
