// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "data_path.h"

#include <cstddef>
#include <istream>
#include <string>

namespace ravelin {

/// "1 port", "2 ports"
std::string count(size_t number, const std::string& thing);

/// Of this process, as /proc/self/smaps_rollup says.
size_t transparent_huge_bytes(std::istream& smaps);

/// What to say of a table of so many bytes, of a process with so many bytes on huge pages; nothing
/// where that matters little. Lookups in a large table on small pages take up to four times longer.
std::string page_note(size_t table, size_t huge);

/// What runs, in one readable block: ports, wires, cores, table, where to look.
std::string start_banner(const Config& config, const DataPath& path);

}  // namespace ravelin
