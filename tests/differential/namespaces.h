// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "verdict.h"

#include <array>
#include <string>
#include <string_view>

namespace ravelin::differential {

/// Runs a program and waits for it. Throws std::runtime_error with its words when it fails.
void run(const std::string& command_line, std::string_view input = {});

/// The kernel as a wire that tracks connections:
///
///     ends:  ea ---- va  bridge with br_netfilter  vb ---- eb  :ends
///
/// Two network namespaces that have no name: they vanish with this process, whatever happens. The
/// constructor leaves the calling thread in the bridge's, so that ctnetlink and /proc/sys/net speak
/// of it; `ends` is entered to open the packet sockets.
class Namespaces {
  public:
    Namespaces();
    ~Namespaces();
    Namespaces(const Namespaces&) = delete;
    Namespaces& operator=(const Namespaces&) = delete;

    /// Calls `work` inside the namespace of the ends.
    template <class Work>
    void among_ends(Work&& work) {
        enter(ends_);
        work();
        enter(bridge_);
    }
    [[nodiscard]] static std::string interface(Side side) { return side == Side::A ? "ea" : "eb"; }

    /// Writes a value below /proc/sys/net of the bridge's namespace.
    static void set(const std::string& name, int64_t value);

  private:
    static void enter(int descriptor);

    int ends_ = -1;
    int bridge_ = -1;
};

}  // namespace ravelin::differential
