#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the end-to-end scenarios: real programs in network namespaces, real ravelind between them.

tests/e2e/run.py [--suite NAME] [--workers 1,2,3] [--nap US] [--jobs N] [--long] [--list] [--stop]
    [scenario...]
"""

import argparse
import collections
import os
import re
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab.netns import LabError, die_with_parent, end_on_sigterm  # noqa: E402
from lab.wire import Wire  # noqa: E402
from scenarios import LONG, NAPS, SUITES  # noqa: E402


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


def run_scenario(scenario, workers, nap_us):
    """None, or what went wrong."""
    with Wire(workers, nap_us) as wire:
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
    for count in workers or counts:
        for scenario in (*scenarios, *extra):
            if scenario.__name__ in names or not names and (long or scenario not in extra):
                yield scenario, count


def run_here(chosen, nap_us, stop=False):
    """One after the other; (passed, failed)."""
    passed = failed = 0
    for scenario, workers in chosen:
        started = time.monotonic()
        problem = run_scenario(scenario, workers, nap_us)
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
    """One scenario in a process of its own: a copy of this one, which has read all the modules."""

    def __init__(self, scenario, workers, nap_us):
        self._output = tempfile.TemporaryFile("w+")  # pylint: disable=consider-using-with
        self._name = scenario.__name__
        self._code = None
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._be_child(scenario, workers, nap_us)

    def _be_child(self, scenario, workers, nap_us):
        code = 1
        try:
            die_with_parent()
            with open(os.devnull, encoding="ascii") as nothing:
                os.dup2(nothing.fileno(), 0)
            for stream in (1, 2):
                os.dup2(self._output.fileno(), stream)
            passed, _ = run_here([(scenario, workers)], nap_us)
            code = 0 if passed else 1
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)  # pylint: disable=protected-access

    def ended(self, seconds=0):
        """Whether it has ended, or does within the time."""
        deadline = time.monotonic() + seconds
        while self._pid != 0:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid != 0:
                self._pid, self._code = 0, os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= deadline:
                return False
            else:
                time.sleep(0.02)
        return True

    def terminate(self):
        if not self.ended():
            os.kill(self._pid, signal.SIGTERM)

    def finish(self):
        """(passed, failed) of one that has ended, after printing what it printed."""
        self._output.seek(0)
        text = self._output.read()
        self._output.close()
        told = re.search(r"^(ok  |FAIL) ", text, re.MULTILINE)
        print(text if told else f"FAIL {self._name} ended early\n{text}", end="", flush=True)
        return (1, 0) if told and self._code == 0 else (0, 1)


def run_side_by_side(chosen, nap_us, jobs, stop):
    """At most so many at a time: each has its own namespaces and waits more than it works."""
    passed = failed = 0
    left, running = collections.deque(chosen), []
    try:
        while running or left:
            while left and len(running) < jobs and not (stop and failed):
                running.append(Job(*left.popleft(), nap_us))
            if not running:
                break
            time.sleep(0.05)
            for job in [job for job in running if job.ended()]:
                running.remove(job)
                good, bad = job.finish()
                passed, failed = passed + good, failed + bad
    finally:
        for job in running:
            job.terminate()
            job.ended(10)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--suite", choices=SUITES, default="e2e")
    parser.add_argument("--workers", type=lambda text: [int(word) for word in text.split(",")])
    parser.add_argument("--nap", type=int, metavar="US",
                        help="longest sleep of an idle worker; default: the suite's")
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
    nap_us = NAPS.get(options.suite, 0) if options.nap is None else options.nap
    if options.jobs == 1:
        passed, failed = run_here(chosen, nap_us, options.stop)
    else:
        passed, failed = run_side_by_side(chosen, nap_us, options.jobs, options.stop)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
