# SPDX-License-Identifier: BSD-3-Clause
"""Many small packets from forged addresses, made beforehand and sent at a steady rate."""

import ipaddress
import itertools
import random
import struct
import threading
import time

from .frames import INSIDE_MAC, OUTSIDE_MAC


def _checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp_frame(source, sport, destination, dport, payload):
    """One frame from outside. Its UDP checksum is left out, as IPv4 allows (RFC 768)."""
    macs = bytes.fromhex((INSIDE_MAC + OUTSIDE_MAC).replace(":", ""))
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed
    start = struct.pack("!BBHHHBB", 0x45, 0, 28 + len(payload), 0, 0, 64, 17)
    header = start + struct.pack("!H", _checksum(start + b"\0\0" + ends)) + ends
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    return macs + b"\x08\x00" + header + udp + payload


def forged(count, destination, dport, payload, seed=1):
    """`count` frames from about as many addresses; payload(random) makes what each one carries."""
    chance = random.Random(seed)
    network = int(ipaddress.IPv4Address("203.0.0.0"))
    return [udp_frame(network + chance.randrange(1 << 24), chance.randrange(1024, 65535),
                      destination, dport, payload(chance)) for _ in range(count)]


class Flood:
    """Sends frames in at the outside end until its block ends."""

    def __init__(self, wire, frames, per_second):
        self._socket = wire.client.raw("eth0")
        self._frames = itertools.cycle(frames)
        self._rate = per_second
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _run(self):
        begun = time.monotonic()
        while not self._ended.is_set():
            due = int((time.monotonic() - begun) * self._rate) - self.sent
            for frame in itertools.islice(self._frames, min(max(due, 0), 256)):
                self._socket.send(frame)
                self.sent += 1
            if due < 1:
                time.sleep(0.0005)
