# SPDX-License-Identifier: BSD-3-Clause
"""A wall clock for one program, that a test may set without touching the machine's."""

import os
import struct

from .netns import run


class FakeWallClock:
    """CLOCK_REALTIME as the program sees it: the machine's plus an offset, by a preloaded library.

    All other clocks stay as they are, as they do when somebody sets the real one. (libfaketime can
    do it too, but waits, timers and sanitizers don't take well to all that it replaces.)
    """

    def __init__(self, folder, synchronised=False):
        """With `synchronised` the kernel is said to be kept right, else what it says is so."""
        self.offset = 0
        self._path = os.path.join(folder, "wall-clock")
        with open(self._path, "wb") as file:
            file.write(struct.pack("=q", 0))
        library = os.path.join(folder, "wall_clock.so")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wall_clock.c")
        run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source])
        self.environment = {"LD_PRELOAD": library, "LAB_WALL_CLOCK": self._path}
        if synchronised:
            self.environment["LAB_WALL_CLOCK_SYNCHRONISED"] = "1"

    def set(self, offset):
        """Steps the clock to this many seconds ahead of the machine's; returns the step."""
        with open(self._path, "r+b") as file:
            file.write(struct.pack("=q", offset))
        step, self.offset = offset - self.offset, offset
        return step
