// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "client.h"
#include "options.h"
#include "output.h"

namespace ravelin::ctl {

// One function per command. Each asks, prints, and returns the exit code.

int run_flows(Client& client, const Options& options);
int run_events(Client& client, const Options& options);
int run_stale(Client& client, const Options& options);
int run_denied(Client& client, const Options& options);
int run_tunnels(Client& client, const Options& options);
int run_tunnel(Client& client, const Options& options);
int run_drops(Client& client, const Options& options, const Style& style);
int run_stats(Client& client, const Options& options, const Style& style);
int run_health(Client& client, const Style& style);
int run_clock(Client& client, const Options& options, const Style& style);
int run_reload(Client& client);
int run_flush(Client& client, const Options& options);
int run_version(Client& client, const Options& options);

/// Prints "ravelinctl: message" to stderr and returns `code`.
int complain(const std::string& message, int code);

}  // namespace ravelin::ctl
