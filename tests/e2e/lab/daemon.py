# SPDX-License-Identifier: BSD-3-Clause
"""ravelind under test: its configuration, its start and end, and what it says about itself."""

import contextlib
import json
import os
import re
import signal
import socket
import time

from .netns import LabError, Program, run, wait_until

HTTP_PORT = 9117


def binary(name):
    """The path of a built program: $RAVELIN_BUILD, else build/release of this checkout."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))))
    build = os.environ.get("RAVELIN_BUILD", os.path.join(top, "build", "release"))
    path = os.path.join(build, "app", name, name)
    if not os.access(path, os.X_OK):
        found = next((p for p in os.environ.get("PATH", "").split(":")
                      if os.access(os.path.join(p, name), os.X_OK)), None)
        if found is None:
            raise LabError(f"{path} is not built (run ./tools/test or ./tools/demo first)")
        return os.path.join(found, name)
    return path


class Metrics:
    """One scrape of /metrics."""

    _LINE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
    _LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            match = self._LINE.match(line)
            if match:
                labels = dict(self._LABEL.findall(match.group(2) or ""))
                self.samples.append((match.group(1), labels, float(match.group(3))))

    def sum(self, name, **labels):
        """The sum over all series of the name that have these labels; LabError if none exists."""
        values = [value for n, have, value in self.samples
                  if n == name and all(have.get(k) == v for k, v in labels.items())]
        if not values:
            raise LabError(f"/metrics has no {name} with {labels}")
        return sum(values)

    def nonzero(self, name, label):
        """{label value: value} of the family, without the zeros."""
        return {have[label]: value for n, have, value in self.samples
                if n == name and label in have and value != 0}


class Ravelind:
    """One run of ravelind in a namespace."""

    def __init__(self, namespace, folder, config_text, debugging=False, environment=None):
        self.namespace = namespace
        self.folder = folder
        self.config = os.path.join(folder, "ravelin.yaml")
        self.socket = os.path.join(folder, "ravelin.sock")
        self.write_config(config_text)
        self.program = Program([binary("ravelind"), "--config", self.config],
                               namespace.prefix, cwd=folder,
                               env={**os.environ, **environment} if environment else None)
        self.debugging = debugging

    def write_config(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def wait_ready(self, seconds=20):
        """Returns when `ravelinctl health` says that packets are being forwarded."""
        def ready():
            if not self.program.running():
                raise LabError(f"ravelind ended at its start:\n{self.program.output}")
            return os.path.exists(self.socket) and self.ctl("health", check=False).code == 0
        try:
            wait_until(ready, seconds, "ravelind to become ready")
        except LabError as error:
            raise LabError(f"{error}\n{self.program.output}") from None

    def ctl(self, *arguments, check=True, seconds=20):
        return run([binary("ravelinctl"), "--socket", self.socket, *arguments], (), seconds, check)

    def ctl_start(self, *arguments):
        """ravelinctl in the background, for events."""
        return Program([binary("ravelinctl"), "--socket", self.socket, *arguments])

    def flows(self, *filters):
        """The lines of `ravelinctl flows -o conntrack`."""
        return self.ctl("flows", *filters, "-o", "conntrack").out.splitlines()

    def flows_json(self, *filters):
        return json.loads(self.ctl("flows", *filters, "-o", "json").out)

    def http(self, path):
        """(status, content type, body) of a GET on the HTTP server."""
        connection = self.namespace.inside(
            lambda: socket.create_connection(("127.0.0.1", HTTP_PORT), 5))
        with connection:
            connection.settimeout(10)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: ravelin\r\n"
                               "Connection: close\r\n\r\n".encode())
            data = b""
            while chunk := connection.recv(65536):
                data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        kind = next((line.split(":", 1)[1].strip() for line in lines
                     if line.lower().startswith("content-type:")), "")
        return int(lines[0].split()[1]), kind, body.decode()

    def metrics(self):
        status, _, body = self.http("/metrics")
        if status != 200:
            raise LabError(f"GET /metrics: {status}\n{body}")
        return Metrics(body)

    def rss_kib(self):
        with open(f"/proc/{self.program.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def cpu_seconds(self):
        """CPU time that it has used."""
        with open(f"/proc/{self.program.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def assert_all_accounted(self, seconds=5):
        """Promise P1: every packet that came in has left, or has been dropped for a reason."""
        last = {}

        def settled():
            last["value"] = self.metrics().sum("ravelin_unaccounted_packets")
            return last["value"] == 0
        try:
            wait_until(settled, seconds, "unaccounted packets to be 0")
        except LabError:
            raise LabError(f"ravelin_unaccounted_packets is {last['value']:g}, not 0") from None

    def reload(self, text=None, check=True):
        if text is not None:
            self.write_config(text)
        return self.ctl("reload", check=check)

    def stop(self, seconds=1.0):
        """SIGTERM; LabError unless it ends with 0 in time."""
        started = time.monotonic()
        self.program.signal(signal.SIGTERM)
        finished = self.program.wait(10)
        took = time.monotonic() - started
        if finished.code != 0:
            raise LabError(f"ravelind ended with {finished.code}:\n{finished.out}")
        if took > seconds and not self.debugging:
            raise LabError(f"ravelind took {took:.2f} s to end after SIGTERM, not {seconds} s")
        return finished

    def kill(self):
        with contextlib.suppress(LabError):
            self.program.stop(0.5)
