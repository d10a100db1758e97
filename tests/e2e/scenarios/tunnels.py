# SPDX-License-Identifier: BSD-3-Clause
"""VPN tunnels of real daemons: what ravelind must not break, and what it says about them."""

import signal
import time

from lab import traffic
from lab.config import OUTSIDE_RULES
from lab.netns import wait_until
from lab.wire import CLIENT4, SERVER4

from . import check
from .tunnel_checks import RESTART, answers_only, between, listed, one, story


def _idle(wire, seconds, keepalive=("2", "6"), options=("--nobind",)):
    """How often an idle client restarted meanwhile. Its keepalive is 2 s, it gives up after 6 s."""
    vpn = traffic.OpenVpn(wire, keepalive=keepalive)
    vpn.client = vpn.join(options=options)
    check.equal(vpn.ping(2), (2, 2), "pings through the tunnel")
    before = vpn.client.output.count(RESTART)
    # Waiting is what is tested here.
    time.sleep(seconds)
    return vpn, vpn.client.output.count(RESTART) - before


def _never_restarts(wire, timeout, keepalive, seconds):
    ravelin = wire.start_ravelin(answers_only(wire, timeout))
    vpn, restarts = _idle(wire, seconds, keepalive)
    check.equal(restarts, 0, f"ping-restarts in {seconds} s")
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    check.equal(check.dropped(ravelin), {}, "drops")
    return ravelin, vpn


def timeout_shorter_than_the_keepalive(wire):
    """a UDP timeout of half the keepalive breaks no tunnel: no ping-restart, no ping lost (E1)"""
    _, vpn = _never_restarts(wire, "1s", ("2", "6"), 15)
    vpn.stop()


def two_minutes_of_silence(wire):
    """the same as elsewhere it was measured: 4 s against a keepalive of 8 s, for two minutes (E1);
    the kernel's connection tracking loses the client every 30 s of that"""
    ravelin, vpn = _never_restarts(wire, "4s", ("8", "30"), 120)
    (tunnel,) = listed(ravelin)
    keepalive = [tunnel[side]["keepalive_s"] for side in ("client", "server")]
    for seconds in keepalive:
        # OpenVPN's timers have a grain of 1.2 s, below which a new interval isn't told either.
        between(seconds, 8 - 1.2, 8 + 2 * 1.2, "the keepalive's interval")
    timeout = 3 * max(keepalive) + 10
    between(tunnel["timeout_s"], timeout - 0.01, timeout + 0.01, "the connection's timeout")
    vpn.stop()


def the_same_without_adaptive_timeouts(wire):
    """with adaptive timeouts off the same configuration does what it does elsewhere: the server's
    keepalives are late packets, and the client restarts"""
    ravelin = wire.start_ravelin(answers_only(wire, extra="tunnels: {adaptive_timeouts: false}\n"))
    # Whose keepalive comes first is a race: when it is the client's, the server's is an answer.
    # This client has no keepalive of its own.
    vpn, restarts = _idle(wire, 15, options=("--nobind", "--pull-filter", "ignore", "ping ",
                                             "--ping", "60"))
    check.at_least(restarts, 1, "ping-restarts in 15 s")
    check.at_least(check.dropped(ravelin).get("stale", 0), 3, "late packets")
    wait_until(lambda: ravelin.metrics().sum("ravelin_tunnel_resets_total",
                                             verdict="our_policy") >= 1,
               5, "the verdict: our policy")
    vpn.stop()


def openvpn_story(wire):
    """a real OpenVPN tunnel is listed, its client's return after a good-bye is graceful"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire)
    vpn.connect()
    check.equal(vpn.ping(3), (3, 3), "ping through the tunnel")
    (tunnel,) = listed(ravelin)
    check.equal((tunnel["vpn"], tunnel["state"]), ("openvpn", "established"), "the tunnel")
    check.equal(tunnel["server"]["endpoint"], f"{SERVER4}:{traffic.OPENVPN_PORT}", "its server")
    check.equal(tunnel["client"]["endpoint"].split(":")[0], CLIENT4, "its client")
    page = ravelin.ctl("tunnels", "show", tunnel["id"]).out
    for part in ("OpenVPN over UDP", "the client begins a handshake", "data goes both ways"):
        check.contains(page, part, "tunnels show")
    vpn.client.stop()
    wait_until(lambda: not listed(ravelin), 10, "the tunnel's end")
    vpn.connect()
    wait_until(lambda: [one.get("verdict") for one in listed(ravelin)] == ["graceful"], 15,
               "the verdict")
    check.wait_metric(ravelin, "ravelin_tunnel_resets_total", 1, verdict="graceful")
    vpn.stop()


def _over_tcp(wire, extra=()):
    """A server and its client over TCP."""
    rules = OUTSIDE_RULES + (
        "  - {name: openvpn-tcp, from: outside, protocol: tcp, destination_ports: 1194, "
        "action: allow}\n")
    ravelin = wire.start_ravelin(rules=rules)
    vpn = traffic.OpenVpn(wire, extra, keepalive=("1", "5"), tcp=True)
    vpn.connect()
    return ravelin, vpn


def openvpn_over_tcp(wire):
    """OpenVPN over TCP is a tunnel like any other: its packets are found in the stream, whatever
    segments they lie in; both ends of the connection are told as what they were"""
    for extra in ((), ("--tls-crypt", wire.path("secret.key"))):
        if extra:
            wire.client.run("openvpn", "--genkey", "secret", extra[1])
        ravelin, vpn = _over_tcp(wire, extra)
        check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
        tunnel = one(ravelin)
        check.equal((tunnel["vpn"], tunnel["state"]), ("openvpn", "established"), "the tunnel")
        # Larger than a segment, so that packets lie across several.
        check.equal(vpn.ping(20, size=4000, interval=0.05), (20, 20), "large pings")
        before = story(ravelin, tunnel["id"])
        check.at_least(before["server"]["data_packets"], 60, "data packets of the server")
        for side in ("client", "server"):
            between(before[side]["data_packets"], 60, 80, f"data packets of the {side}")
        wait_until(lambda: all(story(ravelin, tunnel["id"])[side]["keepalive_s"]
                               for side in ("client", "server")), 20, "both keepalives")
        check.contains(ravelin.ctl("tunnels", "show", tunnel["id"]).out, "OpenVPN over TCP",
                       "tunnels show")
        vpn.server.signal(signal.SIGTERM)
        wait_until(lambda: not listed(ravelin), 10, "the tunnel's end")
        ended = story(ravelin, tunnel["id"])
        check.equal((ended["state"], ended["good_bye_from"]), ("closed", "server"), "its end")
        check.equal(check.dropped(ravelin), {}, "drops")
        vpn.stop()
        wire.stop_ravelin()


ALL = (timeout_shorter_than_the_keepalive, the_same_without_adaptive_timeouts, openvpn_story,
       openvpn_over_tcp)
LONG = (two_minutes_of_silence,)
