# SPDX-License-Identifier: BSD-3-Clause
"""Loads ravelind with everything that ravelin-load can do at once, on two workers.

    ravelin-load, CPU 0 == port outside == ravelind, two workers on CPU 1 == port inside == the same

UDP and TCP with handshake and close, IPv4 and IPv6, ICMP errors, fragments, and connections that
come and go all the time. memif has one queue, so that one worker hands over to the other. Nothing
may be lost or changed, and ravelind's books have to balance.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import sys
import tempfile

from loadtest import TOP, Hugepages, ravelin_config, vdevs  # sets the path of lab
from lab.daemon import Ravelind
from lab.netns import LabError, Namespace, Program, end_on_sigterm

GENERATOR = os.path.join(TOP, "build", "release", "tools", "load", "ravelin-load")


def config_of(folder, cpus, hugepages):
    """conf/loadtest.yaml with two workers on one CPU."""
    text = ravelin_config("memif", folder, cpus, hugepages)
    return re.sub(r"(?m)workers: \[\d+\]", f"workers: [{cpus[1]}, {cpus[1]}]", text)


def generate(namespace, folder, cpu, hugepages, options):
    """One run of the generator: its exit code and its report."""
    path = os.path.join(folder, "report.json")
    words = [GENERATOR, "--cpu", cpu, "--quiet", "--json", path, "--seconds", options.seconds,
             "--connections", options.connections, "--order", "zipf", "--protocol", "both",
             "--family", "both", "--icmp-errors", "0.01", "--fragments", "0.01",
             "--new-per-second", options.new_per_second, "--timeout", 10]
    for device in vdevs("memif", "client", folder):
        words += ["--port", device]
    if not hugepages:
        words.append("--eal=--no-huge")
    done = Program(words, namespace.prefix, cwd=folder).wait(options.seconds + 120)
    if done.code not in (0, 1):
        raise LabError(str(done))
    with open(path, encoding="utf-8") as file:
        return done.code, json.load(file)


def check(ravelin, code, report):
    """What is wrong, in words."""
    ravelin.assert_all_accounted()
    metrics = ravelin.metrics()
    problems = [f"ravelind dropped {count:.0f} ({reason})" for reason, count in
                metrics.nonzero("ravelin_dropped_packets_total", "reason").items()]
    for direction, total in report["total"].items():
        problems += [f"{direction}: {total[what]} frames {what}"
                     for what in ("lost", "damaged", "unknown") if total[what]]
    if code != 0 and not problems:
        problems.append("the generator is not content: see its report")
    if len(metrics.nonzero("ravelin_worker_handoff_packets_total", "lcore")) == 0:
        problems.append("no packet went from one worker to the other")
    return problems


def main():
    parser = argparse.ArgumentParser(prog="tools/loadtest --mixed",
                                     description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="default 5")
    parser.add_argument("--connections", type=int, default=20000, help="default 20000")
    parser.add_argument("--new-per-second", type=int, default=2000, help="default 2000")
    options = parser.parse_args()
    end_on_sigterm()
    cpus = sorted(os.sched_getaffinity(0))
    cpus = (cpus[0], cpus[-1])
    with Hugepages() as hugepages, contextlib.ExitStack() as closing:
        folder = tempfile.mkdtemp(prefix=f"ravelin-mixed-{os.getpid()}-")
        closing.callback(shutil.rmtree, folder, True)
        namespace = Namespace("mixed")
        closing.callback(namespace.close)
        ravelin = Ravelind(namespace, folder, config_of(folder, cpus, hugepages.there))
        closing.callback(ravelin.kill)
        ravelin.program.wait_for("\nready\n", 30)
        code, report = generate(namespace, folder, cpus[0], hugepages.there, options)
        problems = check(ravelin, code, report)
        measured = report["measured"]
        sent = sum(total["sent"] for total in report["total"].values())
        print(f"two workers, memif: {sent:,} frames of {options.connections:,} connections, "
              f"{measured['new_connections_per_second']:,.0f} new ones a second, "
              f"{measured['packets_per_second'] / 1e6:.2f} Mpps; nothing lost"
              if not problems else "\n".join(f"FAILED: {problem}" for problem in problems))
        ravelin.stop()
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as problem:
        print(f"loadtest: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
