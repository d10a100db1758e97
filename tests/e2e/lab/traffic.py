# SPDX-License-Identifier: BSD-3-Clause
"""Real programs that talk through the wire. Each function returns what happened."""

import collections
import json
import os
import re
import socket
import xml.etree.ElementTree

from .netns import LabError, wait_until
from .wire import SERVER4

OPENVPN_PORT = 1194
OPENVPN_NETWORK = "10.8.0"
IPERF_PORT = 5201


def ping(namespace, address, count=3, interval=0.2, size=56, extra=()):
    """(sent, received) of the ping program."""
    done = namespace.run("ping", "-n", "-c", str(count), "-i", str(interval), "-W", "3",
                         "-s", str(size), *extra, address, seconds=60, check=False)
    match = re.search(r"(\d+) packets transmitted, (\d+) received", done.out)
    if not match:
        raise LabError(str(done))
    return int(match.group(1)), int(match.group(2))


class Echo:
    """UDP sockets on both sides of the wire, to say something and to answer, packet by packet."""

    def __init__(self, wire, server, port, client, client_port=0):
        self.server = wire.concentrator.udp((server, port))
        self.client = wire.client.udp((client, client_port))
        self.client_port = self.client.getsockname()[1]
        self._server_address = (server, port)
        self._client_address = (client, self.client_port)

    def request(self, data=b"request"):
        """client -> server; returns when it has arrived."""
        self.client.sendto(data, self._server_address)
        got, self._client_address = self.server.recvfrom(65535)
        if got != data:
            raise LabError(f"server received {got!r}, not {data!r}")

    def reply(self, data=b"reply"):
        """server -> client; returns when it has arrived."""
        self.server.sendto(data, self._client_address)
        got = self.client.recv(65535)
        if got != data:
            raise LabError(f"client received {got!r}, not {data!r}")

    def close(self):
        self.server.close()
        self.client.close()


def iperf_server(wire, address=SERVER4):
    """A real iperf3 server at the concentrator."""
    server = wire.start(wire.concentrator, "iperf3", "--server", "--bind", address,
                        "--port", str(IPERF_PORT), "--forceflush")
    server.wait_for("Server listening")
    return server


def iperf_result(finished):
    """Bytes that the receiver got, from iperf3's JSON."""
    try:
        result = json.loads(finished.out)
    except ValueError:
        raise LabError(str(finished)) from None
    if finished.code != 0 or "error" in result:
        raise LabError(f"iperf3: {result.get('error', finished)}")
    end = result["end"]
    return (end.get("sum_received") or end["sum"])["bytes"]


def iperf(wire, address=SERVER4, seconds=1, extra=()):
    """A TCP transfer from the client; bytes received by the server."""
    server = iperf_server(wire, address)
    try:
        return iperf_result(wire.client.run(
            "iperf3", "--client", address, "--port", str(IPERF_PORT), "--time", str(seconds),
            "--json", *extra, seconds=seconds + 30, check=False))
    finally:
        server.stop()


def iperf_udp(wire, address, length, rate="20M", seconds=2):
    """Datagrams of `length` bytes from the client; (sent, lost on the way to the server)."""
    server = iperf_server(wire, address)
    try:
        done = wire.client.run(
            "iperf3", "--udp", "--client", address, "--port", str(IPERF_PORT), "--length",
            str(length), "--bitrate", rate, "--time", str(seconds), "--json",
            seconds=seconds + 30, check=False)
        iperf_result(done)
        total = json.loads(done.out)["end"]["sum"]
        return total["packets"], total["lost_packets"]
    finally:
        server.stop()


def traceroute(namespace, address, extra=()):
    """[address of each hop], as the traceroute program found them ('*': no answer)."""
    done = namespace.run("traceroute", "-n", "-w", "2", "-q", "1", "-m", "8", *extra, address,
                         seconds=60)
    return [line.split()[1] for line in done.out.splitlines() if re.match(r"\s*\d+ ", line)]


def closed_udp_port(namespace, address, port, timeout=5.0):
    """Sends to a port where nobody listens; the error that came back, or None."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with namespace.socket(family, socket.SOCK_DGRAM, timeout=timeout) as asking:
        asking.connect((address, port))
        asking.send(b"anybody there?")
        try:
            asking.recv(100)
        except TimeoutError:
            return None
        except OSError as error:
            return error
    raise LabError("somebody answered on a port that should be closed")


def port_scan(namespace, address, ports="1-40", seconds=60, extra=()):
    """{state: number of ports} of a real nmap SYN scan: open, closed, or filtered (no answer)."""
    done = namespace.run("nmap", "-n", "-Pn", "-sS", "-T4", "--max-retries", "0", "-p", ports,
                         "-oX", "-", *extra, address, seconds=seconds)
    states = collections.Counter()
    root = xml.etree.ElementTree.fromstring(done.out)
    for rest in root.iter("extraports"):
        states[rest.get("state")] += int(rest.get("count"))
    for port in root.iter("port"):
        states[port.find("state").get("state")] += 1
    if not states:
        raise LabError(str(done))
    return dict(states)


class OpenVpn:
    """A real OpenVPN server at the concentrator and real clients outside, with own keys."""

    SERVER_INSIDE = f"{OPENVPN_NETWORK}.1"

    def __init__(self, wire, extra=(), keepalive=("2", "10"), names=("client",), server=(),
                 environment=None, tcp=False):
        """`extra`: options for all, `server`: for the server alone; `keepalive`: seconds from ping
        to ping, and to giving up; `names`: who has a certificate; `environment` is added to the
        server's own."""
        self._wire = wire
        self._extra = extra
        self._tcp = tcp
        self._folder = wire.path("openvpn")
        os.makedirs(self._folder, exist_ok=True)
        self._server_print = self._keys("server")
        self.server = wire.start(
            wire.concentrator, "openvpn", "--dev", "tun0", "--dev-type", "tun",
            "--topology", "subnet", "--server", f"{OPENVPN_NETWORK}.0", "255.255.255.0",
            "--dh", "none", "--port", str(OPENVPN_PORT), "--keepalive", *keepalive,
            *self._transport("server"), *server,
            *self._common("server", [self._keys(name) for name in names]),
            env=_environment(environment))
        self.client = None
        self.server.wait_for("Initialization Sequence Completed", 20)

    def _keys(self, who):
        key, certificate = (os.path.join(self._folder, f"{who}.{end}") for end in ("key", "crt"))
        self._wire.client.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj",
            f"/CN=lab-{who}")
        shown = self._wire.client.run("openssl", "x509", "-in", certificate, "-noout",
                                      "-fingerprint", "-sha256").out
        return shown.split("=", 1)[1].strip()

    def _common(self, who, peer_fingerprints):
        known = [word for one in peer_fingerprints for word in ("--peer-fingerprint", one)]
        return ("--cert", os.path.join(self._folder, f"{who}.crt"),
                "--key", os.path.join(self._folder, f"{who}.key"), *known, "--disable-dco",
                "--verb", "3", *self._extra)

    def _transport(self, who):
        # With TCP its own end is the good-bye.
        return (("--proto", f"tcp4-{who}") if self._tcp
                else ("--proto", "udp4", "--explicit-exit-notify", "1"))

    def join(self, name="client", device="tun0", options=("--nobind",), environment=None):
        """Starts a client and waits until its tunnel stands; the program."""
        client = self._wire.start(
            self._wire.client, "openvpn", "--client", "--dev", device, "--dev-type", "tun",
            "--remote", SERVER4, str(OPENVPN_PORT), "--connect-retry", "1",
            "--connect-timeout", "10", *self._transport("client"), *options,
            *self._common(name, [self._server_print]), env=_environment(environment))
        client.wait_for("Initialization Sequence Completed", 30)
        wait_until(lambda: device in self._wire.client.run("ip", "-br", "addr").out, 5,
                   "the tunnel's interface")
        return client

    def connect(self):
        """Starts the client and waits until the tunnel stands."""
        self.client = self.join()

    def ping(self, count=3, size=56, device="tun0", interval=0.2):
        """(sent, received) through the tunnel."""
        return ping(self._wire.client, self.SERVER_INSIDE, count, interval, size,
                    ("-I", device))

    def stop(self):
        for program in (self.client, self.server):
            if program is not None:
                program.stop()


def _environment(added):
    return None if added is None else {**os.environ, **added}
