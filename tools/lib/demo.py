# SPDX-License-Identifier: BSD-3-Clause
"""The demonstration: real programs talk through ravelind, and it tells what it saw."""

import argparse
import os
import socket
import sys
import textwrap
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))

from lab import conntrack, traffic  # noqa: E402
from lab.daemon import HTTP_PORT, binary  # noqa: E402
from lab.netns import LabError, end_on_sigterm, wait_until  # noqa: E402
from lab.wire import CLIENT4, ROUTER4, SERVER4, SERVER6, Wire  # noqa: E402

PICTURE = f"""
    client               ravelind                router            concentrator
  {CLIENT4} ---- outside | inside ---- {ROUTER4} ---- {SERVER4}
"""
ECHO_PORT = 7777


class Screen:
    """Short paragraphs; colour only on a terminal."""

    def __init__(self):
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def title(self, text):
        print(f"\n{self._paint('1', text)}", flush=True)

    def words(self, text):
        print(textwrap.fill(" ".join(text.split()), 92, initial_indent="  ",
                            subsequent_indent="  "), flush=True)

    def command(self, text):
        print(f"  {self._paint('2', '$ ' + text)}", flush=True)

    def lines(self, lines):
        for line in lines:
            print(f"      {line}", flush=True)

    def good(self, text):
        print(f"  {self._paint('32', 'ok')}  {text}", flush=True)

    def bad(self, text):
        print(f"  {self._paint('31', 'NOT OK')}  {text}", flush=True)


class MetricsDoor:
    """Lets this machine's own loopback reach the metrics page inside the namespace."""

    def __init__(self, namespace):
        self._namespace = namespace
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind(("127.0.0.1", HTTP_PORT))
        except OSError:
            self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(8)
        self.address = "http://127.0.0.1:{}".format(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(visitor,), daemon=True).start()

    def _relay(self, visitor):
        try:
            inside = self._namespace.inside(
                lambda: socket.create_connection(("127.0.0.1", HTTP_PORT), 5))
        except (OSError, LabError):
            visitor.close()
            return
        there = threading.Thread(target=self._copy, args=(visitor, inside), daemon=True)
        there.start()
        self._copy(inside, visitor)
        there.join()
        visitor.close()
        inside.close()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self._listener.close()


class Demo:
    """The parts, in order. Each says what it does, does it, and says what that shows."""

    def __init__(self, wire, screen):
        self.wire, self.screen = wire, screen
        self.results = []
        self.ravelin = None
        self.vpn = None

    def expect(self, good, text):
        """Notes whether a piece of traffic did what it should."""
        self.results.append((good, text))
        (self.screen.good if good else self.screen.bad)(text)

    def flows(self, protocol, **original):
        return [entry.line for entry in conntrack.entries(self.ravelin.flows(), protocol,
                                                          **original)]

    def related(self):
        return int(self.ravelin.metrics().sum("ravelin_classified_packets_total",
                                              **{"class": "related"}))

    def drops(self):
        return self.ravelin.metrics().nonzero("ravelin_dropped_packets_total", "reason")

    def start(self):
        self.screen.title("The scene")
        print(PICTURE)
        self.screen.words(
            "Four small hosts live in network namespaces of this machine. ravelind is the wire "
            "between the client and the router: two ports, no address, nothing in the network "
            "knows that it is there. From outside only ping, traceroute, OpenVPN, iperf3 and one "
            "UDP service may be opened; from inside everything may.")
        with open(os.path.join(TOP, "conf", "demo.yaml"), encoding="utf-8") as file:
            text = file.read().replace("/run/ravelin", self.wire.folder)
        self.ravelin = self.wire.start_ravelin(text)
        self.expect(True, f"ravelind {self._version()} forwards, with conf/demo.yaml; no card, no "
                    "hugepages")

    def _version(self):
        return self.ravelin.ctl("version").out.split("\n")[0].split()[-1]

    def ping(self):
        self.screen.title("1. Ping: a protocol without connections")
        self.screen.words("Every echo request is a small connection of its own: the request opens "
                          "it, the matching reply ends it.")
        for address in (SERVER4, SERVER6):
            self.screen.command(f"ping -c 3 {address}")
            sent, received = traffic.ping(self.wire.client, address)
            self.expect((sent, received) == (3, 3), f"{received} of {sent} answered")
        left = self.flows("icmp") + self.flows("icmpv6")
        self.expect(not left, "and the list of connections is empty again: nothing waits for 30 "
                    "seconds to be forgotten")

    def udp(self):
        self.screen.title("2. UDP request and reply: no SYN, no FIN, and yet a connection")
        echo = traffic.Echo(self.wire, SERVER4, ECHO_PORT, CLIENT4)
        wanted = {"sport": echo.client_port, "dport": ECHO_PORT}
        for step, act, seconds, mark, words in (
                ("The client asks:", echo.request, 30, "[UNREPLIED]",
                 "a question alone is remembered for 30 seconds"),
                ("The concentrator answers:", echo.reply, 180, "",
                 "an answer makes it a connection, for 180 seconds"),
                ("They go on talking:", echo.request, 180, "[ASSURED]",
                 "from the third packet on it is [ASSURED]")):
            self.screen.words(step)
            act()
            lines = self.flows("udp", **wanted)
            self.screen.lines(lines)
            entry = conntrack.Entry(lines[0]) if len(lines) == 1 else None
            self.expect(entry is not None and seconds - 2 <= entry.timeout <= seconds
                        and mark in lines[0], words)
        echo.close()
        self.screen.words("These are the lines that `conntrack -L` prints, byte for byte; scripts "
                          "that read them go on working.")

    def tcp(self):
        self.screen.title("3. A TCP transfer: states and windows")
        server = traffic.iperf_server(self.wire)
        self.screen.command(f"iperf3 -c {SERVER4} -t 2")
        transfer = self.wire.start(self.wire.client, "iperf3", "--client", SERVER4, "--time", "2",
                                   "--json")
        wait_until(lambda: len(self.flows("tcp", dport=traffic.IPERF_PORT)) == 2, 5,
                   "iperf3's two connections")
        time.sleep(0.5)
        lines = self.flows("tcp", dport=traffic.IPERF_PORT)
        self.screen.lines(lines)
        size = traffic.iperf_result(transfer.wait(40))
        server.stop()
        self.expect(size > 100_000 and all("ESTABLISHED" in line for line in lines),
                    f"{size / 1e6:.0f} MB arrived; every segment was checked against the "
                    "connection's window")

    def traceroute(self):
        self.screen.title("4. Traceroute: errors that belong to a connection")
        self.screen.words("Routers answer with ICMP errors from addresses that nobody talks to. "
                          "Each quotes the packet that it is about, and that decides: RELATED if "
                          "it fits a connection, dropped if not.")
        before = self.related()
        self.screen.command(f"traceroute -n {SERVER4}")
        hops = traffic.traceroute(self.wire.client, SERVER4)
        self.screen.lines(f"{i + 1}  {hop}" for i, hop in enumerate(hops))
        count = self.related() - before
        self.expect(hops == [ROUTER4, SERVER4] and count >= 2,
                    f"the router behind the wire is seen; {count} errors counted as RELATED")

    def openvpn(self):
        self.screen.title("5. OpenVPN: what Ravelin stands in front of")
        self.vpn = traffic.OpenVpn(self.wire)
        self.screen.command(f"openvpn --client --remote {SERVER4} 1194")
        self.vpn.connect()
        self.expect(True, "a real OpenVPN client has shaken hands with a real server")
        self.screen.command(f"ping -c 3 {self.vpn.SERVER_INSIDE}      (through the tunnel)")
        sent, received = self.vpn.ping()
        lines = self.flows("udp", dport=traffic.OPENVPN_PORT)
        self.screen.lines(lines)
        self.expect((sent, received) == (3, 3) and len(lines) == 1 and "[ASSURED]" in lines[0],
                    f"{received} of {sent} answered inside; outside it is one UDP connection")

    def scan(self):
        self.screen.title("6. A port scan: refused")
        before = self.drops().get("policy_default", 0)
        self.screen.command(f"nmap -sS -p 1-40 {SERVER4}")
        states = traffic.port_scan(self.wire.client, SERVER4)
        refused = int(self.drops().get("policy_default", 0) - before)
        self.expect(states == {"filtered": 40} and refused >= 40,
                    f"nmap found {', '.join(f'{n} ports {s}' for s, n in states.items())}; "
                    f"{refused} probes were dropped, and nobody was told")
        self.screen.command("ravelinctl drops")
        self.screen.lines(self.ravelin.ctl("drops").out.splitlines())
        self.screen.words("Every dropped packet has exactly one reason, and every reason is a "
                          "metric.")

    def books(self):
        self.screen.title("7. The books: where did every packet go?")
        self.ravelin.assert_all_accounted()
        metrics = self.ravelin.metrics()
        received = int(metrics.sum("ravelin_port_receive_packets_total"))
        transmitted = int(metrics.sum("ravelin_port_transmit_packets_total"))
        dropped = int(metrics.sum("ravelin_dropped_packets_total"))
        unaccounted = int(metrics.sum("ravelin_unaccounted_packets"))
        self.screen.lines([f"{received} received = {transmitted} transmitted + {dropped} dropped",
                           f"ravelin_unaccounted_packets {unaccounted}"])
        self.expect(unaccounted == 0, "every packet is accounted for")

    def live(self, until, address):
        """The list of connections, while a little traffic goes on."""
        self.screen.title("The live list")
        where = [f"metrics for Prometheus:  {address}/metrics",
                 "ask it yourself:         " + " ".join(
                     [self.relative("ravelinctl"), "--socket", self.ravelin.socket, "flows"]),
                 f"be the client:           nsenter --target {self.wire.client.pid} "
                 f"{self._rights()}--net ping {SERVER4}"]
        self.screen.lines(where)
        self.wire.start(self.wire.client, "ping", "-q", "-n", self.vpn.SERVER_INSIDE)
        self.wire.start(self.wire.client, "ping", "-q", "-n", SERVER4)
        drawn = 0
        while True:
            shown = self.ravelin.ctl("flows").out.splitlines()
            if self.screen.colour and drawn:
                sys.stdout.write(f"\033[{drawn}F\033[J")
            lines = ["", "  $ ravelinctl flows", *("      " + line[:160] for line in shown)]
            if until is None:
                lines += ["", "  Ctrl-C ends the demo."]
            print("\n".join(lines), flush=True)
            drawn = len(lines)
            wait = 1.0 if self.screen.colour else 5.0
            if until is not None and time.monotonic() + wait > until:
                time.sleep(max(0.0, until - time.monotonic()))
                return
            time.sleep(wait)

    @staticmethod
    def _rights():
        """nsenter's options to become root of the demo's user namespace, if it has one."""
        with open("/proc/self/uid_map", encoding="ascii") as file:
            own = file.read().split() != ["0", "0", "4294967295"]
        return "--user --preserve-credentials " if own else ""

    @staticmethod
    def relative(name):
        path = os.path.relpath(binary(name))
        return path if not path.startswith("..") else binary(name)

    def finish(self):
        self.screen.title("The end")
        self.wire.stop_programs()
        try:
            self.wire.stop_ravelin()
            self.expect(True, "all packets accounted for; ravelind ended within a second")
        except LabError as error:
            self.expect(False, str(error))


def main():
    parser = argparse.ArgumentParser(description="Shows what Ravelin does, with real programs.")
    parser.add_argument("--seconds", type=float, help="how long it runs; without, until Ctrl-C")
    options = parser.parse_args()
    end_on_sigterm()
    begun = time.monotonic()
    screen = Screen()
    screen.title("Ravelin: a firewall that stands in front of a VPN concentrator and knows every "
                 "connection")
    good = False
    try:
        with Wire() as wire:
            demo = Demo(wire, screen)
            demo.start()
            door = MetricsDoor(wire.box)
            for part in (demo.ping, demo.udp, demo.tcp, demo.traceroute, demo.openvpn, demo.scan,
                         demo.books):
                part()
            try:
                demo.live(None if options.seconds is None else begun + options.seconds,
                          door.address)
            except KeyboardInterrupt:
                print()
            door.close()
            demo.finish()
            failed = [text for right, text in demo.results if not right]
            good = not failed
            if good:
                screen.words(f"{len(demo.results)} of {len(demo.results)} observations are as they "
                             "should be. The hosts, cables and programs are gone. "
                             "Next: docs/tutorial.md")
            else:
                for text in failed:
                    screen.bad(text)
    except LabError as error:
        print(f"\nThe demo can't go on: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped before its end.", file=sys.stderr)
        return 130
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
