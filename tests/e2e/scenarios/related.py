# SPDX-License-Identifier: BSD-3-Clause
"""ICMP errors about a tracked connection are RELATED, whoever sends them."""

import errno
import socket

from lab import traffic
from lab.wire import CLIENT4, CLIENT6, ROUTER4, ROUTER6, SERVER4, SERVER6

from . import check

# Which worker owns a connection depends on its addresses: enough of them meet every owner.
_MORE = range(21, 29)
_SERVERS4 = [SERVER4] + [f"192.0.2.{i}" for i in _MORE]
_SERVERS6 = [SERVER6] + [f"2001:db8:b::{i}" for i in _MORE]


def _add_servers(wire):
    wire.concentrator.ip("\n".join(
        f"addr add {address} dev eth0 nodad" for address in
        [f"{a}/24" for a in _SERVERS4[1:]] + [f"{a}/64" for a in _SERVERS6[1:]]))


def traceroute_through_the_router(wire):
    """traceroute finds the router behind the wire; its errors come from the router's address"""
    ravelin = wire.start_ravelin()
    _add_servers(wire)
    for router, servers in ((ROUTER4, _SERVERS4), (ROUTER6, _SERVERS6)):
        for server in servers:
            before = check.related(ravelin)
            check.equal(traffic.traceroute(wire.client, server), [router, server],
                        f"hops to {server}")
            # one time exceeded of the router's, one port unreachable of the concentrator's, at
            # least: traceroute has several probes on their way at once
            check.at_least(check.related(ravelin) - before, 2, "errors classified RELATED")
    check.equal(check.dropped(ravelin), {}, "drops")
    if wire.workers > 1:
        # Each port's only queue belongs to one worker, connections to the one that their addresses
        # name: some of these errors came to a worker that doesn't own what they quote.
        check.at_least(ravelin.metrics().sum("ravelin_worker_handoff_packets_total"), 1,
                       "packets handed over between workers")


def traceroute_with_icmp_and_tcp(wire):
    """traceroute's ICMP and TCP ways work as well: errors that quote echo requests and SYNs"""
    ravelin = wire.start_ravelin()
    for extra in (("-I",), ("-T", "-p", "4999")):
        before = check.related(ravelin)
        check.equal(traffic.traceroute(wire.client, SERVER4, extra), [ROUTER4, SERVER4],
                    f"hops with {extra}")
        check.at_least(check.related(ravelin) - before, 1, "errors classified RELATED")


def closed_udp_port(wire):
    """a closed UDP port's ICMP error is RELATED, reaches the program and ends the entry"""
    ravelin = wire.start_ravelin()
    for server in (SERVER4, SERVER6):
        before = check.related(ravelin)
        error = traffic.closed_udp_port(wire.client, server, 4444)
        check.equal(getattr(error, "errno", None), errno.ECONNREFUSED, "the program's error")
        check.equal(check.related(ravelin) - before, 1, "errors classified RELATED")
        check.no_entry(ravelin, "udp", dst=server, dport=4444)


def path_mtu(wire):
    """a router's "packet too big" reaches the sender, so that path MTU discovery works"""
    ravelin = wire.start_ravelin()
    wire.router.ip("link set eth1 mtu 1300")
    wire.concentrator.ip("link set eth0 mtu 1300")
    for server, family in ((SERVER4, socket.AF_INET), (SERVER6, socket.AF_INET6)):
        before = check.related(ravelin)
        client = wire.client.socket(family, socket.SOCK_DGRAM)
        level, option = ((socket.IPPROTO_IP, 10) if family == socket.AF_INET
                         else (socket.IPPROTO_IPV6, 23))  # IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
        client.setsockopt(level, option, 2)
        client.connect((server, 4000))
        client.send(b"x" * 1400)
        error = None
        try:
            client.recv(1)
        except OSError as caught:
            error = caught.errno
        client.close()
        check.equal(error, errno.EMSGSIZE, "the sender's error")
        check.equal(check.related(ravelin) - before, 1, "errors classified RELATED")
    check.at_least(traffic.iperf(wire, SERVER4), 100_000, "bytes of a transfer over the small MTU")


def forged_path_mtu(wire):
    """forged "packet too big", about no connection or with an MTU that can't be, changes nothing"""
    from scapy.all import ICMP, IP, UDP, Ether, ICMPv6PacketTooBig, IPv6, Raw
    ravelin = wire.start_ravelin()
    mac = {name: namespace.run("cat", "/sys/class/net/eth0/address").out.strip()
           for name, namespace in (("client", wire.client), ("router", wire.router))}
    ethernet = Ether(src=mac["router"], dst=mac["client"])
    for client, server, router, network in ((CLIENT4, SERVER4, ROUTER4, IP),
                                            (CLIENT6, SERVER6, ROUTER6, IPv6)):
        echo = traffic.Echo(wire, server, 4000, client)
        echo.request(b"x" * 1400)
        echo.reply()

        def forged(port, mtu):
            error = (ICMP(type=3, code=4, nexthopmtu=mtu) if network is IP
                     else ICMPv6PacketTooBig(mtu=mtu))
            quoted = network(src=client, dst=server) / UDP(sport=port, dport=4000)
            return bytes(ethernet / network(src=router, dst=client) / error / quoted /
                         Raw(b"x" * 1400))
        unmatched = check.dropped(ravelin).get("icmp_error_unmatched", 0)
        impossible = check.dropped(ravelin).get("icmp_error_mtu", 0)
        with wire.router.raw("eth0") as sender:
            sender.send(forged(echo.client_port ^ 1, 1300))
            sender.send(forged(echo.client_port, 60))
        check.wait_dropped(ravelin, "icmp_error_unmatched", unmatched + 1)
        check.wait_dropped(ravelin, "icmp_error_mtu", impossible + 1)
        route = wire.client.run("ip", "route", "get", server).out
        check.equal("mtu" in route, False, f"a path MTU in {route!r}")
        echo.close()
    check.equal(check.related(ravelin), 0, "errors classified RELATED")


def error_with_wrong_destination(wire):
    """an error that is sent to somebody else than the quoted packet's sender is dropped"""
    ravelin = wire.start_ravelin()
    echo = traffic.Echo(wire, SERVER4, 4000, "198.51.100.2")
    echo.request()
    from scapy.all import ICMP, IP, UDP, Ether
    mac = {name: namespace.run("cat", "/sys/class/net/eth0/address").out.strip()
           for name, namespace in (("client", wire.client), ("router", wire.router))}
    quoted = IP(src="198.51.100.2", dst=SERVER4) / UDP(sport=echo.client_port, dport=4000)
    forged = (Ether(src=mac["router"], dst=mac["client"]) /
              IP(src=SERVER4, dst="198.51.100.77") / ICMP(type=3, code=3) / quoted)
    with wire.router.raw("eth0") as sender:
        sender.send(bytes(forged))
    check.wait_dropped(ravelin, "icmp_error_destination", 1)
    check.state(check.one_entry(ravelin, "udp", dport=4000), 30, unreplied=True, slack=10)
    echo.close()


ALL = (traceroute_through_the_router, traceroute_with_icmp_and_tcp, closed_udp_port, path_mtu,
       forged_path_mtu, error_with_wrong_destination)
