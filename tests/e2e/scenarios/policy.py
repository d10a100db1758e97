# SPDX-License-Identifier: BSD-3-Clause
"""What the rules refuse is dropped, counted under its reason, and leaves nothing behind."""

from lab import traffic
from lab.wire import SERVER4, SERVER6

from . import check


def port_scan_is_refused(wire):
    """a port scan from outside gets no answer; every probe is a drop with a reason"""
    ravelin = wire.start_ravelin()
    for server in (SERVER4, SERVER6):
        before = check.dropped(ravelin).get("policy_default", 0)
        extra = ("-6",) if ":" in server else ()
        check.equal(traffic.port_scan(wire.client, server, extra=extra), {"filtered": 40},
                    f"what nmap says about {server}")
        check.at_least(check.dropped(ravelin)["policy_default"] - before, 40,
                       "probes dropped by the default rule")
    check.equal(check.entries(ravelin, "tcp"), [], "connections after the scan")
    shown = ravelin.ctl("drops").out
    check.contains(shown, "policy_default", "ravelinctl drops")


def strange_scans_are_invalid(wire):
    """NULL, FIN, Xmas and ACK scans meet no rule at all: they belong to no connection"""
    ravelin = wire.start_ravelin()
    for kind in ("-sN", "-sF", "-sX", "-sA"):
        wire.client.run("nmap", "-n", "-Pn", kind, "-T4", "--max-retries", "0", "-p", "4000-4009",
                        SERVER4)
    drops = check.dropped(ravelin)
    check.at_least(drops.get("tcp_flags", 0), 20, "packets with impossible flags")  # -sN, -sX
    check.at_least(drops.get("tcp_no_connection", 0) + drops.get("tcp_flags", 0), 40,
                   "packets of no connection")
    check.equal(check.entries(ravelin, "tcp"), [], "connections after the scans")


def inside_may_open_outside_may_not(wire):
    """the same service is reached from inside and not from outside"""
    ravelin = wire.start_ravelin()
    port = "7000"
    for server, client, address, answer in (
            (wire.client, wire.concentrator, "198.51.100.2", 0),
            (wire.concentrator, wire.client, SERVER4, 1)):
        listener = wire.start(server, "nc", "-n", "-l", "-p", port)
        done = client.run("nc", "-n", "-z", "-w", "2", address, port, check=False)
        check.equal(done.code, answer, f"nc's exit towards {address}")
        listener.stop()
    check.at_least(check.dropped(ravelin).get("policy_default", 0), 1, "drops")


def arp_passes_lldp_does_not(wire):
    """non-IP crosses by an explicit list: ARP does, LLDP and spanning tree don't"""
    ravelin = wire.start_ravelin()
    check.equal(traffic.ping(wire.client, SERVER4), (3, 3), "ping, and so ARP")
    lldp = bytes.fromhex("0180c200000e02000000000188cc") + b"\x02\x07\x04" + bytes(60)
    stp = bytes.fromhex("0180c2000000020000000001") + b"\x00\x26\x42\x42\x03" + bytes(50)
    with wire.client.raw("eth0") as sender:
        sender.send(lldp)
        sender.send(stp)
    check.wait_dropped(ravelin, "ethertype_unsupported", 2)


ALL = (port_scan_is_refused, strange_scans_are_invalid, inside_may_open_outside_may_not,
       arp_passes_lldp_does_not)
