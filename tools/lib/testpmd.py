# SPDX-License-Identifier: BSD-3-Clause
"""testpmd, driven through its own prompt."""

import ctypes
import os
import pty
import re
import select
import signal
import subprocess
import time
import tty

_PROMPT = "testpmd> "
_PR_SET_PDEATHSIG = 1


class TestpmdError(Exception):
    """testpmd did not do what it was asked to; the message has its own words."""


def die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Testpmd:
    """One interactive testpmd with one forwarding core."""

    def __init__(self, cpu, prefix, devices, options, memory):
        argv = ["dpdk-testpmd", "--lcores", f"0@{cpu},1@{cpu}", "--no-pci", *memory,
                "--file-prefix", prefix]
        for device in devices:
            argv += ["--vdev", device]
        argv += ["--", "-i", "--nb-cores=1", "--total-num-mbufs=16384", *options]
        master, slave = pty.openpty()
        tty.setraw(slave)
        self._terminal = master
        self._said = ""
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                        preexec_fn=die_with_parent)
        os.close(slave)
        self._until_prompt(30)

    def _until_prompt(self, seconds):
        said, deadline = "", time.monotonic() + seconds
        while not said.endswith(_PROMPT):
            left = deadline - time.monotonic()
            if left <= 0 or self.process.poll() is not None:
                raise TestpmdError(f"testpmd {'ended' if left > 0 else 'hangs'}:\n"
                                   f"{self._said}{said}")
            if select.select([self._terminal], [], [], min(left, 0.2))[0]:
                try:
                    said += os.read(self._terminal, 65536).decode(errors="replace")
                except OSError:
                    continue
        self._said += said
        return said

    def command(self, text, seconds=10):
        """Types a command; returns what testpmd says."""
        os.write(self._terminal, (text + "\n").encode())
        return self._until_prompt(seconds)

    def counters(self):
        """({port: (received, transmitted)}, when) by the port driver's own counters."""
        found = {}
        said = self.command("show port stats all")
        now = time.monotonic()
        for block in said.split("NIC statistics for port ")[1:]:
            received = re.search(r"RX-packets:\s*(\d+)", block)
            transmitted = re.search(r"TX-packets:\s*(\d+)", block)
            found[int(block.split()[0])] = (int(received.group(1)), int(transmitted.group(1)))
        return found, now

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        """Ends it; a crash of memif or virtio-user at the very end is testpmd's own affair."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._terminal)
