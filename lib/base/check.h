// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ravelin {

/// Ends the program with the broken expression. A failed check is a bug in Ravelin, never bad
/// input.
[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, expression);
    std::abort();
}

}  // namespace ravelin

/// Always on: start-up paths and table invariants.
#define CHECK(expression) \
    ((expression) ? static_cast<void>(0) : ::ravelin::check_failed(#expression, __FILE__, __LINE__))

/// On in debug, test and fuzz builds: the hot path.
#ifdef NDEBUG
#define DCHECK(expression) static_cast<void>(sizeof((expression) ? 1 : 0))
#else
#define DCHECK(expression) CHECK(expression)
#endif
