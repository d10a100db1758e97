# SPDX-License-Identifier: BSD-3-Clause
"""Why a client came back: each cause made with real daemons, and the verdict that it must get."""

import re
import signal
import time

from lab import traffic
from lab.config import OUTSIDE_RULES
from lab.netns import wait_until
from lab.wall_clock import FakeWallClock
from lab.wire import CLIENT4

from . import check
from .tunnel_checks import (RESTART, between, kinds, listed, one, port_of,
                            stale_alone, story, verdicts, wait_moment, wait_verdict)


def _stale(ravelin, reason):
    return ravelin.metrics().sum("ravelin_stale_packets_total", reason=reason)


def client_killed(wire):
    """a client is killed and started again: its host's port unreachable is the evidence, and the
    new session is tied to the old one, which gets its late packets told by name (E2)"""
    ravelin = wire.start_ravelin()
    # With duplicate-cn the server doesn't drop the old session for the sake of the new one.
    vpn = traffic.OpenVpn(wire, keepalive=("1", "10"), server=("--duplicate-cn",))
    vpn.connect()
    check.equal(vpn.ping(2), (2, 2), "pings through the tunnel")
    old = one(ravelin)
    before = check.related(ravelin)
    vpn.client.signal(signal.SIGKILL)
    # The server goes on; the client's host answers each of its keepalives.
    wait_until(lambda: check.related(ravelin) - before >= 2, 5, "two ICMP errors of the client's")
    vpn.connect()
    fresh = wait_verdict(ravelin, "client_died", 15)
    check.equal(vpn.ping(2), (2, 2), "pings through the new tunnel")
    check.equal(fresh["client"]["endpoint"] == old["client"]["endpoint"], False, "the same port")
    check.contains(fresh["explanation"], "the client's host answered that the port is closed",
                   "the explanation")
    check.contains(str(kinds(ravelin, old["id"])), "verdict", "the old tunnel's time line")
    check.equal(check.dropped(ravelin), {}, "drops")

    # The old connection ends, and the server still sends: late, and never an attempt to come in.
    port = port_of(old["client"]["endpoint"])
    session = next(tunnel["id"] for tunnel in listed(ravelin, "--all", "--ids", "session")
                   if port_of(tunnel["client"]["endpoint"]) == port)
    ravelin.ctl("flush", "--yes")
    words = f"late packet of OpenVPN session {session}, opened from outside by {CLIENT4}:{port} "
    told = wait_until(lambda: [line for line in ravelin.ctl("stale", "list").out.splitlines()
                               if words in line], 5, f"{words!r} in ravelinctl stale list")[0]
    between(float(re.search(r"closed (\d+\.\d) s ago", told).group(1)), 0, 3,
            "seconds from the end to a late packet")
    check.contains(told, "certain: it carries the session's own id", "the late packet")
    check.equal(vpn.ping(2), (2, 2), "pings through the new tunnel")
    check.equal(set(check.dropped(ravelin)), {"stale"}, "reasons of drops")
    check.equal(verdicts(ravelin), {"client_died": 1}, "verdicts")
    vpn.stop()


def exit_notice(wire):
    """a client's good-bye ends its connection within a second; what the server sends until its
    own delayed end is late, and no host answers it (E3)"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire, keepalive=("2", "10"))
    vpn.connect()
    check.equal(vpn.ping(2), (2, 2), "pings through the tunnel")
    tunnel = one(ravelin)
    session = one(ravelin, "--ids", "session")["id"]
    errors = check.related(ravelin)
    vpn.client.signal(signal.SIGTERM)
    asked = time.monotonic()
    check.wait_entries(ravelin, 0, "udp", dport=traffic.OPENVPN_PORT, seconds=3)
    # OpenVPN itself waits for the acknowledgement; 1 s is after the notice, not the signal.
    between(time.monotonic() - asked, 0, 1, "seconds from the signal to the connection's end")
    wait_until(lambda: _stale(ravelin, "exit") >= 2, 6, "two late keepalives")
    vpn.server.wait_for("SIGTERM[soft,delayed-exit] received", 8)
    late = _stale(ravelin, "exit")
    ended = story(ravelin, tunnel["id"])
    check.equal((ended["state"], ended["close_reason"], ended["good_bye_from"]),
                ("closed", "exit", "client"), "the tunnel")
    told = ravelin.ctl("stale", "list").out
    for words in (f"late packet of OpenVPN session {session}", "by an exit notice from the client"):
        check.contains(told, words, "ravelinctl stale list")
    # Its delayed end comes after 5 s, by timers with a grain of a second.
    between(float(re.search(r"closed (\d+\.\d) s ago", told).group(1)), 0.5, 6.5,
            "seconds from the end to the last late packet")
    check.equal(check.related(ravelin), errors, "ICMP errors")
    between(late, 2, 4, "late packets")
    stale_alone(ravelin, late)
    vpn.stop()


def refused_by_a_rule(wire):
    """a rule is loaded that refuses a client, and its connections are flushed: when the rule has
    gone and the client comes back, the verdict is that it was this appliance (E5)"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire, keepalive=("1", "4"))
    vpn.connect()
    check.equal(vpn.ping(2), (2, 2), "pings through the tunnel")
    old = one(ravelin)
    refusing = OUTSIDE_RULES.replace("rules:\n", (
        "rules:\n  - {name: refuse-client, from: outside, protocol: udp, "
        f"source: [{CLIENT4}], action: drop}}\n"))
    ravelin.reload(wire.config(rules=refusing))
    ravelin.ctl("flush", "--yes")
    vpn.client.wait_for(RESTART, 10)
    check.wait_dropped(ravelin, "policy_rule", 3)
    check.at_least(_stale(ravelin, "operator"), 2, "late packets of the server")
    ended = story(ravelin, old["id"])
    check.equal((ended["state"], ended["close_reason"]), ("closed", "operator"), "the tunnel")
    ravelin.reload(wire.config())
    fresh = wait_verdict(ravelin, "our_policy", 20)
    check.contains(fresh["explanation"], "its connection was ended here by an operator's flush",
                   "the explanation")
    wait_until(lambda: vpn.ping(1) == (1, 1), 10, "a ping through the new tunnel")
    check.equal(verdicts(ravelin), {"our_policy": 1}, "verdicts")
    check.equal(set(check.dropped(ravelin)), {"policy_rule", "stale"}, "reasons of drops")
    vpn.stop()


def answers_lost_behind_us(wire):
    """what the server sends to one of its clients is dropped before it comes here: that side is
    told to be silent in time, and the verdict doesn't blame this appliance (E5)"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire, keepalive=("6", "30"), names=("one", "two"))
    clients = [vpn.join("one", "tun0"), vpn.join("two", "tun1")]
    for device in ("tun0", "tun1"):
        check.equal(vpn.ping(1, device=device), (1, 1), f"pings through {device}")
    for tunnel in listed(ravelin):
        wait_until(lambda: story(ravelin, tunnel["id"])["server"]["keepalive_s"], 40,
                   "the server's keepalive")
    victim, other = listed(ravelin)
    keepalive = victim["server"]["keepalive_s"]
    port = port_of(victim["client"]["endpoint"])
    wire.router.run("nft", "-f", "-", text_in=f"""
        table ip lost {{
            chain forwarding {{
                type filter hook forward priority 0
                udp sport {traffic.OPENVPN_PORT} udp dport {port} drop
            }}
        }}
        """)
    heard = time.monotonic() - story(ravelin, victim["id"])["server"]["heard_ago_s"]
    wait_until(lambda: story(ravelin, victim["id"])["server"]["silent"], 30, "silence to be told")
    between(time.monotonic() - heard, 2.5 * keepalive, 2.5 * keepalive + 1,
            "seconds of silence until it is told")
    check.equal(ravelin.metrics().sum("ravelin_tunnels_silent", side="server"), 1,
                "tunnels whose server is silent")
    check.contains(ravelin.ctl("tunnels").out, "server silent", "the note")
    fresh = wait_verdict(ravelin, "server_lost_client", 40)
    check.contains(fresh["explanation"], "the server goes on talking to 1 other client",
                   "the explanation")
    check.equal(verdicts(ravelin), {"server_lost_client": 1}, "verdicts")
    check.equal(story(ravelin, other["id"])["state"], "established", "the other tunnel")
    check.equal(check.dropped(ravelin), {}, "drops")
    for client in clients:
        client.stop()
    vpn.stop()


def duplicate_identity(wire):
    """two devices with one certificate displace each other; after the second time the verdict
    names both ports (E6)"""
    two_devices_displace_each_other(wire, wire.start_ravelin())


def two_devices_displace_each_other(wire, ravelin):
    """The same on an appliance that runs already."""
    vpn = traffic.OpenVpn(wire, keepalive=("1", "4"))
    first = vpn.join(device="tun0")
    second = vpn.join(device="tun1")
    fresh = wait_verdict(ravelin, "duplicate_identity", 40)
    ports = set(re.findall(rf"{re.escape(CLIENT4)}:(\d+)", fresh["explanation"]))
    have = {str(port_of(tunnel["client"]["endpoint"])) for tunnel in listed(ravelin, "--all")}
    check.equal((len(ports), ports <= have), (2, True),
                f"ports {ports} in {fresh['explanation']!r}, of tunnels at {have}")
    check.contains(fresh["explanation"], "displace each other, 2 times so far", "the explanation")
    check.contains(" ".join(fresh["advice"]), "duplicate-cn", "the advice")
    # The first displacement alone proves nothing.
    check.equal({word: count for word, count in verdicts(ravelin).items()
                 if word != "duplicate_identity"}, {"server_lost_client": 1}, "other verdicts")
    restarts = first.output.count(RESTART) + second.output.count(RESTART)
    between(restarts, 2, 3, "ping-restarts of both until the second displacement")
    check.equal(check.dropped(ravelin), {}, "drops")
    second.stop()
    first.stop()
    vpn.stop()


def server_clock_set_back(wire):
    """the server's clock is set back by 7 s: its timers stand still, all clients come back, and the
    verdict says so with the clock's new offset (E7)"""
    clock = FakeWallClock(wire.folder)
    clock.set(7)
    ravelin = wire.start_ravelin()
    secret = wire.path("secret.key")
    wire.client.run("openvpn", "--genkey", "secret", secret)
    vpn = traffic.OpenVpn(wire, ("--tls-crypt", secret), ("1", "5"), ("one", "two"),
                          environment=clock.environment)
    clients = [vpn.join("one", "tun0"), vpn.join("two", "tun1")]
    for device in ("tun0", "tun1"):
        check.equal(vpn.ping(3, device=device), (3, 3), f"pings through {device}")
    offset = listed(ravelin)[0]["server"]["clock"]
    between(offset["low_s"], 5.9, 7.05, "the server's clock ahead at least")
    between(offset["high_s"], 6.95, 8.05, "the server's clock ahead at most")
    # Keepalives have to be known: four of them.
    for tunnel in listed(ravelin):
        wait_moment(ravelin, tunnel["id"], "keepalive", 10)
    clock.set(0)
    wait_until(lambda: verdicts(ravelin).get("server_freeze", 0) == 2, 25,
               "two clients with the verdict server_freeze")
    check.equal([client.output.count(RESTART) for client in clients], [1, 1], "ping-restarts")
    check.equal(verdicts(ravelin), {"server_freeze": 2}, "verdicts")
    fresh = wait_verdict(ravelin, "server_freeze", 1)
    check.contains(fresh["explanation"], "the server answers handshakes, but nothing from the "
                   "server for", "the explanation")
    check.contains(fresh["explanation"], "its clock was set back", "the explanation")
    # It is OpenVPN's own clock that shows: it stands still until the right time has come up with
    # it, of which a second is left when the clients come back 6 s after the last keepalive.
    now = fresh["server"]["clock"]
    between(now["low_s"], -1.05, 1.05, "the server's clock ahead at least, set right")
    between(now["high_s"], -0.05, 2.05, "the server's clock ahead at most, set right")
    check.equal(ravelin.metrics().sum("ravelin_tunnel_clock_steps_total", side="server"), 1,
                "steps of the server's clock")
    check.equal(check.dropped(ravelin), {}, "drops")
    for client in clients:
        client.stop()
    vpn.stop()


ALL = (client_killed, exit_notice, refused_by_a_rule, duplicate_identity, server_clock_set_back)
LONG = (answers_lost_behind_us,)
