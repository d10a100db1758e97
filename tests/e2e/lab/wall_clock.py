# SPDX-License-Identifier: BSD-3-Clause
"""A wall clock for one program, that a test may set without touching the machine's."""

import glob
import os

from .netns import LabError


class FakeWallClock:
    """CLOCK_REALTIME as the program sees it: the machine's plus an offset, by libfaketime.

    Monotonic clocks stay as they are, as they do when somebody sets the real one.
    """

    def __init__(self, path):
        self._path = path
        self.offset = 0
        self.set(0)
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not libraries:
            raise LabError("libfaketimeMT.so.1 is not installed (Debian package faketime)")
        self.environment = {
            "LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": path, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def set(self, offset):
        """Steps the clock to this many seconds ahead of the machine's; returns the step."""
        # A whole new file: it is read with every look at the clock.
        with open(self._path + ".new", "w", encoding="ascii") as file:
            file.write(f"{offset:+d}\n")
        os.replace(self._path + ".new", self._path)
        step, self.offset = offset - self.offset, offset
        return step
