#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Records the captures of this folder anew: real daemons in namespaces, tcpdump where Ravelin would
stand, and a file of marks that says what happened when. Afterwards --golden writes what ravelind
says about them, for a person to read before it is committed.

record.py [--list] [--golden] [name...]
"""

import argparse
import json
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "e2e"))

from lab.netns import end_on_sigterm, wait_until  # noqa: E402
from lab.recorded import golden_names, golden_text  # noqa: E402
from lab.vpn_daemons import (AnyConnect, OpenVpn, StrongSwan, WireGuard,  # noqa: E402
                             client_address)
from lab.wall_clock import FakeWallClock  # noqa: E402
from lab.wire import CLIENT4, Wire  # noqa: E402

NOTIFY = ("--explicit-exit-notify", "1")
KEEPALIVE = ("--keepalive", "1", "5")


class Tape:
    """A wire with a bridge in Ravelin's place, tcpdump on it, and marks."""

    def __init__(self, name):
        self.name, self.marks = name, []
        self.wire = Wire(stand_in=True)
        self._dump = self.wire.start(
            self.wire.box, "tcpdump", "-Z", "root", "-U", "-i", "rv-outside", "-w",
            self._path(".pcap"),
            "udp or icmp")
        self._dump.wait_for("listening on")

    def _path(self, end):
        return os.path.join(HERE, f"{self.name}{end}")

    def mark(self, text):
        self.marks.append([round(time.time(), 6), text])

    def wait(self, seconds, text=None):
        if text:
            self.mark(text)
        time.sleep(seconds)

    def close(self):
        self.mark("end")
        time.sleep(0.3)
        self._dump.signal(signal.SIGINT)
        self._dump.wait(5)
        with open(self._path("_marks.json"), "w", encoding="ascii") as file:
            file.write("[\n" + ",\n".join(json.dumps(mark) for mark in self.marks) + "\n]\n")
        self.wire.close()

    def openvpn(self, common=(), server=(), client=(), environment=None):
        vpn = OpenVpn(self.wire, (*common,), (*KEEPALIVE, *server), client, environment)
        vpn.connect()
        self.mark("connected")
        return vpn

    def secret(self, kind):
        path = self.wire.path(f"{kind}.key")
        self.wire.client.run("openvpn", "--genkey", "secret", path)
        return (f"--{kind}", path)


def openvpn_plain(tape):
    """handshake, pings through the tunnel, keepalives"""
    vpn = tape.openvpn()
    tape.mark("data")
    vpn.ping(2)
    tape.wait(6, "idle")


def openvpn_tls_crypt(tape):
    """the same in tls-crypt; then the client ends with an exit notice and comes back"""
    vpn = tape.openvpn(tape.secret("tls-crypt"), client=NOTIFY)
    tape.wait(8, "idle")
    tape.mark("client SIGTERM (explicit-exit-notify)")
    vpn.client.stop()
    tape.wait(4)
    vpn.connect()
    tape.mark("connected")
    tape.wait(2)


def openvpn_client_killed(tape):
    """tls-auth: kill -9 of the client, and another one"""
    vpn = tape.openvpn(tape.secret("tls-auth"))
    tape.wait(4, "idle")
    tape.mark("client kill -9")
    vpn.client.signal(signal.SIGKILL)
    tape.wait(3)
    vpn.connect()
    tape.mark("connected")
    tape.wait(3)


def openvpn_exit(tape):
    """the client ends with an exit notice, the server's last pings come late; it comes back"""
    vpn = tape.openvpn(client=NOTIFY)
    tape.wait(4, "idle")
    tape.mark("client SIGTERM (explicit-exit-notify)")
    vpn.client.stop()
    tape.wait(4)
    vpn.connect()
    tape.mark("connected")
    tape.wait(2)


def openvpn_server_restart(tape):
    """the server ends with a notice of its own and comes back"""
    vpn = tape.openvpn(server=NOTIFY)
    tape.wait(4, "idle")
    tape.mark("server SIGTERM (explicit-exit-notify to client) and restart")
    vpn.server.stop()
    vpn.start_server()
    vpn.wait_connected(2)
    tape.mark("connected")
    tape.wait(2)


def openvpn_server_crash(tape):
    """kill -9 of the server, which comes back at once and knows nobody"""
    vpn = tape.openvpn()
    tape.wait(4, "idle")
    tape.mark("server kill -9 and restart")
    vpn.server.signal(signal.SIGKILL)
    vpn.server.wait(5)
    tape.wait(1.5)
    vpn.start_server()
    vpn.wait_connected(2)
    tape.mark("connected after server crash")
    tape.wait(2)


def openvpn_float(tape):
    """the client gets another address, then a NAT gives it two other ports"""
    vpn = tape.openvpn()
    tape.wait(3, "idle")
    tape.mark("float: client IP .2 -> .3")
    client_address(tape.wire, "198.51.100.3")
    vpn.ping(2)
    tape.wait(2)
    for port in (50001, 50002):
        tape.mark(f"float: NAT rebinding (snat :{port})")
        _snat(tape.wire, "198.51.100.3", port, 1194)
        vpn.ping(2)
        tape.wait(2)


def _snat(wire, address, port, to):
    wire.client.run("nft", "-f", "-", check=True, text_in=f"""
        table ip nat
        delete table ip nat
        table ip nat {{
            chain post {{
                type nat hook postrouting priority srcnat;
                udp dport {to} snat to {address}:{port}
            }}
        }}""")
    wire.client.run("conntrack", "-F", check=False)


def openvpn_renegotiation(tape):
    """the server renews its key every 6 s"""
    tape.openvpn(server=("--reneg-sec", "6"))
    tape.wait(16, "wait reneg")


def openvpn_clock_ahead(tape):
    """the server's clock is 7 s ahead, all the time"""
    clock = FakeWallClock(tape.wire.folder)
    clock.set(7)
    tape.openvpn(tape.secret("tls-auth"), environment=clock.environment)
    tape.wait(8, "server's clock +7 s, constant")


def openvpn_clock_back(tape):
    """the server's clock is set back by 7 s"""
    clock = FakeWallClock(tape.wire.folder)
    vpn = tape.openvpn(tape.secret("tls-auth"), environment=clock.environment)
    tape.wait(6, "idle")
    tape.mark("server's clock set back 7 s")
    clock.set(-7)
    vpn.wait_connected(2)
    tape.mark("connected")
    tape.wait(3)


def openvpn_nat_timeout(tape):
    """a NAT at the client forgets after 2 s, keepalives come every 4 s"""
    client = tape.wire.client
    client.run("nft", "-f", "-", text_in="""
        table ip fw {
            chain in {
                type filter hook input priority 0;
                iif eth0 udp sport 1194 ct state new drop
            }
        }""")
    client.sysctl(net__netfilter__nf_conntrack_udp_timeout=2,
                  net__netfilter__nf_conntrack_udp_timeout_stream=2)
    vpn = OpenVpn(tape.wire, server=("--keepalive", "4", "9"))
    # One keepalive in either direction opens the mapping for both: the server's comes first.
    vpn.connect()
    tape.mark("connected")
    for times in (1, 2, 3):
        wait_until(lambda: vpn.restarts() >= times, 60, "a ping-restart")
        tape.mark("client ping-restart logged")
    tape.wait(12)


def wireguard(tape):
    """handshake, keepalives, a new handshake after 120 s; then the client goes on from another
    port, and a NAT gives it a third one"""
    vpn = WireGuard(tape.wire)
    vpn.start("client")
    tape.mark("client up (persistent-keepalive 5)")
    vpn.ping(2)
    tape.mark("wait for rekey (120 s after the handshake)")
    for _ in range(13):
        time.sleep(9.6)
        vpn.ping(1)
    tape.mark("roaming: client's port -> :40123")
    vpn.roam(40123)
    vpn.ping(2)
    tape.wait(1)
    tape.mark("NAT rebinding (snat :50001)")
    _snat(tape.wire, CLIENT4, 50001, WireGuard.PORT)
    vpn.ping(2)
    tape.wait(2)


def ikev2(tape):
    """IKE_SA_INIT on port 500, the rest on 4500; NAT keepalives, new children, a new IKE SA; then a
    NAT gives the client another port, and its next DPD tells the gateway"""
    vpn = StrongSwan(tape.wire, "    dpd_delay = 4s\n    rekey_time = 26s\n    mobike = yes\n"
                     "    rand_time = 0s", "        rekey_time = 9s\n        rand_time = 0s",
                     "  keep_alive = 3s")
    # With different times nobody's renewal meets the other's.
    tape.mark("initiate")
    vpn.initiate()
    tape.mark("connected")
    vpn.ping(2)
    tape.wait(30, "wait child rekey (9 s) and IKE rekey (26 s)")
    vpn.ping(2)
    tape.mark("NAT rebinding 4500 -> :24500")
    tape.wire.client.run("nft", "-f", "-", text_in="""
        table ip nat {
            chain post {
                type nat hook postrouting priority srcnat;
                udp sport 4500 snat to 198.51.100.2:24500
            }
        }""")
    tape.wire.client.run("conntrack", "-F", check=False)
    tape.wait(1)
    vpn.ping(2)
    tape.wait(6)


def anyconnect(tape):
    """DTLS of AnyConnect beside its TLS connection, dead peer detection every 3 s"""
    vpn = AnyConnect(tape.wire, dpd=3)
    vpn.connect()
    tape.mark("connected")
    vpn.ping(2)
    tape.wait(14, "idle")


ALL = (openvpn_plain, openvpn_tls_crypt, openvpn_client_killed, openvpn_exit,
       openvpn_server_restart, openvpn_server_crash, openvpn_float, openvpn_renegotiation,
       openvpn_clock_ahead, openvpn_clock_back, openvpn_nat_timeout, wireguard, ikev2, anyconnect)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--golden", action="store_true",
                        help="write what ravelind says about the captures")
    parser.add_argument("names", nargs="*", metavar="name")
    options = parser.parse_args()
    end_on_sigterm()
    if options.list:
        print("\n".join(f"{one.__name__}\n    {one.__doc__}" for one in ALL))
    elif options.golden:
        for name, capture, variant in golden_names(HERE):
            if not options.names or name in options.names:
                with open(os.path.join(HERE, f"{name}.jsonl"), "w", encoding="utf-8") as file:
                    file.write(golden_text(capture, variant))
    else:
        for scenario in ALL:
            if options.names and scenario.__name__ not in options.names:
                continue
            tape = Tape(scenario.__name__)
            try:
                scenario(tape)
            finally:
                tape.close()
            print(scenario.__name__, flush=True)


if __name__ == "__main__":
    main()
