# SPDX-License-Identifier: BSD-3-Clause
"""The devices that tools/bench peers compares. Each is started by its constructor, and forwards
between its ports outside and inside from then on."""

import os
import re

from lab.daemon import Ravelind
from lab.netns import LabError, Program, run, wait_until
from testpmd import Testpmd

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_NAMES = ("outside", "inside")
# Packets on their way, both directions: what no ring of the peer overflows with.
_MEMIF_WINDOW = 512
_VETH_WINDOW = 128


def memif(bench, role):
    return [f"net_memif{i},role={role},id=0,socket-abstract=no,socket={bench.folder}/{name}.sock"
            for i, name in enumerate(_NAMES)]


def af_packet():
    return [f"net_af_packet{i},iface={name},qpairs=1,framecnt=512,blocksz=4096,framesz=2048"
            for i, name in enumerate(_NAMES)]


def memory(bench):
    return (["--in-memory"] if bench.hugepages else
            ["--no-huge", "--no-shconf", "-m", "256"])


class _Device:
    """What the bed asks of each."""

    window, ports = _MEMIF_WINDOW, staticmethod(lambda bench: memif(bench, "client"))
    extra = ()

    def __init__(self, bench):
        self.bench = bench
        self.start(bench)

    def start(self, bench):
        raise NotImplementedError

    def generator(self, bench):
        """The generator's options for this device."""
        words = ["--window", self.window, *self.extra]
        for port in self.ports(bench):
            words += ["--port", port]
        return words

    def said(self):
        return ""


class Io(_Device):
    """testpmd: takes frames from one port and gives them to the other."""

    mode = "io"

    def devices(self, bench):
        return memif(bench, "server")

    def start(self, bench):
        device = Testpmd(bench.cpus[1], f"peer{os.getpid()}", self.devices(bench),
                         (f"--forward-mode={self.mode}",), memory(bench),
                         bench.namespace.prefix)
        bench.defer(device.close)
        device.command("start")


class Macswap(Io):
    """The same, and exchanges the Ethernet addresses: the least that anybody does to a packet."""

    mode, extra = "macswap", ("--ignore-mac",)


class OnVeth:
    """A device on interfaces of the kernel, and the generator too."""

    window, ports = _VETH_WINDOW, staticmethod(lambda bench: af_packet())

    def devices(self, bench):
        bench.cables()
        return af_packet()


class MacswapVeth(OnVeth, Macswap):
    pass


class OnVhost:
    """A device with vhost-user ports; the generator is the guest's virtio side of them."""

    extra = ("--eal=--single-file-segments",)

    @staticmethod
    def ports(bench):
        return [f"net_virtio_user{i},path={bench.folder}/{name}.sock,queue_size=1024"
                for i, name in enumerate(_NAMES)]

    def devices(self, bench):
        return [f"net_vhost{i},iface={bench.folder}/{name}.sock" for i, name in enumerate(_NAMES)]


class MacswapVhost(OnVhost, Macswap):
    extra = (*OnVhost.extra, *Macswap.extra)


class Ravelin(_Device):
    """ravelind as shipped, with conf/loadtest.yaml and one worker."""

    def devices(self, bench):
        return memif(bench, "server")

    def start(self, bench):
        self.ravelind = Ravelind(bench.namespace, bench.folder, self._config(bench))
        bench.defer(self.ravelind.kill)
        self.ravelind.program.wait_for("\nready\n", 30)

    def said(self):
        return self.ravelind.program.output

    def _config(self, bench):
        with open(os.path.join(_TOP, "conf", "loadtest.yaml"), encoding="utf-8") as file:
            text = file.read()
        # Room for connections that have been replaced; a table that is full is another test.
        entries = max(bench.connections * 2, 1 << 22 if bench.short_timeouts else 1 << 16)
        timeouts = ("\n  timeouts: {udp_unreplied: 1s, udp_replied: 1s}" if bench.short_timeouts
                    else "")
        eal = "[--no-pci]" if bench.hugepages else '[--no-huge, --no-pci, --no-shconf, -m, "512"]'
        for pattern, line in (
                (r"(?m)^eal:.*$", f"eal: {eal}"),
                (r"(?m)^cores:.*$",
                 f"cores: {{management: [{bench.cpus[0]}], workers: [{bench.cpus[1]}]}}"),
                (r"(?m)^  connections:.*$", f"  connections: {entries}{timeouts}")):
            text, count = re.subn(pattern, line, text)
            if count != 1:
                raise LabError(f"conf/loadtest.yaml: {count} lines look like {pattern}, not 1")
        devices = iter(self.devices(bench))
        text = re.sub(r'(?m)^(\s+device:) "[^"]+"', lambda m: f'{m.group(1)} "{next(devices)}"',
                      text)
        return text.replace("/run/ravelin", bench.folder)


class RavelinVeth(OnVeth, Ravelin):
    pass


class RavelinVhost(OnVhost, Ravelin):
    pass


class Ovs(_Device):
    """Open vSwitch with DPDK: its own connection tracking in user space, on memif ports."""

    # It opens a transmit queue for each of its threads, of which one is not the packets'; memif's
    # other end must have as many of either kind. The second receive queue stays empty.
    extra = ("--receive-queues", "2")
    _FLOWS = """
table=0,priority=10,ct_state=-trk,ip actions=ct(table=1)
table=0,priority=10,ct_state=-trk,ipv6 actions=ct(table=1)
table=1,priority=10,in_port=1,ip,ct_state=+trk+new actions=ct(commit),output:2
table=1,priority=10,in_port=1,ipv6,ct_state=+trk+new actions=ct(commit),output:2
table=1,priority=10,in_port=1,ct_state=+trk+est actions=output:2
table=1,priority=10,in_port=1,ct_state=+trk+rel actions=output:2
table=1,priority=10,in_port=2,ct_state=+trk+est actions=output:1
table=1,priority=10,in_port=2,ct_state=+trk+rel actions=output:1
"""

    def start(self, bench):
        folder = bench.folder
        self._db = f"unix:{folder}/db.sock"
        self._environment = {**os.environ, "OVS_RUNDIR": folder, "OVS_LOGDIR": folder,
                             "OVS_DBDIR": folder, "OVS_SYSCONFDIR": folder}
        self._run("ovsdb-tool", "create", f"{folder}/conf.db",
                  "/usr/share/openvswitch/vswitch.ovsschema")
        server = self._start("ovsdb-server", f"--remote=p{self._db}",
                             f"--unixctl={folder}/server.ctl", f"{folder}/conf.db")
        wait_until(lambda: os.path.exists(f"{folder}/db.sock") or not server.running(), 10,
                   "ovsdb-server to start")
        self._vsctl("--no-wait", "init")
        extra = "--no-pci " + ("--in-memory" if bench.hugepages else
                               "--no-huge --no-shconf -m 1024")
        self._vsctl("--no-wait", "set", "Open_vSwitch", ".",
                    "other_config:dpdk-init=true",
                    f'other_config:dpdk-extra="{extra}"',
                    f"other_config:pmd-cpu-mask={1 << bench.cpus[1]:#x}",
                    f"other_config:dpdk-lcore-mask={1 << bench.cpus[0]:#x}")
        self._switch = self._start("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
                                   f"--unixctl={folder}/switch.ctl", self._db)
        self._vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                    "fail-mode=secure")
        for number, (name, device) in enumerate(zip(_NAMES, memif(bench, "server")), 1):
            self._vsctl("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdk",
                        f'options:dpdk-devargs="{device}"', "options:n_rxq=2",
                        f"ofport_request={number}")
            self._no_error(name)
        self._run("ovs-ofctl", "add-flows", f"unix:{folder}/br0.mgmt", "-", text_in=self._FLOWS)
        self._run("ovs-appctl", "-t", f"{folder}/switch.ctl", "dpctl/ct-set-maxconns", "8000000")

    def _no_error(self, name):
        error = self._vsctl("get", "Interface", name, "error").out.strip()
        if error not in ("[]", '""'):
            raise LabError(f"Open vSwitch, port {name}: {error}\n{self.said()}")

    def _start(self, *argv):
        program = Program(argv, self.bench.namespace.prefix, self.bench.folder, self._environment)
        self.bench.defer(program.stop)
        return program

    def _run(self, *argv, text_in=None):
        return run(argv, self.bench.namespace.prefix, 30, True, text_in, self._environment)

    def _vsctl(self, *argv):
        return self._run("ovs-vsctl", f"--db={self._db}", "--timeout=25", *argv)

    def said(self):
        return self._switch.output


class Vpp(_Device):
    """VPP, where one is installed. Its ACL plugin makes a session of whatever comes in from outside
    (permit+reflect) and lets nothing out there that isn't of a session; L2 joins the two ports."""

    @staticmethod
    def sizes(connections, short_timeouts):
        """How many sessions there may be, buckets of their hash table, and MiB for all that."""
        sessions = max(connections + 1024, 1 << 22 if short_timeouts else 0)
        buckets = 1 << (sessions - 1).bit_length()
        # Each thread has room for all of them, also the one that forwards nothing.
        return sessions, buckets, 256 + (2 * sessions * 136 + buckets * 128 >> 20)

    def start(self, bench):
        sessions, buckets, memory_mib = self.sizes(bench.connections, bench.short_timeouts)
        folder, pages = bench.folder, "default-hugepage" if bench.hugepages else "default"
        with open(f"{folder}/startup.conf", "w", encoding="utf-8") as file:
            file.write(f"""
unix {{ nodaemon nosyslog nocolor runtime-dir {folder} cli-listen {folder}/cli.sock }}
socksvr {{ socket-name {folder}/api.sock }}
statseg {{ socket-name {folder}/stats.sock }}
cpu {{ main-core {bench.cpus[0]} corelist-workers {bench.cpus[1]} }}
memory {{ main-heap-size {memory_mib}M main-heap-page-size {pages} }}
buffers {{ page-size {pages} }}
plugins {{
    plugin default {{ disable }}
    plugin acl_plugin.so {{ enable }}
    plugin memif_plugin.so {{ enable }}
}}
acl-plugin {{
    connection count max {sessions}
    connection hash buckets {buckets}
}}
""")
        # It clears away what it finds in /dev/shm, which may be another VPP's.
        self._vpp = Program(("unshare", "--mount", "sh", "-c",
                             'mount -t tmpfs none /dev/shm && exec "$0" -c startup.conf',
                             bench.vpp), bench.namespace.prefix, folder)
        bench.defer(self._vpp.stop)
        wait_until(lambda: os.path.exists(f"{folder}/cli.sock") or not self._vpp.running(), 30,
                   "VPP to start")
        for line in self._script(bench).splitlines():
            said = self.command(line)
            if said and not said.startswith("ACL index:"):
                raise LabError(f"{self.said()}VPP, {line}: {said}")
        # Its prompt takes much for granted, such as 0 for what is no number.
        said = self.command("show acl-plugin interface")
        if said.split("sw_if_index 1:")[-1].split() != "input acl(s): 0 output acl(s): 1".split():
            raise LabError(f"VPP's ACLs are elsewhere:\n{said}")

    @staticmethod
    def _script(bench):
        lines = "".join(f"""\
create memif socket id {number} filename {bench.folder}/{name}.sock
create interface memif id 0 socket-id {number} master
set interface rx-mode memif{number}/0 polling
set interface state memif{number}/0 up
""" for number, name in enumerate(_NAMES, 1))
        lines += """\
set acl-plugin acl permit+reflect src 0.0.0.0/0 dst 0.0.0.0/0, permit+reflect src ::/0 dst ::/0
set acl-plugin acl deny src 0.0.0.0/0 dst 0.0.0.0/0, deny src ::/0 dst ::/0
set interface l2 xconnect memif1/0 memif2/0
set interface l2 xconnect memif2/0 memif1/0
set acl-plugin interface memif1/0 input acl 0
set acl-plugin interface memif1/0 output acl 1
"""
        return lines + ("set acl-plugin session timeout udp idle 1" if bench.short_timeouts else "")

    def command(self, line):
        """What VPP answers to a line at its prompt."""
        if not self._vpp.running():
            raise LabError(str(self._vpp.wait(1)))
        vppctl = os.path.join(os.path.dirname(self.bench.vpp), "vppctl")
        return run((vppctl, "-s", f"{self.bench.folder}/cli.sock", line)).out.strip()

    def said(self):
        return self._vpp.output


class Linux(OnVeth, _Device):
    """The kernel: a bridge in a namespace whose connections are tracked, and nftables."""

    def start(self, bench):
        self.devices(bench)
        box = bench.namespace
        box.ip("""link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
                  link set outside master br0
                  link set inside master br0
                  link set br0 up""")
        box.run("modprobe", "br_netfilter", check=False)
        box.sysctl(**{"net__bridge__bridge-nf-call-iptables": 1,
                      "net__bridge__bridge-nf-call-ip6tables": 1})
        for family in ("ip", "ip6"):
            box.run("nft", "-f", "-", text_in=f"""
                table {family} filter {{
                    chain forward {{
                        type filter hook forward priority 0; policy drop;
                        ct state established,related accept
                        ct state new accept
                    }}
                }}""")
        if bench.short_timeouts:
            box.sysctl(net__netfilter__nf_conntrack_udp_timeout=5,
                       net__netfilter__nf_conntrack_udp_timeout_stream=5)
        self._make_room(bench)
        # A veth hands frames over on its sender's CPU, which is the generator's.
        for name in _NAMES:
            box.run("unshare", "--mount", "sh", "-c",
                    "mount -t sysfs none /sys && "
                    f"echo {1 << bench.cpus[1]:x} > /sys/class/net/{name}/queues/rx-0/rps_cpus")

    @staticmethod
    def _make_room(bench):
        """Table space for the namespace, where the kernel lets a namespace have its own."""
        limit = "net__netfilter__nf_conntrack_max"
        wanted = max(bench.connections * 2, 1 << 22 if bench.short_timeouts else 1 << 16)
        try:
            bench.namespace.sysctl(**{limit: wanted})
        except OSError as refused:
            path = "/proc/sys/" + limit.replace("__", "/")
            with open(path, encoding="ascii") as file:
                there = int(file.read())
            if there < bench.connections:
                raise LabError(f"the kernel tracks {there} connections at most, and only its "
                               f"first namespace may change that ({refused})") from None


PEERS = {"io": Io, "macswap": Macswap, "macswap_again": Macswap, "ravelin": Ravelin, "ovs": Ovs,
         "vpp": Vpp,
         "macswap_vhost": MacswapVhost, "macswap_vhost_again": MacswapVhost,
         "ravelin_vhost": RavelinVhost,
         "macswap_veth": MacswapVeth, "macswap_veth_again": MacswapVeth,
         "ravelin_veth": RavelinVeth, "linux": Linux}
