# SPDX-License-Identifier: BSD-3-Clause
"""Debian's real Prometheus scrapes ravelind, and promtool has nothing to say against it."""

import http.client
import json
import time
import urllib.parse

from lab import traffic
from lab.netns import LabError, wait_until
from lab.wire import SERVER4

from . import check

_PORT = 9090


def _query(wire, expression):
    """The instant vector of a PromQL expression as {labels: value}."""
    connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=5)
    wire.box.inside(connection.connect)
    connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if answer["status"] != "success":
        raise LabError(f"{expression}: {answer}")
    return [(sample["metric"], float(sample["value"][1])) for sample in answer["data"]["result"]]


def _start_prometheus(wire):
    config = wire.path("prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("global: {scrape_interval: 1s}\n"
                   "scrape_configs:\n"
                   "  - job_name: ravelin\n"
                   "    static_configs: [{targets: ['127.0.0.1:9117']}]\n")
    program = wire.start(wire.box, "prometheus", f"--config.file={config}",
                         f"--storage.tsdb.path={wire.path('prometheus')}",
                         f"--web.listen-address=127.0.0.1:{_PORT}")
    program.wait_for("Server is ready to receive web requests", 30)
    return program


def prometheus_scrapes(wire):
    """Prometheus finds it up, all packets accounted for, and rates that fit the traffic"""
    wire.start_ravelin()
    _start_prometheus(wire)

    def value(expression):
        found = _query(wire, expression)
        return found[0][1] if found else None
    wait_until(lambda: value('up{job="ravelin"}') == 1, 20, "Prometheus to find the target up")
    flood = wire.start(wire.client, "ping", "-q", "-n", "-i", "0.01", SERVER4)
    wait_until(lambda: (value("sum(rate(ravelin_forwarded_packets_total[5s]))") or 0) > 100, 20,
               "Prometheus to see 200 packets a second")
    flood.stop()
    check.equal(value("ravelin_ready"), 1.0, "ravelin_ready")
    check.equal(value("max_over_time(ravelin_build_info[1m])"), 1.0, "ravelin_build_info")
    traffic.port_scan(wire.client, SERVER4)
    wait_until(lambda: (value('ravelin_dropped_packets_total{reason="policy_default"}') or 0) >= 40,
               10, "Prometheus to see the drops of a port scan")
    # An instant between two counters being read may show a packet on its way; none may stay.
    time.sleep(2.5)
    wait_until(lambda: value("ravelin_unaccounted_packets") == 0, 10, "everything accounted for")
    check.equal(value('count by (job) (count by (reason) (ravelin_dropped_packets_total)) > 20')
                is not None, True, "every drop reason is a series from the start")


def promtool_is_content(wire):
    """`promtool check metrics` accepts the page, and the series stay bounded"""
    ravelin = wire.start_ravelin()
    traffic.ping(wire.client, SERVER4)
    page = ravelin.http("/metrics")[2]
    done = wire.box.run("promtool", "check", "metrics", text_in=page, check=False)
    check.equal((done.code, done.out + done.err), (0, ""), "promtool check metrics")
    series = [line for line in page.splitlines() if line and not line.startswith("#")]
    check.equal(len(series) < 2000, True, f"{len(series)} series")
    for address in ("198.51.100.", "192.0.2.", "2001:db8"):
        check.equal(address in page, False, f"an address ({address}) in a label")


def metrics_are_documented(wire):
    """every ravelin_ family has help and type, and stands on its page with the same words"""
    ravelin = wire.start_ravelin()
    page = ravelin.http("/metrics")[2]
    helped = {line.split()[2] for line in page.splitlines() if line.startswith("# HELP ")}
    typed = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")}
    check.equal(helped, typed, "families with help, and with type")
    for name in ("ravelin_ready", "ravelin_build_info", "ravelin_unaccounted_packets",
                 "ravelin_port_receive_packets_total", "ravelin_port_transmit_packets_total",
                 "ravelin_forwarded_packets_total", "ravelin_dropped_packets_total",
                 "ravelin_conntrack_entries", "ravelin_conntrack_entries_limit",
                 "ravelin_conntrack_created_total", "ravelin_conntrack_deleted_total",
                 "ravelin_conntrack_lookups_total", "ravelin_worker_time_seconds_total",
                 "ravelin_config_generation", "ravelin_config_last_reload_successful"):
        check.contains(helped, name, "families")
    told = ravelin.ctl("stats", "-o", "json").out
    check.contains(told, "received", "ravelinctl stats")


ALL = (prometheus_scrapes, promtool_is_content, metrics_are_documented)
