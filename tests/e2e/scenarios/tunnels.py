# SPDX-License-Identifier: BSD-3-Clause
"""VPN tunnels of real daemons: what ravelind must not break, and what it says about them."""

import json
import time

from lab import traffic
from lab.config import OUTSIDE_RULES, wire_config
from lab.netns import wait_until
from lab.wire import CLIENT4, SERVER4

from . import check

RESTART = "Inactivity timeout (--ping-restart), restarting"
COMPLETED = "Initialization Sequence Completed"


def answers_only(wire, extra=""):
    """Clients may open to the concentrator, which may only answer; UDP is forgotten after 1 s."""
    text = wire_config(
        wire.folder, workers=wire.workers, rules=OUTSIDE_RULES, extra=extra,
        conntrack="  timeouts: {udp_unreplied: 1s, udp_replied: 1s}\n")
    return text.replace("inside: inside}", "inside: inside, default: {from_inside: drop}}")


def _idle(wire, seconds):
    """How often an idle client restarted meanwhile. Its keepalive is 2 s, it gives up after 6 s."""
    vpn = traffic.OpenVpn(wire, keepalive=("2", "6"))
    vpn.connect()
    check.equal(vpn.ping(2), (2, 2), "pings through the tunnel")
    before = vpn.client.output.count(RESTART)
    # Waiting is what is tested here.
    time.sleep(seconds)
    return vpn, vpn.client.output.count(RESTART) - before


def timeout_shorter_than_the_keepalive(wire):
    """a UDP timeout of half the keepalive breaks no tunnel: no ping-restart, no ping lost (E1)"""
    ravelin = wire.start_ravelin(answers_only(wire))
    vpn, restarts = _idle(wire, 15)
    check.equal(restarts, 0, "ping-restarts in 15 s")
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def the_same_without_adaptive_timeouts(wire):
    """with adaptive timeouts off the same configuration does what it does elsewhere: the server's
    keepalives are late packets, and the client restarts"""
    ravelin = wire.start_ravelin(answers_only(wire, "tunnels: {adaptive_timeouts: false}\n"))
    vpn, restarts = _idle(wire, 15)
    check.at_least(restarts, 1, "ping-restarts in 15 s")
    check.at_least(check.dropped(ravelin).get("stale", 0), 3, "late packets")
    wait_until(lambda: ravelin.metrics().sum("ravelin_tunnel_resets_total",
                                             verdict="our_policy") >= 1,
               5, "the verdict: our policy")
    vpn.stop()


def _tunnels(ravelin, *arguments):
    return json.loads(ravelin.ctl("tunnels", *arguments, "-o", "json").out)


def openvpn_story(wire):
    """a real OpenVPN tunnel is listed, its client's return after a good-bye is graceful"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire)
    vpn.connect()
    check.equal(vpn.ping(3), (3, 3), "ping through the tunnel")
    (tunnel,) = _tunnels(ravelin)
    check.equal((tunnel["vpn"], tunnel["state"]), ("openvpn", "established"), "the tunnel")
    check.equal(tunnel["server"]["endpoint"], f"{SERVER4}:{traffic.OPENVPN_PORT}", "its server")
    check.equal(tunnel["client"]["endpoint"].split(":")[0], CLIENT4, "its client")
    page = ravelin.ctl("tunnels", "show", tunnel["id"]).out
    for part in ("OpenVPN over UDP", "the client begins a handshake", "data goes both ways"):
        check.contains(page, part, "tunnels show")
    vpn.client.stop()
    wait_until(lambda: not _tunnels(ravelin), 10, "the tunnel's end")
    vpn.connect()
    wait_until(lambda: [one.get("verdict") for one in _tunnels(ravelin)] == ["graceful"], 15,
               "the verdict")
    check.wait_metric(ravelin, "ravelin_tunnel_resets_total", 1, verdict="graceful")
    vpn.stop()


ALL = (timeout_shorter_than_the_keepalive, the_same_without_adaptive_timeouts, openvpn_story)
