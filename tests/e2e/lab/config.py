# SPDX-License-Identifier: BSD-3-Clause
"""Configuration files for ravelind in the lab."""

import os

# What outside may open in the lab; everything else from outside meets the default drop.
OUTSIDE_RULES = """\
rules:
  - {name: ping, from: outside, protocol: icmp, action: allow}
  - {name: ping6, from: outside, protocol: icmpv6, action: allow}
  - {name: openvpn, from: outside, protocol: udp, destination_ports: [1194], action: allow}
  - {name: traceroute, from: outside, protocol: udp, destination_ports: [33434-33534],
     action: allow}
  - {name: iperf, from: outside, protocol: tcp, destination_ports: [5201], action: allow}
  - {name: lab-udp, from: outside, protocol: udp, destination_ports: [4000-4999], action: allow}
  - {name: lab-tcp, from: outside, protocol: tcp, destination_ports: [4000-4999], action: allow}
"""


def worker_cpus(workers):
    """CPUs for the workers: the last ones; a CPU is named twice when there are too few."""
    cpus = sorted(os.sched_getaffinity(0))
    polling = cpus[1:] or cpus
    return [polling[i % len(polling)] for i in range(workers)]


def wire_config(folder, workers=1, nap_us=0, rules=OUTSIDE_RULES, conntrack="", extra="",
                outside="net_af_packet0,iface=rv-outside", inside="net_af_packet1,iface=rv-inside"):
    """The configuration of one wire over two af_packet ports; `nap_us`: 0, workers poll.

    ravelind touches all its packet buffers at its start, which is most of what a small scenario
    costs: so there are no more than the kernel's rings have frames, and room for few fragments."""
    cpus = sorted(os.sched_getaffinity(0))
    return f"""\
version: 1
eal: [--no-huge, --no-pci, --no-shconf, -m, "256"]
cores:
  management: [{cpus[0]}]
  workers: {worker_cpus(workers)}
  nap_us: {nap_us}
ports:
  outside: {{device: "{outside}", descriptors: 512}}
  inside: {{device: "{inside}", descriptors: 512}}
wires:
  - {{name: main, outside: outside, inside: inside}}
conntrack:
  connections: 65536
  fragments: {{datagrams: 256, fragments: 1024}}
{conntrack}{rules}control:
  socket: {folder}/ravelin.sock
http:
  listen: 127.0.0.1:9117
{extra}"""
