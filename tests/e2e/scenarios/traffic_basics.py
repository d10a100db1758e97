# SPDX-License-Identifier: BSD-3-Clause
"""Ordinary traffic of real programs crosses the wire."""

from lab import traffic
from lab.wire import CLIENT4, CLIENT6, SERVER4, SERVER6

from . import check


def ping_ipv4_and_ipv6(wire):
    """ping works in both families and from both sides; nothing is left and nothing dropped"""
    ravelin = wire.start_ravelin()
    for namespace, address in ((wire.client, SERVER4), (wire.client, SERVER6),
                               (wire.concentrator, CLIENT4), (wire.concentrator, CLIENT6)):
        check.equal(traffic.ping(namespace, address, count=5), (5, 5), f"ping {address}")
    check.no_entry(ravelin, "icmp")
    check.no_entry(ravelin, "icmpv6")
    check.equal(check.dropped(ravelin), {}, "drops")


def tcp_transfer_ipv4(wire):
    """an iperf3 transfer runs over IPv4 and its connection shows ESTABLISHED [ASSURED]"""
    _tcp_transfer(wire, CLIENT4, SERVER4)


def tcp_transfer_ipv6(wire):
    """the same over IPv6"""
    _tcp_transfer(wire, CLIENT6, SERVER6)


def _tcp_transfer(wire, client, server):
    ravelin = wire.start_ravelin()
    iperf_server = traffic.iperf_server(wire, server)
    transfer = wire.start(wire.client, "iperf3", "--client", server, "--time", "2", "--json")
    wanted = {"src": client, "dst": server, "dport": traffic.IPERF_PORT}
    check.wait_entries(ravelin, 2, "tcp", **wanted)  # iperf3's control and data connection
    entries = check.entries(ravelin, "tcp", **wanted)
    for entry in entries:
        check.equal((entry.state, entry.assured, entry.unreplied), ("ESTABLISHED", True, False),
                    f"state of {entry}")
    check.at_least(traffic.iperf_result(transfer.wait(40)), 1_000_000, "bytes received")
    iperf_server.stop()
    for entry in check.entries(ravelin, "tcp", **wanted):
        check.equal(entry.state in ("TIME_WAIT", "LAST_ACK", "CLOSE"), True,
                    f"{entry} ended with its programs")


def closed_tcp_port(wire):
    """a refused connection gets its RST, and leaves no entry behind"""
    ravelin = wire.start_ravelin()
    done = wire.client.run("nc", "-n", "-v", "-w", "3", "-z", SERVER4, "4999", check=False)
    check.contains(done.err, "refused", "the client's error")
    check.no_entry(ravelin, "tcp", dport=4999)


def two_hosts_steered_by_ports(wire):
    """`steering: ports`: two hosts' connections are several workers', and whatever belongs together
    still meets: answers, fragments, errors, queries"""
    ravelin = wire.start_ravelin(extra="steering: ports\n")
    for client, server in ((CLIENT4, SERVER4), (CLIENT6, SERVER6)):
        listening = wire.concentrator.udp((server, 4001))
        for number in range(40):
            with wire.client.udp((client, 20000 + number)) as caller:
                # Whole, and in three fragments each way.
                for size in (10, 4000):
                    caller.sendto(bytes(size), (server, 4001))
                    data, source = listening.recvfrom(9000)
                    listening.sendto(data, source)
                    check.equal(len(caller.recv(9000)), size, f"bytes back at {source}")
        listening.close()
        check.equal(len(check.entries(ravelin, "udp", dst=server, dport=4001)), 40, "connections")
        before = check.related(ravelin)
        for number in range(8):
            traffic.closed_udp_port(wire.client, server, 4400 + number)
        check.equal(check.related(ravelin) - before, 8, "errors classified RELATED")
        check.equal(traffic.ping(wire.client, server, count=3, size=3000), (3, 3), "pings")
    check.equal(check.dropped(ravelin), {}, "drops")
    received = traffic.iperf(wire, seconds=1, extra=("--parallel", "4"))
    check.at_least(received, 1_000_000, "bytes received")
    handed = ravelin.metrics().sum("ravelin_worker_handoff_packets_total")
    check.equal(handed > 0, wire.workers > 1, f"of several workers, with {handed} handed over")


ALL = (ping_ipv4_and_ipv6, tcp_transfer_ipv4, tcp_transfer_ipv6, closed_tcp_port,
       two_hosts_steered_by_ports)
