#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The tree lint must be seen to fail: each rule finds what it is there for, and nothing else."""

import os
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))

import lint_tree  # noqa: E402

SPDX = "// SPDX-License-Identifier: BSD-3-Clause\n"
PY_SPDX = "# SPDX-License-Identifier: BSD-3-Clause\n"


class LintTree(unittest.TestCase):
    """Each test makes a small tree and looks at what the lint says about it."""

    def findings(self, files):
        """Rule names by file, for a tree with these files; .cc files are listed in meson."""
        with tempfile.TemporaryDirectory() as top:
            for name, text in files.items():
                path = os.path.join(top, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                build = os.path.join(os.path.dirname(path), "meson.build")
                if name.endswith(".cc"):
                    with open(build, "a", encoding="utf-8") as file:
                        file.write(PY_SPDX + os.path.basename(name) + "\n")
            return [tuple(line.split(": ")[:2]) for line in lint_tree.lint(top)]

    def only(self, name, text, where, rule):
        """Exactly this finding for this file."""
        self.assertEqual(self.findings({name: text}), [(f"{name}:{where}", rule)])

    def clean(self, name, text):
        self.assertEqual(self.findings({name: text}), [])

    def test_a_lower_layer_may_be_included(self):
        self.clean("lib/flow/key.h", SPDX + '#include "packet/address.h"\n#include "flow/a.h"\n')

    def test_a_higher_layer_is_a_finding_with_its_line(self):
        self.only("lib/flow/key.h", SPDX + '\n#include "conntrack/tracker.h"\n', 3, "layer")

    def test_libraries_of_one_layer_do_not_see_each_other(self):
        self.only("lib/mgmt/a.cc", SPDX + '#include "dpdk/eal.h"\n', 2, "layer")
        self.only("lib/dpdk/a.cc", SPDX + '#include "mgmt/reload.h"\n', 2, "layer")

    def test_the_program_may_include_every_library(self):
        self.clean("app/ravelind/main.cc",
                   SPDX + '#include "mgmt/a.h"\n#include "dpdk/b.h"\n#include "own.h"\n')

    def test_an_unknown_quoted_include_is_a_finding(self):
        self.only("lib/flow/key.h", SPDX + '#include "boost/any.h"\n', 2, "layer")

    def test_dpdk_stays_in_its_library(self):
        for name in ("lib/flow/a.cc", "lib/mgmt/a.cc", "app/ravelind/a.cc"):
            self.only(name, SPDX + "void f(rte_mbuf* m);\n", 2, "dpdk")
        self.clean("lib/dpdk/a.cc", SPDX + "void f(rte_mbuf* m);\n")

    def test_sync_may_use_rings_and_rcu_only(self):
        self.clean("lib/sync/a.cc", SPDX + "rte_ring* r; rte_rcu_qsbr* q;\n")
        self.only("lib/sync/a.cc", SPDX + "rte_mempool* p;\n", 2, "dpdk")

    def test_comments_and_strings_are_no_code(self):
        self.clean("lib/flow/a.cc", SPDX + "// an rte_mbuf, try and catch, steady_clock\n"
                   "/* throw\n rte_eth */ const char* s = \"throw rte_x\";\n")

    def test_a_digit_separator_is_no_quote(self):
        self.only("lib/flow/a.cc", SPDX + "int a = 1'000; int b = time(nullptr); int c = 2'000;\n",
                  2, "clock")

    def test_clocks_are_found_in_the_core(self):
        for code in ("auto n = std::chrono::steady_clock::now();", "clock_gettime(a, b);",
                     "auto t = time(nullptr);", "auto t = std::time(0);", "auto t = rte_rdtsc();",
                     "x = system_clock::now();", "unsigned long long t = __rdtsc();"):
            found = self.findings({"lib/conntrack/a.cc": SPDX + code + "\n"})
            self.assertIn(("lib/conntrack/a.cc:2", "clock"), found, code)

    def test_a_member_called_time_is_no_clock(self):
        self.clean("lib/conntrack/a.cc", SPDX + "int x = timeouts.time(0); int time_left = 0;\n")

    def test_management_may_read_clocks(self):
        self.clean("lib/mgmt/a.cc", SPDX + "auto n = std::chrono::steady_clock::now();\n")

    def test_exceptions_are_found_in_the_core(self):
        for code in ("throw 1;", "try { f(); }", "catch (...) {}"):
            self.only("lib/packet/a.cc", SPDX + code + "\n", 2, "exception")
        self.clean("lib/mgmt/a.cc", SPDX + "try { f(); } catch (...) {}\n")

    def test_iostream_is_found_in_the_core(self):
        self.only("lib/packet/a.cc", SPDX + "#include <iostream>\n", 2, "iostream")

    def test_file_sizes_are_held(self):
        line = "int a();\n"
        for name, limit in (("lib/flow/a.h", 250), ("lib/flow/a.cc", 400),
                            ("app/ravelind/main.cc", 120), ("app/ravelind/options.cc", 400)):
            self.clean(name, SPDX + line * (limit - 1))
            self.only(name, SPDX + line * limit, limit + 1, "size")

    def test_an_exception_that_is_not_needed_is_a_finding(self):
        (rule, name) = next(iter(lint_tree.EXCEPTIONS))
        self.assertEqual(self.findings({name: SPDX + "int a;\n"}), [(f"{name}:1",
                                                                     "exception-list")])
        self.assertEqual(rule, "exception")
        self.clean(name, SPDX + "try { f(); } catch (...) {}\n")

    def test_a_missing_licence_line_is_a_finding(self):
        for name in ("lib/flow/a.h", "tools/demo", "conf/a.yaml", "Dockerfile", ".ci/run",
                     "tests/e2e/a.py"):
            self.only(name, "nothing\n", 1, "spdx")

    def test_paths_of_a_machine_and_registries_are_findings(self):
        for text in ("see /wor" + "k/main", "(/wor" + "k/x)", "from deb.debian.or" + "g"):
            self.only("docs/a.md", text + "\n", 1, "machine")
        self.clean("docs/a.md", "the folder path/wor" + "k/ and network/ and docker\n")

    def test_unfinished_work_and_skipped_tests_are_findings(self):
        self.only("docs/a.md", "TO" + "DO: more\n", 1, "unfinished")
        self.only("tests/unit/flow/a.cc", SPDX + "GTEST_SKIP();\n", 2, "test")
        self.only("tests/unit/flow/a.cc", SPDX + "std::this_thread::sleep_for(1s);\n", 2, "test")

    def test_a_source_that_is_not_built_is_a_finding(self):
        found = self.findings({"lib/flow/a.cc": SPDX, "lib/flow/b.h": SPDX})
        self.assertEqual(found, [])
        with tempfile.TemporaryDirectory() as top:
            os.makedirs(os.path.join(top, "lib/flow"))
            with open(os.path.join(top, "lib/flow/orphan.cc"), "w", encoding="utf-8") as file:
                file.write(SPDX)
            self.assertIn("in no meson.build", lint_tree.lint(top)[0])

    def test_a_requirement_needs_tests_that_exist(self):
        row = "| {} | text | {} | {} |\n"
        shown = "`a_test Suite.name`, `e2e scene`"
        rows = {one: row.format(one, shown, "") for one in lint_tree.REQUIRED}
        files = {"tests/unit/a/meson.build": SPDX + "executable('a_test', 'a.cc')\n",
                 "tests/unit/a/a.cc": SPDX + "TEST(Suite,\n     name) {}\n",
                 "tests/e2e/scenarios/a.py": SPDX + "def scene(wire):\n    pass\n"}

        def found(**changed):
            table = "".join({**rows, **changed}.values())
            lines = self.findings({**files, lint_tree.REQUIREMENTS: table})
            self.assertTrue(all(rule == "requirements" for _, rule in lines), lines)
            return len(lines)
        self.assertEqual(found(), 0)
        first = "S0-1"
        for shown, missing, count in (
                ("`a_test Suite.other`", "", 1), ("`b_test Suite.name`", "", 1),
                ("`e2e other`", "", 1), ("", "", 1), ("", "Not yet: all of it", 0)):
            self.assertEqual(found(**{first: row.format(first, shown, missing)}), count, shown)
        self.assertEqual(found(**{first: ""}), 1)
        self.assertEqual(found(**{first: rows[first] * 2}), 1)

    def test_the_layers_are_those_of_the_tree(self):
        libraries = {name for name in os.listdir(os.path.join(TOP, "lib"))
                     if os.path.isdir(os.path.join(TOP, "lib", name))}
        self.assertEqual(libraries - lint_tree.RANK.keys(), set())


if __name__ == "__main__":
    unittest.main()
