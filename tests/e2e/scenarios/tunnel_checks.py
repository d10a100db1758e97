# SPDX-License-Identifier: BSD-3-Clause
"""What the scenarios about tunnels ask ravelind, and small checks of the answers."""

import json

from lab.config import OUTSIDE_RULES
from lab.netns import LabError, wait_until

from . import check

RESTART = "Inactivity timeout (--ping-restart), restarting"
COMPLETED = "Initialization Sequence Completed"


def answers_only(wire, timeout="1s", extra="", rules=OUTSIDE_RULES):
    """Clients may open to the concentrator, which may only answer; UDP is forgotten early."""
    text = wire.config(
        rules=rules, extra=extra,
        conntrack=f"  timeouts: {{udp_unreplied: {timeout}, udp_replied: {timeout}}}\n")
    return text.replace("inside: inside}", "inside: inside, default: {from_inside: drop}}")


def listed(ravelin, *arguments):
    """`ravelinctl tunnels` as JSON."""
    return json.loads(ravelin.ctl("tunnels", *arguments, "-o", "json").out)


def one(ravelin, *arguments):
    """The only tunnel that is listed."""
    found = listed(ravelin, *arguments)
    if len(found) != 1:
        raise LabError(f"{len(found)} tunnels, not 1:\n" + ravelin.ctl("tunnels", "--all").out)
    return found[0]


def story(ravelin, identifier):
    """One tunnel with its time line."""
    return json.loads(ravelin.ctl("tunnels", "show", identifier, "-o", "json").out)


def kinds(ravelin, identifier):
    """What happened to a tunnel, in order."""
    return [moment["kind"] for moment in story(ravelin, identifier)["time_line"]]


def moment(ravelin, identifier, kind):
    """The first moment of this kind in a tunnel's time line, or None."""
    line = story(ravelin, identifier)["time_line"]
    return next((entry for entry in line if entry["kind"] == kind), None)


def wait_moment(ravelin, identifier, kind, seconds):
    """Waits for a moment of this kind and returns it."""
    return wait_until(lambda: moment(ravelin, identifier, kind), seconds,
                      f"{kind!r} in the tunnel's time line")


def with_verdict(ravelin, verdict):
    """All tunnels whose client came back for this reason."""
    return [tunnel for tunnel in listed(ravelin, "--all") if tunnel.get("verdict") == verdict]


def wait_verdict(ravelin, verdict, seconds):
    """Waits for the verdict, and returns the tunnel that it is about."""
    return wait_until(lambda: with_verdict(ravelin, verdict), seconds, f"the verdict {verdict}")[0]


def verdicts(ravelin):
    """{verdict: how often} so far."""
    return ravelin.metrics().nonzero("ravelin_tunnel_resets_total", "verdict")


def stale_alone(ravelin, packets):
    """Nothing but so many late packets was dropped."""
    check.equal(check.dropped(ravelin), {"stale": packets} if packets else {}, "drops")


def between(seen, least, most, what):
    """A number within bounds."""
    if seen is None or not least <= seen <= most:
        raise LabError(f"{what}: {seen}, not between {least} and {most}")


def port_of(endpoint):
    return int(endpoint.rsplit(":", 1)[1])
