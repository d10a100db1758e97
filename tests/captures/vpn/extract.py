#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the UDP packets of a capture as text, one a line, for tests that need a tunnel's shape and
not its contents:

    seconds  C or S  client's port  server's port  length  first bytes in hex

What is left out is zero. The client is whoever has an address in --client. Ethernet, IPv4, pcap.

extract.py --client 10.91.1. [--keep BYTES] capture.pcap >capture.txt
"""

import argparse
import struct


def packets(path):
    """(seconds, frame) of a pcap file in this machine's byte order."""
    with open(path, "rb") as file:
        data = file.read()
    fraction = {0xA1B2C3D4: 1e6, 0xA1B23C4D: 1e9}[struct.unpack_from("=I", data)[0]]
    at = 24
    while at + 16 <= len(data):
        seconds, part, length, _ = struct.unpack_from("=IIII", data, at)
        yield seconds + part / fraction, data[at + 16:at + 16 + length]
        at += 16 + length


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--client", required=True)
    parser.add_argument("--keep", type=int, default=48)
    parser.add_argument("capture")
    options = parser.parse_args()
    begun = None
    for seconds, frame in packets(options.capture):
        if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[20] & 0x3f or frame[21]:
            continue
        begun = seconds if begun is None else begun
        source = ".".join(map(str, frame[26:30]))
        udp = 14 + 4 * (frame[14] & 15)
        ports = struct.unpack_from(">HH", frame, udp)
        length = struct.unpack_from(">H", frame, udp + 4)[0] - 8
        payload = frame[udp + 8:udp + 8 + length]
        client = source.startswith(options.client)
        print(f"{seconds - begun:.6f} {'C' if client else 'S'} {ports[not client]} {ports[client]} "
              f"{length} {payload[:options.keep].hex()}")


if __name__ == "__main__":
    main()
