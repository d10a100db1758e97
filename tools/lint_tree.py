#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the rules of the tree: who may include whom, what the packet path may not touch, how big
files may grow. Prints `file:line: rule: message` and ends with 1 when there is a finding.

tools/lint_tree.py [TREE]
"""

import os
import re
import subprocess
import sys

# Libraries in layers, lowest first. A library may include itself and lower layers only.
LAYERS = (
    ("base",),
    ("sync",),
    ("packet", "timer", "metrics"),
    ("flow",),
    ("conntrack",),
    ("vpn",),
    ("policy",),
    ("config",),
    ("pipeline",),
    ("capture", "mgmt", "dpdk"),
)
RANK = {library: rank for rank, layer in enumerate(LAYERS) for library in layer}

# The libraries that get bytes, values and `now`, and nothing else.
CORE = {"base", "sync", "packet", "timer", "metrics", "flow", "conntrack", "vpn", "policy",
        "config", "pipeline"}

LIMITS = ((re.compile(r"(^|/)main\.cc$"), 120), (re.compile(r"^(lib|app|tools)/.*\.h$"), 250),
          (re.compile(r"^(lib|app|tools)/.*\.cc$"), 400))
MAX_COLUMNS = 100

# (rule, file): why it may. One that is not needed any more is a finding too.
EXCEPTIONS = {
    ("exception", "lib/config/yaml.cc"): "yaml-cpp throws; this file turns that into findings",
}

CLOCKS = re.compile(
    r"\b(?:steady_clock|system_clock|high_resolution_clock|utc_clock|clock_gettime|gettimeofday|"
    r"timespec_get|rte_rdtsc\w*|rte_get_\w*cycles|rte_get_\w*tsc\w*|_{0,2}rdtscp?|__builtin_ia32_rdtsc"
    r")\b|(?<![\w.>])(?:std\s*::\s*)?(?:time|clock)\s*\(\s*(?:\)|NULL|nullptr|0|&)")
EXCEPTION_WORDS = re.compile(r"\b(?:throw|try|catch)\b")
IOSTREAM = re.compile(r"#\s*include\s*<iostream>|\bstd::(?:cout|cerr|clog|cin)\b")
DPDK = re.compile(r"\b(?:rte|RTE)_\w+")
# The parts of DPDK that need no device and no EAL; lib/sync hides them.
SYNC_DPDK = re.compile(r"\brte_(?:ring|rcu)\w*|\bRTE_(?:QSBR|CACHE_LINE)\w*")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
TEST_SKIPS = re.compile(r"\bGTEST_SKIP\b|\bDISABLED_\w+|\bsleep_for\b|\busleep\s*\(|"
                        r"\bthis_thread::sleep")
MACHINE = (
    (re.compile(r"(?<![\w.-])/(?:wor[k]|far[m])/"), "a path of one machine"),
    (re.compile(r"\b(?:deb|security|snapshot)\.debian\.or[g]\b|\bregistry\.npmjs\.or[g]\b|"
                r"\bpypi\.or[g]\b|\b(?:docker|quay)\.i[o]\b|\bproxy\.golang\.or[g]\b"),
     "the host of a package registry"),
)

SPDX = "SPDX-License-Identifier: BSD-3-Clause"
NEEDS_SPDX = re.compile(r"\.(?:h|cc|py|sh|build|ya?ml)$|(?:^|/)(?:Dockerfile|\.clang-\w+)$|"
                        r"^tools/[\w-]+$|^\.ci/run$")
TEXT = re.compile(r"\.(?:h|cc|py|sh|build|ya?ml|md|txt|json|options|tsv)$|"
                  r"(?:^|/)(?:Dockerfile|LICENSE|\.clang-\w+|\.gitignore)$|^tools/[\w-]+$|^\.ci/run$")
# clang-format holds C++ to its width.
COLUMN_LIMIT = re.compile(r"\.(?:py|sh)$|(?:^|/)Dockerfile$|^tools/[\w-]+$|^\.ci/run$")


def strip_comments(text):
    """C++ without comments, strings and characters; every line stays in its place."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)

    def blank(match):
        kept = "".join(c for c in match.group(0) if c == "\n")
        return kept if match.group(0).startswith("/") else '""' + kept
    return pattern.sub(blank, text)


class Tree:
    """The files under one folder, and what was found in them."""

    def __init__(self, top):
        self.top = top
        self.findings = []
        self.used_exceptions = set()
        self.files = self._list()

    def _list(self):
        done = subprocess.run(["git", "-C", self.top, "ls-files", "--cached", "--others",
                               "--exclude-standard"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return sorted(name for name in set(done.stdout.splitlines())
                          if os.path.isfile(os.path.join(self.top, name)))
        return sorted(os.path.relpath(os.path.join(folder, name), self.top)
                      for folder, _, names in os.walk(self.top) for name in names)

    def read(self, name):
        with open(os.path.join(self.top, name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def report(self, name, line, rule, message):
        if (rule, name) in EXCEPTIONS:
            self.used_exceptions.add((rule, name))
            return
        self.findings.append(f"{name}:{line}: {rule}: {message}")

    def each_match(self, name, text, pattern, rule, message):
        for number, line in enumerate(text.split("\n"), 1):
            match = pattern.search(line)
            if match:
                self.report(name, number, rule, message.format(match.group(0).strip()))


def library_of(name):
    parts = name.split("/")
    return parts[1] if parts[0] == "lib" and len(parts) > 2 else None


def check_includes(tree, name, text):
    """Layers go one way; quoted includes are our own files."""
    mine = library_of(name)
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        theirs = match.group(1).split("/")[0]
        if mine is None or theirs == mine:
            continue
        if theirs not in RANK:
            tree.report(name, number, "layer", f'"{match.group(1)}" is of no library; system and '
                        "third-party headers stand in <>")
        elif mine not in RANK:
            tree.report(name, number, "layer", f"lib/{mine} has no place among the layers")
        elif RANK[theirs] >= RANK[mine]:
            word = "beside" if RANK[theirs] == RANK[mine] else "above"
            tree.report(name, number, "layer", f"lib/{theirs} stands {word} lib/{mine}")


def check_code(tree, name, text):
    """What C++ of some library may not say."""
    code = strip_comments(text)
    library = library_of(name)
    if name.startswith(("lib/", "app/")):
        if library == "sync":
            rest = SYNC_DPDK.sub("", code)
            tree.each_match(name, rest, DPDK, "dpdk", "{} in lib/sync: rings and RCU only")
        elif library != "dpdk":
            tree.each_match(name, code, DPDK, "dpdk", "{} outside lib/dpdk")
    if library in CORE:
        tree.each_match(name, code, CLOCKS, "clock", "{}: time is a parameter called now")
        tree.each_match(name, code, EXCEPTION_WORDS, "exception", "{}: errors are values here")
        tree.each_match(name, code, IOSTREAM, "iostream", "{} in the pure core")
    if name.startswith("tests/"):
        tree.each_match(name, code, TEST_SKIPS, "test", "{}: tests neither skip nor wait")


def check_size(tree, name, text):
    lines = text.count("\n")
    for pattern, limit in LIMITS:
        if pattern.search(name):
            if lines > limit:
                tree.report(name, limit + 1, "size", f"{lines} lines, {limit} are the limit")
            return


def check_text(tree, name, text):
    """What holds for every kind of text."""
    lines = text.split("\n")
    if NEEDS_SPDX.search(name) and not any(SPDX in line for line in lines[:2]):
        tree.report(name, 1, "spdx", f"the first line says no {SPDX!r}")
    for number, line in enumerate(lines, 1):
        for pattern, what in MACHINE:
            if pattern.search(line):
                tree.report(name, number, "machine", f"{what}: {line.strip()[:60]}")
        if UNFINISHED.search(line):
            tree.report(name, number, "unfinished", line.strip()[:60])
        if line != line.rstrip() and not name.endswith(".md"):
            tree.report(name, number, "space", "white space at the line's end")
        if len(line) > MAX_COLUMNS and COLUMN_LIMIT.search(name):
            tree.report(name, number, "columns", f"{len(line)} columns")
    if text and not text.endswith("\n"):
        tree.report(name, len(lines), "space", "no newline at the end")


def check_listed(tree):
    """Each .cc of a library, a program or a test stands in some meson.build above it."""
    builds = {os.path.dirname(name): tree.read(name) for name in tree.files
              if os.path.basename(name) == "meson.build"}
    for name in tree.files:
        if not name.endswith(".cc"):
            continue
        folder, base = os.path.split(name)
        while folder and base not in builds.get(folder, ""):
            folder, head = os.path.split(folder)
            base = f"{head}/{base}"
        if not folder:
            tree.report(name, 1, "build", "in no meson.build: it is never compiled")


# How many sentences of each text there are.
REQUIREMENTS = "docs/requirements.md"
REQUIRED = {f"S{text}-{i}" for text, count in ((0, 16), (2, 14), (4, 21))
            for i in range(1, count + 1)}
UNIT_TEST = re.compile(r"`(\w+_test) (\w+)\.(\w+)`")
SCENARIO = re.compile(r"`([a-z]\w*) ([a-z]\w*)`")


def check_requirements(tree):
    """Every requirement stands in the table once, with tests that exist or what is missing."""
    if REQUIREMENTS not in tree.files:
        return
    # By folder: the programs that are built there, and the tests of its sources.
    programs, tests, scenarios = {}, {}, set()
    for name in tree.files:
        folder = os.path.dirname(name)
        if name.startswith("tests/unit/") and name.endswith("meson.build"):
            for program in re.findall(r"executable\('(\w+_test)'", tree.read(name)):
                programs[program] = folder
        elif name.startswith("tests/unit/") and name.endswith(".cc"):
            found = re.findall(r"^TEST(?:_P|_F)?\(\s*(\w+),\s*(\w+)\)", tree.read(name), re.M)
            tests.setdefault(folder, set()).update(found)
        elif name.startswith("tests/e2e/scenarios/"):
            scenarios.update(re.findall(r"^def ([a-z]\w*)\(wire\)", tree.read(name), re.M))
    seen = []
    for number, line in enumerate(tree.read(REQUIREMENTS).split("\n"), 1):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 6 or not re.fullmatch(r"S\d+-\d+", cells[1]):
            continue
        seen.append(cells[1])
        named = 0
        for program, suite, test in UNIT_TEST.findall(cells[3]):
            named += 1
            if (suite, test) not in tests.get(programs.get(program), ()):
                tree.report(REQUIREMENTS, number, "requirements",
                            f"{program} has no {suite}.{test}")
        for suite, scenario in SCENARIO.findall(UNIT_TEST.sub("", cells[3])):
            named += 1
            if scenario not in scenarios:
                tree.report(REQUIREMENTS, number, "requirements",
                            f"{suite} has no scenario {scenario}")
        if named == 0 and "Not yet" not in cells[4]:
            tree.report(REQUIREMENTS, number, "requirements", f"{cells[1]} names no test")
    for one in sorted(REQUIRED):
        if seen.count(one) != 1:
            tree.report(REQUIREMENTS, 1, "requirements", f"{one} stands {seen.count(one)} times")


# Not held to these rules itself: it has to name what it looks for.
OWN_WORDS = {"tools/lint_tree.py", "tests/lint/lint_tree_test.py"}


def lint(top):
    """All findings in a tree, as lines."""
    tree = Tree(top)
    for name in tree.files:
        if not TEXT.search(name) or name in OWN_WORDS:
            continue
        text = tree.read(name)
        if name.endswith((".h", ".cc")):
            check_includes(tree, name, text)
            check_code(tree, name, text)
            check_size(tree, name, text)
        check_text(tree, name, text)
    check_listed(tree)
    check_requirements(tree)
    for rule, name in sorted(EXCEPTIONS.keys() - tree.used_exceptions):
        if name in tree.files:
            tree.findings.append(f"{name}:1: exception-list: no longer needed for rule {rule}")
    return tree.findings


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))
    findings = lint(top)
    print("\n".join(findings))
    print(f"{len(findings)} finding{'' if len(findings) == 1 else 's'}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
