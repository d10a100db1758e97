# SPDX-License-Identifier: BSD-3-Clause
"""A reload under load: takes effect, loses nothing; a broken file changes nothing."""

import re
import signal
import time

from lab import traffic
from lab.config import OUTSIDE_RULES
from lab.netns import wait_until
from lab.wire import CLIENT4, SERVER4

from . import check


def _generation(ravelin):
    return ravelin.metrics().sum("ravelin_config_generation")


def timeouts_of_a_rule(wire):
    """a rule's own timeouts hold for its connections alone, and a reload changes them for those
    that are there"""
    def config(seconds):
        return OUTSIDE_RULES.replace("destination_ports: [4000-4999]",
                                     f"destination_ports: [4000], timeouts: {{udp_unreplied: "
                                     f"{seconds}s}}", 1) + (
            "  - {name: others, from: outside, protocol: udp, destination_ports: [4001-4999], "
            "action: allow}\n")
    ravelin = wire.start_ravelin(rules=config(600))
    own, other = (traffic.Echo(wire, SERVER4, port, CLIENT4) for port in (4000, 4001))
    for seconds in (600, 60):
        if seconds == 60:
            ravelin.reload(wire.config(rules=config(60)))
        own.request()
        check.state(check.one_entry(ravelin, "udp", dport=4000), seconds, unreplied=True)
        other.request()
        check.state(check.one_entry(ravelin, "udp", dport=4001), 30, unreplied=True)
    own.close()
    other.close()


def reload_under_load(wire):
    """rule and timeout changed while TCP and ping run: both take effect and nothing is lost"""
    ravelin = wire.start_ravelin()
    server = traffic.iperf_server(wire)
    count = 2500
    transfer = wire.start(wire.client, "iperf3", "--client", SERVER4, "--time", "8", "--bitrate",
                          "20M", "--json")
    pinging = wire.start(wire.client, "ping", "-n", "-q", "-i", "0.002", "-c", str(count), SERVER4)
    connections = check.wait_entries(ravelin, 2, "tcp", dport=traffic.IPERF_PORT)
    ids = {flow["id"] for flow in ravelin.flows_json("--protocol", "tcp")}

    rules = OUTSIDE_RULES.replace("destination_ports: [4000-4999]", "destination_ports: [4000]")
    for step in range(4):  # there and back, twice
        before = _generation(ravelin)
        changed = step % 2 == 0
        ravelin.reload(wire.config(
            rules=rules if changed else OUTSIDE_RULES,
            conntrack="  timeouts: {udp_unreplied: 12s}\n" if changed else ""))
        check.equal(_generation(ravelin) - before, 1, "generations")
        echo = traffic.Echo(wire, SERVER4, 4000, CLIENT4)
        echo.request()
        check.state(check.one_entry(ravelin, "udp", sport=echo.client_port),
                    12 if changed else 30, unreplied=True)
        echo.close()
        refused = check.dropped(ravelin).get("policy_default", 0)
        other = traffic.Echo(wire, SERVER4, 4500, CLIENT4)
        if changed:
            other.client.sendto(b"now refused", (SERVER4, 4500))
            check.wait_dropped(ravelin, "policy_default", refused + 1)
            check.no_entry(ravelin, "udp", sport=other.client_port)
        else:
            other.request()
        other.close()
        time.sleep(0.3)  # some traffic between two reloads

    check.equal({flow["id"] for flow in ravelin.flows_json("--protocol", "tcp")}, ids,
                "the transfer's connections")
    check.equal(len(connections), 2, "connections")
    done = pinging.wait(60)
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received",
                                        done.out).groups())
    check.equal((sent, received), (count, count), "pings sent and answered")
    check.at_least(traffic.iperf_result(transfer.wait(60)), 10_000_000, "bytes transferred")
    server.stop()
    check.equal(set(check.dropped(ravelin)), {"policy_default"}, "reasons of drops")


def broken_file_is_refused(wire):
    """a broken file is refused with file, line and column, and what ran goes on"""
    ravelin = wire.start_ravelin()
    good = wire.config()
    before = _generation(ravelin)
    broken = good.replace("conntrack:\n", "conntrack:\n  profiel: linux\n")
    line = broken.split("\n").index("  profiel: linux") + 1
    done = ravelin.reload(broken, check=False)
    check.equal(done.code, 4, "ravelinctl reload's exit code")
    text = done.out + done.err
    check.contains(text, f"ravelin.yaml:{line}:3", "the finding")
    check.contains(text, "profiel", "the finding")
    check.equal(_generation(ravelin), before, "the generation")
    metrics = ravelin.metrics()
    check.equal(metrics.sum("ravelin_config_last_reload_successful"), 0, "last reload's result")
    check.equal(metrics.sum("ravelin_config_reloads_total", result="rejected"), 1, "rejections")
    check.equal(traffic.ping(wire.client, SERVER4), (3, 3), "ping")

    ravelin.reload(good)
    check.equal(ravelin.metrics().sum("ravelin_config_last_reload_successful"), 1,
                "last reload's result")


def sighup_reloads(wire):
    """SIGHUP does what `ravelinctl reload` does"""
    ravelin = wire.start_ravelin()
    before = _generation(ravelin)
    ravelin.write_config(wire.config(conntrack="  timeouts: {udp_unreplied: 12s}\n"))
    ravelin.program.signal(signal.SIGHUP)
    wait_until(lambda: _generation(ravelin) == before + 1, 5, "the next generation")
    echo = traffic.Echo(wire, SERVER4, 4000, CLIENT4)
    echo.request()
    check.state(check.one_entry(ravelin, "udp", dport=4000), 12, unreplied=True)
    echo.close()


ALL = (timeouts_of_a_rule, reload_under_load, broken_file_is_refused, sighup_reloads)
