// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "metrics/registry.h"

#include <string>

namespace ravelin {

/// Appends one line of JSON with a reading of the family:
///
///     {"name":"ravelin_port_up","type":"gauge","help":"...",
///      "series":[{"labels":{"port":"outside"},"value":1}]}
///
/// A histogram's series has "count" and "sum" instead of "value".
void append_family_json(std::string& out, const Registry::Family& family);

}  // namespace ravelin
