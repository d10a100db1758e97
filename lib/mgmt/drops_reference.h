// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace ravelin {

/// docs/drops.md: every drop reason with its keyword, sentence and fix, as Markdown.
std::string drops_reference();

}  // namespace ravelin
