// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/schema.h"
#include "exit_code.h"

namespace ravelin {

/// Builds the appliance in order, runs it until a signal ends it, and takes it down in reverse.
///
/// SIGTERM and SIGINT drain: nothing new is received, what is inside leaves, then everything is
/// closed; a second one ends at once. SIGHUP reloads.
ExitCode run_appliance(const Config& config);

}  // namespace ravelin
