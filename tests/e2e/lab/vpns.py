# SPDX-License-Identifier: BSD-3-Clause
"""Real daemons of other VPNs than OpenVPN: WireGuard, IPsec, and SSL with DTLS.

Each side has a mount namespace of its own with an empty /run, so that the sockets and pid files
of daemons of the same name don't meet, and nothing of them stays.
"""

import os
import shlex
import textwrap

from .netns import LabError, wait_until
from .traffic import ping
from .wire import CLIENT4, SERVER4

WIREGUARD_PORT = 51820
SSL_PORT = 443

RULES = """\
rules:
  - {name: wireguard, from: outside, protocol: udp, destination_ports: [51820], action: allow}
  - {name: ike, from: outside, protocol: udp, destination_ports: [500, 4500], action: allow}
  - {name: ssl, from: outside, protocol: tcp, destination_ports: [443], action: allow}
  - {name: dtls, from: outside, protocol: udp, destination_ports: [443], action: allow}
"""


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(textwrap.dedent(text))
    return path


def _alone(script):
    """The program that runs a shell script with a /run of its own. What the script starts in the
    end takes its place, so that it is the one that gets signals."""
    return ("unshare", "--mount", "sh", "-c", f"mount -t tmpfs none /run\n{script}")


class WireGuard:
    """wireguard-go at the concentrator and outside."""

    SERVER_INSIDE, CLIENT_INSIDE = "10.9.0.1", "10.9.0.2"

    def __init__(self, wire, keepalive):
        """`keepalive`: the client's PersistentKeepalive in seconds; the server has none."""
        self._wire = wire
        keys = {}
        for who in ("server", "client"):
            private = wire.client.run("wg", "genkey").out.strip()
            _write(wire.path(f"wg-{who}.key"), private + "\n")
            keys[who] = wire.client.run("wg", "pubkey", text_in=private + "\n").out.strip()
        self.server = self._start(
            wire.concentrator, "server", self.SERVER_INSIDE,
            f"listen-port {WIREGUARD_PORT} peer {keys['client']} "
            f"allowed-ips {self.CLIENT_INSIDE}/32")
        self._of_client = (f"peer {keys['server']} endpoint {SERVER4}:{WIREGUARD_PORT} "
                           f"persistent-keepalive {keepalive} "
                           f"allowed-ips {self.SERVER_INSIDE}/32")
        self.server_key = keys["server"]
        self.client = None
        self.start_client()

    def start_client(self):
        """Starts the client, which begins a handshake at once."""
        self.client = self._start(self._wire.client, "client", self.CLIENT_INSIDE,
                                  self._of_client)

    def _start(self, namespace, who, inside, settings):
        key = self._wire.path(f"wg-{who}.key")
        program = self._wire.start(namespace, *_alone(f"""
            (
                for attempt in $(seq 100); do
                    ip link show wg0 >/dev/null 2>&1 && wg show wg0 >/dev/null 2>&1 && break
                    sleep 0.05
                done
                wg set wg0 private-key {shlex.quote(key)} {settings} &&
                ip addr add {inside}/24 dev wg0 && ip link set wg0 mtu 1420 up && echo tunnel is up
            ) &
            exec wireguard-go --foreground wg0
            """))
        program.wait_for("tunnel is up", 10)
        return program

    def ping(self, count=3):
        """(sent, received) from the client through the tunnel."""
        return ping(self._wire.client, self.SERVER_INSIDE, count)

    def ping_back(self, count=1):
        """(sent, received) from the server through the tunnel."""
        return ping(self._wire.concentrator, self.CLIENT_INSIDE, count)

    def stop(self):
        self.client.stop()
        self.server.stop()


class Ipsec:
    """strongSwan at the concentrator and outside: IKEv2, and ESP in UDP by a program instead of the
    kernel."""

    SERVER_INSIDE, CLIENT_INSIDE = "10.11.0.1", "10.11.0.2"

    def __init__(self, wire, dpd):
        """`dpd`: seconds of silence after which the client asks whether the server is there."""
        self._wire = wire
        self.server = self._start(wire.concentrator, "server", self.SERVER_INSIDE,
                                  self.CLIENT_INSIDE, f"local_addrs = {SERVER4}", dpd=0)
        self.client = self._start(wire.client, "client", self.CLIENT_INSIDE, self.SERVER_INSIDE,
                                  f"remote_addrs = {SERVER4}", dpd)

    def _start(self, namespace, who, mine, other, addresses, dpd):
        folder = self._wire.path(f"ipsec-{who}")
        os.makedirs(folder)
        _write(os.path.join(folder, "strongswan.conf"), """
            charon {
                load = random nonce openssl pem pkcs1 hmac kdf vici kernel-libipsec kernel-netlink \
socket-default
                filelog {
                    stdout {
                        path = /dev/stdout
                        default = 1
                        flush_line = yes
                    }
                }
                plugins {
                    vici {
                        socket = unix:///run/charon.vici
                    }
                }
            }
            swanctl {
                load = random pem pkcs1 openssl
            }
            """)
        them = "client" if who == "server" else "server"
        conf = _write(os.path.join(folder, "swanctl.conf"), f"""
            connections {{
                lab {{
                    version = 2
                    {addresses}
                    dpd_delay = {dpd}s
                    encap = yes
                    local {{
                        auth = psk
                        id = {who}
                    }}
                    remote {{
                        auth = psk
                        id = {them}
                    }}
                    children {{
                        lab {{
                            local_ts = {mine}/32
                            remote_ts = {other}/32
                        }}
                    }}
                }}
            }}
            secrets {{
                ike {{
                    secret = "a secret of the lab"
                }}
            }}
            """)
        namespace.ip(f"addr add {mine}/32 dev lo")
        begin = "swanctl --initiate --child lab" if who == "client" else "true"
        program = self._wire.start(namespace, *_alone(f"""
            export STRONGSWAN_CONF={shlex.quote(folder)}/strongswan.conf
            (
                for attempt in $(seq 100); do [ -S /run/charon.vici ] && break; sleep 0.05; done
                swanctl --load-all --noprompt --file {shlex.quote(conf)} && {begin} &&
                echo tunnel is up
            ) &
            exec /usr/lib/ipsec/charon
            """))
        program.wait_for("tunnel is up", 20)
        return program

    def ping(self, count=3, interval=0.2):
        """(sent, received) from the client through the tunnel."""
        return ping(self._wire.client, self.SERVER_INSIDE, count, interval,
                    extra=("-I", self.CLIENT_INSIDE))

    def stop(self):
        self.client.stop()
        self.server.stop()


class Ssl:
    """ocserv at the concentrator and openconnect outside: TLS, and DTLS beside it for data."""

    SERVER_INSIDE = "10.12.0.1"

    def __init__(self, wire, dpd=5):
        """`dpd`: seconds between two questions whether the other side is there."""
        self._wire = wire
        folder = wire.path("ssl")
        os.makedirs(folder)
        key, certificate = (os.path.join(folder, name) for name in ("key.pem", "crt.pem"))
        wire.client.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", certificate, "-days", "2", "-subj", f"/CN={SERVER4}")
        users, self._password = os.path.join(folder, "users"), os.path.join(folder, "password")
        _write(self._password, "a password of the lab\n")
        wire.client.run("ocpasswd", "-c", users, "lab",
                        text_in="a password of the lab\na password of the lab\n")
        conf = _write(os.path.join(folder, "ocserv.conf"), f"""
            auth = "plain[passwd={users}]"
            listen-host = {SERVER4}
            tcp-port = {SSL_PORT}
            udp-port = {SSL_PORT}
            run-as-user = root
            run-as-group = root
            socket-file = /run/ocserv.sock
            use-occtl = false
            isolate-workers = false
            server-cert = {certificate}
            server-key = {key}
            max-clients = 4
            keepalive = 300
            dpd = {dpd}
            mobile-dpd = {dpd}
            device = vpns
            ipv4-network = 10.12.0.0/24
            route = 10.12.0.0/24
            cisco-client-compat = true
            dtls-legacy = true
            """)
        self.server = wire.start(wire.concentrator,
                                 *_alone(f"exec ocserv --foreground --config {shlex.quote(conf)}"))
        # The script that gives the interface its address.
        self._script = _write(os.path.join(folder, "interface"), f"""\
            #!/bin/sh
            [ "$reason" = connect ] || exit 0
            ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
            ip link set "$TUNDEV" up mtu "$INTERNAL_IP4_MTU"
            ip route add {self.SERVER_INSIDE} dev "$TUNDEV"
            """)
        os.chmod(self._script, 0o755)
        self._pin = wire.client.run(
            "sh", "-c", f"openssl x509 -in {shlex.quote(certificate)} -pubkey -noout | "
            "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | "
            "openssl base64").out.strip()
        wait_until(self._listens, 10, "ocserv to listen")
        self.client = None

    def _listens(self):
        if not self.server.running():
            raise LabError(f"ocserv ended at its start:\n{self.server.output}")
        return f":{SSL_PORT}" in self._wire.concentrator.run("ss", "-Hltn").out

    def connect(self):
        """Starts the client and waits until data goes through DTLS."""
        self.client = self._wire.start(self._wire.client, *_alone(
            f"exec openconnect --protocol anyconnect --user lab --passwd-on-stdin --interface ssl0 "
            f"--script {shlex.quote(self._script)} --servercert pin-sha256:{self._pin} "
            f"https://{SERVER4} <{shlex.quote(self._password)}"))
        self.client.wait_for("Established DTLS connection", 20)
        # It then looks for the path MTU, and has no interface before it has found that.
        wait_until(lambda: "dev ssl0" in self._wire.client.run(
            "ip", "route", "get", self.SERVER_INSIDE).out, 10, "a route through the tunnel")

    def ping(self, count=3):
        """(sent, received) from the client through the tunnel."""
        return ping(self._wire.client, self.SERVER_INSIDE, count)

    def stop(self):
        for program in (self.client, self.server):
            if program is not None:
                program.stop()
