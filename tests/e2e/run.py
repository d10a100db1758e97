#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the end-to-end scenarios: real programs in network namespaces, real ravelind between them.

tests/e2e/run.py [--suite NAME] [--workers 1,2,3] [--long] [--list] [--stop] [scenario...]
"""

import argparse
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab.netns import LabError, end_on_sigterm  # noqa: E402
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--suite", choices=SUITES, default="e2e")
    parser.add_argument("--workers", type=lambda text: [int(word) for word in text.split(",")])
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

    passed = failed = 0
    for scenario, workers in selected(options.suite, options.scenarios, options.workers,
                                      options.long):
        started = time.monotonic()
        problem = run_scenario(scenario, workers)
        took = time.monotonic() - started
        word = "s" if workers > 1 else ""
        print(f"{'FAIL' if problem else 'ok  '} {workers} worker{word:1} {took:5.1f} s  "
              f"{scenario.__name__.replace('_', ' ')}", flush=True)
        if problem:
            print("\n".join("     | " + line for line in problem.splitlines()), flush=True)
            failed += 1
            if options.stop:
                break
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
