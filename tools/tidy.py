#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""clang-tidy over lib/ and app/, each file again only when something that it sees has changed.

tools/tidy.py BUILD_FOLDER [--jobs N] [file...]

A file's result is remembered under a hash of the file, of every header of ours that it includes
(and those include), of its compiler flags and of the configuration.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
ROOTS = ("lib", "tests", ".")


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Sources:
    """Contents and includes of our files, read once."""

    def __init__(self):
        self._texts, self._direct = {}, {}

    def text(self, path):
        if path not in self._texts:
            self._texts[path] = read(path)
        return self._texts[path]

    def direct(self, path):
        if path not in self._direct:
            found = []
            for name in INCLUDE.findall(self.text(path).decode(errors="replace")):
                for root in (os.path.dirname(path), *(os.path.join(TOP, r) for r in ROOTS)):
                    candidate = os.path.normpath(os.path.join(root, name))
                    if os.path.isfile(candidate):
                        found.append(candidate)
                        break
            self._direct[path] = found
        return self._direct[path]

    def closure(self, path):
        """The file and all of our headers that it sees."""
        seen, left = set(), [path]
        while left:
            one = left.pop()
            if one not in seen:
                seen.add(one)
                left += self.direct(one)
        return sorted(seen)


def key(sources, entry, settings):
    digest = hashlib.sha256(settings)
    digest.update(entry["command"].encode())
    for path in sources.closure(os.path.normpath(os.path.join(entry["directory"],
                                                               entry["file"]))):
        digest.update(path.encode() + b"\0" + sources.text(path))
    return digest.hexdigest()


def check(build, path, marker):
    """None, or what clang-tidy says."""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", build, path], capture_output=True,
                          text=True, check=False, cwd=TOP)
    if done.returncode == 0:
        with open(marker, "w", encoding="ascii"):
            pass
        return None
    return done.stdout + re.sub(r"(?m)^\d+ warnings? .*\n?", "", done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("files", nargs="*")
    options = parser.parse_intermixed_args()

    with open(os.path.join(options.build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    wanted = {os.path.abspath(name) for name in options.files}
    cache = os.path.join(TOP, "build", ".cache", "tidy")
    os.makedirs(cache, exist_ok=True)
    settings = read(os.path.join(TOP, ".clang-tidy")) + subprocess.run(
        ["clang-tidy", "--version"], capture_output=True, check=True).stdout
    sources, todo, known = Sources(), [], 0
    for entry in entries:
        path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        if not os.path.relpath(path, TOP).startswith(("lib/", "app/")):
            continue
        if wanted and path not in wanted:
            continue
        marker = os.path.join(cache, key(sources, entry, settings))
        if os.path.exists(marker):
            os.utime(marker)
            known += 1
        else:
            todo.append((path, marker))

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, said in zip((path for path, _ in todo), pool.map(
                lambda one: check(options.build, *one), todo)):
            if said is not None:
                bad += 1
                print(f"--- {os.path.relpath(path, TOP)}\n{said}", flush=True)
    for name in os.listdir(cache):
        marker = os.path.join(cache, name)
        if os.stat(marker).st_mtime < time.time() - 30 * 86400:
            os.remove(marker)
    print(f"clang-tidy: {len(todo)} files checked, {known} unchanged, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
