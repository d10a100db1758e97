// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/parse.h"

namespace ravelin {

/// parse() without its short cut: every frame, every reason. The two agree on every frame, which
/// tests and the fuzzer hold.
[[gnu::noinline]] DropReason parse_any(std::span<const uint8_t> frame, const ParseOptions& options,
                                       bool l4_checksum_good, Headers& headers) noexcept;

}  // namespace ravelin
