# SPDX-License-Identifier: BSD-3-Clause
"""Clocks that are wrong: a VPN server's, which is told, and the appliance's, which does no harm."""

import contextlib
import os
import threading
import time

from lab import traffic
from lab.netns import wait_until
from lab.wall_clock import FakeWallClock

from . import check
from .tunnel_checks import RESTART, answers_only, between, kinds, one, verdicts
from .tunnel_paths import a_client_moves_three_times
from .tunnel_resets import two_devices_displace_each_other

_DAY = 86400


def _clock(wire, name, synchronised=False):
    """A clock of its own; each needs a folder."""
    folder = wire.path(name)
    os.makedirs(folder)
    return FakeWallClock(folder, synchronised)


def _tls_crypt(wire):
    """OpenVPN's options for control packets that show the sender's clock."""
    secret = wire.path("secret.key")
    wire.client.run("openvpn", "--genkey", "secret", secret)
    return ("--tls-crypt", secret)


def server_clock_ahead(wire):
    """a server whose clock is 7 s ahead is told after one handshake, with the bounds; the tunnel
    is none the worse for it, and nobody is blamed (E8)"""
    clock = _clock(wire, "server-clock")
    clock.set(7)
    ravelin = wire.start_ravelin(environment=_clock(wire, "own-clock", True).environment)
    vpn = traffic.OpenVpn(wire, _tls_crypt(wire), ("1", "5"), environment=clock.environment)
    vpn.connect()
    check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
    tunnel = one(ravelin)
    server, client = tunnel["server"]["clock"], tunnel["client"]["clock"]
    # Whole seconds are all that packets show; both samples are of this very machine.
    between(server["low_s"], 5.95, 7.05, "the server's clock ahead at least")
    between(server["high_s"], 6.95, 8.05, "the server's clock ahead at most")
    between(client["low_s"], -1.05, 0.05, "the client's clock ahead at least")
    between(client["high_s"], -0.05, 1.05, "the client's clock ahead at most")
    check.equal(tunnel["clock_reference"], "absolute", "what clocks are compared with")
    check.contains(" ".join(tunnel["advice"]), "a step back stops OpenVPN's timers", "the advice")
    check.contains(ravelin.ctl("tunnels").out, "server's clock ", "the note")
    ravelin.program.wait_for("the server's clock is ", 3)
    for side, off in (("server", 1), ("client", 0)):
        check.wait_metric(ravelin, "ravelin_tunnel_clocks_off", off, side=side)
    # Twice the time after which a client gives up.
    time.sleep(10)
    check.equal(vpn.client.output.count(RESTART), 0, "ping-restarts")
    check.equal(verdicts(ravelin), {}, "verdicts")
    metrics = ravelin.metrics()
    for name in ("ravelin_tunnel_flaps_total", "ravelin_tunnel_clock_steps_total"):
        check.equal(metrics.sum(name), 0, name)
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


@contextlib.contextmanager
def _stepped(clock, pause=1.5):
    """Meanwhile the clock is set a day forward and back, and a day back and forward."""
    over = threading.Event()

    def step():
        offsets = (_DAY, 0, -_DAY, 0)
        turn = 0
        while not over.wait(pause):
            clock.set(offsets[turn % len(offsets)])
            turn += 1
    thread = threading.Thread(target=step)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _start(wire, text=None, **options):
    clock = _clock(wire, "own-clock", True)
    return clock, wire.start_ravelin(text, environment=clock.environment, **options)


def _check_steps(ravelin, least):
    """It has noticed its own steps, and taken none of them for a peer's."""
    metrics = ravelin.metrics()
    for direction in ("forward", "back"):
        check.at_least(metrics.sum("ravelin_wall_clock_steps_total", direction=direction), least,
                       f"steps {direction}")
    check.equal(metrics.sum("ravelin_tunnel_clock_steps_total"), 0, "steps of peers' clocks")
    check.equal(metrics.sum("ravelin_tunnel_clocks_off"), 0, "peers whose clocks are off")


def own_clock_set_while_idle(wire):
    """the appliance's clock is set by a day and back all the time: a tunnel whose keepalive is
    longer than the UDP timeout lives, its age and its peers' clocks stay right (E9 on E1)"""
    clock, ravelin = _start(wire, answers_only(wire))
    vpn = traffic.OpenVpn(wire, _tls_crypt(wire), ("2", "6"))
    with _stepped(clock):
        vpn.connect()
        begun = time.monotonic()
        check.equal(vpn.ping(2), (2, 2), "pings through the tunnel")
        time.sleep(15)
        check.equal(vpn.ping(3), (3, 3), "pings through the tunnel")
        tunnel = one(ravelin)
        between(tunnel["age_s"], time.monotonic() - begun, time.monotonic() - begun + 4,
                "seconds that the tunnel is old")
    for side in ("client", "server"):
        between(tunnel[side]["keepalive_s"], 1.9, 3.3, f"the {side}'s keepalive")
        between(tunnel[side]["heard_ago_s"], 0, 3.3, f"seconds since the {side} was heard")
    clock.set(0)
    wait_until(lambda: abs(one(ravelin)["server"]["clock"]["low_s"]) < 1.1, 3,
               "the server's clock to be right again")
    for side in ("client", "server"):
        offset = one(ravelin)[side]["clock"]
        between(offset["low_s"], -1.1, 0.1, f"the {side}'s clock ahead at least")
        between(offset["high_s"], -0.1, 1.1, f"the {side}'s clock ahead at most")
    check.equal(vpn.client.output.count(RESTART), 0, "ping-restarts")
    check.equal("silent" in kinds(ravelin, tunnel["id"]), False, "a silent side")
    check.equal(verdicts(ravelin), {}, "verdicts")
    _check_steps(ravelin, 4)
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


def own_clock_set_while_a_client_moves(wire):
    """the same while a client moves three times (E9 on E4)"""
    clock, ravelin = _start(wire, workers=1)
    with _stepped(clock, 0.7):
        a_client_moves_three_times(wire, ravelin)
    _check_steps(ravelin, 3)


def own_clock_set_while_devices_compete(wire):
    """the same while two devices displace each other: the same verdict at the same time (E9 on
    E6)"""
    clock, ravelin = _start(wire)
    with _stepped(clock):
        two_devices_displace_each_other(wire, ravelin)
    _check_steps(ravelin, 4)


ALL = (server_clock_ahead, own_clock_set_while_idle, own_clock_set_while_a_client_moves)
LONG = (own_clock_set_while_devices_compete,)
