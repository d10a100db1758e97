# SPDX-License-Identifier: BSD-3-Clause
"""Frames made with scapy, sent into one end of the wire and awaited at the other."""

import logging
import time

# scapy warns about link types of captures that are meant to be so.
logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.all import TCP, Ether  # noqa: E402

from .netns import LabError  # noqa: E402

OUTSIDE_MAC, INSIDE_MAC = "02:00:00:00:aa:01", "02:00:00:00:bb:02"


def ethernet(side):
    """The Ethernet header of a frame that enters at this side ('outside' or 'inside')."""
    if side == "outside":
        return Ether(src=OUTSIDE_MAC, dst=INSIDE_MAC)
    return Ether(src=INSIDE_MAC, dst=OUTSIDE_MAC)


def tcp_talk(network, client, server, sport, dport, flags):
    """A TCP conversation as [(side, frame)]. flags: "c:S s:SA c:A c:PA5 s:A c:FA ..." where c and
    s say who speaks and a number how many bytes; sequence numbers follow by themselves."""
    sequence = {"c": 1000, "s": 5000}
    frames = []
    for word in flags.split():
        who, kind = word.split(":")
        letters = kind.rstrip("0123456789")
        data = b"x" * int(kind[len(letters):] or 0)
        here, there = (client, server) if who == "c" else (server, client)
        ports = {"sport": sport, "dport": dport} if who == "c" else {"sport": dport,
                                                                    "dport": sport}
        other = "s" if who == "c" else "c"
        options = [("MSS", 1460), ("WScale", 7)] if "S" in letters else []
        side = "outside" if who == "c" else "inside"
        frames.append((side, bytes(
            ethernet(side) / network(src=here, dst=there) /
            TCP(**ports, flags=letters, seq=sequence[who], window=8192, options=options,
                ack=sequence[other] if "A" in letters else 0) / data)))
        sequence[who] += len(data) + ("S" in letters) + ("F" in letters)
    return frames


class Ends:
    """Packet sockets at both ends of a wire."""

    def __init__(self, wire):
        self._sockets = {"outside": wire.client.raw("eth0"), "inside": wire.router.raw("eth0")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in self._sockets.values():
            end.close()

    def send(self, side, frame):
        self._sockets[side].send(frame)

    def cross(self, side, frame, seconds=3.0):
        """Sends the frame in at one side and waits until it comes out, unchanged, at the other."""
        other = self._sockets["inside" if side == "outside" else "outside"]
        self.send(side, frame)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            other.settimeout(left)
            try:
                got = other.recv(65535)
            except TimeoutError:
                break
            if got == frame:
                return
        raise LabError(f"did not cross from {side} within {seconds} s: {Ether(frame)!r}")
