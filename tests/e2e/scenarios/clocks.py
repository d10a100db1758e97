# SPDX-License-Identifier: BSD-3-Clause
"""Time is monotonic: neither a wall clock that is set nor a pause ends a connection early."""

import json
import signal
import time

from lab import traffic
from lab.chrony import Chrony
from lab.netns import LabError, wait_until
from lab.wall_clock import FakeWallClock
from lab.wire import CLIENT4, SERVER4

from . import check

_HOUR, _DAY = 3600, 86400


def _listen(wire, ravelin):
    """An event stream that is known to listen: it has shown a ping."""
    events = ravelin.ctl_start("events", "-o", "jsonl")
    wait_until(lambda: traffic.ping(wire.client, SERVER4, count=1) and events.lines(), 10,
               "the event stream")
    return events


def _json_lines(program):
    return [json.loads(line) for line in program.lines() if line.startswith("{")]


def _port(event):
    return event["flow"]["original"].get("dport")


def _between(seen, least, most, what):
    if not least <= seen <= most:
        raise LabError(f"{what}: {seen:.2f}, not between {least:.2f} and {most:.2f}")


def _step(wire, ravelin, wall, offset, port):
    """Sets the wall clock while a connection waits for an answer; it ends when it would have."""
    began = time.monotonic()
    echo = traffic.Echo(wire, SERVER4, port, CLIENT4)
    echo.request()
    check.one_entry(ravelin, "udp", dport=port)
    step = wall.set(offset)
    ravelin.program.wait_for(f"wall clock stepped by {step:+.1f} s; timers don't use it", 5)
    check.wait_entries(ravelin, 0, "udp", dport=port, seconds=8)
    # Listings take their time, so the end may be seen late; it is never early.
    _between(time.monotonic() - began, 3, 5.5, f"seconds until it timed out, over {step:+d} s")
    echo.close()


def wall_clock_steps(wire):
    """setting the wall clock by 7 s, an hour or a day changes no verdict, timeout or order"""
    wall = FakeWallClock(wire.folder)
    ravelin = wire.start_ravelin(environment=wall.environment,
                                 conntrack="  timeouts: {udp_unreplied: 3s}\n")
    events = _listen(wire, ravelin)
    lasting = traffic.Echo(wire, SERVER4, 4000, CLIENT4)
    lasting.request()
    lasting.reply()
    offsets = (7, 0, _HOUR, 0, _DAY, 0)
    for number, offset in enumerate(offsets):
        _step(wire, ravelin, wall, offset, 4001 + number)
        check.state(check.one_entry(ravelin, "udp", dport=4000), 180, assured=number > 0, slack=7)
        lasting.request()
        lasting.reply()
        check.state(check.one_entry(ravelin, "udp", dport=4000), 180, assured=True)
        check.equal(ravelin.http("/readyz")[0], 200, "/readyz")
    metrics = ravelin.metrics()
    for direction in ("forward", "back"):
        check.equal(metrics.sum("ravelin_wall_clock_steps_total", direction=direction), 3,
                    f"steps {direction}")
    check.equal(metrics.sum("ravelin_classified_packets_total", **{"class": "stale"}), 0,
                "late packets")
    check.contains(ravelin.ctl("clock").out, "3 forward, 3 back; the last by -86400.0 s",
                   "ravelinctl clock")
    rate = json.loads(ravelin.ctl("clock", "-o", "json").out)["timer_clock"]["monotonic_raw"]
    _between(rate["ppm"], -50, 50, "ppm that timers are wrong by")
    events.stop()
    _check_order(_json_lines(events), [4001 + number for number in range(len(offsets))])
    lasting.close()


def _check_order(lines, ports):
    """One NEW and one DESTROY after it per connection, one after the other; steps in between."""
    told = [line["by_s"] for line in lines if line.get("event") == "clock" and
            line["kind"] == "wall_step"]
    check.equal([round(by) for by in told], [7, -7, _HOUR, -_HOUR, _DAY, -_DAY], "steps told")
    flows = [(line["event"], _port(line)) for line in lines
             if line.get("event") in ("new", "destroy") and _port(line) in ports]
    check.equal(flows, [(event, port) for port in ports for event in ("new", "destroy")],
                "events in order")


def stopped_process(wire):
    """ravelind stopped for 5 s: connections with 3 s left live on, and end 3 s later"""
    ravelin = wire.start_ravelin(conntrack="  timeouts: {udp_unreplied: 4s}\n")
    events = _listen(wire, ravelin)
    echoes = []
    began = time.monotonic()
    for port in range(4000, 4010):
        echoes.append(traffic.Echo(wire, SERVER4, port, CLIENT4))
        echoes[-1].request()
    wait_until(lambda: check.one_entry(ravelin, "udp", dport=4000).timeout <= 3, 3, "a second")
    ravelin.program.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    time.sleep(5)
    ravelin.program.signal(signal.SIGCONT)
    paused = time.monotonic() - stopped
    entries = check.entries(ravelin, "udp")
    check.equal(len(entries), 10, "connections after the pause")
    _between(min(entry.timeout for entry in entries), 1, 3, "seconds left")
    wait_until(lambda: ravelin.http("/readyz")[0] == 200, 2, "/readyz after the pause")
    echoes[0].reply()  # its answer comes in time: the pause doesn't count
    check.wait_entries(ravelin, 1, "udp", seconds=8)
    _between(time.monotonic() - began, 4 + paused - 0.5, 4 + paused + 2.5, "seconds they lasted")

    metrics = ravelin.metrics()
    for worker in {labels["lcore"] for name, labels, _ in metrics.samples
                   if name == "ravelin_worker_pauses_total"}:
        check.at_least(metrics.sum("ravelin_worker_pauses_total", lcore=worker), 1, "pauses")
        _between(metrics.sum("ravelin_worker_paused_seconds_total", lcore=worker), 4.5,
                 paused + 1, f"seconds that worker {worker} was paused")
    check.equal(metrics.sum("ravelin_wall_clock_steps_total"), 0, "steps of the wall clock")
    ravelin.program.wait_for("its timers stood still meanwhile", 3)
    wait_until(lambda: any(line.get("kind") == "worker_pause" for line in _json_lines(events)), 3,
               "the event about the pause")
    events.stop()
    for echo in echoes:
        echo.close()


def chronyd_is_asked(wire):
    """a real chronyd: whom it follows is shown, measured and told; without one that is said"""
    ravelin = wire.start_ravelin()
    check.contains(ravelin.ctl("clock").out, "chronyd doesn't answer", "ravelinctl clock")
    check.equal(ravelin.metrics().sum("ravelin_chronyd_up"), 0, "chronyd without one")
    events = _listen(wire, ravelin)
    Chrony(wire, wire.box)

    def followed():
        chrony = json.loads(ravelin.ctl("clock", "-o", "json").out)["wall_clock"]["chrony"]
        return chrony if chrony and chrony["synchronised"] else None
    wait_until(followed, 25, "chronyd to follow its source, and ravelind to ask it")
    chrony = followed()
    check.equal((chrony["source"], chrony["stratum"]), ("127.0.0.1", 4), "source and stratum")
    _between(chrony["last_offset_s"], -0.1, 0.1, "s off")
    _between(chrony["updated_ago_s"], 0, 30, "s since the last update")
    check.contains(ravelin.ctl("clock").out, "chronyd follows 127.0.0.1, stratum 4, ",
                   "ravelinctl clock")
    metrics = ravelin.metrics()
    for name, low, high in (("up", 1, 1), ("stratum", 4, 4), ("rms_offset_seconds", 0, 0.1),
                            ("root_distance_seconds", 0, 0.1)):
        _between(metrics.sum(f"ravelin_chronyd_{name}"), low, high, name)
    ravelin.program.wait_for("chronyd follows 127.0.0.1, stratum 4", 3)
    wait_until(lambda: any(line.get("kind") == "time_source" for line in _json_lines(events)), 3,
               "the event about the source")
    events.stop()


def ntp_is_observed(wire):
    """the concentrator's chronyd asks a server outside: whom, how good that is, how far off its
    clock is, and that it no longer answers, is seen on the wire"""
    ravelin = wire.start_ravelin()
    check.contains(ravelin.ctl("clock").out, "no NTP request has come by", "ravelinctl clock")
    chrony = Chrony(wire, wire.concentrator, wire.client, CLIENT4, 123)

    def seen():
        ntp = json.loads(ravelin.ctl("clock", "-o", "json").out)["ntp"]
        return ntp[0] if ntp else None

    wait_until(lambda: seen() and seen()["answers"] > 3, 25, "answers of the time server")
    one = seen()
    check.equal((one["client"], one["server"], one["client_side"], one["wire"]),
                (SERVER4, CLIENT4, "inside", "main"), "who asks whom")
    check.equal((one["synchronised"], one["stratum"]), (True, 3), "the server")
    _between(one["server_offset_s"], -0.05, 0.05, "s that its clock is off")
    _between(one["server_offset_error_s"], 0, 0.05, "s of error")
    _between(one["last_answer_ago_s"], 0, 5, "s since the last answer")
    check.at_least(ravelin.metrics().sum("ravelin_ntp_messages_total", kind="answer"), 4,
                   "answers in the metrics")
    chrony.source.stop()
    wait_until(lambda: seen()["unanswered"] > 2, 25, "requests without an answer")
    check.contains(ravelin.ctl("clock").out, ", none of the last ", "ravelinctl clock")


ALL = (wall_clock_steps, stopped_process, chronyd_is_asked, ntp_is_observed)
