// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/schema.h"
#include "exit_code.h"
#include "options.h"

namespace ravelin {

/// `ravelind --replay`: captures in; verdicts, captures and connections out; a summary on standard
/// error.
ExitCode run_replay(const Options& options, const Config& config);

}  // namespace ravelin
