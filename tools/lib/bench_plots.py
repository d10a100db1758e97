#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws docs/bench/*.svg from docs/bench/bed.json and writes the tables of docs/performance.md."""

import json
import os

import matplotlib
matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, "docs/bench")
PAGE = os.path.join(TOP, "docs/performance.md")
BEGIN, END = "<!-- figures: tools/bench plots writes these -->", "<!-- end of figures -->"

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
        if any(entry["ratios"] for entry in entries):
            lines += ["", "Ratios within one block:", ""] + table(entries, "ratios", 2)
    return lines


def main():
    with open(os.path.join(FOLDER, "bed.json"), encoding="utf-8") as file:
        recorded = json.load(file)
    for family in PLOTS:
        plot(family, recorded["results"])
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write("\n".join([head + BEGIN] + figures(recorded["results"]) + ["", END]) + tail)


if __name__ == "__main__":
    main()
