# SPDX-License-Identifier: BSD-3-Clause
"""What the rules refuse is dropped, counted under its reason, and leaves nothing behind."""

import json

from lab import traffic
from lab.config import OUTSIDE_RULES
from lab.netns import wait_until
from lab.wire import CLIENT4, SERVER4, SERVER6

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
        listener = wire.start(server, "nc", "-n", "-v", "-l", "-p", port)
        listener.wait_for("Listening on")
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


def denied_packets_are_explained(wire):
    """each denied packet is told with its reason, its rule, which way it came and what it belongs
    to, in a list and as an event while it happens"""
    ravelin = wire.start_ravelin(
        rules=OUTSIDE_RULES + "  - {name: no-dns, protocol: udp, destination_ports: 53, "
                              "action: drop}\n")

    def ask(source_port):
        wire.client.run("nc", "-n", "-u", "-w", "1", "-p", str(source_port), SERVER4, "53",
                        text_in="question", check=False)

    for number in (1, 2, 3):
        ask(40000 + number)
    wire.client.run("nmap", "-n", "-Pn", "-sA", "--max-retries", "0", "-g", "40004", "-p", "4000",
                    SERVER4)
    check.wait_dropped(ravelin, "tcp_no_connection", 1)
    dns, scan = sorted(json.loads(ravelin.ctl("denied", "-s", CLIENT4, "-o", "json").out),
                       key=lambda one: one["protocol"], reverse=True)
    check.equal({key: dns[key] for key in ("packets", "reason", "rule", "class", "came_from",
                                           "direction", "connection", "sender")},
                {"packets": 3, "reason": "policy_rule", "rule": "no-dns", "class": "new",
                 "came_from": "outside", "direction": "original", "connection": None,
                 "sender": CLIENT4}, "what is known of the denied datagrams")
    words = (f"a new UDP connection from outside, {CLIENT4}:40003 to {SERVER4}:53: rule "
             "\"no-dns\" drops it; no connection of these ends is known or remembered")
    check.equal(dns["explanation"], words, "their explanation")
    check.equal((scan["reason"], scan["class"], scan["rule"]),
                ("tcp_no_connection", "invalid", None), "what is known of the scan")
    check.contains(ravelin.ctl("denied").out, words, "the table")
    check.equal(json.loads(ravelin.ctl("denied", "-s", SERVER4, "-o", "json").out), [],
                "what the server sent")
    events = ravelin.ctl_start("events", "-o", "jsonl", "--dport", "53")

    def told():
        ask(40005)
        return events.lines()
    wait_until(told, 15, "an event of a denied packet")  # of the fourth, the eighth and so on
    event = json.loads(events.lines()[0])
    check.equal((event["event"], event["packets"].bit_count(), event["explanation"]),
                ("denied", 1, words.replace("40003", "40005")), "the event")
    events.stop()


ALL = (port_scan_is_refused, strange_scans_are_invalid, inside_may_open_outside_may_not,
       arp_passes_lldp_does_not, denied_packets_are_explained)
