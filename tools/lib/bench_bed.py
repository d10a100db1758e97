#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the in-process bed and prints ratios with their 95 % confidence intervals.

A table lies in memory otherwise after each start of the program, so a few starts with some blocks
each say more than one long run: the bootstrap draws starts first and blocks within them.
"""

import argparse
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(TOP, "build/bench/tests/bench/bed")
RECORD = os.path.join(TOP, "docs/bench/bed.json")
HUGEPAGES = "/proc/sys/vm/nr_hugepages"
# What EAL takes, in pages of 2 MiB; rte_hash lies there.
WANTED_PAGES = 512
COMPACT = "/proc/sys/vm/compact_memory"
# Of all memory, in percent, at a million connections and more.
ENOUGH_PAGES = 90

# (numerator, denominator): what is told about a family.
RATIOS = {
    "established": (("udp4_again", "udp4"), ("udp4", "macswap"), ("tcp4", "macswap"),
                    ("udp6", "macswap"), ("tcp6", "macswap"), ("mix", "macswap"),
                    ("udp6", "udp4"), ("tcp6", "tcp4")),
    "exceptions": (("udp4_again", "udp4"), ("errors_tenth", "udp4"),
                   ("fragments_twentieth", "udp4"), ("new_hundredth", "udp4"),
                   ("flood_half", "udp4")),
    "tunnels": (("tunnel", "udp4_as_long"),),
    "bursts": (("udp4_burst_64_again", "udp4_burst_64"),) + tuple(
        (f"udp4_burst_{packets}", f"macswap_burst_{packets}")
        for packets in ("01", "08", "32", "64")) + tuple(
        (f"udp4_burst_{packets}", "udp4_burst_64") for packets in ("01", "08", "32")),
    "orders": tuple((name, "uniform") for name in ("uniform_again", "zipf", "trains")),
    "buffers": (("udp4_hot_256_again", "udp4_hot_256"),
                ("macswap_rotating_32768", "macswap_hot_256"),
                ("udp4_rotating_32768", "udp4_hot_256"), ("udp4_hot_256", "macswap_hot_256"),
                ("udp4_rotating_32768", "macswap_rotating_32768")),
    "stages": (("two_lines_again", "two_lines"), ("two_lines", "one_line"),
               ("three_lines", "two_lines"),
               ("stage_udp4", "two_lines"),
               ("stage_tcp4", "two_lines"), ("stage_tcp4", "three_lines"),
               ("stage_udp6", "two_lines"),
               ("rte_hash_lazy", "stage_udp4"), ("rte_hash_timer", "stage_udp4")),
    "new": tuple((name, "rules_0") for name in
                 ("rules_1", "rules_10", "rules_100", "rules_1000", "rules_10000",
                  "scattered_100", "scattered_1000", "scattered_10000")),
    "expiry": (),
    "reload": tuple((name, "quiet") for name in ("quiet_again", "compiling", "reloading")),
    "strain": tuple(("quiet", name) for name in
                    ("quiet_again", "nearer", "ending", "flood", "flood_at_once")),
    "scaling": (("one_worker", "one_worker_again"), ("one_worker", "two_workers"),
                ("one_worker", "two_apart"), ("two_apart", "two_workers"),
                ("one_worker", "two_by_one_queue")),
}
# Families that print their figures; the others write them to a file.
PRINTED = ("expiry", "reload", "scaling", "strain")
# Of the device's turns, in some families.
OF_TURNS = ("p50", "p99.9", "longest")
# (family, connections, starts, blocks)
PLAN = ([("established", 1 << 10, 4, 6), ("established", 1 << 16, 4, 6),
         ("established", 1 << 20, 4, 5), ("established", 1 << 23, 1, 8)] +
        [("stages", 1 << 10, 4, 6), ("stages", 1 << 16, 4, 6), ("stages", 1 << 20, 4, 5),
         ("stages", 1 << 23, 1, 8)] +
        [("exceptions", 1 << 16, 4, 6), ("tunnels", 1 << 14, 4, 6),
         ("bursts", 1 << 16, 4, 6), ("buffers", 1 << 16, 4, 6),
         ("orders", 1 << 16, 4, 6), ("orders", 1 << 20, 4, 5), ("reload", 1 << 16, 4, 3),
         ("scaling", 1 << 16, 4, 6), ("new", 1 << 16, 1, 8),
         ("strain", 196_608, 2, 3), ("strain", 1 << 20, 2, 3),
         ("expiry", 1 << 16, 4, 4), ("expiry", 1 << 20, 3, 3), ("expiry", 1 << 23, 1, 2)])


def run(family, connections, blocks, hugepages):
    """One start; {benchmark: [ticks of each block]} and what else the program says."""
    with tempfile.NamedTemporaryFile() as file:
        command = [PROGRAM, "--family", family, "--connections", str(connections),
                   "--blocks", str(blocks), "--out", file.name] + ["--hugepages"] * hugepages
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        said = json.loads(done.stdout if family in PRINTED else file.read())
    pages = int(re.search(r"^(\d+) % of memory on huge pages", done.stderr, re.M).group(1))
    stolen = [block[2] for blocks in said["benchmarks"].values() for block in blocks]
    return {"benchmarks": {name: [block[0] for block in blocks]
                           for name, blocks in said["benchmarks"].items()},
            "turns": {name: [block[3:] for block in blocks]
                      for name, blocks in said["benchmarks"].items() if len(blocks[0]) > 3},
            "stolen": round(statistics.mean(stolen), 5),
            "percent_on_huge_pages": pages,
            "ticks_per_second": said["ticks_per_second"],
            "bytes_per_connection": said.get("bytes_per_connection")}


def interval(starts, statistic, seed=1):
    """Median and 95 % interval of `statistic(start, block)`."""
    values = [[statistic(start, block) for block in range(count)] for start, count in starts]
    draw = random.Random(seed)
    medians = sorted(statistics.median(draw.choice(blocks) for blocks in
                                       draw.choices(values, k=len(values)) for _ in blocks)
                     for _ in range(2000))
    middle = statistics.median(value for blocks in values for value in blocks)
    return middle, medians[50], medians[-51]


def summarise(entry):
    """Adds medians and ratios to what was measured at one size."""
    starts = entry["starts"]
    entry["ticks"], entry["ratios"] = {}, {}
    for name in starts[0]["benchmarks"]:
        counted = [(start["benchmarks"][name], len(start["benchmarks"][name])) for start in starts]
        entry["ticks"][name] = [round(value, 1) for value in
                                interval(counted, lambda blocks, block: blocks[block])]
    # In microseconds.
    entry["turns"] = {
        name: {what: [round(value, 2) for value in interval(
            [([block[at] / start["ticks_per_second"] * 1e6 for block in start["turns"][name]],
              len(start["turns"][name])) for start in starts],
            lambda blocks, block: blocks[block])]
               for at, what in enumerate(OF_TURNS)}
        for name in starts[0]["turns"]}
    for over, under in RATIOS[entry["family"]]:
        if over not in starts[0]["benchmarks"]:
            continue
        counted = [((start["benchmarks"][over], start["benchmarks"][under]),
                    len(start["benchmarks"][over])) for start in starts]
        entry["ratios"][f"{over} / {under}"] = [
            round(value, 3) for value in
            interval(counted, lambda pair, block: pair[0][block] / pair[1][block])]
    return entry


def show(entry):
    print(f"\n{entry['family']}, {entry['connections']:,} connections, "
          f"{len(entry['starts'])} starts, "
          f"{max(start['stolen'] for start in entry['starts']):.2%} of turns stolen at most")
    pages = min(start["percent_on_huge_pages"] for start in entry["starts"])
    if pages < ENOUGH_PAGES and entry["connections"] >= 1 << 20:
        print(f"  only {pages} % of memory lay on huge pages: believe nothing of this")
    for name, (middle, low, high) in entry["ticks"].items():
        print(f"  {name:32} {middle:9.1f} ticks a packet   [{low:.1f}, {high:.1f}]")
    for name, turns in entry["turns"].items():
        print(f"  {name:32} " + ", ".join(f"{what} {middle:.1f} [{low:.1f}, {high:.1f}]"
                                         for what, (middle, low, high) in turns.items()) +
              " µs a turn")
    for name, (middle, low, high) in entry["ratios"].items():
        void = " (A/A wider than 5 %: believe no small difference)" if (
            "_again" in name and (low < 0.95 or high > 1.05)) else ""
        print(f"  {name:32} {middle:9.3f}                  [{low:.3f}, {high:.3f}]{void}")
    sys.stdout.flush()


class Hugepages:
    """Reserves pages and gives them back, where that is allowed."""

    def __enter__(self):
        self.before = None
        try:
            with open(HUGEPAGES, encoding="ascii") as file:
                before = int(file.read())
            self.before = before
            # A kernel that has run for long has few large pieces left; not every one can do that.
            with contextlib.suppress(OSError), open(COMPACT, "w", encoding="ascii") as file:
                file.write("1")
            self._set(before + WANTED_PAGES)
            with open(HUGEPAGES, encoding="ascii") as file:
                self.enough = int(file.read()) >= before + WANTED_PAGES
        except OSError:
            self.enough = False
        return self

    def __exit__(self, *_):
        if self.before is not None:
            try:
                self._set(self.before)
            except OSError:
                pass

    @staticmethod
    def _set(count):
        with open(HUGEPAGES, "w", encoding="ascii") as file:
            file.write(str(count))


def main():
    parser = argparse.ArgumentParser(prog="tools/bench bed", description=__doc__)
    parser.add_argument("--family", choices=sorted(RATIOS), help="this one only")
    parser.add_argument("--most", type=int, default=1 << 23, help="most connections")
    parser.add_argument("--record", action="store_true",
                        help=f"write what was measured to {os.path.relpath(RECORD, TOP)}")
    arguments = parser.parse_args()
    entries = []
    with Hugepages() as pages:
        if not pages.enough:
            print("No hugepages for EAL: rte_hash lies on small pages, to its disadvantage.")
        for family, connections, starts, blocks in PLAN:
            if connections > arguments.most or arguments.family not in (None, family):
                continue
            entries.append(summarise({
                "family": family, "connections": connections,
                "starts": [run(family, connections, blocks, pages.enough)
                           for _ in range(starts)]}))
            show(entries[-1])
    if arguments.record:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(": ")[1].strip() for line in file if "model name" in line)
        with open(RECORD, encoding="utf-8") as file:
            recorded = json.load(file)["results"]
        measured = {(entry["family"], entry["connections"]): entry for entry in entries}
        # What wasn't measured this time stays.
        results = [measured.pop((entry["family"], entry["connections"]), entry)
                   for entry in recorded] + list(measured.values())
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump({"processor": model, "hugepages_for_eal": pages.enough,
                       "tables": "transparent hugepages", "results": results}, file)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
