# SPDX-License-Identifier: BSD-3-Clause
"""What operators see: events, lists in every format, statistics, health."""

import json
import re

from lab import traffic
from lab.netns import wait_until
from lab.wire import CLIENT4, SERVER4

from . import check

_NEW = re.compile(r"^    \[NEW\] icmp     1 30 src=198\.51\.100\.2 dst=192\.0\.2\.20 type=8 code=0 "
                  r"id=(\d+) \[UNREPLIED\] src=192\.0\.2\.20 dst=198\.51\.100\.2 type=0 code=0 "
                  r"id=\1$")
_DESTROY = re.compile(r"^\[DESTROY\] icmp     1 \d+ src=198\.51\.100\.2 dst=192\.0\.2\.20 type=8 "
                      r"code=0 id=(\d+) .*src=192\.0\.2\.20 dst=198\.51\.100\.2 type=0 code=0 "
                      r"id=\1( |$)")


def events_stream(wire):
    """`ravelinctl events` shows a connection's life as `conntrack -E` does"""
    ravelin = wire.start_ravelin()
    events = ravelin.ctl_start("events", "-o", "conntrack")

    def of_kind(pattern):
        return [line for line in events.lines() if pattern.match(line)]

    def seen():
        traffic.ping(wire.client, SERVER4, count=1)
        return of_kind(_NEW) and of_kind(_DESTROY)
    wait_until(seen, 10, "NEW and DESTROY of a ping")
    identifier = _NEW.match(of_kind(_NEW)[-1]).group(1)
    wait_until(lambda: any(f"id={identifier}" in line for line in of_kind(_DESTROY)), 5,
               "the ping's DESTROY")
    mine = [line for line in events.lines() if f"id={identifier}" in line]
    check.equal((mine[0], mine[-1]), (of_kind(_NEW)[-1], of_kind(_DESTROY)[-1]),
                "the first and the last event")
    events.stop()


def lists_in_every_format(wire):
    """the same connections as table, conntrack, JSON and JSON lines; filters select"""
    ravelin = wire.start_ravelin()
    first = traffic.Echo(wire, SERVER4, 4000, CLIENT4)
    second = traffic.Echo(wire, SERVER4, 4001, CLIENT4)
    for echo in (first, second):
        echo.request()
        echo.reply()
    as_json = ravelin.flows_json("--protocol", "udp")
    check.equal(len(as_json), 2, "connections as JSON")
    lines = ravelin.ctl("flows", "--protocol", "udp", "-o", "jsonl").out.splitlines()
    check.equal(sorted(json.loads(line)["id"] for line in lines),
                sorted(flow["id"] for flow in as_json), "ids as JSON lines")
    table = ravelin.ctl("flows", "--protocol", "udp").out
    for port in ("4000", "4001"):
        check.contains(table, port, "the table")
    only = ravelin.flows("--dport", "4001")
    check.equal(len(only), 1, "connections with --dport 4001")
    check.contains(only[0], "dport=4001", "the filtered line")
    check.contains(ravelin.ctl("stats").out, "received", "ravelinctl stats")
    check.contains(ravelin.ctl("version").out, "ravelin", "ravelinctl version")
    first.close()
    second.close()


def health_and_pages(wire):
    """/livez, /readyz and `ravelinctl health` agree; an unknown page is a 404"""
    ravelin = wire.start_ravelin()
    check.equal(ravelin.http("/livez")[0], 200, "/livez")
    check.equal(ravelin.http("/readyz")[0], 200, "/readyz")
    check.equal(ravelin.http("/nothing-here")[0], 404, "an unknown page")
    status, kind, _ = ravelin.http("/metrics")
    check.equal((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"), "/metrics")
    check.equal(ravelin.ctl("health").code, 0, "ravelinctl health")


def no_tunnels(wire):
    """`ravelinctl tunnels` of an appliance without tunnels; a wrong id is told"""
    ravelin = wire.start_ravelin()
    table = ravelin.ctl("tunnels")
    check.equal(table.out.split(), ["ID", "VPN", "STATE", "CLIENT", "SERVER", "AGE", "HEARD",
                                    "C/S", "KEEPALIVE", "C/S", "NOTE"], "the table's head")
    check.equal(json.loads(ravelin.ctl("tunnels", "--all", "-o", "json").out), [], "as JSON")
    for identifier, message in (("43e5", "no tunnel has the id 43e5"),
                                ("door", "an id is 1 to 16 hexadecimal digits")):
        refused = ravelin.ctl("tunnels", "show", identifier, check=False)
        check.equal(refused.code, 1, f"tunnels show {identifier}")
        check.contains(refused.err, message, f"tunnels show {identifier}")
    check.equal(ravelin.ctl("tunnels", "show", check=False).code, 2, "tunnels show without an id")
    check.equal(ravelin.ctl("tunnels", "--ids", "x", check=False).code, 2, "tunnels --ids x")


ALL = (events_stream, lists_in_every_format, health_and_pages, no_tunnels)
