// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/appliance.h"

#include <cstdint>

namespace ravelin {

/// Sums over all workers, for the law of conservation (promise P1).
struct PacketAccount {
    uint64_t received = 0;
    uint64_t transmitted = 0;
    uint64_t dropped = 0;
    uint64_t held = 0;       ///< inside workers
    uint64_t in_flight = 0;  ///< in the rings between workers: handed off and not yet taken
    /// received - transmitted - dropped - held - in_flight; see read_account().
    int64_t unaccounted = 0;
};

/// Reads the account while the workers go on counting.
///
/// The counters of a packet don't move in one instant, so that one reading would be off by what
/// moved meanwhile. Read are therefore the ways out, then the ways in, then the ways out again
/// once every worker has finished its iteration: the first pair is an upper bound of what is
/// unaccounted for, the second a lower one. 0 is reported when it lies between them, otherwise the
/// bound next to 0. So: 0 under any load when nothing is lost; a loss shows as soon as it is
/// larger than what moves within one reading, and exactly when traffic rests; a positive value
/// that goes away again belongs to a worker that was suspended in mid-iteration.
PacketAccount read_account(const Appliance& appliance);

}  // namespace ravelin
