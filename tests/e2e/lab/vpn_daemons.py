# SPDX-License-Identifier: BSD-3-Clause
"""Real VPN daemons on both sides of the wire: OpenVPN, WireGuard, strongSwan, ocserv.

Where the kernel has no WireGuard and no IPsec, wireguard-go and strongSwan's kernel-libipsec carry
the data in user space, with the same packets on the wire.
"""

import os
import signal

from .netns import wait_until
from .traffic import ping
from .wire import CLIENT4, SERVER4


def make_key(namespace, folder, who, name):
    """A self-signed certificate and its key: (key, certificate, its SHA256 fingerprint)."""
    key, certificate = (os.path.join(folder, f"{who}.{end}") for end in ("key", "crt"))
    namespace.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                  "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
    shown = namespace.run("openssl", "x509", "-in", certificate, "-noout", "-fingerprint",
                          "-sha256").out
    return key, certificate, shown.split("=", 1)[1].strip()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class OpenVpn:
    """An OpenVPN server at the concentrator, and clients outside, one at a time."""

    INSIDE = "10.8.0.1"

    def __init__(self, wire, common=(), server=(), client=(), environment=None):
        """Options for both, for the server, for the client; what is added to the server's
        environment."""
        self._wire = wire
        self._common, self._client_options, self._environment = common, client, environment
        self._folder = wire.path("openvpn-daemon")
        os.makedirs(self._folder, exist_ok=True)
        self.keys = {who: make_key(wire.client, self._folder, who, who)
                     for who in ("server", "client")}
        self._server_options = server
        self.server = self.client = None
        self.start_server()

    def _options(self, who, other):
        key, certificate, _ = self.keys[who]
        return ("--dev", "tun0", "--dev-type", "tun", "--proto", "udp4", "--cert", certificate,
                "--key", key, "--peer-fingerprint", self.keys[other][2], "--disable-dco",
                "--verb", "3", *self._common)

    def start_server(self):
        self.server = self._wire.start(
            self._wire.concentrator, "openvpn", "--topology", "subnet", "--server", "10.8.0.0",
            "255.255.255.0", "--dh", "none", "--port", "1194", *self._options("server", "client"),
            *self._server_options, env={**os.environ, **(self._environment or {})})
        self.server.wait_for("Initialization Sequence Completed", 20)

    def connect(self):
        self.client = self._wire.start(
            self._wire.client, "openvpn", "--client", "--remote", SERVER4, "1194", "--nobind",
            "--connect-retry", "1", "--connect-timeout", "10",
            *self._options("client", "server"), *self._client_options)
        self.wait_connected(1)

    def wait_connected(self, times, seconds=30):
        """Until the client has completed its handshake so often."""
        wait_until(lambda: self.client.output.count("Initialization Sequence Completed") >= times,
                   seconds, "the client to connect")

    def restarts(self):
        """How often the client gave the tunnel up because it heard nothing."""
        return self.client.output.count("Inactivity timeout (--ping-restart)")

    def ping(self, count=3):
        return ping(self._wire.client, self.INSIDE, count)


class WireGuard:
    """wireguard-go on both sides; its interfaces are named after this process, since their control
    sockets are the whole machine's."""

    INSIDE = "10.9.0.1"
    PORT = 51820

    def __init__(self, wire, keepalive=5, server_address=SERVER4):
        self._wire, self._keepalive = wire, keepalive
        self._server_address = server_address
        self._names = {"server": f"wgs{os.getpid()}", "client": f"wgc{os.getpid()}"}
        self.keys = {who: self._key(who) for who in self._names}
        self._programs = {}
        self.start("server")

    def _key(self, who):
        private = self._wire.client.run("wg", "genkey").out.strip()
        public = self._wire.client.run("wg", "pubkey", text_in=private + "\n").out.strip()
        return write(self._wire.path(f"wg-{who}.key"), private + "\n"), public

    def start(self, who):
        """Starts 'server' or 'client'."""
        name = self._names[who]
        namespace = self._wire.concentrator if who == "server" else self._wire.client
        self._programs[who] = self._wire.start(
            namespace, "wireguard-go", "-f", name,
            env={**os.environ, "WG_PROCESS_FOREGROUND": "1"})
        wait_until(lambda: namespace.run("wg", "show", name, check=False).code == 0, 10,
                   "wireguard-go to listen")
        key, public = self.keys[who][0], self.keys["client" if who == "server" else "server"][1]
        if who == "server":
            namespace.run("wg", "set", name, "listen-port", str(self.PORT), "private-key", key,
                          "peer", public, "allowed-ips", "10.9.0.2/32")
        else:
            namespace.run("wg", "set", name, "private-key", key, "peer", public, "allowed-ips",
                          "10.9.0.0/24", "endpoint", f"{self._server_address}:{self.PORT}",
                          "persistent-keepalive", str(self._keepalive))
        address = self.INSIDE if who == "server" else "10.9.0.2"
        namespace.ip(f"""
            addr add {address}/24 dev {name}
            link set {name} mtu 1420 up""")

    def kill(self, who):
        self._programs[who].signal(signal.SIGKILL)
        self._programs[who].wait(5)

    def roam(self, port):
        """The client goes on from another port."""
        self._wire.client.run("wg", "set", self._names["client"], "listen-port", str(port))

    def ping(self, count=3):
        return ping(self._wire.client, self.INSIDE, count)


CHARON = "/usr/lib/ipsec/charon"


class StrongSwan:
    """charon on both sides, IKEv2 with a shared secret, ESP in UDP by kernel-libipsec."""

    INSIDE = "10.11.0.1"

    def __init__(self, wire, connection="", child="", daemon="", server_address=SERVER4):
        """Lines for the connection, its child and charon's own settings on both sides."""
        self._wire = wire
        self._texts = connection, child, daemon
        self._server_address = server_address
        self.charon = {}
        wire.concentrator.ip(f"addr add {self.INSIDE}/32 dev lo")
        wire.client.ip("addr add 10.12.0.1/32 dev lo")
        for who in ("server", "client"):
            self.start(who)

    def _namespace(self, who):
        return self._wire.concentrator if who == "server" else self._wire.client

    def _socket(self, who):
        return f"unix://{self._folder(who)}/charon.vici"

    def _folder(self, who):
        return self._wire.path(f"swan-{who}")

    def swanctl(self, who, *words, check=True, seconds=30):
        folder = self._folder(who)
        return self._namespace(who).run(
            "swanctl", *words, "--uri", self._socket(who), seconds=seconds, check=check,
            env={**os.environ, "SWANCTL_DIR": folder,
                 "STRONGSWAN_CONF": f"{folder}/strongswan.conf"})

    def write_files(self, who):
        connection, child, daemon = self._texts
        folder = self._folder(who)
        os.makedirs(folder, exist_ok=True)
        write(f"{folder}/strongswan.conf", f"""\
charon {{
  load = random nonce openssl pem pkcs1 hmac sha1 sha2 aes kdf kernel-libipsec kernel-netlink \
socket-default vici updown
  plugins {{ vici {{ socket = {self._socket(who)} }} }}
{daemon}
}}
""")
        mine, theirs = ("gateway", "client") if who == "server" else ("client", "gateway")
        nets = ("10.11.0.1/32", "10.12.0.1/32")
        local, remote = nets if who == "server" else reversed(nets)
        addresses = (f"local_addrs = {self._server_address}" if who == "server" else
                     f"remote_addrs = {self._server_address}")
        write(f"{folder}/swanctl.conf", f"""\
connections {{
  vpn {{
    version = 2
    {addresses}
    proposals = aes256-sha256-ecp256
{connection}
    local {{ auth = psk
      id = {mine} }}
    remote {{ auth = psk
      id = {theirs} }}
    children {{
      data {{
        local_ts = {local}
        remote_ts = {remote}
        esp_proposals = aes256gcm16
{child}
      }}
    }}
  }}
}}
secrets {{ ike-1 {{ id-1 = gateway
  id-2 = client
  secret = "lab only" }} }}
""")

    def start(self, who):
        self.write_files(who)
        folder = self._folder(who)
        # charon's pid file has a fixed place: /run is this process's own.
        self.charon[who] = self._wire.start(
            self._namespace(who), "unshare", "--mount", "--propagation", "private", "sh", "-c",
            f"mount -t tmpfs tmpfs /run && exec {CHARON}",
            env={**os.environ, "STRONGSWAN_CONF": f"{folder}/strongswan.conf"})
        wait_until(lambda: os.path.exists(f"{folder}/charon.vici") and
                   self.swanctl(who, "--stats", check=False).code == 0, 20, "charon to listen")
        self.swanctl(who, "--load-all", "--file", f"{folder}/swanctl.conf")

    def kill(self, who):
        self.charon[who].signal(signal.SIGKILL)
        self.charon[who].wait(5)
        os.unlink(f"{self._folder(who)}/charon.vici")

    def initiate(self):
        self.swanctl("client", "--initiate", "--child", "data")

    def ping(self, count=3, **options):
        return ping(self._wire.client, self.INSIDE, count, extra=("-I", "10.12.0.1"), **options)


class AnyConnect:
    """ocserv at the concentrator, openconnect outside: TLS, and DTLS for the data."""

    INSIDE = "10.10.0.1"
    PORT = 4443

    def __init__(self, wire, dpd=5):
        self._wire = wire
        folder = wire.path("ocserv")
        os.makedirs(folder, exist_ok=True)
        key, certificate, _ = make_key(wire.client, folder, "server", "vpn.example.net")
        password = wire.client.run("openssl", "passwd", "-6", "lab").out.strip()
        write(f"{folder}/passwd", f"user:*:{password}\n")
        write(f"{folder}/ocserv.conf", f"""\
auth = "plain[passwd={folder}/passwd]"
tcp-port = {self.PORT}
udp-port = {self.PORT}
run-as-user = root
run-as-group = root
socket-file = {folder}/ocserv.socket
isolate-workers = false
server-cert = {certificate}
server-key = {key}
keepalive = 30
dpd = {dpd}
mobile-dpd = {dpd}
try-mtu-discovery = false
tls-priorities = "NORMAL:%SERVER_PRECEDENCE"
device = vpns
ipv4-network = 10.10.0.0/24
pid-file = {folder}/ocserv.pid
use-occtl = false
cisco-client-compat = true
dtls-legacy = true
""")
        self.server = wire.start(wire.concentrator, "ocserv", "-f", "-d", "1", "-c",
                                 f"{folder}/ocserv.conf")
        wait_until(lambda: f":{self.PORT}" in wire.concentrator.run("ss", "-ltn").out, 10,
                   "ocserv to listen")
        pin = wire.client.run("sh", "-c", f"openssl x509 -in {certificate} -pubkey -noout | "
                              "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | "
                              "openssl enc -base64").out.strip()
        self._pin, self.client = f"pin-sha256:{pin}", None
        script = write(f"{folder}/up.sh", '#!/bin/sh\n[ "$reason" = connect ] || exit 0\n'
                       'ip link set dev "$TUNDEV" up mtu "$INTERNAL_IP4_MTU"\n'
                       'ip addr add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"\n')
        os.chmod(script, 0o755)
        self._script = script

    def connect(self):
        self.client = self._wire.start(
            self._wire.client, "sh", "-c",
            f"echo lab | exec openconnect --protocol=anyconnect --user=user --passwd-on-stdin "
            f"--servercert {self._pin} --script {self._script} --interface oc0 "
            f"https://{SERVER4}:{self.PORT}/")
        self.client.wait_for("DTLS", 30)
        wait_until(lambda: "10.10.0." in self._wire.client.run("ip", "-br", "addr").out, 15,
                   "the tunnel's address")

    def ping(self, count=3):
        return ping(self._wire.client, self.INSIDE, count)


def client_address(wire, address, old=CLIENT4):
    """Gives the client another address in its network, as a roaming host gets one."""
    # Otherwise a network's other addresses go with the first one.
    wire.client.sysctl(net__ipv4__conf__all__promote_secondaries=1)
    wire.client.ip(f"""
        addr add {address}/24 dev eth0
        addr del {old}/24 dev eth0
        route replace default via 198.51.100.1""")
