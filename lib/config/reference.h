// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace ravelin {

/// JSON Schema (draft 7) of ravelin.yaml, for editors: docs/schema/ravelin-config.schema.json.
std::string config_json_schema();

/// The reference page of all keys: docs/configuration.md.
std::string config_reference_markdown();

}  // namespace ravelin
