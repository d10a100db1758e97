// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/fragments.h"

#include <cstdint>

namespace ravelin {

/// What a shard may hold besides its connections; fixed at start.
struct ShardCapacity {
    FragmentCapacity fragments{};
    uint32_t tombstones = 0;
    uint32_t tunnels = 0;
};

}  // namespace ravelin
