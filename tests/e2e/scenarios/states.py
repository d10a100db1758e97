# SPDX-License-Identifier: BSD-3-Clause
"""Protocols without connections get exactly the states and times of the design."""

import errno
import json
import os
import socket
import struct

from lab import traffic
from lab.netns import LabError
from lab.wire import CLIENT4, CLIENT6, SERVER4, SERVER6

from . import check


def udp_unreplied_replied_assured(wire):
    """UDP shows 30 s [UNREPLIED], a reply makes it 180 s, a third packet [ASSURED]"""
    ravelin = wire.start_ravelin()
    for server, client in ((SERVER4, CLIENT4), (SERVER6, CLIENT6)):
        echo = traffic.Echo(wire, server, 4000, client)
        wanted = {"src": client, "dst": server, "sport": echo.client_port, "dport": 4000}
        echo.request()
        check.state(check.one_entry(ravelin, "udp", **wanted), 30, unreplied=True)
        echo.request()
        check.state(check.one_entry(ravelin, "udp", **wanted), 30, unreplied=True)
        echo.reply()
        entry = check.one_entry(ravelin, "udp", **wanted)
        check.state(entry, 180, assured=True)  # the third packet, with one each way
        check.equal((entry.original["packets"], entry.reply["packets"]), ("2", "1"),
                    "packets each way")
        echo.close()
        echo = traffic.Echo(wire, server, 4001, client)
        wanted = {"src": client, "dst": server, "sport": echo.client_port, "dport": 4001}
        echo.request()
        echo.reply()
        check.state(check.one_entry(ravelin, "udp", **wanted), 180)
        echo.request()
        check.state(check.one_entry(ravelin, "udp", **wanted), 180, assured=True)
        echo.close()


def udp_entry_expires(wire):
    """an unanswered UDP entry ends when its time is over, not earlier"""
    ravelin = wire.start_ravelin(conntrack="  timeouts: {udp_unreplied: 2s}\n")
    echo = traffic.Echo(wire, SERVER4, 4000, CLIENT4)
    echo.request()
    check.state(check.one_entry(ravelin, "udp", dport=4000), 2, unreplied=True, slack=1)
    check.wait_entries(ravelin, 0, "udp", dport=4000, seconds=4)
    check.at_least(ravelin.metrics().sum("ravelin_conntrack_deleted_total", reason="timeout"), 1,
                   "connections that timed out")
    echo.close()


def late_udp_packet_is_explained(wire):
    """a late UDP answer is STALE, not a new connection, and is explained; the client may go on"""
    ravelin = wire.start_ravelin(conntrack="  timeouts: {udp_unreplied: 1s, udp_replied: 1s}\n")
    echo = traffic.Echo(wire, SERVER4, 4000, CLIENT4)
    echo.request()
    echo.reply()
    check.wait_entries(ravelin, 0, "udp", dport=4000, seconds=4)
    new = ravelin.metrics().sum("ravelin_classified_packets_total", **{"class": "new"})
    for data in (b"late", b"later"):
        echo.server.sendto(data, (CLIENT4, echo.client_port))
    check.wait_metric(ravelin, "ravelin_stale_packets_total", 2, reason="idle")
    metrics = ravelin.metrics()
    check.equal(metrics.sum("ravelin_classified_packets_total", **{"class": "new"}), new,
                "packets classified NEW")
    check.equal(metrics.sum("ravelin_dropped_packets_total", reason="stale"), 2, "stale drops")
    (report,) = json.loads(ravelin.ctl("stale", "list", "-o", "json").out)
    check.equal((report["packets"], report["close_reason"], report["closed_by"]),
                (2, "idle", "nobody"), "what is known of it")
    words = f"late packet of a UDP connection opened from outside by {CLIENT4}:{echo.client_port} "
    check.contains(report["explanation"], words + f"to {SERVER4}:4000, ended ", "explanation")
    check.contains(ravelin.ctl("stale", "list").out, words, "the table")
    echo.request()  # the opener begins anew
    echo.reply()
    check.one_entry(ravelin, "udp", src=CLIENT4, dport=4000)
    echo.close()


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class _SlowEcho:
    """An echo request of the real ping, and its reply when the test wants it."""

    def __init__(self, wire):
        wire.concentrator.sysctl(net__ipv4__icmp_echo_ignore_all=1)
        self._server = wire.concentrator.socket(socket.AF_INET, socket.SOCK_RAW,
                                                socket.IPPROTO_ICMP)
        self._ping = wire.start(wire.client, "ping", "-n", "-c", "1", "-W", "20", SERVER4)
        while True:
            packet = self._server.recv(2048)[20:]
            if packet[0] == 8:
                break
        self.identifier = struct.unpack("!H", packet[4:6])[0]
        self._reply = packet

    def reply(self):
        body = bytes([0, 0, 0, 0]) + self._reply[4:]
        body = body[:2] + struct.pack("!H", _checksum(body)) + body[4:]
        self._server.sendto(body, (CLIENT4, 0))
        done = self._ping.wait(10)
        if done.code != 0:
            raise LabError(str(done))


def echo_request_and_reply(wire):
    """an echo request is NEW, 30 s, [UNREPLIED]; its reply passes and the entry is gone"""
    ravelin = wire.start_ravelin()
    slow = _SlowEcho(wire)
    entry = check.one_entry(ravelin, "icmp", src=CLIENT4, dst=SERVER4, id=slow.identifier)
    check.state(entry, 30, unreplied=True)
    check.equal((entry.original["type"], entry.reply["type"]), ("8", "0"), "types")
    new = ravelin.metrics().sum("ravelin_classified_packets_total", **{"class": "new"})
    check.at_least(new, 1, "packets classified NEW")
    slow.reply()
    check.no_entry(ravelin, "icmp", id=slow.identifier)
    check.at_least(ravelin.metrics().sum("ravelin_conntrack_deleted_total", reason="answered"),
                   1, "connections ended as answered")


def _refusing_syn(wire, family, reject, server, error):
    ravelin = wire.start_ravelin()
    wire.concentrator.run("nft", "-f", "-", text_in=f"""
        table inet lab {{
            chain input {{
                type filter hook input priority 0;
                tcp dport 4100 reject with {reject}
            }}
        }}""")
    related = check.related(ravelin)
    client = wire.client.socket(family, socket.SOCK_STREAM, timeout=10)
    code = client.connect_ex((server, 4100))
    client.close()
    check.equal(os.strerror(code), os.strerror(error), "what the client was told")
    check.no_entry(ravelin, "tcp", dport=4100)
    check.equal(check.related(ravelin) - related, 1, "errors classified RELATED")
    check.equal(ravelin.metrics().sum("ravelin_conntrack_deleted_total", reason="icmp_error"), 1,
                "connections ended by an ICMP error")


def syn_answered_by_icmp_unreachable(wire):
    """a SYN answered by an ICMP unreachable: the error is forwarded and the entry is gone"""
    _refusing_syn(wire, socket.AF_INET, "icmp type host-unreachable", SERVER4, errno.EHOSTUNREACH)


def syn_answered_by_icmpv6_unreachable(wire):
    """the same over IPv6"""
    _refusing_syn(wire, socket.AF_INET6, "icmpv6 type admin-prohibited", SERVER6, errno.EACCES)


ALL = (udp_unreplied_replied_assured, udp_entry_expires, late_udp_packet_is_explained,
       echo_request_and_reply, syn_answered_by_icmp_unreachable,
       syn_answered_by_icmpv6_unreachable)
