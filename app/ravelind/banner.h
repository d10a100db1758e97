// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "data_path.h"

#include <string>

namespace ravelin {

/// "1 port", "2 ports"
std::string count(size_t number, const std::string& thing);

/// What runs, in one readable block: ports, wires, cores, table, where to look.
std::string start_banner(const Config& config, const DataPath& path);

}  // namespace ravelin
