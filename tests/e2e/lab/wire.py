# SPDX-License-Identifier: BSD-3-Clause
"""The wire: client, ravelind, router and concentrator, cabled with veth."""

import os
import shutil
import tempfile

from .config import wire_config
from .daemon import Ravelind
from .netns import LabError, Namespace, veth

CLIENT4, CLIENT6 = "198.51.100.2", "2001:db8:a::2"
ROUTER4, ROUTER6 = "198.51.100.1", "2001:db8:a::1"
SERVER4, SERVER6 = "192.0.2.20", "2001:db8:b::20"
SERVER_GATEWAY4, SERVER_GATEWAY6 = "192.0.2.1", "2001:db8:b::1"

_HOST_SYSCTLS = {
    "net__ipv6__conf__all__accept_dad": 0, "net__ipv6__conf__default__accept_dad": 0,
    "net__ipv6__conf__all__accept_ra": 0, "net__ipv6__conf__default__accept_ra": 0,
    "net__ipv4__conf__all__rp_filter": 0, "net__ipv4__conf__default__rp_filter": 0,
    # Routers limit the errors that they send; a test that counts them must get each one.
    "net__ipv4__icmp_ratelimit": 0, "net__ipv6__icmp__ratelimit": 0,
}


class Wire:
    """client (outside) -- ravelind -- (inside) router -- concentrator.

    Use it as a context manager: everything is gone at its end. The four namespaces are private
    to this process and vanish with it, whatever happens.
    """

    def __init__(self, workers=1, nap_us=0, stand_in=False):
        """`workers`, `nap_us`: of ravelind, where its configuration doesn't say otherwise."""
        self.workers = workers
        self._nap_us = nap_us
        self.folder = tempfile.mkdtemp(prefix=f"ravelin-{os.getpid()}-")
        self.ravelin = None
        self._stand_in = stand_in
        self._programs = []
        self._namespaces = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _namespace(self, name):
        made = Namespace(name)
        self._namespaces.append(made)
        return made

    def _build(self):
        self.client = self._namespace("client")
        self.box = self._namespace("ravelin")
        self.router = self._namespace("router")
        self.concentrator = self._namespace("concentrator")
        for namespace in (self.client, self.router, self.concentrator):
            namespace.sysctl(**_HOST_SYSCTLS)
        # The box's ends of the cables have no addresses: the kernel is to stay out of it.
        self.box.sysctl(net__ipv6__conf__all__disable_ipv6=1,
                        net__ipv6__conf__default__disable_ipv6=1)
        self.router.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        veth(self.client, "eth0", self.box, "rv-outside")
        veth(self.router, "eth0", self.box, "rv-inside")
        veth(self.router, "eth1", self.concentrator, "eth0")
        self.client.ip(f"""
            addr add {CLIENT4}/24 dev eth0
            addr add {CLIENT6}/64 dev eth0 nodad
            route add default via {ROUTER4}
            route add default via {ROUTER6}""")
        self.router.ip(f"""
            addr add {ROUTER4}/24 dev eth0
            addr add {ROUTER6}/64 dev eth0 nodad
            addr add {SERVER_GATEWAY4}/24 dev eth1
            addr add {SERVER_GATEWAY6}/64 dev eth1 nodad""")
        self.concentrator.ip(f"""
            addr add {SERVER4}/24 dev eth0
            addr add {SERVER6}/64 dev eth0 nodad
            route add default via {SERVER_GATEWAY4}
            route add default via {SERVER_GATEWAY6}""")
        if self._stand_in:
            self.box.ip("""
                link add bridge type bridge
                link set bridge type bridge mcast_snooping 0
                link set rv-outside master bridge
                link set rv-inside master bridge
                link set bridge up""")

    def path(self, name):
        return os.path.join(self.folder, name)

    def config(self, **options):
        """wire_config() with these options for this wire."""
        return wire_config(self.folder, **{"workers": self.workers, "nap_us": self._nap_us,
                                           **options})

    def start_ravelin(self, text=None, environment=None, **options):
        """Starts ravelind on the cables and waits until it forwards. Its configuration is the text,
        or made by config() with these options; `environment` is added to its own."""
        if self.ravelin is not None:
            raise LabError("ravelind runs already")
        self.ravelin = Ravelind(self.box, self.folder, text or self.config(**options),
                                environment=environment)
        self.ravelin.wait_ready()
        return self.ravelin

    def stop_ravelin(self):
        """Checks that every packet is accounted for, then stops ravelind and checks its end."""
        ravelin, self.ravelin = self.ravelin, None
        try:
            ravelin.assert_all_accounted()
            return ravelin.stop()
        finally:
            ravelin.kill()

    def start(self, namespace, *argv, **options):
        """A background program that ends with the wire at the latest."""
        program = namespace.start(*argv, **options)
        self._programs.append(program)
        return program

    def stop_programs(self):
        for program in reversed(self._programs):
            program.stop()
        self._programs.clear()

    def close(self):
        self.stop_programs()
        if self.ravelin is not None:
            self.ravelin.kill()
            self.ravelin = None
        for namespace in reversed(self._namespaces):
            namespace.close()
        self._namespaces.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
