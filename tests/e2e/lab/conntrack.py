# SPDX-License-Identifier: BSD-3-Clause
"""Reads and compares lines of `conntrack -L`, ours and the kernel's."""

import re

_HEAD = re.compile(r"^(\S+)\s+(\d+) (\d+) (?:([A-Z_0-9]+) )?(?=src=)")
_TIMEOUT = re.compile(r"^(\S+\s+\d+ )(\d+)( )")


class Entry:
    """One connection: proto, timeout, state, flags, and the two tuples as dicts."""

    def __init__(self, line):
        match = _HEAD.match(line)
        if not match:
            raise ValueError(f"not a conntrack line: {line!r}")
        self.line = line
        self.protocol, number, timeout, self.state = match.groups()
        self.number, self.timeout = int(number), int(timeout)
        self.unreplied = "[UNREPLIED]" in line
        self.assured = "[ASSURED]" in line
        words = [word.split("=", 1) for word in line[match.end():].split() if "=" in word]
        second = next(i for i, (key, _) in enumerate(words) if i and key == "src")
        self.original, self.reply = dict(words[:second]), dict(words[second:])

    def __str__(self):
        return self.line


def entries(lines, protocol=None, **original):
    """The entries of a protocol whose original tuple has these values."""
    found = [Entry(line) for line in lines if line.strip()]
    return [entry for entry in found
            if (protocol is None or entry.protocol == protocol)
            and all(entry.original.get(key) == str(value) for key, value in original.items())]


def without_timeout(line):
    """(line with the seconds blanked, seconds): what must be equal, and what may differ by 1."""
    match = _TIMEOUT.match(line)
    return _TIMEOUT.sub(r"\1T\3", line), int(match.group(2))


def differences(ours, kernels):
    """What differs between two lists of conntrack -L lines, byte for byte except for the seconds
    left, which may differ by 2 (the two are not read in the same instant)."""
    left = dict(without_timeout(line) for line in ours)
    right = dict(without_timeout(line) for line in kernels)
    found = [f"only ravelin: {line}" for line in sorted(left.keys() - right.keys())]
    found += [f"only kernel:  {line}" for line in sorted(right.keys() - left.keys())]
    for line in sorted(left.keys() & right.keys()):
        if abs(left[line] - right[line]) > 2:
            found.append(f"timeout {left[line]} s, kernel {right[line]} s: {line}")
    return found
