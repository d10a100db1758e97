# SPDX-License-Identifier: BSD-3-Clause
"""Loads ravelind with testpmd, beside testpmd's macswap on ports of the same kind.

    testpmd 5tswap, CPU 0 == port outside == ravelind (or macswap), CPU 1 == port inside == testpmd

One generator holds both ends. It sends a first burst of UDP packets, 256 connections, into each
port; whatever reaches an end goes back from there with addresses and ports swapped, as the answer.
So the number of packets on their way stays the same, the two sides are never out of step, and a
packet that is lost is missed for ever. The device and macswap run in alternating slices, one
paused while the other works, so that both meet the same weather.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "e2e"), os.path.join(TOP, "tools", "lib")]

from lab.daemon import Ravelind  # noqa: E402
from lab.netns import LabError, Namespace, end_on_sigterm, wait_until  # noqa: E402
from testpmd import Testpmd, TestpmdError  # noqa: E402

_HUGEPAGES = "/proc/sys/vm/nr_hugepages"
_WANTED_HUGEPAGES = 768  # of 2 MiB: three testpmd and ravelind
_BURSTS = 16             # of 32 packets on their way from each end
# What macswap does at least on a machine whose CPUs are its own. Below it the floor in packets per
# second says nothing about ravelind, and the ratio must do.
_QUIET_MACSWAP = 6e6
_RATIO_WHEN_BUSY = 0.5

_GENERATOR = ("--forward-mode=5tswap", "--port-topology=loop", "--txonly-multi-flow",
              "--rxd=1024", "--txd=1024")


class Hugepages:
    """Reserves what is missing and gives it back."""

    def __enter__(self):
        self._before = self._read()
        if self._before < _WANTED_HUGEPAGES:
            with contextlib.suppress(OSError):
                self._write(self._before + _WANTED_HUGEPAGES)
        self.there = self._read() >= _WANTED_HUGEPAGES
        return self

    def __exit__(self, *_):
        if self._read() != self._before:
            self._write(self._before)

    @staticmethod
    def _read():
        with open(_HUGEPAGES, encoding="ascii") as file:
            return int(file.read())

    @staticmethod
    def _write(pages):
        with open(_HUGEPAGES, "w", encoding="ascii") as file:
            file.write(str(pages))


def shipped_config():
    """conf/loadtest.yaml, and its two devices."""
    with open(os.path.join(TOP, "conf", "loadtest.yaml"), encoding="utf-8") as file:
        text = file.read()
    devices = re.findall(r'(?m)^\s+device:\s*"([^"]+)"', text)
    if len(devices) != 2:
        raise LabError("conf/loadtest.yaml does not have two devices")
    return text, devices


def vdevs(kind, role, folder):
    """The two ports of a device (`server`) or of the generator (`client`)."""
    if kind == "memif":
        return [device.replace("/run/ravelin", folder).replace("role=server", f"role={role}")
                for device in shipped_config()[1]]
    if role == "server":
        return [f"net_vhost{i},iface={folder}/{name}.sock,queues=1"
                for i, name in enumerate(("outside", "inside"))]
    return [f"net_virtio_user{i},path={folder}/{name}.sock,queues=1,queue_size=1024"
            for i, name in enumerate(("outside", "inside"))]


def ravelin_config(kind, folder, cpus, hugepages):
    """conf/loadtest.yaml with this run's ports, CPUs and folder."""
    text, devices = shipped_config()
    eal = "[--no-pci]" if hugepages else '[--no-huge, --no-pci, --no-shconf, -m, "1024"]'
    for pattern, line in ((r"(?m)^eal:.*$", f"eal: {eal}"),
                          (r"(?m)^cores:.*$",
                           f"cores: {{management: [{cpus[0]}], workers: [{cpus[1]}]}}")):
        text, count = re.subn(pattern, line, text)
        if count != 1:
            raise LabError(f"conf/loadtest.yaml: {count} lines look like {pattern}, not 1")
    for shipped, mine in zip(devices, vdevs(kind, "server", folder)):
        text = text.replace(shipped, mine)
    return text.replace("/run/ravelin", folder)


class Pair:
    """A device and the generator at both its ends; at most one pair runs at a time."""

    def __init__(self, name, kind, cpus, memory, hugepages):
        self.name, self.rates = name, []
        self.folder = tempfile.mkdtemp(prefix=f"ravelin-load-{os.getpid()}-")
        self._closing = contextlib.ExitStack()
        self._closing.callback(shutil.rmtree, self.folder, True)
        self.ravelin = self.device = None
        if name == "ravelind":
            # Of its own, so that its metrics page meets nobody else's.
            namespace = Namespace("load")
            self._closing.callback(namespace.close)
            self.ravelin = Ravelind(namespace, self.folder,
                                    ravelin_config(kind, self.folder, cpus, hugepages))
            self._closing.callback(self.ravelin.kill)
            # Not health: it is ready when somebody is at the other end of its ports.
            self.ravelin.program.wait_for("\nready\n", 30)
        else:
            self.device = Testpmd(cpus[1], f"rvdev{os.getpid()}", vdevs(kind, "server",
                                                                        self.folder),
                                  ("--forward-mode=macswap",), memory)
            self._closing.callback(self.device.close)
            self.device.command("start")
        self.generator = Testpmd(cpus[0], f"rvgen{os.getpid()}{name[0]}",
                                 vdevs(kind, "client", self.folder), _GENERATOR, memory)
        self._closing.callback(self.generator.close)
        self._links_up()

    def _links_up(self):
        def up():
            said = self.generator.command("show port summary all")
            return len(re.findall(r"\bup\b", said)) == 2
        wait_until(up, 10, f"both ports to {self.name} to come up")
        self.generator.command("set fwd 5tswap")
        self.generator.command(f"start tx_first {_BURSTS}")

    def pause(self):
        self.generator.pause()
        if self.device is not None:
            self.device.pause()
        else:
            self.ravelin.program.signal(signal.SIGSTOP)

    def resume(self):
        if self.device is not None:
            self.device.resume()
        else:
            self.ravelin.program.signal(signal.SIGCONT)
        self.generator.resume()

    def measure(self, seconds):
        """Packets per second that came back: (from inside, from outside), for one slice."""
        self.resume()
        time.sleep(0.2)
        first, begun = self.generator.counters()
        time.sleep(seconds)
        last, ended = self.generator.counters()
        self.pause()
        self.rates.append(tuple((last[port][0] - first[port][0]) / (ended - begun)
                                for port in (0, 1)))

    def stop(self):
        """Stops the generator; what it has sent and got back in all."""
        self.resume()
        self.generator.command("stop", 15)
        time.sleep(0.3)
        counters, _ = self.generator.counters()
        return (sum(received for received, _ in counters.values()),
                sum(transmitted for _, transmitted in counters.values()))

    def close(self):
        self._closing.close()


def accounting(pair):
    """Stops the load on ravelind and balances its books: a dict of figures."""
    back, sent = pair.stop()
    pair.ravelin.assert_all_accounted()
    metrics = pair.ravelin.metrics()
    taken = metrics.sum("ravelin_port_receive_packets_total")
    given = metrics.sum("ravelin_port_transmit_packets_total")
    busy = metrics.sum("ravelin_worker_time_seconds_total", state="busy")
    return {"busy": busy / taken * 1e9,
            "connections": metrics.sum("ravelin_conntrack_entries"),
            "drops": metrics.nonzero("ravelin_dropped_packets_total", "reason"),
            "unaccounted": metrics.sum("ravelin_unaccounted_packets"),
            # Still inside a port's rings when the generator stopped looking: on their way.
            "on their way": (sent - taken) + (given - back), "taken": taken}


def mega(rate):
    return f"{rate / 1e6:6.2f}"


def report(pairs, books, options):
    """Prints the figures; True if they are good enough."""
    macswap, ravelin = pairs
    print("\nslice   macswap Mpps      ravelind Mpps     ratio")
    print("        out->in in->out   out->in in->out")
    ratios = []
    for i, (base, ours) in enumerate(zip(macswap.rates, ravelin.rates)):
        ratios.append(sum(ours) / sum(base))
        print(f"{i + 1:5}    {mega(base[1])}  {mega(base[0])}    {mega(ours[1])}  {mega(ours[0])}"
              f"    {ratios[-1]:.2f}")
    best = max(sum(rates) for rates in ravelin.rates)
    typical = statistics.median(sum(rates) for rates in ravelin.rates)
    lost = sum(books["drops"].values())
    on_their_way = books["on their way"]
    print(f"""
ravelind, one worker, both directions   {typical / 1e6:.2f} Mpps (median), {best / 1e6:.2f} (best)
ratio to macswap on the same ports      {statistics.median(ratios):.2f} (median of {len(ratios)})
worker's own time for a packet          {books['busy']:.0f} ns, stolen time included
connections tracked                     {books['connections']:.0f}
packets                                 {books['taken']:.0f}
dropped by ravelind                     {lost:.0f} {books['drops'] or ''}
in the ports' rings at the end          {on_their_way:.0f} of {2 * 32 * _BURSTS} on their way
unaccounted                             {books['unaccounted']:.0f}""")
    problems = []
    if lost or books["unaccounted"]:
        problems.append("packets were lost")
    if not 0 <= on_their_way <= 2 * 32 * _BURSTS:
        problems.append("packets vanished between the generator and ravelind")
    if books["connections"] < 256:
        problems.append("fewer connections than the generator's 256")
    if best < options.at_least * 1e6:
        fastest = max(sum(rates) for rates in macswap.rates)
        if fastest >= _QUIET_MACSWAP or statistics.median(ratios) < _RATIO_WHEN_BUSY:
            problems.append(f"less than {options.at_least} Mpps")
        else:
            print(f"\nThis machine is busy: macswap itself, which tracks nothing, reaches only "
                  f"{fastest / 1e6:.2f} Mpps.\nSo the floor of {options.at_least:g} Mpps can't be "
                  f"judged; the ratio can, and is at least {_RATIO_WHEN_BUSY}.")
    for problem in problems:
        print(f"FAILED: {problem}")
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--port", choices=("memif", "vhost"), default="memif")
    parser.add_argument("--slices", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each slice (default 1)")
    parser.add_argument("--at-least", type=float, default=0, metavar="MPPS",
                        help="fail when ravelind's best slice is slower")
    options = parser.parse_args()
    end_on_sigterm()
    cpus = sorted(os.sched_getaffinity(0))
    cpus = (cpus[0], cpus[-1])
    with Hugepages() as hugepages, contextlib.ExitStack() as closing:
        # virtio-user can share its memory only as few files
        memory = (["--in-memory", "--single-file-segments"] if hugepages.there
                  else ["--no-huge", "--no-shconf", "-m", "256"])
        print(f"{options.port} ports, 64-byte UDP, 256 connections each way round; generator on "
              f"CPU {cpus[0]}, device on CPU {cpus[1]}, "
              f"{'2 MiB hugepages' if hugepages.there else 'no hugepages (slower)'}")
        pairs = []
        for name in ("macswap", "ravelind"):
            pair = Pair(name, options.port, cpus, memory, hugepages.there)
            closing.callback(pair.close)
            pairs.append(pair)
            pair.pause()
        for _ in range(options.slices):
            for pair in pairs:
                pair.measure(options.seconds)
        good = report(pairs, accounting(pairs[1]), options)
        pairs[1].ravelin.stop()
        pairs[0].resume()
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, TestpmdError) as problem:
        print(f"loadtest: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
