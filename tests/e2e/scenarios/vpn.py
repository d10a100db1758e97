# SPDX-License-Identifier: BSD-3-Clause
"""A real VPN runs through the wire."""

from lab import traffic
from lab.wire import CLIENT4, SERVER4

from . import check


def openvpn_session(wire):
    """a real OpenVPN client connects and pings through its tunnel; the entry is [ASSURED]"""
    ravelin = wire.start_ravelin()
    vpn = traffic.OpenVpn(wire)
    vpn.connect()
    check.equal(vpn.ping(5), (5, 5), "ping through the tunnel")
    entry = check.one_entry(ravelin, "udp", src=CLIENT4, dst=SERVER4, dport=traffic.OPENVPN_PORT)
    check.state(entry, 300, assured=True, slack=10)
    check.equal(check.dropped(ravelin), {}, "drops")
    vpn.stop()


ALL = (openvpn_session,)
