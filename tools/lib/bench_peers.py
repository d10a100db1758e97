# SPDX-License-Identifier: BSD-3-Clause
"""Ravelin beside its peers: the same generator, the same ports where the peer has them.

    ravelin-load, CPU 0 == port outside == device, CPU 1 == port inside == ravelin-load

Each run starts a device afresh, opens all connections through it, and measures in slices. A virtual
machine's host moves its CPUs about, so before and after each slice the generator looks at how near
and how fast the two are; only slices under good conditions count, whatever they say. The devices of
a round run in random order. macswap runs twice in each round: how far the two differ is how far any
two figures may differ for no reason.
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
from peers import PEERS, Vpp  # noqa: E402

GENERATOR = os.path.join(TOP, "build", "release", "tools", "load", "ravelin-load")
RECORD = os.path.join(TOP, "docs", "bench", "peers.json")
HUGEPAGES = "/proc/sys/vm/nr_hugepages"
WANTED_PAGES = 1024  # of 2 MiB; OVS alone takes half of them; VPP's come on top
# What a control may be off by before nothing else is believed.
ALLOWED = 0.05
# Ports of one kind hang together: what is compared within a round.
KINDS = {"memif": ("io", "macswap", "macswap_again", "ravelin", "ovs", "vpp"),
         "vhost": ("macswap_vhost", "macswap_vhost_again", "ravelin_vhost"),
         "veth": ("macswap_veth", "macswap_veth_again", "ravelin_veth", "linux")}
BASE = {"memif": "macswap", "vhost": "macswap_vhost", "veth": "macswap_veth"}
SIZES = {"memif": (1000, 65536, 1 << 20, 1 << 23), "vhost": (1000, 1 << 20),
         "veth": (1000, 100_000)}
SLICE = 0.1  # seconds
# How much worse than in the best fifth of all looks at the CPUs a look may be for its slices.
WORSE = {"distance_ns": 1.3, "own_work_ns": 1.06, "other_work_ns": 1.06}


class Hugepages:
    """Adds pages to what others have, and takes the same number away again."""

    def __init__(self, more=0):
        self._wanted = WANTED_PAGES + more

    def __enter__(self):
        self._added = 0
        with contextlib.suppress(OSError):
            before = self._read()
            self._write(before + self._wanted)
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

    def __init__(self, cpus, hugepages, connections, short_timeouts, vpp=None):
        self.cpus, self.hugepages, self.vpp = cpus, hugepages, vpp
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
    bench = Bench((cpus[0], cpus[-1]), hugepages, connections, fresh, arguments.vpp)
    try:
        peer = PEERS[name](bench)
        pace = ["--new-per-second", "max"] if fresh else ["--order", arguments.order]
        return generate(bench, peer, [*pace, "--seconds", arguments.seconds, "--slice", SLICE,
                                      "--probe-cpu", bench.cpus[1],
                                      # Until nearly all connections have spoken once more.
                                      "--warm-up", 0.5 if fresh else 0.5 + connections / 1.5e6,
                                      "--protocol", arguments.protocol, "--leave-open"])
    except LabError as error:
        return {"error": str(error)}
    finally:
        bench.close()


def looks(rounds):
    """What the CPUs were like before and after the slices of all runs."""
    return [slice_[when] for one in rounds for report in one.values() if "error" not in report
            for slice_ in report["slices"] for when in ("before", "after")]


def limits_of(rounds):
    """The worst condition under which a slice counts."""
    found = looks(rounds)
    return {key: sorted(look[key] for look in found)[len(found) // 5] * factor
            for key, factor in WORSE.items()} if found else {}


def accepted(report, limits, fresh):
    """The figures of the slices of a run that count."""
    if "error" in report:
        return []
    what = "new_connections_per_second" if fresh else "packets_per_second"
    return [slice_[what] for slice_ in report["slices"]
            if all(slice_[when][key] <= limit for when in ("before", "after")
                   for key, limit in limits.items())]


def ratio_of(runs, base, seed=1):
    """Ratio of the medians of two devices' slices, with its 95 % interval: the bootstrap draws runs
    first and slices within them."""
    draw = random.Random(seed)

    def middle(of):
        return statistics.median(value for run in draw.choices(of, k=len(of))
                                 for value in draw.choices(run, k=len(run)))
    runs, base = [run for run in runs if run], [run for run in base if run]
    if not runs or not base:
        return None
    ratios = sorted(middle(runs) / middle(base) for _ in range(2000))
    centre = (statistics.median(value for run in runs for value in run) /
              statistics.median(value for run in base for value in run))
    return [round(value, 3) for value in (centre, ratios[50], ratios[-51])]


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
    """{name: figures} of one case."""
    limits = limits_of(rounds)
    names = sorted({name for one in rounds for name in one}, key=list(PEERS).index)
    runs = {name: [accepted(one[name], limits, case["fresh"]) for one in rounds] for name in names}
    ravelin = next((runs[name] for name in names if name.startswith("ravelin")), [])
    found = {}
    for name in names:
        reports = [one[name] for one in rounds]
        errors = [report["error"] for report in reports if "error" in report]
        good = [report for report in reports if "error" not in report]
        values = [value for run in runs[name] for value in run]
        found[name] = {
            "per_second": statistics.median(values) if values else None,
            "interval": ratio_of(runs[name], runs[base]) if base in runs else None,
            "ravelin_to_it": ratio_of(ravelin, runs[name]),
            "slices": sum(len(report["slices"]) for report in good),
            "accepted": len(values),
            "by_run": [round(statistics.median(run)) if run else None for run in runs[name]],
            "loss": loss_of(reports), "runs": len(good),
            "generator_was_limit": sum(report["generator"]["was_limit"] for report in good),
            "generator_idle": [round(report["generator"]["idle"], 3) for report in good],
            "p99_us": [round(max(report["measured"][side]["latency_ns"]["p99"]
                                 for side in ("outside_to_inside", "inside_to_outside")) / 1e3, 1)
                       for report in good],
            "opened_per_second": [round(report["opening"]["per_second"]) for report in good],
            "error": errors[0] if errors else None}
    return found


def show(case, found, base):
    unit = "M new connections/s" if case["fresh"] else "Mpps"
    print(f"\n{case['kind']}, {case['connections']:,} connections, {unit}")
    print(f"  {'':20} {'median':>8} {'to ' + base:>16} {'95 %':>14} {'slices':>9} {'lost':>9}"
          f" {'p99 µs':>8} {'ravelin to it':>20}")
    for name, figures in found.items():
        if figures["per_second"] is None:
            why = (figures["error"] or "no slice under good conditions").strip().splitlines()[-1]
            print(f"  {name:20} no figure: {why}")
            continue
        ratio, low, high = figures["interval"] or [float("nan")] * 3
        own = "{:5.2f} [{:5.2f}, {:5.2f}]".format(*figures["ravelin_to_it"] or [float("nan")] * 3)
        limit, runs = figures["generator_was_limit"], figures["runs"]
        note = f"  generator was the limit in {limit} of {runs}" if limit else ""
        if figures["error"]:
            note += f"  a run failed: {figures['error'].strip().splitlines()[-1]}"
        print(f"  {name:20} {figures['per_second'] / 1e6:8.3f}"
              f" {ratio:16.2f} [{low:5.2f}, {high:5.2f}]"
              f" {figures['accepted']:4}/{figures['slices']:4}"
              f" {figures['loss']:9.1e} {statistics.median(figures['p99_us']):8.1f}"
              f" {own}{note}")
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
    parser.add_argument("--vpp", metavar="PROGRAM",
                        help="VPP's, built for this machine, with vppctl beside it (default: the "
                        "one on PATH; without one, that peer is left out)")
    parser.add_argument("--connections", type=int, action="append", metavar="N",
                        help="default: " + "; ".join(f"{kind} {', '.join(map(str, sizes))}"
                                                     for kind, sizes in SIZES.items()))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run (default 2)")
    parser.add_argument("--order", default="uniform", help="as of ravelin-load (default uniform)")
    parser.add_argument("--protocol", default="udp", help="as of ravelin-load (default udp)")
    parser.add_argument("--no-new", action="store_true", help="no runs of new connections")
    parser.add_argument("--out", metavar="FILE", help="write what was measured as JSON")
    parser.add_argument("--record", action="store_true",
                        help=f"write {os.path.relpath(RECORD, TOP)}, but for cases whose control "
                        "didn't hold")
    arguments = parser.parse_args()
    for name in arguments.peer or ():
        if name not in PEERS:
            parser.error(f"--peer {name}: there are {', '.join(PEERS)}")
    found = shutil.which(arguments.vpp or "vpp")
    if not found and (arguments.vpp or "vpp" in (arguments.peer or ())):
        parser.error(f"{arguments.vpp or 'vpp'}: there is no such program")
    arguments.vpp = found and os.path.abspath(found)
    return arguments


def cases_of(arguments):
    for kind in arguments.kind or KINDS:
        names = [name for name in KINDS[kind] if not arguments.peer or name in arguments.peer or
                 name.startswith(BASE[kind])]
        if "vpp" in names and not arguments.vpp:
            print("VPP isn't installed, and is left out (--vpp PROGRAM)")
            names.remove("vpp")
        sizes = arguments.connections or SIZES[kind]
        for connections in sizes:
            yield {"kind": kind, "connections": connections, "fresh": False}, names
        if not arguments.no_new:
            yield {"kind": kind, "connections": 1000, "fresh": True}, names


def pages_of_vpp(cases):
    """Without them it doesn't start; the others do."""
    return max((Vpp.sizes(case["connections"], case["fresh"])[2] // 2 for case, names in cases
                if "vpp" in names), default=0)


def together_with_recorded(cases):
    """What is recorded of other cases stays, in the order in which they are measured."""
    def place(case):
        return list(KINDS).index(case["kind"]), case["fresh"], case["connections"]
    found = {}
    if os.path.exists(RECORD):
        with open(RECORD, encoding="utf-8") as file:
            found = {place(case): case for case in json.load(file)["cases"]}
    found.update((place(case), case) for case in cases)
    return [found[key] for key in sorted(found)]


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
    cases = list(cases_of(arguments))
    with Hugepages(pages_of_vpp(cases)) as hugepages:
        result["hugepages"] = hugepages.there
        for case, names in cases:
            rounds = []
            for _ in range(arguments.rounds):
                order = random.sample(names, len(names))
                rounds.append({name: measure(name, arguments, hugepages.there,
                                             case["connections"], case["fresh"])
                               for name in order})
            found = summarise(case, rounds, BASE[case["kind"]])
            show(case, found, BASE[case["kind"]])
            control = control_of(found, BASE[case["kind"]])
            void = control is None or control > ALLOWED
            if void:
                print("  VOID: the same device against itself may be off by "
                      f"{'anything' if control is None else format(control, '.0%')}; "
                      f"{ALLOWED:.0%} are allowed. These figures are rough.", flush=True)
            result["cases"].append({**case, "control": control, "void": void, "peers": found})
    good = [case for case in result["cases"] if not case["void"]]
    for path, cases in ((arguments.out, result["cases"]),
                        (arguments.record and RECORD, together_with_recorded(good))):
        if path and cases:
            with open(path, "w", encoding="utf-8") as file:
                json.dump({**result, "cases": cases}, file, indent=1)
                file.write("\n")
    return 1 if arguments.record and not good else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as problem:
        print(f"tools/bench peers: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
