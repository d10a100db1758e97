# SPDX-License-Identifier: BSD-3-Clause
"""Two real chronyd: one that follows the other, and answers chronyc's requests on port 323."""

import glob
import os
import shutil

from .netns import LabError, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def chronyd():
    """The path of the program. Debian's package isn't installed for that, since it would take the
    place of the machine's own time service; it is unpacked into build/."""
    if found := shutil.which("chronyd", path="/usr/sbin:/usr/local/sbin"):
        return found
    folder = os.path.join(TOP, "build", ".cache", "chrony")
    path = os.path.join(folder, "usr", "sbin", "chronyd")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        package = os.path.join(folder, "chrony_*.deb")
        get = ["sh", "-c", f"cd {folder} && apt-get -q download chrony"]
        if run(get, seconds=120, check=False).code != 0:
            run(["apt-get", "-q", "update"], seconds=300)
            run(get, seconds=120)
        if not (packages := glob.glob(package)):
            raise LabError("apt-get has downloaded no package chrony")
        run(["dpkg", "-x", packages[0], folder])
    return path


class Chrony:
    """A source of time, and a chronyd that follows it: both in one namespace, or the source at
    `address` in another. Neither touches the machine's clock (-x)."""

    def __init__(self, wire, namespace, source=None, address="127.0.0.1", port=1123):
        self._wire = wire
        self._folder = wire.path("chrony")
        os.makedirs(self._folder, exist_ok=True)
        self.source = self._start(source or namespace, "source", "local stratum 3", "allow",
                                  f"port {port}", "cmdport 0")
        self.follower = self._start(namespace, "follower", f"server {address} port {port} iburst "
                                    "minpoll -1 maxpoll 0", "port 0", "cmdport 323")

    def _start(self, namespace, name, *lines):
        path = os.path.join(self._folder, name)
        with open(path + ".conf", "w", encoding="utf-8") as file:
            file.write("\n".join((*lines, "bindcmdaddress /", f"pidfile {path}.pid", "")))
        return self._wire.start(namespace, chronyd(), "-x", "-d", "-u", "root", "-f",
                                path + ".conf")
