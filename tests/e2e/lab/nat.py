# SPDX-License-Identifier: BSD-3-Clause
"""The address translator of a client's home, which forgets its mappings."""


class Nat:
    """Gives UDP that leaves a namespace for these ports other source ports, until they change."""

    def __init__(self, namespace, address):
        self._namespace = namespace
        self._address = address

    def map(self, **ports):
        """From now on packets for port 4500, say, come from port 24500: `map(p4500=24500)`. Without
        arguments they come from where they are sent."""
        self._replace("\n".join(
            f"udp dport {key.removeprefix('p')} snat to {self._address}:{source}"
            for key, source in ports.items()))
        # The mapping that was in use is what it has forgotten.
        self._namespace.run("conntrack", "-D", "-p", "udp", check=False)

    def forget_after(self, seconds):
        """From now on it is as home routers are: each UDP connection gets a port at random, and
        keeps it until so long nothing has passed."""
        self._replace("meta l4proto udp masquerade fully-random")
        self._namespace.sysctl(net__netfilter__nf_conntrack_udp_timeout=seconds,
                               net__netfilter__nf_conntrack_udp_timeout_stream=seconds)

    def _replace(self, rules):
        self._namespace.run("nft", "-f", "-", text_in=f"""
            table ip home
            delete table ip home
            table ip home {{
                chain leaving {{
                    type nat hook postrouting priority 100
                    {rules}
                }}
            }}
            """)
