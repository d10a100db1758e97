# SPDX-License-Identifier: BSD-3-Clause
"""Captures of real VPN daemons: what ravelind tells about them, exactly, and against the marks that
say what was done when."""

import difflib
import json
import os
import re

from lab.netns import LabError
from lab.recorded import Capture, Replayed, golden_names, golden_text

OWN = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                   "captures", "vpn")
# A folder of captures of one's own, to hold against their marks.
FOLDER = os.environ.get("RAVELIN_CAPTURES")
# A good-bye in tls-crypt is told by its length alone, which means nothing while a handshake or a
# renegotiation may still be going on.
SETTLED = 5


def golden_captures(wire):
    """each capture's packets, events and verdicts are those of its golden file, line by line"""
    del wire
    problems = []
    for name, capture, variant in golden_names(OWN):
        path = os.path.join(OWN, f"{name}.jsonl")
        with open(path, encoding="utf-8") as file:
            wanted = file.read()
        seen = golden_text(capture, variant)
        if seen != wanted:
            problems += difflib.unified_diff(wanted.splitlines(), seen.splitlines(),
                                             f"{name}, golden", f"{name}, replayed", lineterm="",
                                             n=0)
    if problems:
        raise LabError("\n".join(problems))


class _Seen:
    """A replay's events, and what marks may ask about them."""

    def __init__(self, capture, replayed):
        self.events, self.capture = replayed.events, capture
        self.last = capture.frames[-1][0] - capture.begun
        # IPv4 and no options: ports stand at 34 and 36 of the frame, behind the record's 16 bytes.
        self.ports = {int.from_bytes(whole[at:at + 2], "big") for _, whole, _ in capture.frames
                      for at in (16 + 34, 16 + 36)}

    def between(self, kinds, begin, end):
        return [event for event in self.events
                if event["kind"] in kinds and begin <= event["at"] <= end]

    def expect(self, kinds, begin, end):
        """None, or what is missing."""
        if self.between(kinds, begin, end):
            return None
        return f"no {' or '.join(kinds)} from {begin:.1f} to {end:.1f} s"

    def verdict(self, at, *allowed):
        """The next verdict after a mark has to be one of these."""
        found = self.between(("verdict",), at, at + 40)
        if found and found[0]["verdict"] in allowed:
            return None
        if not found and self.last < at + 20:
            return None  # the capture ends before anybody can tell
        seen = f"{found[0]['verdict']} at {found[0]['at']:.1f} s" if found else "none"
        return f"verdict {seen}, not {' or '.join(allowed)}"

    @property
    def hidden(self):
        """The control channel is that of tls-crypt, whose resets have 54 bytes."""
        return len(self.capture.frames[0][1]) - 16 - 42 == 54

    def settled(self, at):
        """Whether a good-bye can be recognised at this time."""
        fresh = self.between(("started", "established", "renegotiating"), at - SETTLED, at)
        return not (self.hidden and fresh)


def _is_wireguard(seen):
    return seen.events[0]["vpn"] == "wireguard"


def _dropped(seen, at, _):
    if _is_wireguard(seen):
        return seen.expect(("silent", "renegotiating"), at, at + 30)
    # Where only the client's side is seen, a server that is not heard doesn't answer; where the
    # server is, its packets went on and nothing says who lost them.
    return seen.verdict(at, "server_down", "server_lost_client", "nat_beyond", "client_restart")


def _server_says_goodbye(seen, at, _):
    if not seen.settled(at):
        return None
    return seen.expect(("restart",), at, at + 1) or seen.verdict(at, "graceful")


def _client_says_goodbye(seen, at, _):
    if not seen.settled(at):
        return None
    # In tls-crypt only the silence that follows proves it.
    later = at + (4 if seen.hidden else 1)
    return seen.expect(("exit",), at, later) or seen.expect(("ended",), at, later + 0.5)


def _rebound(seen, at, match):
    port = int(match.group(1))
    # Seen before the NAT, nothing happens.
    if port not in seen.ports:
        return None
    return seen.expect(("moved", "answers_old"), at, at + 7)


def _rekeyed(seen, at, _):
    ike = seen.between(("renegotiating",), at, at + 40)
    return None if len(ike) >= 2 else f"{len(ike)} renegotiations in 40 s, not at least 2"


def _rekeyed_after_two_minutes(seen, at, _):
    if seen.between(("ended", "verdict", "icmp_error"), at, at + 121) or seen.last < at + 122:
        return None
    return seen.expect(("renegotiating",), at, at + 125)


# What a mark's text asks for: (pattern, the question).
MARKS = [(re.compile(pattern), question) for pattern, question in (
    (r"^connected", lambda s, at, _: s.expect(("answered", "restarted"), at - 12, at + 1)),
    (r"reneg seen", lambda s, at, _: s.expect(("renegotiating",), at - 3, at)),
    (r"^wait reneg$", lambda s, at, _: s.expect(("renegotiating",), at, at + 16)),
    (r"^client (charon )?kill -9", lambda s, at, _: s.verdict(at, "client_died")),
    (r"^client SIGUSR1", lambda s, at, _: s.verdict(at, "client_died", "client_restart")),
    (r"^client SIGTERM \(explicit-exit-notify\)", _client_says_goodbye),
    (r"^drop server->client", _dropped),
    (r"^float: client IP", lambda s, at, _: s.expect(("moved",), at, at + 3)),
    (r"^roaming: client's port", lambda s, at, _: s.expect(("moved",), at, at + 3)),
    (r"^undo nat", lambda s, at, _: s.expect(("moved",), at, at + 3)),
    (r"NAT rebinding.*:(\d+)", _rebound),
    (r"^server kill -9", lambda s, at, _: None if _is_wireguard(s)
     else s.verdict(at, "server_down")),
    (r"^server SIGTERM \(explicit-exit-notify", _server_says_goodbye),
    (r"clock set back 7 s", lambda s, at, _: s.expect(("clock_step",), at, at + 20) or
     s.verdict(at, "server_freeze")),
    (r"clock \+7 s, constant", lambda s, at, _: s.expect(("clock_offset",), 0, at)),
    (r"^wait child rekey", _rekeyed),
    (r"^wait for rekey \(120 s", _rekeyed_after_two_minutes),
)]

# Of captures without marks, by the beginning of their names: (kinds that there are, kinds that
# there aren't, verdicts).
UNMARKED = (
    ("clock_control", ("clock", "established"), ("clock_offset", "clock_step"), []),
    ("clock_srv_const_plus7", ("clock_offset",), ("clock_step",), []),
    ("clock_srv_step_back7", ("clock_step", "clock_offset"), (), ["server_freeze"]),
    ("openvpn_mtu_srvside", ("path_mtu", "established"), (), []),
    ("anyconnect_dtls", ("established", "keepalive"), ("failed",), []),
)


def _against_marks(path, folder):
    """What doesn't match in one capture, as lines."""
    capture = Capture(path)
    replayed = Replayed(capture, folder)
    seen = _Seen(capture, replayed)
    name = os.path.basename(path)
    if not replayed.events:
        return [f"{name}: nothing was told"]
    problems = []
    marks = re.sub(r"(_srvside)?\.pcap$", "_marks.json", path)
    if os.path.exists(marks):
        with open(marks, encoding="utf-8") as file:
            for time, text in json.load(file):
                at = time - capture.begun
                for pattern, question in MARKS:
                    match = pattern.search(text)
                    problem = question(seen, at, match) if match else None
                    if problem:
                        problems.append(f"{name}: {at:.1f} s, \"{text}\": {problem}")
    for begin, there, missing, verdicts in UNMARKED:
        if not name.startswith(begin):
            continue
        problems += [f"{name}: no {kind}" for kind in there if kind not in replayed.kinds()]
        problems += [f"{name}: {kind}" for kind in missing if kind in replayed.kinds()]
        if replayed.verdicts() != verdicts:
            problems.append(f"{name}: verdicts {replayed.verdicts()}, not {verdicts}")
    return problems


def _folder_against_marks(folder, wire):
    names = sorted(name for name in os.listdir(folder) if name.endswith(".pcap"))
    if not names:
        raise LabError(f"{folder} has no captures")
    problems = [problem for name in names
                for problem in _against_marks(os.path.join(folder, name), wire.folder)]
    if problems:
        raise LabError("\n".join(problems))


def captures_match_their_marks(wire):
    """what was done to the daemons of our captures is what ravelind tells, at that time"""
    _folder_against_marks(OWN, wire)


def given_captures_match_their_marks(wire):
    """the same of the captures in $RAVELIN_CAPTURES"""
    _folder_against_marks(FOLDER, wire)


ALL = (golden_captures, captures_match_their_marks,
       *((given_captures_match_their_marks,) if FOLDER else ()))
