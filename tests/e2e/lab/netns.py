# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces that can't outlive their owner, and programs and sockets inside them."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1


class LabError(Exception):
    """Something that the lab needs did not work; the message says what."""


# In front of a program's words: it is killed when the lab's process ends, however it ends. As a
# preexec_fn of Python's the same takes forty milliseconds of a CPU, for what a fork copies.
_TIED = ("setpriv", "--pdeathsig", "KILL", "--")


def die_with_parent():
    """In a child of a fork: it is killed when the lab's process ends, however it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_on_sigterm():
    """SIGTERM ends the program as an exception does, so that it cleans up."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def wait_until(condition, seconds, what, pause=0.02):
    """Polls until condition() is true and returns its value; LabError after the given time.

    `pause`: seconds between two polls at first. They grow with what was waited, up to 0.1 s: most
    polls run a program, and other scenarios want the CPU."""
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - began
        if waited > seconds:
            raise LabError(f"waited {seconds} s in vain: {what}")
        time.sleep(min(0.1, max(pause, waited / 10)))


class Finished:
    """What a program did: exit code and output."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __str__(self):
        return f"{' '.join(self.argv)} -> exit {self.code}\n{self.out}{self.err}"


class Program:
    """A program running in the background; its output is collected and never blocks it."""

    def __init__(self, argv, prefix=(), cwd=None, env=None):
        self.argv = [str(word) for word in argv]
        self._lines = []
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [*_TIED, *prefix, *self.argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", cwd=cwd, env=env,
            process_group=0)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._lock:
                self._lines.append(line)

    @property
    def pid(self):
        return self._process.pid

    @property
    def output(self):
        with self._lock:
            return "".join(self._lines)

    def lines(self):
        with self._lock:
            return [line.rstrip("\n") for line in self._lines]

    def running(self):
        return self._process.poll() is None

    def code(self):
        """The exit code, None while it runs."""
        return self._process.poll()

    def wait_for(self, text, seconds=10):
        """Waits until the program has printed the text."""
        def seen():
            if text in self.output:
                return True
            if not self.running():
                self._reader.join(1)
                if text in self.output:
                    return True
                raise LabError(f"{self.argv[0]} ended before it said {text!r}:\n{self.output}")
            return False
        try:
            wait_until(seen, seconds, f"{self.argv[0]} to say {text!r}")
        except LabError as error:
            raise LabError(f"{error}\n{self.output}") from None

    def wait(self, seconds):
        """Waits for the end and returns what the program did."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LabError(f"{' '.join(self.argv)} still runs after {seconds} s:\n"
                           f"{self.output}") from None
        self._reader.join(2)
        return Finished(self.argv, code, self.output, "")

    def signal(self, number):
        if self.running():
            self._process.send_signal(number)

    def stop(self, seconds=3):
        """Ends the program, gently first; safe to call twice."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.running():
                break
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self._reader.join(2)


def run(argv, prefix=(), seconds=30, check=True, text_in=None, env=None):
    """Runs a program to its end."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run([*_TIED, *prefix, *words], capture_output=True, text=True,
                              errors="replace", timeout=seconds, input=text_in, env=env,
                              process_group=0)
    except subprocess.TimeoutExpired as late:
        seen = late.stdout.decode(errors="replace") if late.stdout else ""
        raise LabError(f"{' '.join(words)} still ran after {seconds} s:\n{seen}") from None
    if done.stderr.startswith("setpriv: failed to execute"):
        raise LabError(f"{(*prefix, *words)[0]} is not installed")
    finished = Finished(words, done.returncode, done.stdout, done.stderr)
    if check and finished.code != 0:
        raise LabError(str(finished))
    return finished


class Namespace:
    """A network namespace, held open by one sleeping process that dies with the lab."""

    def __init__(self, name):
        self.name = name
        mine = os.stat("/proc/self/ns/net").st_ino
        self._holder = subprocess.Popen([*_TIED, "unshare", "--net", "sleep", "infinity"],
                                        stdin=subprocess.DEVNULL, process_group=0)
        self.pid = self._holder.pid
        try:
            wait_until(lambda: self._inode() not in (0, mine), 5,
                       "the kernel to make a network namespace (root or unshare -Urnm is needed)",
                       pause=0.002)
        except LabError:
            self.close()
            raise
        self._fd = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link set lo up")

    def _inode(self):
        if self._holder.poll() is not None:
            raise LabError("can't make a network namespace: run as root, or under unshare -Urnm")
        try:
            return os.stat(f"/proc/{self.pid}/ns/net").st_ino
        except OSError:
            return 0

    @property
    def prefix(self):
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net", "--")

    def run(self, *argv, seconds=30, check=True, text_in=None, env=None):
        return self.inside(lambda: run(argv, (), seconds, check, text_in, env))

    def start(self, *argv, cwd=None, env=None):
        return Program(argv, self.prefix, cwd, env)

    def ip(self, commands):
        """Runs a batch of ip(8) commands, one a line."""
        lines = [line.strip() for line in commands.strip().splitlines()]
        self.run("ip", "-batch", "-", text_in="\n".join(lines) + "\n")

    def sysctl(self, **values):
        """Sets sysctls of this namespace: dots in the name are written as two underscores."""
        def write():
            for key, value in values.items():
                with open("/proc/sys/" + key.replace("__", "/"), "w", encoding="ascii") as file:
                    file.write(str(value))
        self.inside(write)

    def inside(self, function):
        """Calls it in this namespace, and returns its result: sockets that it opens stay here.

        In a thread of its own, because without root's rights outside there is no way back.
        """
        result = []

        def enter():
            try:
                if _LIBC.setns(self._fd, _CLONE_NEWNET) != 0:
                    raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")
                result.extend((function(), None))
            except Exception as error:  # pylint: disable=broad-except
                result.extend((None, error))
        thread = threading.Thread(target=enter, daemon=True)
        thread.start()
        thread.join()
        value, error = result
        if error is not None:
            raise error
        return value

    def socket(self, family, kind, protocol=0, bind=None, timeout=5.0):
        """A socket of this namespace."""
        made = self.inside(lambda: socket.socket(family, kind, protocol))
        made.settimeout(timeout)
        if bind is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(bind)
        return made

    def udp(self, bind, timeout=5.0):
        family = socket.AF_INET6 if ":" in bind[0] else socket.AF_INET
        return self.socket(family, socket.SOCK_DGRAM, 0, bind, timeout)

    def raw(self, interface, timeout=2.0):
        """A packet socket on one interface, for frames as they are."""
        made = self.socket(socket.AF_PACKET, socket.SOCK_RAW, 0, None, timeout)
        made.bind((interface, 0x0003))
        return made

    def close(self):
        """Removes the namespace with all its interfaces."""
        if getattr(self, "_fd", None) is not None:
            os.close(self._fd)
            self._fd = None
        if self._holder.poll() is None:
            self._holder.kill()
            self._holder.wait()


def quiet(namespace, interface):
    """Turns off what a real wire doesn't have: merged segments and unfinished checksums."""
    namespace.run("ethtool", "-K", interface, "tx", "off", "rx", "off", "gso", "off", "tso",
                  "off", "gro", "off")


def veth(left, left_name, right, right_name):
    """A cable between two namespaces; both ends are up and without offloads."""
    left.ip(f"""
        link add {left_name} type veth peer name {right_name} netns {right.pid}
        link set {left_name} up""")
    right.ip(f"link set {right_name} up")
    for namespace, name in ((left, left_name), (right, right_name)):
        quiet(namespace, name)
