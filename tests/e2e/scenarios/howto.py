# SPDX-License-Identifier: BSD-3-Clause
"""The pages docs/openvpn.md, docs/wireguard.md and docs/ipsec.md, tried as they stand: their blocks
of configuration and commands are what the daemons get, behind ravelind with its example file."""

import json
import os
import re
import time

from lab.config import worker_cpus
from lab.netns import LabError, wait_until
from lab.traffic import ping
from lab.vpn_daemons import CHARON, write
from lab.wire import CLIENT4

from . import check

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# Whoever writes a page sets this, and gets what ravelinctl says to be pasted there.
SHOW = os.environ.get("RAVELIN_HOWTO_OUTPUT")


class Page:
    """A page and its blocks: ```language title ... ```"""

    def __init__(self, name):
        with open(os.path.join(TOP, "docs", f"{name}.md"), encoding="utf-8") as file:
            self.text = file.read()
        self._name = name

    def block(self, title):
        match = re.search(r"^```\w+ " + re.escape(title) + r"\n(.*?)^```$", self.text, re.M | re.S)
        if match is None:
            raise LabError(f"docs/{self._name}.md has no block {title}")
        return match.group(1)

    def example(self, wire):
        """conf/examples/NAME.yaml with the lab's ports, CPUs and socket, all else as it stands."""
        with open(os.path.join(TOP, "conf", "examples", f"{self._name}.yaml"),
                  encoding="utf-8") as file:
            text = file.read()
        rules = self.block("rules")
        check.contains(text, rules, f"conf/examples/{self._name}.yaml")
        for name, device in (("outside", "net_af_packet0,iface=rv-outside"),
                             ("inside", "net_af_packet1,iface=rv-inside")):
            text, count = re.subn(rf'{name}: {{device: "[^"]*"(?:, queues: \d+)?}}',
                                  f'{name}: {{device: "{device}"}}', text)
            check.equal(count, 1, f"ports {name} in the example")
        count = len(json.loads(re.search(r"workers: (\[.*?\])", text).group(1)))
        text = re.sub(r"workers: \[.*?\]", f"workers: {worker_cpus(count)}", text)
        return (text + 'eal: [--no-huge, --no-pci, --no-shconf, -m, "256"]\n'
                f"control: {{socket: {wire.folder}/ravelin.sock}}\n")


def _show(name, ravelin):
    """Hands over what is to be pasted."""
    if not SHOW:
        return
    tunnel = _tunnels(ravelin)[-1 if name == "ipsec" else 0]
    metrics = [line for line in ravelin.metrics().text.splitlines()
               if line.startswith("ravelin_tunnel") and not re.search(r" 0(\.0+)?$|_bucket", line)]
    with open(os.path.join(SHOW, f"{name}.txt"), "w", encoding="utf-8") as file:
        file.write("$ ravelinctl tunnels\n" + ravelin.ctl("tunnels", "--all").out +
                   f"\n$ ravelinctl tunnels show {tunnel['id']}\n" +
                   ravelin.ctl("tunnels", "show", tunnel["id"]).out + "\n" +
                   "\n".join(metrics) + "\n\n" + ravelin.program.output + "\n\n" +
                   ravelin.ctl("flows", "-o", "conntrack").out)


def _tunnels(ravelin, *arguments):
    return json.loads(ravelin.ctl("tunnels", *arguments, "-o", "json").out)


def _shape_is_the_pages(page, ravelin):
    """The list on the page has today's columns, and the page of a tunnel today's lines."""
    if SHOW:
        return
    table = ravelin.ctl("tunnels").out
    columns = table.splitlines()[0].split()
    shown = page.block("tunnels").splitlines()
    check.equal(next(line for line in shown if line.startswith("ID")).split(), columns,
                "columns of the page's list")
    tunnel = _tunnels(ravelin)[-1]
    names = {line.split(":")[0].strip() for line in
             ravelin.ctl("tunnels", "show", tunnel["id"]).out.splitlines() if ":" in line[:20]}
    for line in page.block("show").splitlines():
        match = re.match(r"  ([a-z][a-z' ]+):", line)
        # What it takes time to learn, or more to happen.
        later = {"advice", "came back", "keepalive", "last time", "moved from", "path",
                 "renegotiation"}
        if match and match.group(1) not in names | later:
            raise LabError(f"the page shows {match.group(1)!r}, tunnels show doesn't: {names}")


def openvpn_page(wire):
    """docs/openvpn.md: keys, server and client as on the page; a kill is told as client_died"""
    page = Page("openvpn")
    folder = wire.path("openvpn-page")
    os.makedirs(folder)
    wire.client.run("sh", "-ec", f"cd {folder}\n" + page.block("keys"))
    for who in ("server", "client"):
        write(f"{folder}/{who}.conf", page.block(f"{who}.conf"))
    ravelin = wire.start_ravelin(page.example(wire))
    events = ravelin.ctl_start("events", "-o", "jsonl")
    server = wire.start(wire.concentrator, "openvpn", "--cd", folder, "--config", "server.conf")
    server.wait_for("Initialization Sequence Completed", 20)

    def connect():
        client = wire.start(wire.client, "openvpn", "--cd", folder, "--config", "client.conf")
        client.wait_for("Initialization Sequence Completed", 30)
        wait_until(lambda: ping(wire.client, "10.8.0.1", 1)[1] == 1, 10, "the tunnel")
        return client
    client = connect()
    check.equal(ping(wire.client, "10.8.0.1", 3), (3, 3), "ping through the tunnel")
    (tunnel,) = _tunnels(ravelin)
    check.equal((tunnel["vpn"], tunnel["state"]), ("openvpn", "established"), "the tunnel")
    _shape_is_the_pages(page, ravelin)
    if SHOW:
        time.sleep(45)
    client.signal(9)
    client.wait(5)
    # The client's host refuses the server's next keepalive.
    check.wait_metric(ravelin, "ravelin_tunnel_events_total", 1, seconds=20, kind="icmp_error")
    connect()
    wait_until(lambda: "client_died" in [one.get("verdict") for one in _tunnels(ravelin)], 15,
               "the verdict")
    check.contains(page.text, "client_died", "the page")
    _show("openvpn", ravelin)
    _show_events("openvpn", events)
    check.equal(check.dropped(ravelin), {}, "drops")


def _show_events(name, events):
    events.stop()
    if SHOW:
        with open(os.path.join(SHOW, f"{name}.txt"), "a", encoding="utf-8") as file:
            file.write("\n" + events.output)


def _wireguard_conf(wire, who, page, name, keys):
    """A page's block with this run's keys, as `wg-quick strip` makes it for `wg setconf`."""
    text = page.block(f"{who} wg0.conf")
    for word, key in keys.items():
        text = text.replace(word, key)
    path = write(wire.path(f"{name}.conf"), text)
    os.chmod(path, 0o600)
    return text, wire.client.run("wg-quick", "strip", path).out


def wireguard_page(wire):
    """docs/wireguard.md: both wg0.conf as on the page; another port in mid-tunnel is a move"""
    page = Page("wireguard")
    wire.concentrator.ip("addr add 192.0.2.30/24 dev eth0")
    ravelin = wire.start_ravelin(page.example(wire))
    events = ravelin.ctl_start("events", "-o", "jsonl")
    key = {}
    for who in ("server", "client"):
        private = wire.client.run("wg", "genkey").out.strip()
        public = wire.client.run("wg", "pubkey", text_in=private + "\n").out.strip()
        key.update({f"{who.upper()}_PRIVATE_KEY": private, f"{who.upper()}_PUBLIC_KEY": public})
    for who, namespace in (("server", wire.concentrator), ("client", wire.client)):
        name = f"wg{who[0]}{os.getpid()}"
        text, stripped = _wireguard_conf(wire, who, page, name, key)
        wire.start(namespace, "wireguard-go", "-f", name,
                   env={**os.environ, "WG_PROCESS_FOREGROUND": "1"})
        wait_until(lambda ns=namespace, n=name: ns.run("wg", "show", n, check=False).code == 0, 10,
                   "wireguard-go to listen")
        namespace.run("wg", "setconf", name, "/dev/stdin", text_in=stripped)
        address = re.search(r"^Address = (\S+)$", text, re.M).group(1)
        mtu = re.search(r"^MTU = (\d+)$", text, re.M).group(1)
        namespace.ip(f"addr add {address} dev {name}\nlink set {name} mtu {mtu} up\n")
    check.equal(ping(wire.client, "10.9.0.1", 3), (3, 3), "ping through the tunnel")
    (tunnel,) = _tunnels(ravelin)
    check.equal((tunnel["vpn"], tunnel["state"]), ("wireguard", "established"), "the tunnel")
    _shape_is_the_pages(page, ravelin)
    if SHOW:
        time.sleep(110)
    wire.client.run("wg", "set", f"wgc{os.getpid()}", "listen-port", "40123")
    check.equal(ping(wire.client, "10.9.0.1", 3), (3, 3), "ping from another port")
    (tunnel,) = _tunnels(ravelin)
    check.equal(tunnel["client"]["endpoint"], f"{CLIENT4}:40123", "where the client is")
    check.wait_metric(ravelin, "ravelin_tunnel_moves_total", 1, vpn="wireguard")
    _show("wireguard", ravelin)
    _show_events("wireguard", events)
    check.equal(check.dropped(ravelin), {}, "drops")


def ipsec_page(wire):
    """docs/ipsec.md: swanctl.conf of both sides as on the page; renewed keys are told"""
    page = Page("ipsec")
    wire.concentrator.ip("addr add 192.0.2.40/24 dev eth0\naddr add 10.11.0.1/24 dev lo")
    ravelin = wire.start_ravelin(page.example(wire))
    events = ravelin.ctl_start("events", "-o", "jsonl")
    for who, namespace in (("gateway", wire.concentrator), ("client", wire.client)):
        _charon(wire, namespace, who, page)
    _swanctl(wire, wire.client, "client", "--initiate", "--child", "net")
    check.equal(ping(wire.client, "10.11.0.1", 3), (3, 3), "ping through the tunnel")
    (tunnel,) = [one for one in _tunnels(ravelin) if one["vpn"] == "esp"]
    check.equal(tunnel["state"], "established", "the tunnel")
    check.equal(tunnel["server"]["endpoint"], "192.0.2.40:4500", "its server")
    _shape_is_the_pages(page, ravelin)
    if SHOW:
        time.sleep(65)
    _swanctl(wire, wire.client, "client", "--rekey", "--child", "net")
    wait_until(lambda: ravelin.metrics().sum("ravelin_tunnel_renegotiations_total", vpn="esp") >= 1,
               10, "the renewal of keys to be told")
    _show("ipsec", ravelin)
    _show_events("ipsec", events)
    check.equal(check.dropped(ravelin), {}, "drops")


def _swanctl(wire, namespace, who, *words):
    folder = wire.path(f"{who}-swan")
    return namespace.run("swanctl", *words, "--uri", f"unix://{folder}/vici",
                         env={**os.environ, "SWANCTL_DIR": folder,
                              "STRONGSWAN_CONF": f"{folder}/strongswan.conf"})


def _charon(wire, namespace, who, page):
    folder = wire.path(f"{who}-swan")
    os.makedirs(folder)
    # Debian's plugins but for one that joins multicast groups, and the page's block.
    write(f"{folder}/strongswan.conf", f"""\
charon {{
  load_modular = yes
  plugins {{
    include /etc/strongswan.d/charon/*.conf
    forecast {{ load = no }}
    vici {{ socket = unix://{folder}/vici }}
  }}
}}
{page.block("strongswan.conf")}""")
    write(f"{folder}/swanctl.conf", page.block(f"{who} swanctl.conf"))
    # charon's pid file has a fixed place: /run is this process's own.
    wire.start(namespace, "unshare", "--mount", "--propagation", "private", "sh", "-c",
               f"mount -t tmpfs tmpfs /run && exec {CHARON}",
               env={**os.environ, "STRONGSWAN_CONF": f"{folder}/strongswan.conf"})
    wait_until(lambda: os.path.exists(f"{folder}/vici"), 20, "charon to listen")
    _swanctl(wire, namespace, who, "--load-all", "--file", f"{folder}/swanctl.conf")


ALL = (openvpn_page, wireguard_page, ipsec_page)
