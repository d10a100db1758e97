# SPDX-License-Identifier: BSD-3-Clause
"""Declared VPN services under a flood of handshakes."""

import struct
import time

from lab import traffic, vpns
from lab.config import OUTSIDE_RULES
from lab.flood import Flood, forged
from lab.netns import LabError, wait_until
from lab.wire import SERVER4

from . import check
from .tunnel_checks import between

_FORGED_INDEX = 0xdeadbeef


def _service(wire, words, rules):
    return wire.config(rules=rules,
                       extra=f"services:\n  - {{name: vpn, address: {SERVER4}, {words}}}\n")


def _forged_initiation(chance):
    """WireGuard's first packet, with whatever for a mac1."""
    return struct.pack("<II", 1, _FORGED_INDEX) + chance.randbytes(140)


def _forged_reset(chance):
    """OpenVPN's first packet: HARD_RESET_CLIENT_V2 of a session that nobody will go on with."""
    return b"\x38" + chance.randbytes(8) + b"\0" + b"\0\0\0\0"


def _arrived(socket, mark):
    """How many frames with these bytes have come out at an end of the wire."""
    socket.setblocking(False)
    count = 0
    while True:
        try:
            count += mark in socket.recv(65535)
        except BlockingIOError:
            return count


def forged_initiations_reach_nobody(wire):
    """36,000 WireGuard initiations a second with a wrong mac1: the server sees none of them, and a
    client's handshake completes meanwhile (E12)"""
    ravelin = wire.start_ravelin(rules=vpns.RULES)
    tunnel = vpns.WireGuard(wire, keepalive=1)
    check.equal(tunnel.ping(2), (2, 2), "pings before")
    ravelin.reload(_service(wire, f"vpn: wireguard, ports: {vpns.WIREGUARD_PORT}, "
                                  f"public_key: {tunnel.server_key}", vpns.RULES))
    tunnel.client.stop()
    inside = wire.router.raw("eth0")
    with Flood(wire, forged(4096, SERVER4, vpns.WIREGUARD_PORT, _forged_initiation),
               36000) as flood:
        time.sleep(0.3)
        begun = time.monotonic()
        tunnel.start_client()
        wait_until(lambda: tunnel.ping(1) == (1, 1), 10, "a ping through the new tunnel")
        took = time.monotonic() - begun
        time.sleep(max(0.0, 2.0 - took))
    check.equal(_arrived(inside, struct.pack("<II", 1, _FORGED_INDEX)), 0,
                "forged initiations at the server")
    inside.close()
    refused = wait_until(lambda: check.dropped(ravelin).get("vpn_mac1", 0), 5, "drops by mac1")
    check.at_least(flood.sent, 30000, "forged initiations")
    # What the packet socket of the port had no room for was never received.
    between(refused, flood.sent * 0.5, flood.sent, "drops by mac1")
    check.equal(set(check.dropped(ravelin)), {"vpn_mac1"}, "reasons for drops")
    check.equal(tunnel.ping(3), (3, 3), "pings after")
    tunnel.stop()


def forged_resets_keep_no_client_out(wire):
    """1,000 OpenVPN resets a second from forged addresses: a client that nobody knows connects
    within 3 s, one that was here before at once (E16)"""
    ravelin = wire.start_ravelin(_service(
        wire, "vpn: openvpn, ports: 1194, handshakes_per_second: 8", OUTSIDE_RULES))
    vpn = traffic.OpenVpn(wire)
    with Flood(wire, forged(40000, SERVER4, traffic.OPENVPN_PORT, _forged_reset), 1000) as flood:
        time.sleep(2)
        begun = time.monotonic()
        vpn.connect()
        unknown = time.monotonic() - begun
        check.equal(vpn.ping(3), (3, 3), "pings through the tunnel under the flood")
        vpn.client.stop()
        begun = time.monotonic()
        vpn.connect()
        known = time.monotonic() - begun
        check.equal(vpn.ping(3), (3, 3), "pings through the second tunnel")
    if unknown >= 3 or known >= 2:
        raise LabError(f"connected after {unknown:.1f} s, and again after {known:.1f} s")
    drops = check.dropped(ravelin)
    check.at_least(drops.get("vpn_service_limit", 0), flood.sent * 0.9, "drops by the budget")
    print(f"    unknown client {unknown:.2f} s, known client {known:.2f} s, "
          f"{flood.sent} forged resets")
    vpn.stop()


ALL = (forged_initiations_reach_nobody, forged_resets_keep_no_client_out)
