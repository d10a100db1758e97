# SPDX-License-Identifier: BSD-3-Clause
"""Start, stop and what ravelind says when the machine or the operator is wrong."""

import os
import re
import signal
import time

from lab.config import wire_config
from lab.daemon import binary
from lab.netns import LabError, run
from lab.wire import SERVER4
from lab import traffic

from . import check

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
          "--inh-caps=-all", "--no-new-privs")


def _refused(wire, text, wanted, folder=None, prefix=()):
    """ravelind with this configuration ends at once with a message that has all these words."""
    folder = folder or wire.path("refused")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "ravelin.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o644)
    done = run([*wire.box.prefix, *prefix, binary("ravelind"), "--config", path], seconds=20,
               check=False)
    said = done.out + done.err
    if done.code != 5:  # "environment" in docs/exit-codes.md
        raise LabError(f"ravelind's exit code is not 5:\n{done}")
    for word in wanted:
        check.contains(said, word, "ravelind's message")
    check.equal("\n    #" in said or "Traceback" in said, False, "a stack in the message")
    return done


def stop_is_quick_under_load(wire):
    """SIGTERM and SIGINT end it with 0 within a second while traffic runs"""
    for number in (signal.SIGTERM, signal.SIGINT):
        ravelin = wire.start_ravelin()
        flood = wire.start(wire.client, "ping", "-q", "-n", "-i", "0.002", SERVER4)
        check.wait_running(ravelin, 50)
        started = time.monotonic()
        ravelin.program.signal(number)
        check.equal(ravelin.program.wait(10).code, 0, f"exit code after signal {number}")
        check.equal(time.monotonic() - started < 1.0, True, "ended within a second")
        check.equal(os.path.exists(ravelin.socket), False, "the socket file is left")
        flood.stop()
        wire.ravelin = None


def socket_in_use(wire):
    """a second ravelind on the same control socket is refused, and the first goes on"""
    ravelin = wire.start_ravelin()
    _refused(wire, wire_config(wire.folder).replace("9117", "9118"),
             ("ravelin.sock", "in use"))
    check.equal(ravelin.ctl("health").code, 0, "the first one's health")
    check.equal(traffic.ping(wire.client, SERVER4), (3, 3), "ping")


def stale_socket_is_replaced(wire):
    """the socket file of a ravelind that was killed does not stop the next one"""
    ravelin = wire.start_ravelin()
    ravelin.program.signal(signal.SIGKILL)
    ravelin.program.wait(5)
    check.equal(os.path.exists(ravelin.socket), True, "the socket file is left by SIGKILL")
    wire.ravelin = None
    wire.start_ravelin()


def http_port_in_use(wire):
    """a taken HTTP port is named"""
    wire.start_ravelin()
    folder = wire.path("second")
    _refused(wire, wire_config(folder, outside="net_null0", inside="net_null1"),
             ("127.0.0.1:9117",), folder)


def unknown_device(wire):
    """a device that does not exist is named"""
    folder = wire.path("second")
    _refused(wire, wire_config(folder, outside="net_af_packet0,iface=no-such-if"),
             ("no-such-if",), folder)
    _refused(wire, wire_config(folder, outside="net_nonsense0"), ("net_nonsense0",), folder)


def missing_hugepages(wire):
    """without hugepages it says so, with the command that reserves them"""
    if _hugepages():
        raise LabError("this machine has hugepages reserved; free them to run this scenario")
    folder = wire.path("second")
    text = wire_config(folder).replace('--no-huge, --no-pci, --no-shconf, -m, "256"',
                                       "--no-pci, --no-shconf")
    done = _refused(wire, text, ("hugepages",), folder)
    check.contains(done.out + done.err, "nr_hugepages", "the command that mends it")


def _hugepages():
    with open("/proc/sys/vm/nr_hugepages", encoding="ascii") as file:
        return int(file.read())


def no_permission(wire):
    """without privileges it says what is missing"""
    folder = wire.path("second")
    os.makedirs(folder, exist_ok=True)
    os.chmod(wire.folder, 0o755)
    os.chown(folder, 65534, 65534)
    _refused(wire, wire_config(folder), ("ermi",), folder, NOBODY)


def idle_workers_nap(wire):
    """`cores.nap_us`: a worker with nothing to do leaves its CPU alone, and packets pass"""
    for nap, least, most in ((0, 0.5, 2.0), (500, 0.0, 0.3)):
        ravelin = wire.start_ravelin(nap_us=nap)
        check.equal("nap for up to 500 us" in ravelin.program.output, nap != 0, "the banner")
        check.equal(traffic.ping(wire.client, SERVER4), (3, 3), "ping")
        before, started = ravelin.cpu_seconds(), time.monotonic()
        time.sleep(2)
        used = (ravelin.cpu_seconds() - before) / (time.monotonic() - started)
        if not least <= used <= most:
            raise LabError(f"nap_us {nap}: {used:.2f} of a CPU, not {least} to {most}")
        check.equal(traffic.ping(wire.client, SERVER4), (3, 3), "ping after a pause")
        ravelin.assert_all_accounted()
        wire.stop_ravelin()


def large_tables_tell_their_pages(wire):
    """of a table of 256 MiB and more it says how much is on huge pages, of smaller ones nothing"""
    for connections, told in ((262144, False), (2097152, True)):
        ravelin = wire.start_ravelin(wire_config(wire.folder).replace(
            "connections: 65536", f"connections: {connections}"))
        banner = ravelin.program.output
        found = re.search(rf"{connections} connections in \d+ MiB(, (\d+) % on huge pages)?",
                          banner)
        if not found or (found[1] is not None) != told:
            raise LabError(f"{connections} connections: {banner}")
        if told and (int(found[2]) < 90) != ("slower than it could be" in banner):
            raise LabError(f"what to do about {found[2]} %: {banner}")
        wire.stop_ravelin()


def check_needs_no_privilege(wire):
    """`ravelind --check` runs as nobody, finds nothing in a good file and all in a bad one"""
    os.chmod(wire.folder, 0o755)
    path = wire.path("check.yaml")
    good = wire_config(wire.folder)
    for text, code, words in (
            (good, 0, ()),
            (good.replace("workers: [", "workers: [-3, ").replace("version: 1", "version: 77"),
             4, ("check.yaml:1:", "check.yaml:5:"))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        done = run([*NOBODY, binary("ravelind"), "--check", path], check=False)
        check.equal(done.code, code, f"exit code of {done}")
        for word in words:
            check.contains(done.out + done.err, word, "the findings")


def shipped_files_are_valid(wire):
    """every file in conf/ passes `ravelind --check`"""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))))
    for folder, _, names in os.walk(os.path.join(top, "conf")):
        for name in sorted(names):
            if name.endswith(".yaml"):
                run([binary("ravelind"), "--check", os.path.join(folder, name)])
    del wire


def version_and_help(wire):
    """--version and --help answer without any set-up"""
    for program in ("ravelind", "ravelinctl"):
        check.contains(run([binary(program), "--version"]).out, "ravelin", f"{program} --version")
        check.contains(run([binary(program), "--help"]).out, "--", f"{program} --help")
    done = run([binary("ravelinctl"), "--socket", wire.path("nobody.sock"), "stats"], check=False)
    check.equal(done.code, 3, "ravelinctl's exit code without ravelind")
    check.contains(done.err, "nobody.sock", "ravelinctl's message without ravelind")


ALL = (stop_is_quick_under_load, socket_in_use, stale_socket_is_replaced, http_port_in_use,
       unknown_device, missing_hugepages, no_permission, idle_workers_nap,
       large_tables_tell_their_pages, check_needs_no_privilege, shipped_files_are_valid,
       version_and_help)
