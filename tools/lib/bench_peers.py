# SPDX-License-Identifier: BSD-3-Clause
"""Ravelin beside its peers: the same generator, the same ports where the peer has them.

    ravelin-load, CPU 0 == port outside == device, CPU 1 == port inside == ravelin-load

Each run starts a device afresh, opens all connections through it, and measures. The devices of a
round run in random order, and figures are compared within a round only. macswap runs twice in each
round: how far the two differ is how far any two figures may differ for no reason.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "e2e"), os.path.join(TOP, "tools", "lib")]

from lab.netns import LabError, Namespace, Program, end_on_sigterm, run, veth  # noqa: E402
from bench_bed import interval  # noqa: E402
from peers import PEERS  # noqa: E402

GENERATOR = os.path.join(TOP, "build", "release", "tools", "load", "ravelin-load")
RECORD = os.path.join(TOP, "docs", "bench", "peers.json")
HUGEPAGES = "/proc/sys/vm/nr_hugepages"
WANTED_PAGES = 1024  # of 2 MiB; OVS alone takes half of them
CONTROL = ("macswap_again", "macswap")
# What a control may be off by before nothing else is believed.
ALLOWED = 0.05
# Ports of one kind hang together: what is compared within a round.
KINDS = {"memif": ("io", "macswap", "macswap_again", "ravelin", "ovs"),
         "veth": ("macswap_veth", "macswap_veth_again", "ravelin_veth", "linux")}
BASE = {"memif": "macswap", "veth": "macswap_veth"}


class Hugepages:
    """Adds pages to what others have, and takes the same number away again."""

    def __enter__(self):
        self._added = 0
        with contextlib.suppress(OSError):
            before = self._read()
            self._write(before + WANTED_PAGES)
            self._added = self._read() - before
        self.there = self._added >= WANTED_PAGES
        return self

    def __exit__(self, *_):
        if self._added > 0:
            self._write(max(0, self._read() - self._added))

    @staticmethod
    def _read():
        with open(HUGEPAGES, encoding="ascii") as file:
            return int(file.read())

    @staticmethod
    def _write(pages):
        with open(HUGEPAGES, "w", encoding="ascii") as file:
            file.write(str(pages))


class Bench:
    """What a device is started with: a folder, a namespace with two veth pairs, CPUs."""

    def __init__(self, cpus, hugepages, connections, short_timeouts):
        self.cpus, self.hugepages = cpus, hugepages
        self.connections, self.short_timeouts = connections, short_timeouts
        self._closing = contextlib.ExitStack()
        self.folder = tempfile.mkdtemp(prefix=f"ravelin-peers-{os.getpid()}-")
        self._closing.callback(shutil.rmtree, self.folder, True)
        self.namespace = Namespace("device")
        self._closing.callback(self.namespace.close)
        self.far = Namespace("generator")
        self._closing.callback(self.far.close)

    def defer(self, function, *arguments):
        """Called when the run is over, last one first."""
        self._closing.callback(function, *arguments)

    def cables(self):
        """Interfaces `outside` and `inside` of the device, each with the generator's end."""
        for name in ("outside", "inside"):
            veth(self.namespace, name, self.far, name)

    def close(self):
        self._closing.close()


def generate(bench, peer, options):
    """One run of the generator; its report."""
    report = os.path.join(bench.folder, "report.json")
    words = [GENERATOR, "--cpu", bench.cpus[0], "--quiet", "--json", report,
             "--connections", bench.connections, *peer.generator(bench), *options]
    if not bench.hugepages:
        words.append("--eal=--no-huge")
    program = Program(words, bench.far.prefix, cwd=bench.folder)
    bench.defer(program.stop)
    done = program.wait(300)
    if done.code not in (0, 1):
        raise LabError(f"{done}\n{peer.said()}")
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def measure(name, arguments, hugepages, connections, fresh):
    """Starts the device, generates, ends it; the report, or the reason why there is none."""
    cpus = sorted(os.sched_getaffinity(0))
    bench = Bench((cpus[0], cpus[-1]), hugepages, connections, fresh)
    try:
        peer = PEERS[name](bench)
        pace = ["--new-per-second", "max"] if fresh else ["--order", arguments.order]
        return generate(bench, peer, [*pace, "--seconds", arguments.seconds,
                                      "--protocol", arguments.protocol, "--leave-open"])
    except LabError as error:
        return {"error": str(error)}
    finally:
        bench.close()


def value_of(report, fresh):
    """The figure of a run; None when there is none."""
    if "error" in report:
        return None
    return report["measured"]["new_connections_per_second" if fresh else "packets_per_second"]


def loss_of(reports):
    """Lost, damaged and unknown frames of all runs, over what was sent."""
    good = [report for report in reports if "error" not in report]
    sent = lost = 0
    for report in good:
        for direction in report["total"].values():
            sent += direction["sent"]
            lost += direction["lost"] + direction["damaged"] + direction["unknown"]
    return lost / sent if sent else 0


def summarise(case, rounds, base):
    """{name: figures} of one case; ratios are taken within rounds."""
    names = sorted({name for one in rounds for name in one}, key=list(PEERS).index)
    found = {}
    for name in names:
        reports = [one[name] for one in rounds]
        values = [value_of(report, case["fresh"]) for report in reports]
        errors = [report["error"] for report in reports if "error" in report]
        ratios = [value / value_of(one[base], case["fresh"])
                  for value, one in zip(values, rounds)
                  if value is not None and value_of(one[base], case["fresh"])]
        good = [value for value in values if value is not None]
        found[name] = {
            "per_second": good, "ratios": [round(ratio, 3) for ratio in ratios],
            "interval": [round(value, 3) for value in interval(
                [(ratios, len(ratios))], lambda values, i: values[i])] if ratios else None,
            "loss": loss_of(reports),
            "generator_was_limit": sum(report["generator"]["was_limit"] for report in reports
                                       if "error" not in report),
            "generator_idle": [round(report["generator"]["idle"], 3) for report in reports
                               if "error" not in report],
            "p99_us": [round(max(report["measured"][side]["latency_ns"]["p99"]
                                 for side in ("outside_to_inside", "inside_to_outside")) / 1e3, 1)
                       for report in reports if "error" not in report],
            "opened_per_second": [round(report["opening"]["per_second"]) for report in reports
                                  if "error" not in report],
            "error": errors[0] if errors else None}
    return found


def show(case, found, base):
    unit = "M new connections/s" if case["fresh"] else "Mpps"
    print(f"\n{case['kind']}, {case['connections']:,} connections, {unit}")
    print(f"  {'':20} {'median':>8} {'to ' + base:>16} {'95 %':>14} {'lost':>9}"
          f" {'p99 µs':>8}")
    for name, figures in found.items():
        if not figures["per_second"]:
            print(f"  {name:20} no figure: {figures['error'].strip().splitlines()[-1]}")
            continue
        ratio, low, high = figures["interval"] or [float("nan")] * 3
        limit, runs = figures["generator_was_limit"], len(figures["per_second"])
        note = f"  generator was the limit in {limit} of {runs}" if limit else ""
        if figures["error"]:
            note += f"  a run failed: {figures['error'].strip().splitlines()[-1]}"
        print(f"  {name:20} {statistics.median(figures['per_second']) / 1e6:8.3f}"
              f" {ratio:16.2f} [{low:5.2f}, {high:5.2f}]"
              f" {figures['loss']:9.1e} {statistics.median(figures['p99_us']):8.1f}{note}")
    sys.stdout.flush()


def control_of(found, base):
    """How far the ratio of a device to itself may be from 1, by its 95 % interval."""
    again = found.get(f"{base}_again")
    if not again or not again["interval"]:
        return None
    return max(abs(end - 1) for end in again["interval"][1:])


def parse():
    parser = argparse.ArgumentParser(prog="tools/bench peers",
                                     description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="of ports")
    parser.add_argument("--peer", action="append", metavar="NAME",
                        help=f"only this one and its base; one of {', '.join(PEERS)}")
    parser.add_argument("--connections", type=int, action="append", metavar="N",
                        help="default 1000, 100000 and 1000000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run (default 2)")
    parser.add_argument("--order", default="uniform", help="as of ravelin-load (default uniform)")
    parser.add_argument("--protocol", default="udp", help="as of ravelin-load (default udp)")
    parser.add_argument("--no-new", action="store_true", help="no runs of new connections")
    parser.add_argument("--out", metavar="FILE", help="write what was measured as JSON")
    parser.add_argument("--record", action="store_true",
                        help=f"write {os.path.relpath(RECORD, TOP)}, if the control allows that")
    arguments = parser.parse_args()
    for name in arguments.peer or ():
        if name not in PEERS:
            parser.error(f"--peer {name}: there are {', '.join(PEERS)}")
    return arguments


def cases_of(arguments):
    for kind in arguments.kind or KINDS:
        names = [name for name in KINDS[kind] if not arguments.peer or name in arguments.peer or
                 name.startswith(BASE[kind])]
        sizes = arguments.connections or [1000, 100_000, 1_000_000]
        for connections in sizes:
            yield {"kind": kind, "connections": connections, "fresh": False}, names
        if not arguments.no_new:
            yield {"kind": kind, "connections": 1000, "fresh": True}, names


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next(line.split(": ")[1].strip() for line in file if "model name" in line)
    return {"processor": model, "cpus": os.cpu_count(), "kernel": os.uname().release,
            "load_average_before": os.getloadavg()[0]}


def main():
    arguments = parse()
    end_on_sigterm()
    result = {"machine": machine(), "order": arguments.order, "protocol": arguments.protocol,
              "seconds": arguments.seconds, "cases": []}
    print(f"load average {os.getloadavg()[0]:.1f} before the first run")
    with Hugepages() as hugepages:
        result["hugepages"] = hugepages.there
        for case, names in cases_of(arguments):
            rounds = []
            for _ in range(arguments.rounds):
                order = random.sample(names, len(names))
                rounds.append({name: measure(name, arguments, hugepages.there,
                                             case["connections"], case["fresh"])
                               for name in order})
            found = summarise(case, rounds, BASE[case["kind"]])
            show(case, found, BASE[case["kind"]])
            control = control_of(found, BASE[case["kind"]])
            result["cases"].append({**case, "control": control, "peers": found})
    off = [case["control"] for case in result["cases"] if case["control"] is not None]
    result["void"] = not off or max(off) > ALLOWED
    if result["void"]:
        print(f"\nVOID: the same device against itself may be off by {max(off, default=1):.0%}; "
              f"{ALLOWED:.0%} are allowed.\nThe machine is too busy: these figures are rough.")
    for wanted, path in ((arguments.out, arguments.out),
                         (arguments.record and not result["void"], RECORD)):
        if wanted:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
                file.write("\n")
    return 1 if arguments.record and result["void"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as problem:
        print(f"tools/bench peers: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
