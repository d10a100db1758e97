// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/App.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace ravelin::ctl {

enum class Command : uint8_t {
    Flows,
    Events,
    Stale,
    Denied,
    Tunnels,
    Tunnel,
    Drops,
    Stats,
    Version,
    Health,
    Clock,
    Reload,
    Flush
};

/// The command line, read.
struct Options {
    Command command = Command::Version;
    std::string socket = "/run/ravelin/ravelin.sock";
    bool no_color = false;
    std::string output;  ///< of the command
    bool all = false;    ///< drops, tunnels
    std::string ids;     ///< tunnels: how to name them
    std::string tunnel;  ///< tunnels show
    bool yes = false;    ///< flush
    uint64_t count = 0;  ///< events; 0: until Ctrl-C
    bool id = false;
    bool timestamp = false;
    bool delta_time = false;
    /// Filters as they go into the request; flags have the value "true".
    std::map<std::string, std::string> filters;
    std::map<std::string, bool> filter_flags;
};

/// Describes the command line; parsing it fills `options`, which outlives the result.
std::unique_ptr<CLI::App> make_command_line(Options& options);

}  // namespace ravelin::ctl
