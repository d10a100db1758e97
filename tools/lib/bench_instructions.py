#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts instructions per packet with callgrind and compares them with what is recorded."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(TOP, "build/release/tests/bench/instructions")
RECORD = os.path.join(TOP, "docs/bench/instructions.json")
PATHS = {"udp4": "UDP over IPv4", "tcp4": "TCP over IPv4",
         "udp6": "UDP over IPv6", "tcp6": "TCP over IPv6",
         "tunnel": "ESP in UDP over IPv4, an established tunnel",
         "udp4_as_long": "UDP over IPv4 of the same length",
         "new": "the first packet of a connection, UDP over IPv4",
         "refused": "the same, for which the table has no room"}
TOLERANCE = 0.02
# The program's function whose callees are the device.
DEVICE = "ravelin::bench::measured_turn*"


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def count(path, profile):
    """Instructions per packet on one path."""
    said = run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}",
                "--collect-atstart=no", f"--toggle-collect={DEVICE}", PROGRAM, path])
    packets = int(re.search(r"^(\d+) packets$", said, re.M).group(1))
    return int(re.search(r"Collected : (\d+)", said).group(1)) / packets, packets


def show_functions(profile, packets):
    for line in run(["callgrind_annotate", "--auto=no", profile]).splitlines():
        match = re.match(r"\s*([\d,]+) \([ \d.]+%\)  \S*?:(\S.*)", line)
        if match:
            name = re.sub(r"\(.*| \[.*", "", match.group(2).replace("(anonymous namespace)", ""))
            print(f"    {int(match.group(1).replace(',', '')) / packets:7.1f}  {name}")


def main():
    parser = argparse.ArgumentParser(prog="tools/bench instructions", description=__doc__)
    parser.add_argument("--record", action="store_true",
                        help=f"write {os.path.relpath(RECORD, TOP)}")
    parser.add_argument("--functions", action="store_true", help="show where they are spent")
    arguments = parser.parse_args()
    recorded = {}
    if os.path.exists(RECORD):
        with open(RECORD, encoding="utf-8") as file:
            recorded = json.load(file)["instructions_per_packet"]
    counted, passed = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for path, words in PATHS.items():
            profile = os.path.join(folder, path)
            counted[path], packets = count(path, profile)
            before = recorded.get(path)
            dearer = before is None or counted[path] > before * (1 + TOLERANCE)
            passed += not dearer
            change = f"{counted[path] / before - 1:+7.1%}" if before else "unknown"
            print(f"{words}: {counted[path]:7.1f} instructions, recorded {before or 0:7.1f}, "
                  f"{change}{'  DEARER' if dearer else ''}", flush=True)
            if arguments.functions:
                show_functions(profile, packets)
    if arguments.record:
        os.makedirs(os.path.dirname(RECORD), exist_ok=True)
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump({"compiler": run(["g++", "--version"]).splitlines()[0],
                       "valgrind": run(["valgrind", "--version"]).strip(),
                       "instructions_per_packet":
                           {path: round(value, 1) for path, value in counted.items()}},
                      file, indent=2)
            file.write("\n")
        passed = len(PATHS)
    print(f"{passed} passed, {len(PATHS) - passed} failed")
    return 0 if passed == len(PATHS) else 1


if __name__ == "__main__":
    sys.exit(main())
