#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the end-to-end scenarios: real programs in network namespaces, real ravelind between them.

tests/e2e/run.py [--suite NAME] [--workers 1,2,3] [--jobs N] [--long] [--list] [--stop]
    [scenario...]
"""

import argparse
import collections
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab.netns import LabError, die_with_parent, end_on_sigterm  # noqa: E402
from lab.wire import Wire  # noqa: E402
from scenarios import LONG, ONCE, SUITES  # noqa: E402


def evidence(wire):
    """What helps to understand a failure, as far as it can still be had."""
    ravelin = wire.ravelin
    if ravelin is None:
        return ""
    parts = [f"--- ravelind\n{ravelin.program.output}"]
    if ravelin.program.running():
        for words in (("flows", "-o", "conntrack"), ("drops",), ("stats",)):
            try:
                parts.append(f"--- ravelinctl {' '.join(words)}\n{ravelin.ctl(*words).out}")
            except LabError as error:
                parts.append(f"--- {error}")
    else:
        parts.append(f"--- ravelind has ended with {ravelin.program.code()}")
    return "\n".join(parts)


def run_scenario(scenario, workers):
    """None, or what went wrong."""
    with Wire(workers=workers) as wire:
        try:
            scenario(wire)
            wire.stop_programs()
            if wire.ravelin is not None:
                wire.stop_ravelin()
        except Exception as error:  # pylint: disable=broad-except
            trace = "".join(traceback.format_exception(error)[-4:]) if not isinstance(
                error, LabError) else "".join(traceback.format_tb(error.__traceback__)[1:2])
            return f"{trace}{type(error).__name__}: {error}\n{evidence(wire)}"
    return None


def selected(suite, names, workers, long):
    """What was named; without names all, those that take long only when asked for."""
    scenarios, counts = SUITES[suite]
    extra = LONG.get(suite, ())
    counts = workers or counts
    for count in counts:
        for scenario in (*scenarios, *extra):
            short = scenario not in extra and (count == counts[0] or scenario not in ONCE)
            if scenario.__name__ in names or not names and (long or short):
                yield scenario, count


def run_here(chosen, stop):
    """One after the other; (passed, failed)."""
    passed = failed = 0
    for scenario, workers in chosen:
        started = time.monotonic()
        problem = run_scenario(scenario, workers)
        took = time.monotonic() - started
        word = "s" if workers > 1 else ""
        print(f"{'FAIL' if problem else 'ok  '} {workers} worker{word:1} {took:5.1f} s  "
              f"{scenario.__name__.replace('_', ' ')}", flush=True)
        if problem:
            print("\n".join("     | " + line for line in problem.splitlines()), flush=True)
            failed += 1
            if stop:
                break
        else:
            passed += 1
    return passed, failed


class Job:
    """This program once more, for one scenario."""

    def __init__(self, suite, scenario, workers):
        self._output = tempfile.TemporaryFile("w+")  # pylint: disable=consider-using-with
        self.name = scenario.__name__
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [sys.executable, os.path.abspath(__file__), "--suite", suite,
             "--workers", str(workers), self.name],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent)

    def finish(self):
        """(passed, failed) of one that has ended, after printing what it printed."""
        self._output.seek(0)
        text = self._output.read()
        self._output.close()
        tally = re.search(r"^(\d+) passed, (\d+) failed\n\Z", text, re.MULTILINE)
        print(text[:tally.start()] if tally else f"FAIL {self.name} ended early\n{text}",
              end="", flush=True)
        return (int(tally[1]), int(tally[2])) if tally else (0, 1)


def run_side_by_side(suite, chosen, jobs, stop):
    """At most so many at a time: each has its own namespaces and waits more than it works."""
    passed = failed = 0
    left, running = collections.deque(chosen), []
    try:
        while running or left:
            while left and len(running) < jobs and not (stop and failed):
                running.append(Job(suite, *left.popleft()))
            if not running:
                break
            time.sleep(0.05)
            for job in [job for job in running if job.process.poll() is not None]:
                running.remove(job)
                good, bad = job.finish()
                passed, failed = passed + good, failed + bad
    finally:
        for job in running:
            job.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                job.process.wait(10)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--suite", choices=SUITES, default="e2e")
    parser.add_argument("--workers", type=lambda text: [int(word) for word in text.split(",")])
    parser.add_argument("--jobs", type=int, default=1, help="so many scenarios at a time")
    parser.add_argument("--long", action="store_true", help="also those that take minutes")
    parser.add_argument("--list", action="store_true", help="list the scenarios and what they show")
    parser.add_argument("--stop", action="store_true", help="stop at the first failure")
    parser.add_argument("scenarios", nargs="*", metavar="scenario")
    options = parser.parse_intermixed_args()
    known = (*SUITES[options.suite][0], *LONG.get(options.suite, ()))
    if options.list:
        for scenario in known:
            print(f"{scenario.__name__}\n    {scenario.__doc__}")
        return 0
    end_on_sigterm()
    unknown = set(options.scenarios) - {scenario.__name__ for scenario in known}
    if unknown:
        parser.error(f"no such scenario in suite {options.suite}: {', '.join(sorted(unknown))}")

    chosen = list(selected(options.suite, options.scenarios, options.workers, options.long))
    if options.jobs == 1:
        passed, failed = run_here(chosen, options.stop)
    else:
        passed, failed = run_side_by_side(options.suite, chosen, options.jobs, options.stop)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
