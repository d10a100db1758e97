// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "config/findings.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin::config {

/// The text without a UTF-8 byte order mark.
[[nodiscard]] std::string_view without_bom(std::string_view text) noexcept;

/// Whether the bytes are text at all: UTF-8, no control characters, no tab in the indentation.
/// The first offence of each kind is reported.
bool check_text(std::string_view text, Findings& findings);

/// Characters in valid UTF-8, or bytes where it isn't.
[[nodiscard]] uint32_t count_characters(std::string_view text) noexcept;

/// 'text' in quotes, cut to a readable length, with whatever could move a terminal's cursor
/// replaced: messages quote files that nobody has vouched for.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// The same replacement without quotes or cutting.
[[nodiscard]] std::string printable(std::string_view text);

/// The candidate that `word` most likely was meant to be; empty when none is near.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

/// " (did you mean 'source'?)", or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

/// Decimal digits only, no sign, no leading zero; nothing when it is no such number or over 2^63.
[[nodiscard]] std::optional<int64_t> parse_number(std::string_view text) noexcept;

/// "500ms", "30s", "5m", "12h", "5d".
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text) noexcept;

/// In days, hours or seconds where that is exact, else in milliseconds.
[[nodiscard]] std::string format_duration(Duration duration);

/// "1 error", "2 errors".
[[nodiscard]] std::string counted(size_t number, std::string_view noun);

}  // namespace ravelin::config
