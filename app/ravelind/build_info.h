// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/appliance.h"

#include <string>

namespace ravelin {

/// What this program was made of.
BuildInfo build_info();

/// "ravelin 0.1.0 (70a1729), DPDK 22.11.11, g++ 12.2.0"
std::string version_line();

}  // namespace ravelin
