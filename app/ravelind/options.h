// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <variant>

namespace ravelin {

inline constexpr const char* kDefaultConfig = "/etc/ravelin/ravelin.yaml";

/// What the command line asks for.
struct Options {
    enum class Action { Run, Check, Replay, Version, ConfigReference, ConfigSchema };

    Action action = Action::Run;
    std::string config = kDefaultConfig;  ///< also the file of --check
    std::string log_level;                ///< empty: as configured
    std::string replay;                   ///< "outside=A.pcap,inside=B.pcap"
    std::string verdicts;                 ///< empty: not written
    std::string forwarded;
    std::string dropped;
    std::string flows;
    std::string tunnels;
};

/// The options, or the exit code after --help or a mistake, which has been told by then.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace ravelin
