# SPDX-License-Identifier: BSD-3-Clause
"""testpmd, driven through its own prompt."""

import ctypes
import os
import pty
import re
import signal
import subprocess
import threading
import time
import tty

_PROMPT = "testpmd> "
_PR_SET_PDEATHSIG = 1


class TestpmdError(Exception):
    """testpmd did not do what it was asked to; the message has its own words."""


def die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Testpmd:
    """One interactive testpmd with one forwarding core; `enter` is a command that runs it."""

    def __init__(self, cpu, prefix, devices, options, memory, enter=()):
        argv = [*enter, "dpdk-testpmd", "--lcores", f"0@{cpu},1@{cpu}", "--no-pci", *memory,
                "--file-prefix", prefix]
        for device in devices:
            argv += ["--vdev", device]
        argv += ["--", "-i", "--nb-cores=1", "--total-num-mbufs=16384", *options]
        master, slave = pty.openpty()
        tty.setraw(slave)
        self._terminal = master
        self._said, self._news = "", threading.Condition()
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                        preexec_fn=die_with_parent)
        os.close(slave)
        # Always read: what testpmd prints unasked would fill the terminal, and then it would stop.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._until_prompt(0, 30)

    def _read(self):
        while True:
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                return
            with self._news:
                self._said += data.decode(errors="replace")
                self._news.notify()

    def _until_prompt(self, start, seconds):
        """What was said from `start` on, once a prompt has come after it."""
        def prompted():
            return self._said.find(_PROMPT, start) >= 0
        deadline = time.monotonic() + seconds
        with self._news:
            while not prompted():
                self._news.wait(0.2)
                if self.process.poll() is not None and not prompted():
                    raise TestpmdError(f"testpmd ended:\n{self._said}")
                if time.monotonic() > deadline:
                    raise TestpmdError(f"testpmd hangs:\n{self._said}")
            return self._said[start:]

    def command(self, text, seconds=10):
        """Types a command; returns what testpmd says."""
        with self._news:
            start = len(self._said)
        os.write(self._terminal, (text + "\n").encode())
        return self._until_prompt(start, seconds)

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
