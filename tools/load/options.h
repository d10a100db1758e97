// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "generator.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ravelin::load {

/// What ends the program, to its caller.
enum class ExitCode : int {
    Ok = 0,
    Loss = 1,         ///< frames were lost, damaged or not ours, or not all connections opened
    Usage = 2,        ///< the command line
    Environment = 5,  ///< hugepages, device, permission, or nobody at the ports' other end
};

/// What the command line asks for.
struct Options {
    Traffic traffic;
    std::array<std::string, 2> ports;  ///< vdevs, by Side
    uint16_t receive_queues = 1;       ///< of each port
    uint16_t descriptors = 1024;       ///< of each queue
    bool loopback = false;             ///< what a port sends comes back to itself
    uint16_t cpu = 0;
    std::vector<std::string> eal;
    double rate = 0;            ///< clients' packets per second; 0: as fast as the window allows
    double new_per_second = 0;  ///< connections
    bool only_new = false;      ///< nothing but new connections, as many as possible
    double seconds = 10;
    double warm_up = 0;                 ///< seconds of the same before anything is measured
    double slice = 0;                   ///< seconds, each begun with nothing in flight; 0: one
    std::optional<uint16_t> probe_cpu;  ///< the device's, looked at before and after each slice
    double timeout = 1;                 ///< seconds after which a frame is lost
    bool leave_open = false;            ///< TCP connections aren't closed at the end
    bool allow_loss = false;
    bool quiet = false;  ///< no progress lines
    std::string json;    ///< file, "-" for standard output, or empty
};

/// The options, or the exit code after --help or a mistake, which has been told by then.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace ravelin::load
