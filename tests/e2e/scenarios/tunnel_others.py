# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels of WireGuard, IPsec and SSL VPNs: recognised, listed, and kept alive."""

import re
import time

from lab.nat import Nat
from lab.netns import wait_until
from lab.vpns import RULES, SSL_PORT, WIREGUARD_PORT, Ipsec, Ssl, WireGuard
from lab.wire import CLIENT4, SERVER4

from . import check
from .tunnel_checks import (answers_only, between, kinds, listed, one, port_of, stale_alone, story,
                            wait_moment)


def _check_listed(ravelin, tunnel, vpn, server_port, name):
    """A tunnel stands in the list as what it is, with its ends."""
    check.equal((tunnel["vpn"], tunnel["state"], tunnel["picked_up"]),
                (vpn, "established", False), "the tunnel")
    check.equal(tunnel["server"]["endpoint"], f"{SERVER4}:{server_port}", "its server")
    check.equal(tunnel["client"]["endpoint"].split(":")[0], CLIENT4, "its client")
    check.equal((tunnel["client_inside"], tunnel["moves"], "verdict" in tunnel), (False, 0, False),
                "(client inside, moves, verdict)")
    between(tunnel["handshake_s"], 0, 5, "seconds that the handshake took")
    page = ravelin.ctl("tunnels", "show", tunnel["id"]).out
    for words in (f"{name} over UDP", "the client begins a handshake", "data goes both ways"):
        check.contains(page, words, "tunnels show")
    check.contains(ravelin.ctl("tunnels").out, f"{vpn} ", "ravelinctl tunnels")


def wireguard_story(wire):
    """a real WireGuard tunnel is listed, with its client's keepalive; its server, which has none,
    isn't called silent"""
    ravelin = wire.start_ravelin(rules=RULES)
    vpn = WireGuard(wire, keepalive=2)
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    tunnel = one(ravelin)
    _check_listed(ravelin, tunnel, "wireguard", WIREGUARD_PORT, "WireGuard")
    wait_moment(ravelin, tunnel["id"], "keepalive", 15)
    tunnel = one(ravelin)
    between(tunnel["client"]["keepalive_s"], 1.9, 2.4, "the client's keepalive")
    check.equal((tunnel["server"]["keepalive_s"], tunnel["server"]["silent"]), (None, False),
                "(keepalive, silent) of the server")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def _silence(ravelin):
    """Seconds since anybody was heard in the tunnel."""
    tunnel = one(ravelin)
    return min(tunnel[side]["heard_ago_s"] for side in ("client", "server"))


def _wireguard_idles(wire, keepalive, timeout, rounds):
    """The server speaks after the connection would have timed out, and before the next keepalive
    of the client's, as a kernel's connection tracking would have it dropped."""
    ravelin = wire.start_ravelin(answers_only(wire, f"{timeout}s", rules=RULES))
    vpn = WireGuard(wire, keepalive)
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    identifier = one(ravelin)["id"]
    for _ in range(rounds):
        wait_until(lambda: _silence(ravelin) > timeout + 0.5, 3 * keepalive,
                   f"silence of {timeout + 0.5} s")
        check.equal(vpn.ping_back(), (1, 1), "pings of the server's")
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    check.equal(one(ravelin)["id"], identifier, "the tunnel")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def wireguard_timeout_shorter_than_the_keepalive(wire):
    """a UDP timeout of half of WireGuard's keepalive keeps nothing from the client (E11)"""
    _wireguard_idles(wire, keepalive=6, timeout=3, rounds=2)


def wireguard_keepalive_of_25_seconds(wire):
    """the same with the usual keepalive of 25 s and a UDP timeout of 20 s (E11)"""
    _wireguard_idles(wire, keepalive=25, timeout=20, rounds=2)


def ipsec_story(wire):
    """a real IKEv2 tunnel with ESP in UDP is listed as one"""
    ravelin = wire.start_ravelin(rules=RULES)
    vpn = Ipsec(wire, dpd=3)
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    esp = [tunnel for tunnel in listed(ravelin) if tunnel["vpn"] == "esp"]
    check.equal(len(esp), 1, "tunnels that carry ESP")
    _check_listed(ravelin, esp[0], "esp", 4500, "ESP")
    page = ravelin.ctl("tunnels", "show", esp[0]["id"]).out
    check.contains(page, "data packets:", "tunnels show")
    for side in ("client", "server"):
        check.at_least(esp[0][side]["data_packets"], 3, f"data packets of the {side}")
    # Dead-peer detection is answered: nobody is silent.
    time.sleep(7)
    esp = next(tunnel for tunnel in listed(ravelin) if tunnel["vpn"] == "esp")
    for side in ("client", "server"):
        between(esp[side]["heard_ago_s"], 0, 4, f"seconds since the {side} was heard")
        check.equal(esp[side]["silent"], False, f"silence of the {side}")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def ipsec_client_rebound(wire):
    """the NAT of an IPsec client gives it another port: until the two have found out, the server's
    answers go to the old one, and that is told with both ports (E13)"""
    nat = Nat(wire.client, CLIENT4)
    nat.map(p500=10500, p4500=14500)
    ravelin = wire.start_ravelin(workers=1, rules=RULES)
    vpn = Ipsec(wire, dpd=5)
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    before = next(tunnel for tunnel in listed(ravelin) if tunnel["vpn"] == "esp")
    check.equal(port_of(before["client"]["endpoint"]), 14500, "the client's port")
    # The first answer that names addresses is what strongSwan compares later ones with.
    answer = re.compile(r"parsed INFORMATIONAL response \d+ \[ N\(NATD")
    wait_until(lambda: answer.search(vpn.client.output), 12, "an answer with addresses")
    nat.map(p500=20500, p4500=24500)
    pinging = wire.start(wire.client, "ping", "-n", "-i", "0.2", "-I", Ipsec.CLIENT_INSIDE,
                         Ipsec.SERVER_INSIDE)
    told = wait_moment(ravelin, before["id"], "answers_old", 4)
    check.equal(told["explanation"],
                f"the client's packets come from {CLIENT4}:24500, but the server's answers still "
                f"go to {CLIENT4}:14500", "what is told")
    check.contains(ravelin.ctl("tunnels").out, "answers go to an old address", "the note")
    pinging.stop()
    # Dead-peer detection finds it out, and MOBIKE mends it.
    wait_until(lambda: vpn.ping(1) == (1, 1), 15, "a ping through the tunnel")
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    after = story(ravelin, before["id"])
    check.equal((after["state"], port_of(after["client"]["endpoint"]), after["moves"]),
                ("established", 24500, 1), "the tunnel")
    check.equal(kinds(ravelin, before["id"]).count("moved"), 1, "moves told")
    stale_alone(ravelin, check.dropped(ravelin).get("stale", 0))
    vpn.stop()


def ssl_story(wire):
    """a real AnyConnect session is listed as a tunnel of DTLS, with its keepalives; the TLS
    connection beside it is none"""
    ravelin = wire.start_ravelin(rules=RULES)
    vpn = Ssl(wire, dpd=2)
    vpn.connect()
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    tunnel = one(ravelin)
    _check_listed(ravelin, tunnel, "dtls", SSL_PORT, "DTLS")
    wait_moment(ravelin, tunnel["id"], "keepalive", 20)
    check.equal(len(check.entries(ravelin, "tcp", dport=SSL_PORT)) >= 1, True, "a TLS connection")
    check.equal(vpn.ping(), (3, 3), "pings through the tunnel")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


ALL = (wireguard_story, wireguard_timeout_shorter_than_the_keepalive, ipsec_story,
       ipsec_client_rebound, ssl_story)
LONG = (wireguard_keepalive_of_25_seconds,)
