# SPDX-License-Identifier: BSD-3-Clause
"""Small checks with messages that tell what was seen."""

from lab import conntrack
from lab.netns import LabError, wait_until


def equal(seen, wanted, what):
    if seen != wanted:
        raise LabError(f"{what}: {seen!r}, not {wanted!r}")


def at_least(seen, wanted, what):
    if seen < wanted:
        raise LabError(f"{what}: {seen!r}, not at least {wanted!r}")


def contains(text, word, what):
    if word not in text:
        raise LabError(f"{what}: no {word!r} in:\n{text}")


def one_entry(ravelin, protocol, **original):
    """The one connection with these values in its original tuple."""
    lines = ravelin.flows()
    found = conntrack.entries(lines, protocol, **original)
    if len(found) != 1:
        raise LabError(f"{len(found)} {protocol} connections with {original}, not 1:\n" +
                       "\n".join(lines))
    return found[0]


def no_entry(ravelin, protocol, **original):
    lines = ravelin.flows()
    if conntrack.entries(lines, protocol, **original):
        raise LabError(f"a {protocol} connection with {original} is still there:\n" +
                       "\n".join(lines))


def state(entry, timeout, unreplied=False, assured=False, tcp=None, slack=2):
    """The entry's flags, and its seconds left: at most `timeout`, at least `slack` less."""
    equal((entry.unreplied, entry.assured, entry.state), (unreplied, assured, tcp),
          f"(UNREPLIED, ASSURED, state) of {entry}")
    if not timeout - slack <= entry.timeout <= timeout:
        raise LabError(f"{entry.timeout} s left, not {timeout}: {entry}")


def related(ravelin):
    """Packets classified RELATED so far."""
    return ravelin.metrics().sum("ravelin_classified_packets_total", **{"class": "related"})


def dropped(ravelin):
    """{reason: packets} so far."""
    return ravelin.metrics().nonzero("ravelin_dropped_packets_total", "reason")


def wait_dropped(ravelin, reason, packets, seconds=5):
    """Waits until at least so many packets were dropped for the reason."""
    wait_until(lambda: dropped(ravelin).get(reason, 0) >= packets, seconds,
               f"{packets} packets to be dropped as {reason}")


def entries(ravelin, protocol=None, **original):
    return conntrack.entries(ravelin.flows(), protocol, **original)


def wait_entries(ravelin, count, protocol=None, seconds=5, **original):
    """Waits until there are so many connections, and returns them."""
    seen = []

    def there():
        seen[:] = entries(ravelin, protocol, **original)
        return len(seen) == count
    wait_until(there, seconds, f"{count} {protocol} connections with {original}")
    return seen


def wait_running(ravelin, packets, seconds=5):
    """Waits until so many packets have crossed."""
    wait_until(lambda: ravelin.metrics().sum("ravelin_forwarded_packets_total") >= packets,
               seconds, f"{packets} packets to cross")


def wait_metric(ravelin, name, value, seconds=5, **labels):
    """Waits until the sum of the metric is this value."""
    wait_until(lambda: ravelin.metrics().sum(name, **labels) == value, seconds,
               f"{name} to be {value}")
