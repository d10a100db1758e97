#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws docs/bench/*.svg from docs/bench/*.json and writes the tables of docs/performance.md."""

import json
import os

import matplotlib
matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, "docs/bench")
PAGE = os.path.join(TOP, "docs/performance.md")
FIGURES = "<!-- figures: tools/bench plots writes these -->", "<!-- end of figures -->"
PEERS = "<!-- peers: tools/bench plots writes these -->", "<!-- end of peers -->"
LATENCY = "<!-- latency: tools/bench plots writes these -->", "<!-- end of latency -->"

PLOTS = {
    "established": ("Established connections, the whole device over net_ring",
                    ("io", "macswap", "udp4", "tcp4", "udp6", "tcp6", "mix"), "linear"),
    "stages": ("The tracking stage, the floor of two cache lines, and rte_hash",
               ("two_lines", "stage_udp4", "stage_tcp4", "stage_udp6", "rte_hash_lazy",
                "rte_hash_timer"), "log"),
}


def plot(family, results):
    title, names, scale = PLOTS[family]
    pyplot.rcParams["svg.hashsalt"] = "bench"  # the same figures draw the same file
    figure, axes = pyplot.subplots(figsize=(8, 5))
    entries = sorted((entry for entry in results if entry["family"] == family),
                     key=lambda entry: entry["connections"])
    for name in names:
        points = [(entry["connections"], *entry["ticks"][name]) for entry in entries
                  if name in entry["ticks"]]
        if points:
            sizes, middles, lows, highs = zip(*points)
            below = [max(0, middle - low) for middle, low in zip(middles, lows)]
            above = [max(0, high - middle) for middle, high in zip(middles, highs)]
            axes.errorbar(sizes, middles, yerr=(below, above), marker="o", capsize=3, label=name)
    axes.set(xscale="log", yscale=scale, xlabel="connections", ylabel="TSC ticks a packet",
             title=title)
    if scale == "linear":
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(os.path.join(FOLDER, f"{family}.svg"), metadata={"Date": None})


def cell(values, digits):
    middle, low, high = values
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def table(entries, what, digits):
    """One row per benchmark or ratio, one column per size."""
    names = list(dict.fromkeys(name for entry in entries for name in entry[what]))
    lines = ["| | " + " | ".join(f"{entry['connections']:,}" for entry in entries) + " |",
             "|---" * (len(entries) + 1) + "|"]
    for name in names:
        lines.append(f"| {name} | " + " | ".join(
            cell(entry[what][name], digits) if name in entry[what] else ""
            for entry in entries) + " |")
    return lines


def turns_table(entries):
    """The same for the times of turns, three columns per size."""
    names = list(dict.fromkeys(name for entry in entries for name in entry["turns"]))
    heads = [f"{what}, {entry['connections']:,}" for entry in entries
             for what in next(iter(entry["turns"].values()))]
    return (["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"] +
            [f"| {name} | " + " | ".join(cell(values, 1) for entry in entries
                                         for values in entry["turns"][name].values()) + " |"
             for name in names])


def figures(results):
    lines = []
    for family in dict.fromkeys(entry["family"] for entry in results):
        entries = [entry for entry in results if entry["family"] == family]
        lines += ["", f"### {family}", ""]
        if family in PLOTS:
            lines += [f"![{PLOTS[family][0]}](bench/{family}.svg)", ""]
        starts = ", ".join(str(len(entry["starts"])) for entry in entries)
        lines += [f"Ticks, over connections; process starts: {starts}.", ""]
        lines += table(entries, "ticks", 1)
        if family == "expiry":
            bytes_each = [entry["starts"][0]["bytes_per_connection"] for entry in entries]
            lines.append("| bytes per connection | " +
                         " | ".join(f"{value:.1f}" for value in bytes_each) + " |")
        # What was recorded before turns were looked at has none.
        if with_turns := [entry for entry in entries if entry.get("turns")]:
            lines += ["", "Time of a turn, µs, over connections:", ""] + turns_table(with_turns)
        if any(entry["ratios"] for entry in entries):
            lines += ["", "Ratios within one block:", ""] + table(entries, "ratios", 2)
    return lines


def plot_peers(cases):
    """Nanoseconds a packet over connections, for each kind of ports a line for each device."""
    pyplot.rcParams["svg.hashsalt"] = "bench"
    figure, axes = pyplot.subplots(figsize=(8, 5))
    lines = {}
    for case in cases:
        for name, found in case["peers"].items():
            if not case["fresh"] and found["per_second"] and not name.endswith("again"):
                lines.setdefault(name, []).append((case["connections"], 1e9 / found["per_second"]))
    for name, points in lines.items():
        sizes, costs = zip(*sorted(points))
        axes.plot(sizes, costs, marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="connections", ylabel="ns a packet",
             title="Devices under the same load, one CPU each")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(os.path.join(FOLDER, "peers.svg"), metadata={"Date": None})


def peers(recorded):
    lines = ["", "![Devices under the same load](bench/peers.svg)", ""]
    for case in recorded["cases"]:
        unit = "million new connections a second" if case["fresh"] else "Mpps"
        lines += ["", f"**{case['kind']}, {case['connections']:,} connections, {unit}**", "",
                  "| device | median | of macswap | Ravelin to it | slices | p99 µs | |",
                  "|---" * 7 + "|"]
        for name, found in case["peers"].items():
            if found["per_second"] is None:
                why = (found["error"] or "no slice under good conditions").strip().splitlines()[-1]
                lines.append(f"| {name} | | | | | | {why} |")
                continue
            notes = []
            if found["generator_was_limit"]:
                notes.append("the generator was the limit in "
                             f"{found['generator_was_limit']} of {found['runs']} runs")
            if found["loss"]:
                notes.append(f"lost {found['loss']:.1e}")
            latency = sorted(found["p99_us"])
            lines.append(
                f"| {name} | {found['per_second'] / 1e6:.2f} | {cell(found['interval'], 2)} | "
                f"{cell(found['ravelin_to_it'], 2) if found.get('ravelin_to_it') else ''} | "
                f"{found['accepted']} of {found['slices']} | {latency[len(latency) // 2]:.0f} | "
                f"{'; '.join(notes)} |")
    return lines


def latency(recorded):
    lines = ["", f"{recorded['connections']:,} connections, "
             f"{recorded['packets_per_second'] / 1e6:.2f} Mpps, half of macswap's highest rate; "
             "µs, median [least, most] of runs:", "",
             "| | p50 | p99 | p99.9 | of the rate not sent, at most |", "|---" * 5 + "|"]
    for name, found in recorded["cases"].items():
        if found["runs"]:
            lines.append(f"| {name} | " + " | ".join(cell(found[quantile], 1) for quantile in
                                                     ("p50", "p99", "p99.9")) +
                         f" | {found['missed']:.1%} |")
    return lines


def read(name):
    path = os.path.join(FOLDER, name)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()

    def fill(marks, lines):
        nonlocal page
        head, rest = page.split(marks[0])
        page = "\n".join([head + marks[0], *lines, "", marks[1]]) + rest.split(marks[1])[1]

    bed = read("bed.json")
    for family in PLOTS:
        plot(family, bed["results"])
    fill(FIGURES, figures(bed["results"]))
    if (recorded := read("peers.json")) is not None:
        plot_peers(recorded["cases"])
        fill(PEERS, peers(recorded))
    if (recorded := read("latency.json")) is not None:
        fill(LATENCY, latency(recorded))
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    main()
