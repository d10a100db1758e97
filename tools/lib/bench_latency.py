# SPDX-License-Identifier: BSD-3-Clause
"""Latency through Ravelin at half of macswap's highest rate, with and without other work.

    ravelin-load, CPU 0 == memif outside == device, CPU 1 == memif inside == ravelin-load

Each run starts a device afresh. What ravelind's management does while a run is measured, it does
on the generator's CPU, since there are two: while it runs the generator stands still, and that is
told as latency too. How much of it a device has no part in shows in macswap beside a neighbour that
takes a fifth of the generator's CPU.
"""

import argparse
import json
import os
import random
import statistics
import sys
import threading

from bench_peers import (TOP, Bench, Hugepages, LabError, PEERS, Program, end_on_sigterm, generate,
                         machine, measure)

RECORD = os.path.join(TOP, "docs", "bench", "latency.json")
QUANTILES = ("p50", "p99", "p99.9")
# Takes 20 ms of every 100.
NEIGHBOUR = """
import time
while True:
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        pass
    time.sleep(0.08)
"""
# What goes on meanwhile: (device, new connections per second, what ravelinctl is asked)
CASES = {"macswap": ("macswap", 0, None), "macswap_again": ("macswap", 0, None),
         "macswap, neighbour": ("macswap", 0, NEIGHBOUR),
         "ravelin": ("ravelin", 0, None), "ravelin, expiry": ("ravelin", 50_000, None),
         "ravelin, reload": ("ravelin", 0, ("reload",)),
         "ravelin, dump": ("ravelin", 0, ("flows", "-o", "json"))}


class Asking:
    """Asks ravelind the same thing again and again."""

    def __init__(self, ravelind, words, pause):
        self._ravelind, self._words, self._pause = ravelind, words, pause
        self._over, self.times = threading.Event(), 0
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self):
        while not self._over.wait(self._pause):
            self._ravelind.ctl(*self._words)
            self.times += 1

    def stop(self):
        self._over.set()
        self._thread.join(30)


def run_case(name, arguments, hugepages, rate):
    """{quantile: µs} of one run, the worse direction of the two; or an error."""
    device, fresh, words = CASES[name]
    cpus = sorted(os.sched_getaffinity(0))
    bench = Bench((cpus[0], cpus[-1]), hugepages, arguments.connections, fresh != 0)
    asking = None
    try:
        peer = PEERS[device](bench)
        if words is NEIGHBOUR:
            neighbour = Program(["taskset", "-c", cpus[0], sys.executable, "-c", NEIGHBOUR],
                                bench.far.prefix, cwd=bench.folder)
            bench.defer(neighbour.stop)
        elif words is not None:
            asking = Asking(peer.ravelind, words, 0.1)
        options = ["--rate", rate, "--order", "uniform", "--protocol", "udp", "--leave-open",
                   "--seconds", arguments.seconds,
                   # So that as many end as begin while it is measured: they do after 1 s.
                   "--warm-up", 3 if fresh else 1]
        if fresh:
            options += ["--new-per-second", fresh]
        report = generate(bench, peer, options)
        measured = report["measured"]
        found = {quantile: max(measured[side]["latency_ns"][quantile] for side in
                               ("outside_to_inside", "inside_to_outside")) / 1e3
                 for quantile in QUANTILES}
        return {**found, "missed": measured["rate_missed"] / (rate * arguments.seconds),
                "flawless": report["flawless"], "asked": asking.times if asking else 0}
    except LabError as error:
        return {"error": str(error)}
    finally:
        if asking is not None:
            asking.stop()
        bench.close()


def summarise(runs):
    """Median and range over runs."""
    good = [run for run in runs if "error" not in run]
    return {"runs": len(good), "flawless": all(run["flawless"] for run in good),
            "asked": sum(run["asked"] for run in good),
            "missed": round(max((run["missed"] for run in good), default=0), 4),
            "error": next((run["error"] for run in runs if "error" in run), None),
            **{quantile: [round(pick(run[quantile] for run in good), 1)
                          for pick in (statistics.median, min, max)] if good else None
               for quantile in QUANTILES}}


def main():
    parser = argparse.ArgumentParser(prog="tools/bench latency",
                                     description=__doc__.split("\n", 1)[0])
    parser.add_argument("--connections", type=int, default=65536)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--record", action="store_true",
                        help=f"write {os.path.relpath(RECORD, TOP)}")
    arguments = parser.parse_args()
    end_on_sigterm()
    with Hugepages() as hugepages:
        peak = argparse.Namespace(order="uniform", protocol="udp", seconds=1.0)
        best = measure("macswap", peak, hugepages.there, arguments.connections, False)
        if "error" in best:
            sys.exit(best["error"])
        highest = best["measured"]["packets_per_second"]
        rate = round(highest / 4)  # half, of which each client's packet and its answer are two
        print(f"macswap: {highest / 1e6:.2f} Mpps at most; measured at half of it")
        runs = {name: [] for name in CASES}
        for _ in range(arguments.rounds):
            for name in random.sample(list(CASES), len(CASES)):
                runs[name].append(run_case(name, arguments, hugepages.there, rate))
    found = {name: summarise(of) for name, of in runs.items()}
    print(f"\n  {'µs: median [least, most] of runs':32} " +
          " ".join(f"{quantile:>24}" for quantile in QUANTILES))
    for name, figures in found.items():
        if not figures["runs"]:
            print(f"  {name:32} no figure: {figures['error'].strip().splitlines()[-1]}")
            continue
        print(f"  {name:32} " + " ".join(
            f"{middle:8.1f} [{low:6.1f},{high:7.1f}]"
            for middle, low, high in (figures[quantile] for quantile in QUANTILES)) +
            (f"  {figures['missed']:.1%} of the rate missed" if figures["missed"] else "") +
            ("" if figures["flawless"] else "  frames were lost"))
    if arguments.record:
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump({"machine": machine(), "connections": arguments.connections,
                       "packets_per_second": rate * 2, "macswap_at_most": highest,
                       "cases": found}, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
