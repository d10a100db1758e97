// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/schema.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {

/// Larger files are refused.
inline constexpr size_t kMaxConfigBytes = 1024 * 1024;

/// One thing that is wrong, or worth a warning, in a configuration file.
struct Finding {
    enum class Severity : uint8_t { Error, Warning } severity = Severity::Error;
    uint32_t line = 0;    ///< from 1; 0: the file as a whole
    uint32_t column = 0;  ///< from 1
    uint32_t length = 1;  ///< of the marked text
    std::string message;  ///< what is wrong and what was expected
};

struct LoadResult {
    std::optional<Config> config;   ///< absent when there is an error among the findings
    std::vector<Finding> findings;  ///< all of them, in the file's order
    std::string text;               ///< what was read, for render_findings()
};

/// Reads and checks a file; needs no privilege and changes nothing. Files over 1 MiB, deeper than
/// 16 levels, with aliases, or that are no regular file are findings like any other.
LoadResult load_config_file(const std::string& path);

/// The same for text; `path` only stands in messages.
LoadResult load_config_text(std::string_view text, const std::string& path);

/// "file:12:5: error: ...", the line itself, and a caret under the marked text; ends with a count.
std::string render_findings(const LoadResult& result, std::string_view text,
                            const std::string& path);

}  // namespace ravelin
