# SPDX-License-Identifier: BSD-3-Clause
"""A tunnel lives on: its client moves, the appliance is restarted, the path gets narrow."""

import time

from lab import traffic
from lab.frames import Ends
from lab.nat import Nat
from lab.netns import wait_until
from lab.wire import CLIENT4, ROUTER4, SERVER4

from . import check
from .tunnel_checks import (RESTART, between, kinds, listed, one, port_of, stale_alone, story,
                            verdicts)

MOVED_TO4 = "198.51.100.3"


def _mac(namespace):
    return namespace.run("cat", "/sys/class/net/eth0/address").out.strip()


def _entries(ravelin, endpoint):
    address, port = endpoint.rsplit(":", 1)
    return check.entries(ravelin, "udp", src=address, sport=port, dport=traffic.OPENVPN_PORT)


def _go_to(wire, address):
    """From now on the client sends from this address; it still gets what is sent to the last."""
    wire.client.ip(f"""addr add {address}/24 dev eth0
                       route replace default via {ROUTER4} src {address}""")


def client_moves(wire):
    """a client moves three times, to other ports of its NAT and to another address: it stays one
    tunnel, no echo is lost, and what comes for an old address is late (E4)"""
    # One worker: with more, another address may belong to another one.
    a_client_moves_three_times(wire, wire.start_ravelin(workers=1))


def a_client_moves_three_times(wire, ravelin):
    """The same on an appliance that runs already."""
    from scapy.all import IP, UDP, Ether
    vpn = traffic.OpenVpn(wire, keepalive=("2", "10"))
    vpn.connect()
    nat = Nat(wire.client, CLIENT4)
    check.equal(vpn.ping(5), (5, 5), "pings through the tunnel")
    before = one(ravelin)
    old = [before["client"]["endpoint"]]
    for move in range(3):
        if move < 2:
            nat.map(p1194=50000 + move)
        else:
            nat.map()
            _go_to(wire, MOVED_TO4)
        check.equal(vpn.ping(8), (8, 8), f"pings after move {move + 1}")
        tunnel = one(ravelin)
        check.equal((tunnel["id"], tunnel["state"], tunnel["moves"], tunnel["picked_up"]),
                    (before["id"], "established", move + 1, False), "the tunnel")
        check.equal([was["endpoint"] for was in tunnel["moved_from"]], old,
                    "where the client was before")
        check.equal(_entries(ravelin, old[-1]), [], "connections at the old address")
        old.append(tunnel["client"]["endpoint"])
    check.equal((old[1:3], old[3].split(":")[0]), ([f"{CLIENT4}:50000", f"{CLIENT4}:50001"],
                                                   MOVED_TO4), "where it went")
    check.equal(check.dropped(ravelin), {}, "drops")
    check.equal(ravelin.metrics().sum("ravelin_tunnel_moves_total", vpn="openvpn"), 3, "moves")
    check.equal("verdict" in tunnel, False, "a verdict")
    with wire.router.raw("eth0") as inside:
        for endpoint in old[:3]:
            inside.send(bytes(
                Ether(src=_mac(wire.router), dst=_mac(wire.client)) /
                IP(src=SERVER4, dst=CLIENT4) /
                UDP(sport=traffic.OPENVPN_PORT, dport=port_of(endpoint)) / (b"\x48" + bytes(39))))
    check.wait_metric(ravelin, "ravelin_stale_packets_total", 3, reason="moved")
    stale_alone(ravelin, 3)
    check.equal(vpn.client.output.count(RESTART), 0, "ping-restarts")
    vpn.stop()


def nat_that_forgets(wire):
    """a home router forgets a client between its keepalives: how long it remembers is bounded, and
    there is advice (S2-4)"""
    Nat(wire.client, CLIENT4).forget_after(8)
    ravelin = wire.start_ravelin(workers=1)
    # The client gives up after 120 s, long after its keepalive is known, which takes four of them.
    vpn = traffic.OpenVpn(wire, keepalive=("15", "120"))
    vpn.connect()
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    tunnel = one(ravelin)["id"]
    # Both ends ping 15 s after what they sent last. The server's come 11 s after the client's now,
    # to a NAT that has forgotten: otherwise some would pass by chance.
    time.sleep(11)
    wire.concentrator.run("ping", "-c", "1", "-W", "1", f"{traffic.OPENVPN_NETWORK}.2",
                          check=False)

    def moved():
        nat = story(ravelin, tunnel)["nat"]
        return nat if nat["times"] >= 2 else None

    def page():
        return ravelin.ctl("tunnels", "show", tunnel).out
    nat = wait_until(moved, 90, "two moves after a silence")
    between(nat["at_most_s"], 13, 18, "s that the NAT remembers at most")
    check.contains(page(), "forgets after at most", "ravelinctl tunnels show")
    # The client's keepalive has to be known, too.
    wait_until(lambda: "may come too late for a NAT beyond us" in page(), 60, "the advice")
    # What the server sends to the port before is lost each time, until the client gives up.
    wait_until(lambda: verdicts(ravelin), 120, "the client to give up")
    check.equal(set(verdicts(ravelin)), {"nat_beyond"}, "verdicts")
    vpn.stop()


def client_moves_to_another_worker(wire):
    """a client moves until its packets belong to another worker: it stays one tunnel, whose
    handshake is still known, and no echo is lost (E4)"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire, keepalive=("2", "10"))
    vpn.connect()
    check.equal(vpn.ping(5), (5, 5), "pings through the tunnel")
    before = tunnel = one(ravelin)
    # Which worker it is depends on the addresses, by a secret; each move is as good as a coin.
    for move in range(1, 17):
        address = f"198.51.100.{10 + move}"
        _go_to(wire, address)
        check.equal(vpn.ping(10, interval=0.05), (10, 10), f"pings after move {move}")
        tunnel = one(ravelin)
        check.equal((tunnel["id"], tunnel["state"], tunnel["moves"], tunnel["picked_up"],
                     tunnel["client"]["endpoint"].split(":")[0]),
                    (before["id"], "established", move, False, address), "the tunnel")
        if tunnel["worker"] != before["worker"]:
            break
    check.equal(tunnel["worker"] != before["worker"], True, "another worker")
    check.equal(tunnel["handshake_s"], before["handshake_s"], "seconds that its handshake took")
    check.equal(("verdict" in tunnel, verdicts(ravelin)), (False, {}), "verdicts")
    check.equal(vpn.client.output.count(RESTART), 0, "ping-restarts")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def appliance_restarted(wire):
    """the appliance is restarted under a tunnel: after at most eight packets each way it is known
    again, and neither side has noticed (E10)"""
    wire.start_ravelin()
    vpn = traffic.OpenVpn(wire, keepalive=("10", "60"))
    vpn.connect()
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    wire.stop_ravelin()
    ravelin = wire.start_ravelin()
    # Eight of each side are needed, and a keepalive, which nothing but a tunnel sends, among them.
    # The echoes go in step, and the first keepalive of each comes 10 s before the second of either:
    # whoever reads the figures then reads those of that moment.
    check.equal(vpn.ping(7), (7, 7), "pings after the restart")
    wait_until(lambda: listed(ravelin), 20, "the tunnel to be known")
    tunnel = one(ravelin)
    check.equal((tunnel["vpn"], tunnel["state"], tunnel["picked_up"]),
                ("openvpn", "established", True), "the tunnel")
    check.equal((tunnel["client"]["endpoint"].split(":")[0], tunnel["server"]["endpoint"]),
                (CLIENT4, f"{SERVER4}:{traffic.OPENVPN_PORT}"), "its ends")
    for side in ("client", "server"):
        between(tunnel[side]["data_packets"], 1, 8, f"packets of the {side} until it was known")
    # Its timeout is a tunnel's again, not that of any UDP.
    check.state(check.one_entry(ravelin, "udp", dport=traffic.OPENVPN_PORT), 300, assured=True,
                slack=10)
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    check.equal(vpn.client.output.count(RESTART), 0, "ping-restarts")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def _narrow(wire, mtu=1300):
    wire.router.ip(f"link set eth1 mtu {mtu}")
    wire.concentrator.ip(f"link set eth0 mtu {mtu}")


def path_mtu_of_a_tunnel(wire):
    """a router's "packet too big" about a tunnel reaches the client and stands on the tunnel's
    page; forged ones, about no connection or with an MTU that can't be, change nothing (E14)"""
    from scapy.all import ICMP, IP, UDP, Ether, Raw
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire)
    vpn.connect()
    _narrow(wire)
    # The packet that is too big is lost; those that follow are sent in fragments.
    vpn.ping(1, size=1400)
    check.equal(vpn.ping(3, size=1400), (3, 3), "large pings through the tunnel")
    check.equal(check.related(ravelin), 1, "errors classified RELATED")
    tunnel = one(ravelin)
    check.equal((tunnel["path_mtu"], tunnel["state"]), (1300, "established"), "the tunnel")
    check.contains(" ".join(tunnel["advice"]), "the path takes no packets over 1300 bytes",
                   "the advice")
    check.contains(str(kinds(ravelin, tunnel["id"])), "path_mtu", "the time line")
    check.equal(check.dropped(ravelin), {}, "drops")

    port = port_of(tunnel["client"]["endpoint"])
    with Ends(wire) as ends:
        for source, mtu in ((port ^ 1, 1200), (port, 60)):
            ends.send("inside", bytes(
                Ether(src=_mac(wire.router), dst=_mac(wire.client)) /
                IP(src=ROUTER4, dst=CLIENT4) / ICMP(type=3, code=4, nexthopmtu=mtu) /
                IP(src=CLIENT4, dst=SERVER4) / UDP(sport=source, dport=traffic.OPENVPN_PORT) /
                Raw(b"x" * 1400)))
    check.wait_dropped(ravelin, "icmp_error_unmatched", 1)
    check.wait_dropped(ravelin, "icmp_error_mtu", 1)
    check.equal(one(ravelin)["path_mtu"], 1300, "the path MTU after forged errors")
    check.equal(check.dropped(ravelin), {"icmp_error_unmatched": 1, "icmp_error_mtu": 1}, "drops")
    vpn.stop()


def fragments_say_nothing(wire):
    """fragments, whatever they look like, never change what is known of a tunnel, nor begin one
    (E15)"""
    from scapy.all import IP, UDP, Ether, Raw, fragment
    ravelin = wire.start_ravelin()
    # Keepalives would be news on the tunnel's page.
    vpn = traffic.OpenVpn(wire, keepalive=("20", "60"))
    vpn.connect()
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    before = story(ravelin, one(ravelin)["id"])
    port = port_of(before["client"]["endpoint"])

    # First bytes of HARD_RESET_CLIENT (plain, and of tls-crypt-v2), its answer, CONTROL, SOFT_RESET
    # and CONTROL_WKC, at the beginning and where the second fragment begins.
    first_bytes = (0x38, 0x50, 0x40, 0x20, 0x19, 0x58)
    piece = 800
    sent = 0
    with Ends(wire) as ends:
        for source in (port, 40404):
            for byte in first_bytes:
                looks = bytes([byte]) + b"session!" + bytes(5)
                head = looks if source == port else bytes(14)
                payload = head.ljust(piece - 8, b"\0") + looks
                whole = (IP(src=CLIENT4, dst=SERVER4, id=1000 + sent) /
                         UDP(sport=source, dport=traffic.OPENVPN_PORT) / Raw(payload))
                for part in fragment(IP(bytes(whole)), piece):
                    ends.send("outside", bytes(
                        Ether(src=_mac(wire.client), dst=_mac(wire.router)) / part))
                sent += 1
    check.wait_metric(ravelin, "ravelin_fragments_received_total", 2 * sent)
    after = story(ravelin, before["id"])
    for key in ("id", "state", "renegotiations", "moves", "picked_up", "time_line"):
        check.equal(after[key], before[key], f"{key} of the tunnel")
    check.equal(after["client"]["fragmented"], len(first_bytes), "datagrams in fragments")
    check.equal(len(listed(ravelin, "--all")), 1, "tunnels")
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


ALL = (client_moves, client_moves_to_another_worker, appliance_restarted,
       path_mtu_of_a_tunnel, fragments_say_nothing)
LONG = (nat_that_forgets,)
