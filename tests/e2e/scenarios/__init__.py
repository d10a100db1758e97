# SPDX-License-Identifier: BSD-3-Clause
"""Every scenario, in the order in which they run.

A scenario is a function that gets a Wire, starts ravelind on it, lets real programs talk, and
checks what came through and what ravelind says about it. Its docstring says what it proves. After
each one the runner checks that every packet is accounted for and that SIGTERM ends ravelind with
0 within a second.
"""

from . import (captures, clocks, fragments, howto, lifecycle, oracle, policy, prometheus, related,
               reload, replay, states, traffic_basics, tunnel_clocks, tunnel_others, tunnel_paths,
               tunnel_resets, tunnel_shield, tunnels, vpn, watching)

# suite: ((scenarios), (numbers of workers to run each with))
SUITES = {
    "e2e": ((*traffic_basics.ALL, *states.ALL, *related.ALL, *fragments.ALL,
             *policy.ALL, *clocks.ALL, *vpn.ALL, *reload.ALL, *watching.ALL, *oracle.ALL),
            (1, 2, 3, 4)),
    "tunnels": ((*tunnels.ALL, *tunnel_resets.ALL, *tunnel_paths.ALL, *tunnel_clocks.ALL,
                 *tunnel_others.ALL, *tunnel_shield.ALL, *howto.ALL), (2,)),
    "lifecycle": (lifecycle.ALL, (1,)),
    "replay": ((*replay.ALL, *captures.ALL), (1,)),
    "metrics": (prometheus.ALL, (2,)),
}

# Suites whose workers sleep when they have nothing to do, for so many microseconds at most: if they
# polled, those of all scenarios that run side by side would fight for one CPU. In the others they
# poll, as ravelind does unless it is told otherwise.
NAPS = {"e2e": 1000, "tunnels": 1000}

# suite: scenarios that only the long form runs
LONG = {
    "tunnels": (*tunnels.LONG, *tunnel_resets.LONG, *tunnel_paths.LONG, *tunnel_clocks.LONG,
                *tunnel_others.LONG),
}
